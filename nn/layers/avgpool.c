/* Mean over k x k windows, stride k; k = 0: over the whole map. */
#include "base/err.h"
#include "nn/layer.h"

struct own {
    int kh, kw;
};

static const struct option options[] = {{"k", OPTION_INT, "0", 0, 64, 0, "side of the window; 0: the whole map"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    struct own *o = l->own;
    const struct shape in = l->in[0];
    const int k = (int)spec_int(opt, "k");
    *o = (struct own){k ? k : in.h, k ? k : in.w};
    if (in.lanes != MAPS) return err_set(ERR_SHAPE, "avgpool: found a vector of %d, expected maps", in.c);
    if (in.h < o->kh || in.w < o->kw) return err_set(ERR_SHAPE, "avgpool: found maps of %dx%d, expected at least %dx%d", in.h, in.w, k, k);
    l->out = (struct shape){in.c, in.h / o->kh, in.w / o->kw, in.lanes};
    return OK;
}

static void pool(const struct layer *l, int n, const float *x, float *y)
{
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = shape_groups(out, n) * out.c;
    const float share = 1 / (float)(o->kh * o->kw);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int i = 0; i < out.h * out.w; i++) {
            const float *win = x + ((size_t)a * (size_t)(in.h * in.w) + (size_t)(i / out.w * o->kh * in.w + i % out.w * o->kw)) * MAPS;
            float s[MAPS] = {0}, *to = y + ((size_t)a * (size_t)(out.h * out.w) + (size_t)i) * MAPS;
            for (int ky = 0; ky < o->kh; ky++)
                for (int kx = 0; kx < o->kw; kx++)
                    for (int t = 0; t < MAPS; t++) s[t] += win[(ky * in.w + kx) * MAPS + t];
            for (int t = 0; t < MAPS; t++) to[t] = share * s[t];
        }
}

static void forward(const struct layer *l, const struct pass *p)
{
    pool(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = shape_groups(out, p->n) * out.c;
    const float share = 1 / (float)(o->kh * o->kw);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int y = 0; y < in.h; y++)
            for (int x = 0; x < in.w; x++) {
                const int i = y / o->kh, j = x / o->kw, reached = i < out.h && j < out.w;
                const float *d = dy + ((size_t)a * (size_t)(out.h * out.w) + (size_t)(reached ? i * out.w + j : 0)) * MAPS;
                float *to = dx[0] + ((size_t)a * (size_t)(in.h * in.w) + (size_t)(y * in.w + x)) * MAPS;
                for (int t = 0; t < MAPS; t++) to[t] = reached ? share * d[t] : 0;
            }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    pool(l, p->n, vx[0], vy);
}

LAYER(avgpool) = {.name = "avgpool", .about = "mean over windows, or over the whole map", .options = options, .own = sizeof(struct own),
    .inputs = 1, .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
