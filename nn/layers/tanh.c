/* y = tanh(x), in place; dy/dx = 1 - y^2, which is kept: the next layer may overwrite y. */
#include <math.h>

#include "nn/layer.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    l->out = l->in[0];
    return 0;
}

static size_t saved(const struct layer *l, int n) /* 1 - y^2 */
{
    return shape_floats(l->out, n);
}

static void forward(const struct layer *l, const struct pass *p)
{
    const size_t size = shape_floats(l->out, p->n);
    const float *x = p->x[0];
    float *y = p->y, *slope = p->saved;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < size; i++) {
        y[i] = tanhf(x[i]);
        if (slope) slope[i] = 1 - y[i] * y[i];
    }
}

/* out = (1 - y^2) v: both derivatives. out may be v. */
static void scale(const struct layer *l, const struct pass *p, const float *v, float *out)
{
    const size_t size = shape_floats(l->out, p->n);
    const float *slope = p->saved;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) out[i] = slope[i] * v[i];
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (dx[0]) scale(l, p, dy, dx[0]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    scale(l, p, vx[0], vy);
}

LAYER(tanh) = {.name = "tanh", .about = "tanh(x)", .inputs = 1, .inplace = 1,
    .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .saved = saved, .forward = forward, .backward = backward, .tangent = tangent};
