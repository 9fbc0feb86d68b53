/* JPEG and PNG pictures. */
#include "data/picture.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/transform.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct shape s = {0};
    int code = picture_shape(&s, bytes, size, "picture");
    MUST(code == OK || code == ERR_FORMAT);
    if (code) return 0;
    MUST((s.c == 1 || s.c == 3) && s.h > 0 && s.w > 0 && s.h <= TRANSFORM_SIDE && s.w <= TRANSFORM_SIDE);
    if ((int64_t)s.h * s.w > 1 << 18) return 0; /* large ones are slow, and no other */
    uint8_t *pixels = mem_new(1, shape_size(s));
    code = picture_decode(pixels, s, bytes, size, "picture");
    MUST(code == OK || code == ERR_FORMAT);
    mem_free(pixels);
    return 0;
}
