/* Pictures for tests: JPEG and PNG files in memory. */
#ifndef HEIST_TESTS_PICTURE_FILE_H
#define HEIST_TESTS_PICTURE_FILE_H

#include <spng.h>
#include <turbojpeg.h>

#include "tests/scratch.h"

/* pixels [h][w][c] as a PNG; free() frees. */
static inline uint8_t *png_bytes(size_t *size, const uint8_t *pixels, int c, int h, int w)
{
    int bad = 0;
    spng_ctx *p = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {.width = (uint32_t)w, .height = (uint32_t)h, .bit_depth = 8,
                             .color_type = c == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR};
    spng_set_option(p, SPNG_ENCODE_TO_BUFFER, 1);
    CHECK_INT(spng_set_ihdr(p, &head), 0);
    CHECK_INT(spng_encode_image(p, pixels, (size_t)(c * h * w), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    uint8_t *bytes = spng_get_png_buffer(p, size, &bad);
    spng_ctx_free(p);
    CHECK(bytes != NULL && !bad);
    return bytes;
}

/* The same as a JPEG of quality 100; tjFree frees. */
static inline uint8_t *jpeg_bytes(size_t *size, const uint8_t *pixels, int c, int h, int w)
{
    uint8_t *bytes = NULL;
    unsigned long n = 0;
    tjhandle t = tjInitCompress();
    CHECK_INT(tjCompress2(t, pixels, w, 0, h, c == 1 ? TJPF_GRAY : TJPF_RGB, &bytes, &n, c == 1 ? TJSAMP_GRAY : TJSAMP_444, 100, 0), 0);
    tjDestroy(t);
    *size = n;
    return bytes;
}

/* A picture of one colour. */
static inline void write_png(const char *name, int c, int h, int w, int value)
{
    uint8_t *pixels = mem_new((size_t)(c * h), (size_t)w);
    memset(pixels, value, (size_t)(c * h * w));
    size_t size;
    uint8_t *bytes = png_bytes(&size, pixels, c, h, w);
    write_at(name, bytes, size);
    free(bytes);
    mem_free(pixels);
}

#endif
