#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/spec.h"

/* ---- reading ------------------------------------------------------------------------------ */

struct word {
    const char *name;
    double min, max, field_default; /* field_default: of a word that takes no number; NaN: it takes one */
};
static const struct word words[] = {{"crop", 1, 64, NAN}, {"flip", 1, 1, 1}, {"rotate", 0, 180, NAN}, {"translate", 0, 1, NAN},
                                    {"scale", 0.1, 10, NAN}, {"shear", 0, 2, NAN}, {"jitter", 0, 1, NAN}};
enum { WORDS = (int)(sizeof words / sizeof *words) };

static int read_word(double *value, char *word)
{
    const char *names[WORDS];
    const size_t letters = strspn(word, "abcdefghijklmnopqrstuvwxyz");
    char *number = word + letters, keep = *number;
    double v = 0;
    int k = 0;
    *number = 0;
    for (; k < WORDS && strcmp(words[k].name, word) != 0; k++) names[k] = words[k].name;
    if (k == WORDS) return spec_unknown("augmentation", word, names, WORDS);
    if (value[k] > 0) return err_set(ERR_OPTION, "augmentation: '%s' stands there twice", word);
    *number = keep;
    if (isfinite(words[k].field_default)) {
        value[k] = words[k].field_default;
        return *number ? err_set(ERR_OPTION, "augmentation: found '%s', expected '%s' without a number", word, words[k].name) : OK;
    }
    if (spec_number(&v, number) || !(v >= words[k].min && v <= words[k].max) || (k == 0 && v != rint(v)))
        return err_set(ERR_OPTION, "augmentation: found '%s', expected '%s' and a number of %g to %g behind it", word, words[k].name, words[k].min, words[k].max);
    value[k] = v;
    return OK;
}

int augment_read(struct augment *out, const char *text)
{
    double v[WORDS] = {0};
    *out = (struct augment){0};
    if (strcmp(text, "none") == 0) return OK;
    for (const char *at = text;; at++) {
        char word[32] = "";
        const size_t n = strcspn(at, ",");
        if (n == 0 || n >= sizeof word) return err_set(ERR_OPTION, "augmentation: found '%s', expected words as crop4,flip", text);
        memcpy(word, at, n);
        int code = read_word(v, word);
        if (code) return code;
        at += n;
        if (!*at) break;
    }
    *out = (struct augment){.crop = (int)v[0], .flip = v[1] > 0, .rotate = v[2], .translate = v[3], .scale = v[4], .shear = v[5], .jitter = v[6]};
    return OK;
}

int augment_any(const struct augment *a)
{
    return a->crop || a->flip || a->rotate > 0 || a->translate > 0 || a->scale > 0 || a->shear > 0 || a->jitter > 0;
}

/* ---- one image ---------------------------------------------------------------------------- */

/* Where output (i, j) looks in the image: an affine map, then mirror and shift. */
struct map {
    double ty, tx, co, si, lean;
    int dy, dx, mirror;
};

static double either_way(struct rng *r, double most)
{
    return rng_between(r, -most, most);
}

static struct map draw_map(const struct augment *a, struct shape s, struct rng *r)
{
    struct map m = {.co = 1};
    if (a->crop || a->flip) {
        m.dy = rng_below(r, 2 * a->crop + 1) - a->crop;
        m.dx = rng_below(r, 2 * a->crop + 1) - a->crop;
        m.mirror = a->flip && rng_below(r, 2);
    }
    const double angle = either_way(r, a->rotate) * 3.14159265358979323846 / 180;
    m.ty = either_way(r, a->translate) * s.h;
    m.tx = either_way(r, a->translate) * s.w;
    const double zoom = a->scale > 0 ? rng_between(r, a->scale < 1 ? a->scale : 1, a->scale < 1 ? 1 : a->scale) : 1;
    m.lean = either_way(r, a->shear);
    m.co = cos(angle) / zoom;
    m.si = sin(angle) / zoom;
    return m;
}

/* Whole pixels. */
static void shift(const struct map *m, struct shape s, const float *x, float *out)
{
    for (int c = 0; c < s.c; c++)
        for (int i = 0; i < s.h; i++) {
            const int y = i + m->dy, inside = y >= 0 && y < s.h;
            const float *row = x + ((size_t)c * (size_t)s.h + (size_t)(inside ? y : 0)) * (size_t)s.w;
            float *to = out + ((size_t)c * (size_t)s.h + (size_t)i) * (size_t)s.w;
            for (int j = 0; j < s.w; j++) {
                const int k = (m->mirror ? s.w - 1 - j : j) + m->dx;
                to[j] = inside && k >= 0 && k < s.w ? row[k] : 0;
            }
        }
}

static float pixel(const float *plane, struct shape s, int y, int x)
{
    return y >= 0 && y < s.h && x >= 0 && x < s.w ? plane[(size_t)y * (size_t)s.w + (size_t)x] : 0;
}

/* Between pixels: bilinear, about the centre; what is asked is the inverse of rotation, shear and scale. */
static void affine(const struct map *m, struct shape s, const float *x, float *out)
{
    const double cy = (s.h - 1) / 2.0, cx = (s.w - 1) / 2.0;
    const size_t plane = (size_t)s.h * (size_t)s.w;
    for (int i = 0; i < s.h; i++)
        for (int j = 0; j < s.w; j++) {
            const double v = i - cy - m->ty, u = j - cx - m->tx, py = -m->si * u + m->co * v, px = m->co * u + m->si * v - m->lean * py;
            const double fy = cy + py + m->dy, fx = cx + (m->mirror ? -px : px) + m->dx, y0 = floor(fy), x0 = floor(fx);
            const float wy = (float)(fy - y0), wx = (float)(fx - x0);
            const int iy = (int)y0, ix = (int)x0, inside = iy >= 0 && ix >= 0 && iy + 1 < s.h && ix + 1 < s.w;
            for (int c = 0; c < s.c; c++) {
                const float *p = x + (size_t)c * plane, *q = p + (inside ? (size_t)iy * (size_t)s.w + (size_t)ix : 0);
                const float a00 = inside ? q[0] : pixel(p, s, iy, ix), a01 = inside ? q[1] : pixel(p, s, iy, ix + 1);
                const float a10 = inside ? q[s.w] : pixel(p, s, iy + 1, ix), a11 = inside ? q[s.w + 1] : pixel(p, s, iy + 1, ix + 1);
                out[(size_t)c * plane + (size_t)i * (size_t)s.w + (size_t)j] =
                    (1 - wy) * ((1 - wx) * a00 + wx * a01) + wy * ((1 - wx) * a10 + wx * a11);
            }
        }
}

static float within(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float grey(const float *x, size_t plane, int channels, size_t i)
{
    return channels == 3 ? 0.299f * x[i] + 0.587f * x[plane + i] + 0.114f * x[2 * plane + i] : x[i];
}

static void colour(const struct augment *a, struct shape s, struct rng *r, float *x)
{
    const size_t plane = (size_t)s.h * (size_t)s.w, all = plane * (size_t)s.c;
    const float bright = (float)rng_between(r, 1 - a->jitter, 1 + a->jitter), contrast = (float)rng_between(r, 1 - a->jitter, 1 + a->jitter);
    const float full = (float)rng_between(r, 1 - a->jitter, 1 + a->jitter);
    double mean = 0;
    for (size_t i = 0; i < all; i++) x[i] = within(bright * x[i]);
    for (size_t i = 0; i < plane; i++) mean += (double)grey(x, plane, s.c, i);
    const float base = (float)(mean / (double)plane) * (1 - contrast);
    for (size_t i = 0; i < all; i++) x[i] = within(contrast * x[i] + base);
    for (size_t i = 0; s.c == 3 && i < plane; i++) {
        const float g = (1 - full) * grey(x, plane, s.c, i);
        for (size_t c = 0; c < 3; c++) x[c * plane + i] = within(full * x[c * plane + i] + g);
    }
}

void augment_image(const struct augment *a, struct shape s, struct rng *r, const float *x, float *out)
{
    const struct map m = draw_map(a, s, r);
    (a->rotate > 0 || a->translate > 0 || a->scale > 0 || a->shear > 0 ? affine : shift)(&m, s, x, out);
    if (a->jitter > 0) colour(a, s, r, out);
}

void augment_batch(const struct augment *a, struct shape s, uint64_t seed, uint64_t first, int n, const float *x, float *out)
{
    const size_t size = shape_size(s);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        struct rng r = rng_stream(seed, "augment", first + (uint64_t)i);
        augment_image(a, s, &r, x + (size_t)i * size, out + (size_t)i * size);
    }
}
