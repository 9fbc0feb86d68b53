#include "data/picture.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/transform.h"

static int is_png(const uint8_t *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static int is_jpeg(const uint8_t *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

static int sides(struct shape *out, int64_t w, int64_t h, int grey, const char *name)
{
    if (w < 1 || h < 1 || w > TRANSFORM_SIDE || h > TRANSFORM_SIDE)
        return err_set(ERR_FORMAT, "%s: %lldx%lld pixels, expected sides of 1 to %d", name, (long long)h, (long long)w, TRANSFORM_SIDE);
    *out = (struct shape){grey ? 1 : 3, (int)h, (int)w, ROWS};
    return OK;
}

/* [h][w][3] to [c][h][w]; of grey, the first channel. */
static void planes(uint8_t *pixels, const uint8_t *rgb, struct shape s)
{
    const size_t plane = (size_t)s.h * (size_t)s.w;
    for (int c = 0; c < s.c; c++)
        for (size_t i = 0; i < plane; i++) pixels[(size_t)c * plane + i] = rgb[3 * i + (size_t)c];
}

/* ---- JPEG --------------------------------------------------------------------------------- */

static int jpeg_header(tjhandle t, struct shape *out, const uint8_t *bytes, size_t size, const char *name)
{
    int w = 0, h = 0, sampling = 0, space = 0;
    if (tjDecompressHeader3(t, bytes, (unsigned long)size, &w, &h, &sampling, &space))
        return err_set(ERR_FORMAT, "%s: broken JPEG: %s", name, tjGetErrorStr2(t));
    if (space == TJCS_CMYK || space == TJCS_YCCK) return err_set(ERR_FORMAT, "%s: a CMYK JPEG, expected grey or RGB", name);
    return sides(out, w, h, space == TJCS_GRAY, name);
}

static int jpeg(struct shape *shape, uint8_t *pixels, struct shape s, const uint8_t *bytes, size_t size, const char *name)
{
    tjhandle t = tjInitDecompress();
    struct shape now = {0};
    int code = t ? jpeg_header(t, &now, bytes, size, name) : err_set(ERR_IO, "%s: libturbojpeg: %s", name, tjGetErrorStr2(NULL));
    if (!code && shape) *shape = now;
    if (!code && pixels) {
        uint8_t *rgb = s.c == 3 ? mem_new(3 * (size_t)s.h, (size_t)s.w) : pixels;
        /* a warning is a picture that is cut or broken */
        if (now.h != s.h || now.w != s.w || tjDecompress2(t, bytes, (unsigned long)size, rgb, s.w, 0, s.h, s.c == 3 ? TJPF_RGB : TJPF_GRAY,
                                                          TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING))
            code = err_set(ERR_FORMAT, "%s: broken JPEG: %s", name, tjGetErrorStr2(t));
        else if (s.c == 3) planes(pixels, rgb, s);
        if (s.c == 3) mem_free(rgb);
    }
    if (t) tjDestroy(t);
    return code;
}

/* ---- PNG ---------------------------------------------------------------------------------- */

static int png(struct shape *shape, uint8_t *pixels, struct shape s, const uint8_t *bytes, size_t size, const char *name)
{
    spng_ctx *p = spng_ctx_new(0);
    struct spng_ihdr head;
    struct shape now = {0};
    int bad = p ? 0 : SPNG_EMEM, code = OK;
    if (!bad) bad = spng_set_image_limits(p, TRANSFORM_SIDE, TRANSFORM_SIDE);
    if (!bad) bad = spng_set_chunk_limits(p, (size_t)16 << 20, (size_t)64 << 20);
    if (!bad) bad = spng_set_png_buffer(p, bytes, size);
    if (!bad) bad = spng_get_ihdr(p, &head);
    if (!bad) code = sides(&now, head.width, head.height, head.color_type == SPNG_COLOR_TYPE_GRAYSCALE || head.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, name);
    if (!bad && !code && shape) *shape = now;
    if (!bad && !code && pixels) {
        const size_t plane = (size_t)s.h * (size_t)s.w;
        uint8_t *rgb = mem_new(3, plane);
        bad = now.h != s.h || now.w != s.w ? SPNG_EBUFSIZ : spng_decode_image(p, rgb, 3 * plane, SPNG_FMT_RGB8, 0);
        if (!bad) bad = spng_decode_chunks(p); /* to its end */
        if (!bad) planes(pixels, rgb, s);
        mem_free(rgb);
    }
    if (bad) code = err_set(ERR_FORMAT, "%s: broken PNG: %s", name, spng_strerror(bad));
    if (p) spng_ctx_free(p);
    return code;
}

int picture_encode(uint8_t **bytes, size_t *size, const uint8_t *rgb, int h, int w)
{
    struct spng_ihdr head = {.width = (uint32_t)w, .height = (uint32_t)h, .bit_depth = 8, .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    spng_ctx *p = spng_ctx_new(SPNG_CTX_ENCODER);
    void *png = NULL;
    int bad = p ? spng_set_option(p, SPNG_ENCODE_TO_BUFFER, 1) : SPNG_EMEM;
    if (!bad) bad = spng_set_ihdr(p, &head);
    if (!bad) bad = spng_encode_image(p, rgb, 3 * (size_t)h * (size_t)w, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    if (!bad) png = spng_get_png_buffer(p, size, &bad); /* malloc's */
    if (!bad) {
        *bytes = mem_new(*size, 1);
        memcpy(*bytes, png, *size);
    }
    free(png);
    if (p) spng_ctx_free(p);
    return bad ? err_set(ERR_IO, "a picture of %dx%d pixels: %s", h, w, spng_strerror(bad)) : OK;
}

static int picture(struct shape *shape, uint8_t *pixels, struct shape s, const uint8_t *bytes, size_t size, const char *name)
{
    if (is_jpeg(bytes, size)) return jpeg(shape, pixels, s, bytes, size, name);
    if (is_png(bytes, size)) return png(shape, pixels, s, bytes, size, name);
    char begins[3 * 4 + 1] = "";
    for (size_t i = 0; i < 4 && i < size; i++) {
        static const char digit[] = "0123456789abcdef";
        memcpy(begins + 3 * i, (char[]){' ', digit[bytes[i] >> 4], digit[bytes[i] & 15], 0}, 4);
    }
    return err_set(ERR_FORMAT, "%s: begins with%s, expected a JPEG (ff d8 ff) or a PNG (89 50 4e 47)", name, *begins ? begins : " nothing");
}

int picture_shape(struct shape *out, const uint8_t *bytes, size_t size, const char *name)
{
    return picture(out, NULL, (struct shape){0}, bytes, size, name);
}

int picture_decode(uint8_t *pixels, struct shape s, const uint8_t *bytes, size_t size, const char *name)
{
    return picture(NULL, pixels, s, bytes, size, name);
}
