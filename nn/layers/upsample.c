/* Nearest neighbour: each pixel becomes a square of k x k, as PyTorch's Upsample(scale_factor=k). */
#include "base/err.h"
#include "nn/layer.h"

struct own {
    int k;
};

static const struct option options[] = {{"k", OPTION_INT, "2", 1, 16, 0, "side of the square that a pixel becomes"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    const struct shape in = l->in[0];
    const int k = ((struct own *)l->own)->k = (int)spec_int(opt, "k");
    if (in.lanes != MAPS) return err_set(ERR_SHAPE, "upsample: found a vector of %d, expected maps (unflatten before it)", in.c);
    if (in.h > 4096 / k || in.w > 4096 / k) return err_set(ERR_SHAPE, "upsample: found maps of %dx%d, expected at most 4096 after it", in.h, in.w);
    l->out = (struct shape){in.c, k * in.h, k * in.w, in.lanes};
    return OK;
}

/* x [planes][h][w][lanes] -> y [planes][k h][k w][lanes]; a plane is one channel of one group */
static void spread(const struct layer *l, int n, const float *x, float *y)
{
    const int k = ((const struct own *)l->own)->k, planes = shape_groups(l->out, n) * l->out.c;
    const struct shape in = l->in[0], out = l->out;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int i = 0; i < out.h * out.w; i++) {
            const float *from = x + ((size_t)a * (size_t)(in.h * in.w) + (size_t)(i / out.w / k * in.w + i % out.w / k)) * MAPS;
            float *to = y + ((size_t)a * (size_t)(out.h * out.w) + (size_t)i) * MAPS;
            for (int t = 0; t < MAPS; t++) to[t] = from[t];
        }
}

static void forward(const struct layer *l, const struct pass *p)
{
    spread(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const int k = ((const struct own *)l->own)->k, planes = shape_groups(l->out, p->n) * l->out.c;
    const struct shape in = l->in[0], out = l->out;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int i = 0; i < in.h * in.w; i++) {
            const float *square = dy + ((size_t)a * (size_t)(out.h * out.w) + (size_t)(i / in.w * k * out.w + i % in.w * k)) * MAPS;
            float s[MAPS] = {0}, *to = dx[0] + ((size_t)a * (size_t)(in.h * in.w) + (size_t)i) * MAPS;
            for (int ky = 0; ky < k; ky++)
                for (int kx = 0; kx < k; kx++)
                    for (int t = 0; t < MAPS; t++) s[t] += square[(ky * out.w + kx) * MAPS + t];
            for (int t = 0; t < MAPS; t++) to[t] = s[t];
        }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    spread(l, p->n, vx[0], vy);
}

LAYER(upsample) = {.name = "upsample", .about = "nearest neighbour, k times as wide and as high", .options = options, .own = sizeof(struct own),
    .inputs = 1, .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
