/* A vector of c*h*w features -> maps [c][h][w], in PyTorch's order; from 64 to 16 lanes. Undoes flatten. */
#include "base/err.h"
#include "nn/layer.h"

static const struct option options[] = {{"c", OPTION_INT, NULL, 1, 65536, 0, "channels"},
    {"h", OPTION_INT, NULL, 1, 4096, 0, "height"}, {"w", OPTION_INT, NULL, 1, 4096, 0, "width"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    const struct shape out = {(int)spec_int(opt, "c"), (int)spec_int(opt, "h"), (int)spec_int(opt, "w"), MAPS};
    if (l->in[0].lanes != VECTORS || shape_size(out) != (size_t)l->in[0].c)
        return err_set(ERR_SHAPE, "unflatten: found %dx%dx%d, expected a vector of %zu", l->in[0].c, l->in[0].h, l->in[0].w, shape_size(out));
    l->out = out;
    return OK;
}

static void to_maps(const struct layer *l, int n, const float *x, float *y)
{
    const int d = l->in[0].c, maps = shape_groups(l->out, n);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < maps; g++)
        for (int i = 0; i < d; i++) {
            const float *v = x + ((size_t)(g * MAPS / VECTORS) * (size_t)d + (size_t)i) * VECTORS + (size_t)(g * MAPS % VECTORS);
            float *to = y + ((size_t)g * (size_t)d + (size_t)i) * MAPS;
            for (int t = 0; t < MAPS; t++) to[t] = v[t];
        }
}

static void forward(const struct layer *l, const struct pass *p)
{
    to_maps(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const int d = l->in[0].c, groups = shape_groups(l->in[0], p->n), maps = shape_groups(l->out, p->n);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < d; i++)
            for (int part = 0; part < VECTORS / MAPS; part++) {
                const int from = g * (VECTORS / MAPS) + part;
                float *to = dx[0] + ((size_t)g * (size_t)d + (size_t)i) * VECTORS + (size_t)part * MAPS;
                const float *v = dy + ((size_t)from * (size_t)d + (size_t)i) * MAPS;
                for (int t = 0; t < MAPS; t++) to[t] = from < maps ? v[t] : 0;
            }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    to_maps(l, p->n, vx[0], vy);
}

LAYER(unflatten) = {.name = "unflatten", .about = "vectors of features to maps", .options = options, .inputs = 1,
    .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
