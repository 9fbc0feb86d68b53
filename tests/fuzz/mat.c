/* .mat files. The first byte: 0, the others are the file; else they are its elements, which are compressed here, the first of them as long
 * as the second byte says. */
#include "data/mat.h"

#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

enum { HEADER = 128, ROOM = 1 << 16 };

/* A compressed element of these bytes behind file[at]; where the next one begins. */
static size_t put(uint8_t *file, size_t at, const uint8_t *bytes, size_t size)
{
    uLongf packed = ROOM - at - 8;
    if (compress(file + at + 8, &packed, bytes, size) != Z_OK) abort();
    const uint8_t tag[8] = {15, 0, 0, 0, (uint8_t)packed, (uint8_t)(packed >> 8), 0, 0};
    memcpy(file + at, tag, 8);
    return at + 8 + packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t file[ROOM];
    struct images m = {0};
    if (size < 2 || size > 8192) return 0;
    const int packed = bytes[0] & 1;
    if (packed) {
        const size_t left = size - 2, first = bytes[1] < left ? bytes[1] : left;
        memcpy(file + HEADER - 4, "\0\1IM", 4);
        size_t end = put(file, HEADER, bytes + 2, first);
        size = put(file, end, bytes + 2 + first, left - first);
    }
    int code = mat_read(&m, packed ? fuzz_file(file, size) : fuzz_file(bytes + 1, size - 1), 10, NULL);
    MUST(code == OK || code == ERR_FORMAT);
    if (code) {
        MUST(!m.pixels && !m.labels && !strchr(err_text(), '\n'));
        return 0;
    }
    MUST(m.n > 0 && (m.shape.c == 1 || m.shape.c == 3) && m.pixels && m.labels);
    for (int i = 0; i < m.n; i++) MUST(m.labels[i] >= 0 && m.labels[i] < 10);
    images_clear(&m);
    return 0;
}
