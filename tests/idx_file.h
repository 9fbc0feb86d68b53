/* IDX files for tests, plain and gzipped. */
#ifndef HEIST_TESTS_IDX_FILE_H
#define HEIST_TESTS_IDX_FILE_H

#include <zlib.h>

#include "tests/scratch.h"

static inline void write_gz(const char *name, const void *bytes, size_t size)
{
    write_at(name, "", 0);
    char *path = path_of(name);
    gzFile f = gzopen(path, "wb9");
    CHECK(f != NULL);
    CHECK_INT(gzwrite(f, bytes, (unsigned)size), size);
    CHECK_INT(gzclose(f), Z_OK);
    mem_free(path);
}

/* An IDX file in memory; bytes behind the header are `first`, first + 1, ... modulo 251. mem_free frees. */
static uint8_t *idx_bytes(size_t *size, int dims, const uint32_t *dim, int first)
{
    size_t n = 1, head = 4 + 4 * (size_t)dims;
    for (int i = 0; i < dims; i++) n *= dim[i];
    uint8_t *b = mem_new(head + n, 1);
    b[2] = 8;
    b[3] = (uint8_t)dims;
    for (int i = 0; i < dims; i++)
        for (int k = 0; k < 4; k++) b[4 + 4 * i + k] = (uint8_t)(dim[i] >> (24 - 8 * k));
    for (size_t i = 0; i < n; i++) b[head + i] = (uint8_t)(((size_t)first + i) % 251);
    *size = head + n;
    return b;
}

/* Images n x c x 28 x 28 (c 1: idx3) and n labels i % classes in FOLDER, split "train" or "t10k". */
static inline void write_set(const char *folder, const char *split, uint32_t n, uint32_t c, uint32_t side, int classes, int packed)
{
    size_t size;
    uint8_t *b = c == 1 ? idx_bytes(&size, 3, (uint32_t[]){n, side, side}, 3) : idx_bytes(&size, 4, (uint32_t[]){n, c, side, side}, 3);
    char *name = mem_print("%s/%s-images-idx%d-ubyte%s", folder, split, c == 1 ? 3 : 4, packed ? ".gz" : "");
    (packed ? write_gz : write_at)(name, b, size);
    mem_free(b);
    mem_free(name);
    if (!classes) return;
    b = idx_bytes(&size, 1, &n, 0);
    for (uint32_t i = 0; i < n; i++) b[8 + i] = (uint8_t)((int)i % classes);
    name = mem_print("%s/%s-labels-idx1-ubyte%s", folder, split, packed ? ".gz" : "");
    (packed ? write_gz : write_at)(name, b, size);
    mem_free(b);
    mem_free(name);
}

#endif
