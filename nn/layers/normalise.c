/* The first layer of every network: rows of pixels in [0,1] -> maps of (x - mean) / std, per channel.
 * mean and std are constants that the checkpoint's metadata carries, so a model cannot be fed wrongly. */
#include <math.h>

#include "nn/layer.h"
#include "nn/layers/vec.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    l->out = l->in[0];
    l->out.lanes = MAPS;
    l->stats = 2;
    l->stat[0] = param_new("mean", 1, l->out.c, 0, 0, 0);
    l->stat[1] = param_new("std", 1, l->out.c, 0, 0, 0);
    l->stat[0].hidden = l->stat[1].hidden = 1;
    return 0;
}

static void init(const struct layer *l, float *w, float *stat, struct rng *r)
{
    (void)w, (void)r;
    for (int c = 0; c < l->out.c; c++) {
        stat[l->stat[0].at + (size_t)c] = 0;
        stat[l->stat[1].at + (size_t)c] = 1;
    }
}

/* to [pixels][lanes] = scale * from [lanes][d] + shift; rows `lanes` and beyond are padding, 0 */
static void to_plane(int pixels, int lanes, size_t d, const float *from, float scale, float shift, float *to)
{
    int i = 0;
    for (; i + VL <= pixels; i += VL) /* blocks of VL pixels times VL images */
        for (int first = 0; first < MAPS; first += VL) {
            vec v[VL];
            for (int t = 0; t < VL; t++) {
                if (first + t < lanes) v[t] = vec_load_any(from + (size_t)(first + t) * d + (size_t)i) * scale + shift;
                else v[t] = vec_all(0);
            }
            vec_transpose(v);
            for (int t = 0; t < VL; t++) vec_store(to + (i + t) * MAPS + first, v[t]);
        }
    for (; i < pixels; i++)
        for (int t = 0; t < MAPS; t++) to[i * MAPS + t] = t < lanes ? from[(size_t)t * d + (size_t)i] * scale + shift : 0;
}

/* y [group][c][pixel][lane] = scale[c] * x [n][c][pixel] + shift[c] */
static void to_maps(const struct layer *l, int n, const float *x, const float *scale, const float *shift, float *y)
{
    const int groups = shape_groups(l->out, n), plane = l->out.h * l->out.w;
    const size_t d = shape_size(l->out);
#pragma omp parallel for schedule(static)
    for (int g = 0; g < groups; g++) {
        const int lanes = n - g * MAPS < MAPS ? n - g * MAPS : MAPS;
        for (int c = 0; c < l->out.c; c++) {
            const size_t at = (size_t)g * MAPS * d + (size_t)c * (size_t)plane;
            to_plane(plane, lanes, d, x + at, scale[c], shift[c], y + (size_t)g * MAPS * d + (size_t)(c * plane) * MAPS);
        }
    }
}

enum { CHANNELS = 4096 }; /* the most an input can have */

static void forward(const struct layer *l, const struct pass *p)
{
    const float *mean = p->stat + l->stat[0].at, *std = p->stat + l->stat[1].at;
    float scale[CHANNELS], shift[CHANNELS];
    for (int c = 0; c < l->out.c; c++) {
        scale[c] = 1 / std[c];
        shift[c] = -mean[c] / std[c];
    }
    to_maps(l, p->n, p->x[0], scale, shift, p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const float *std = p->stat + l->stat[1].at;
    const int plane = l->out.h * l->out.w, d = (int)shape_size(l->out);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < p->n; i++)
        for (int j = 0; j < d; j++) dx[0][(size_t)i * (size_t)d + (size_t)j] = dy[((size_t)(i / MAPS) * (size_t)d + (size_t)j) * MAPS + (size_t)(i % MAPS)] / std[j / plane];
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    const float *std = p->stat + l->stat[1].at;
    float scale[CHANNELS], zero[CHANNELS] = {0};
    for (int c = 0; c < l->out.c; c++) scale[c] = vx[0] ? 1 / std[c] : 0;
    to_maps(l, p->n, vx[0] ? vx[0] : p->x[0], scale, zero, vy);
}

LAYER(normalise) = {.name = "normalise", .about = "rows of pixels in [0,1] to maps of (x - mean) / std", .inputs = 1, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
