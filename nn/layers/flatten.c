/* Maps [c][h][w] -> one vector of c*h*w features an image, in PyTorch's order; from 16 to 64 lanes. */
#include "base/err.h"
#include "nn/layer.h"

static int shape(struct layer *l, const struct spec *opt)
{
    (void)opt;
    if (l->in[0].lanes != MAPS) return err_set(ERR_SHAPE, "flatten: found a vector of %d, expected maps", l->in[0].c);
    l->out = (struct shape){(int)shape_size(l->in[0]), 1, 1, VECTORS};
    return 0;
}

static void to_vectors(const struct layer *l, int n, const float *x, float *y)
{
    const int d = l->out.c, groups = shape_groups(l->out, n), maps = shape_groups(l->in[0], n);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < d; i++)
            for (int part = 0; part < VECTORS / MAPS; part++) {
                const int from = g * (VECTORS / MAPS) + part;
                float *to = y + ((size_t)g * (size_t)d + (size_t)i) * VECTORS + (size_t)part * MAPS;
                const float *v = x + ((size_t)from * (size_t)d + (size_t)i) * MAPS;
                for (int t = 0; t < MAPS; t++) to[t] = from < maps ? v[t] : 0;
            }
}

static void forward(const struct layer *l, const struct pass *p)
{
    to_vectors(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const int d = l->out.c, maps = shape_groups(l->in[0], p->n);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < maps; g++)
        for (int i = 0; i < d; i++) {
            const float *v = dy + ((size_t)(g * MAPS / VECTORS) * (size_t)d + (size_t)i) * VECTORS + (size_t)(g * MAPS % VECTORS);
            float *to = dx[0] + ((size_t)g * (size_t)d + (size_t)i) * MAPS;
            for (int t = 0; t < MAPS; t++) to[t] = v[t];
        }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    to_vectors(l, p->n, vx[0], vy);
}

LAYER(flatten) = {.name = "flatten", .about = "maps to vectors of features", .inputs = 1, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
