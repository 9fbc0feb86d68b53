/* The last layer of every network: lanes -> plain rows, [n][d]. */
#include "nn/layer.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    l->out = l->in[0];
    l->out.lanes = ROWS;
    return 0;
}

static void to_rows(const struct layer *l, int n, const float *x, float *y)
{
    const size_t d = shape_size(l->out), lanes = (size_t)l->in[0].lanes;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < d; j++) y[i * d + j] = x[(i / lanes * d + j) * lanes + i % lanes];
}

static void forward(const struct layer *l, const struct pass *p)
{
    to_rows(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    const size_t d = shape_size(l->out), lanes = (size_t)l->in[0].lanes, n = (size_t)p->n;
    if (!dx[0]) return;
    for (size_t i = 0; i < (size_t)shape_groups(l->in[0], p->n) * lanes; i++) /* padding gets no gradient */
        for (size_t j = 0; j < d; j++) dx[0][(i / lanes * d + j) * lanes + i % lanes] = i < n ? dy[i * d + j] : 0;
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    to_rows(l, p->n, vx[0], vy);
}

LAYER(rows) = {.name = "rows", .about = "lanes to plain rows", .inputs = 1, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
