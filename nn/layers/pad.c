/* A border of zeros around maps that are smaller than `to` x `to`, as even as it can be (the odd row or column is the last);
 * larger ones pass. Behind normalisation a zero is the data's mean. */
#include "base/err.h"
#include "nn/layer.h"

struct own {
    int top, left;
};

static const struct option options[] = {{"to", OPTION_INT, NULL, 1, 4096, 0, "least height and width that come out"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    const struct shape in = l->in[0];
    const int to = (int)spec_int(opt, "to");
    if (in.lanes != MAPS) return err_set(ERR_SHAPE, "pad: found a vector of %d, expected maps", in.c);
    l->out = (struct shape){in.c, in.h > to ? in.h : to, in.w > to ? in.w : to, in.lanes};
    *(struct own *)l->own = (struct own){(l->out.h - in.h) / 2, (l->out.w - in.w) / 2};
    return OK;
}

/* x [planes][h][w][lanes] -> y; a plane is one channel of one group */
static void surround(const struct layer *l, int n, const float *x, float *y)
{
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = shape_groups(out, n) * out.c;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int i = 0; i < out.h * out.w; i++) {
            const int h = i / out.w - o->top, w = i % out.w - o->left, inside = h >= 0 && h < in.h && w >= 0 && w < in.w;
            const float *from = x + ((size_t)a * (size_t)(in.h * in.w) + (size_t)(inside ? h * in.w + w : 0)) * MAPS;
            float *to = y + ((size_t)a * (size_t)(out.h * out.w) + (size_t)i) * MAPS;
            for (int t = 0; t < MAPS; t++) to[t] = inside ? from[t] : 0;
        }
}

static void forward(const struct layer *l, const struct pass *p)
{
    surround(l, p->n, p->x[0], p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = shape_groups(out, p->n) * out.c;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++)
        for (int i = 0; i < in.h * in.w; i++) {
            const size_t at = (size_t)a * (size_t)(out.h * out.w) + (size_t)((i / in.w + o->top) * out.w + i % in.w + o->left);
            float *to = dx[0] + ((size_t)a * (size_t)(in.h * in.w) + (size_t)i) * MAPS;
            for (int t = 0; t < MAPS; t++) to[t] = dy[at * MAPS + (size_t)t];
        }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    surround(l, p->n, vx[0], vy);
}

LAYER(pad) = {.name = "pad", .about = "a border of zeros around maps that are too small", .options = options, .own = sizeof(struct own),
    .inputs = 1, .forgets = FORGETS_X | FORGETS_Y, .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
