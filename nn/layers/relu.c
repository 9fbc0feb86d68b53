/* y = max(x, 0), in place. The derivative at 0 is 0, as PyTorch's. */
#include "nn/layer.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    l->out = l->in[0];
    return 0;
}

static void forward(const struct layer *l, const struct pass *p)
{
    const size_t size = shape_floats(l->out, p->n);
    const float *x = p->x[0];
    float *y = p->y;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

/* out = v where y > 0, else 0: both derivatives. out may be v. */
static void mask(const struct layer *l, const struct pass *p, const float *v, float *out)
{
    const size_t size = shape_floats(l->out, p->n);
    const float *y = p->y;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) out[i] = y[i] > 0 ? v[i] : 0;
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (dx[0]) mask(l, p, dy, dx[0]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    mask(l, p, vx[0], vy);
}

LAYER(relu) = {.name = "relu", .about = "max(x, 0)", .inputs = 1, .forgets = FORGETS_X, .inplace = 1,
    .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
