#include "data/transform.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"

int transform_read(struct transform *out, const char *to, const char *fit)
{
    static const char *const fits[] = {"cover", "stretch", "pad"};
    struct transform t = {.to = {.lanes = ROWS}};
    char rest = 0;
    if (!to && fit) return err_set(ERR_OPTION, "found fit=%s without to=: expected to=CxHxW", fit);
    if (to && (sscanf(to, "%dx%dx%d%c", &t.to.c, &t.to.h, &t.to.w, &rest) != 3 || (t.to.c != 1 && t.to.c != 3) || t.to.h < 1 ||
               t.to.h > TRANSFORM_SIDE || t.to.w < 1 || t.to.w > TRANSFORM_SIDE))
        return err_set(ERR_OPTION, "found to=%s, expected CxHxW with 1 or 3 channels and sides of 1 to %d, as 3x32x32", to, TRANSFORM_SIDE);
    if (fit) {
        int k = 0;
        while (k < 3 && strcmp(fit, fits[k]) != 0) k++;
        if (k == 3) return spec_unknown("fit", fit, fits, 3);
        t.fit = (enum fit)k;
    }
    *out = t;
    return OK;
}

int transform_changes(const struct transform *t, struct shape from)
{
    return t->to.c && (t->to.c != from.c || t->to.h != from.h || t->to.w != from.w);
}

/* ---- channels ---------------------------------------------------------------------------- */

static void channels(const uint8_t *pixels, struct shape from, int c, uint8_t *out)
{
    const size_t plane = (size_t)from.h * (size_t)from.w;
    if (c == from.c) memcpy(out, pixels, plane * (size_t)c);
    else if (c == 3)
        for (int k = 0; k < 3; k++) memcpy(out + (size_t)k * plane, pixels, plane);
    else
        for (size_t i = 0; i < plane; i++)
            out[i] = (uint8_t)((299 * pixels[i] + 587 * pixels[plane + i] + 114 * pixels[2 * plane + i] + 500) / 1000);
}

/* ---- one axis: output i is sum of weight[i][k] * input first[i] + k ---------------------- */

struct axis {
    int taps, *first;
    double *weight; /* [to][taps] */
};

/* `to` samples of the stretch [at, at + length) of `from` inputs. */
static struct axis axis_new(int from, double at, double length, int to)
{
    const double step = length / to, reach = step > 1 ? step : 1;
    struct axis a = {.taps = (int)(2 * reach) + 2};
    a.first = mem_new((size_t)to, sizeof *a.first);
    a.weight = mem_new((size_t)to * (size_t)a.taps, sizeof *a.weight);
    for (int i = 0; i < to; i++) {
        const double centre = at + (i + 0.5) * step;
        double *w = a.weight + i * a.taps, sum = 0;
        int first = (int)floor(centre - reach);
        if (first < 0) first = 0;
        if (first > from - 1) first = from - 1;
        for (int k = 0; k < a.taps && first + k < from; k++) {
            const double far = 1 - fabs(first + k + 0.5 - centre) / reach;
            sum += w[k] = far > 0 ? far : 0;
        }
        assert(sum > 0);
        for (int k = 0; k < a.taps; k++) w[k] /= sum;
        a.first[i] = first;
    }
    return a;
}

static void axis_free(struct axis *a)
{
    mem_free(a->first);
    mem_free(a->weight);
}

/* n samples of one line, `stride` apart. */
static double sample(const struct axis *a, int i, const double *line, int n, int stride)
{
    const double *w = a->weight + i * a->taps;
    double sum = 0;
    for (int k = 0; k < a->taps && a->first[i] + k < n; k++) sum += w[k] * line[(a->first[i] + k) * stride];
    return sum;
}

static void resize_plane(const struct axis *y, const struct axis *x, const uint8_t *in, int h, int w, uint8_t *out, struct shape to,
                         double *line, double *rows)
{
    for (int i = 0; i < h; i++) {
        for (int j = 0; j < w; j++) line[j] = in[i * w + j];
        for (int j = 0; j < to.w; j++) rows[i * to.w + j] = sample(x, j, line, w, 1);
    }
    for (int i = 0; i < to.h; i++)
        for (int j = 0; j < to.w; j++) out[i * to.w + j] = (uint8_t)(sample(y, i, rows + j, h, to.w) + 0.5); /* 0..255: a mean */
}

static void resize(const struct transform *t, const uint8_t *in, struct shape from, uint8_t *out)
{
    const struct shape to = t->to;
    double h = from.h, w = from.w;
    if (t->fit == FIT_COVER) { /* the part of the image that the shape shows */
        const double scale = h / to.h < w / to.w ? h / to.h : w / to.w;
        h = to.h * scale;
        w = to.w * scale;
    }
    struct axis y = axis_new(from.h, (from.h - h) / 2, h, to.h), x = axis_new(from.w, (from.w - w) / 2, w, to.w);
    double *line = mem_new((size_t)from.w, sizeof *line), *rows = mem_new((size_t)from.h * (size_t)to.w, sizeof *rows);
    for (int c = 0; c < to.c; c++)
        resize_plane(&y, &x, in + (size_t)c * (size_t)from.h * (size_t)from.w, from.h, from.w, out + (size_t)c * (size_t)to.h * (size_t)to.w, to, line,
                     rows);
    mem_free(line);
    mem_free(rows);
    axis_free(&y);
    axis_free(&x);
}

/* ---- the centre -------------------------------------------------------------------------- */

/* Where the centre begins: `at` of the wider line, `out` of the narrower one's place in it. */
static void centre(int from, int to, int *in, int *out, int *n)
{
    *n = from < to ? from : to;
    *in = (from - *n) / 2;
    *out = (to - *n) / 2;
}

static void pad(const struct transform *t, const uint8_t *in, struct shape from, uint8_t *out)
{
    const struct shape to = t->to;
    int yi, yo, rows, xi, xo, columns;
    centre(from.h, to.h, &yi, &yo, &rows);
    centre(from.w, to.w, &xi, &xo, &columns);
    memset(out, 0, (size_t)to.c * (size_t)to.h * (size_t)to.w);
    for (int c = 0; c < to.c; c++)
        for (int i = 0; i < rows; i++)
            memcpy(out + ((size_t)c * (size_t)to.h + (size_t)(yo + i)) * (size_t)to.w + xo,
                   in + ((size_t)c * (size_t)from.h + (size_t)(yi + i)) * (size_t)from.w + xi, (size_t)columns);
}

void transform_image(const struct transform *t, const uint8_t *pixels, struct shape from, uint8_t *out)
{
    assert((from.c == 1 || from.c == 3) && (t->to.c == 1 || t->to.c == 3));
    uint8_t *coloured = mem_new((size_t)t->to.c * (size_t)from.h, (size_t)from.w);
    channels(pixels, from, t->to.c, coloured);
    if (from.h == t->to.h && from.w == t->to.w) memcpy(out, coloured, (size_t)t->to.c * (size_t)from.h * (size_t)from.w);
    else (t->fit == FIT_PAD ? pad : resize)(t, coloured, from, out);
    mem_free(coloured);
}
