/* Files that may be gzipped, by their contents and not their name. Memory grows with the bytes that are there,
 * never by what a file claims. */
#ifndef HEIST_DATA_GZ_H
#define HEIST_DATA_GZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct gz {
    const char *path; /* the caller's: must outlive this */
    void *file;
    int packed; /* 1: gzipped */
};

/* gz_close frees. ERR_MISSING, ERR_IO. */
int gz_open(struct gz *g, const char *path);
void gz_close(struct gz *g);

/* The next bytes, at most `limit` of them; fewer only at the file's end. *out is mem_free's, NULL on an error.
 * ERR_FORMAT: a broken or cut gzip; ERR_IO. */
int gz_read(uint8_t **out, size_t *size, struct gz *g, size_t limit);

/* The same into `to`, which has room for `limit` bytes; NULL: they are only counted. */
int gz_copy(uint8_t *to, size_t *size, struct gz *g, size_t limit);

/* SHA-256 of a file's contents, decompressed. ERR_FORMAT also where they are longer than `limit`. */
int gz_hash(char out[HASH_TEXT], const char *path, size_t limit);

#endif
