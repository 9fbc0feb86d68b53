/* IDX files. The first byte says how the others are read: as they are (a gzip among them), or gzipped here, since a
 * fuzzer seldom finds a gzip's check sum by itself; bit 1: labels. */
#include "data/idx.h"

#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

static uint8_t *gzipped(const uint8_t *bytes, size_t size, size_t *packed)
{
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    size_t room = deflateBound(&z, size);
    uint8_t *out = malloc(room);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    *packed = z.total_out;
    deflateEnd(&z);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1) return 0;
    int how = bytes[0], labels = how & 2;
    size_t packed = 0;
    uint8_t *gz = how & 1 ? gzipped(bytes + 1, size - 1, &packed) : NULL;
    struct idx x = {0};
    struct images m = {0};
    const char *path = gz ? fuzz_file(gz, packed) : fuzz_file(bytes + 1, size - 1);
    int code = idx_read(&x, path, labels ? 1 : 3, labels ? 1 : 4);
    if (!labels) MUST(idx_images(&m, path, 0) == code && (code != OK || memcmp(m.pixels, x.bytes, x.size) == 0));
    if (code == OK) {
        size_t product = 1;
        for (int i = 0; i < x.dims; i++) product *= (size_t)x.dim[i];
        MUST(x.size == product && x.bytes);
        if (how & 1) MUST(memcmp(x.bytes, bytes + 5 + 4 * x.dims, x.size) == 0);
    } else {
        MUST((code == ERR_FORMAT) && x.bytes == NULL);
    }
    mem_free(x.bytes);
    images_clear(&m);
    free(gz);
    return 0;
}
