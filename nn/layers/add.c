/* y = a + b: the joint of a residual block. */
#include "base/err.h"
#include "nn/layer.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    const struct shape a = l->in[0], b = l->in[1];
    if (a.c != b.c || a.h != b.h || a.w != b.w || a.lanes != b.lanes)
        return err_set(ERR_SHAPE, "add: found %dx%dx%d and %dx%dx%d, expected equal shapes", a.c, a.h, a.w, b.c, b.h, b.w);
    l->out = a;
    return OK;
}

/* y = a + b; either may be NULL: zero */
static void sum(const struct layer *l, int n, const float *a, const float *b, float *y)
{
    const size_t size = shape_floats(l->out, n);
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) y[i] = (a ? a[i] : 0) + (b ? b[i] : 0);
}

static void forward(const struct layer *l, const struct pass *p)
{
    sum(l, p->n, p->x[0], p->x[1], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    for (int i = 0; i < 2; i++)
        if (dx[i]) sum(l, p->n, dy, NULL, dx[i]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    sum(l, p->n, vx[0], vx[1], vy);
}

LAYER(add) = {.name = "add", .about = "sum of two", .inputs = 2, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
