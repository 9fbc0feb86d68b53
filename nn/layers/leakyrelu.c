/* y = x where x > 0, else slope x, in place. The derivative at 0 is the slope, as PyTorch's. A slope of at least 0 leaves
 * the sign of y that of x, so that y says which side it was, also where the next layer in place shrank it. */
#include "nn/layer.h"

struct own {
    float slope;
};

static const struct option options[] = {{"slope", OPTION_REAL, "0.01", 0, 1, 0, "factor below zero"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    ((struct own *)l->own)->slope = (float)spec_real(opt, "slope");
    l->out = l->in[0];
    return 0;
}

/* out = v where side > 0, else slope v: the layer itself (side = v) and both derivatives (side = y). out may be v or side. */
static void bend(const struct layer *l, int n, const float *side, const float *v, float *out)
{
    const size_t size = shape_floats(l->out, n);
    const float slope = ((const struct own *)l->own)->slope;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) out[i] = side[i] > 0 ? v[i] : slope * v[i];
}

static void forward(const struct layer *l, const struct pass *p)
{
    bend(l, p->n, p->x[0], p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (dx[0]) bend(l, p->n, p->y, dy, dx[0]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    bend(l, p->n, p->y, vx[0], vy);
}

LAYER(leakyrelu) = {.name = "leakyrelu", .about = "x above zero, slope x below", .options = options, .own = sizeof(struct own), .inputs = 1,
    .inplace = 1, .forgets = FORGETS_X, .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
