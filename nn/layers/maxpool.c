/* Maximum over k x k windows, stride k or `stride`; of equal values the first in row order, as PyTorch's. */
#include "base/err.h"
#include "nn/layer.h"
#include "nn/layers/vec.h"

struct own {
    int k, stride;
};

static const struct option options[] = {{"k", OPTION_INT, "2", 1, 16, 0, "side of the window"},
    {"stride", OPTION_INT, "0", 0, 16, 0, "step of the window; 0: k"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    struct own *o = l->own;
    o->k = (int)spec_int(opt, "k");
    o->stride = (int)spec_int(opt, "stride");
    if (!o->stride) o->stride = o->k;
    const struct shape in = l->in[0];
    if (in.h < o->k || in.w < o->k)
        return err_set(ERR_SHAPE, "maxpool: found maps of %dx%d, expected at least %dx%d", in.h, in.w, o->k, o->k);
    l->out = (struct shape){in.c, (in.h - o->k) / o->stride + 1, (in.w - o->k) / o->stride + 1, in.lanes};
    return OK;
}

/* A plane is one channel of one group: [h][w][lanes]. */
#define PLANES(l, p) (shape_groups((l)->out, (p)->n) * (l)->out.c)

static void forward(const struct layer *l, const struct pass *p)
{
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const float *x = p->x[0] + (size_t)a * (size_t)(in.h * in.w) * MAPS;
        float *y = p->y + (size_t)a * (size_t)(out.h * out.w) * MAPS;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++, y += MAPS) {
                const float *win = x + (i * o->stride * in.w + j * o->stride) * MAPS;
                float best[MAPS];
                for (int t = 0; t < MAPS; t++) best[t] = win[t];
                for (int ky = 0; ky < o->k; ky++)
                    for (int kx = 0; kx < o->k; kx++)
                        for (int t = 0; t < MAPS; t++) {
                            const float v = win[(ky * in.w + kx) * MAPS + t];
                            best[t] = v > best[t] ? v : best[t];
                        }
                for (int t = 0; t < MAPS; t++) y[t] = best[t];
            }
    }
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = PLANES(l, p);
    /* windows that tile the map write every pixel once: nothing to clear */
    const int tile = o->stride == o->k && in.h % o->k == 0 && in.w % o->k == 0;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const size_t at_in = (size_t)a * (size_t)(in.h * in.w) * MAPS, at_out = (size_t)a * (size_t)(out.h * out.w) * MAPS;
        const float *x = p->x[0] + at_in, *y = p->y + at_out, *d = dy + at_out;
        float *to = dx[0] + at_in;
        for (int i = 0; !tile && i < in.h * in.w * MAPS; i++) to[i] = 0;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++, y += MAPS, d += MAPS) {
                const int at = (i * o->stride * in.w + j * o->stride) * MAPS;
                for (int t = 0; t < MAPS; t += VL) {
                    const vec top = vec_load(y + t), none = vec_all(0);
                    vec left = vec_load(d + t); /* the gradient that has not found its pixel yet */
                    for (int ky = 0; ky < o->k; ky++)
                        for (int kx = 0; kx < o->k; kx++) {
                            const int q = at + (ky * in.w + kx) * MAPS + t;
                            const vec here = vec_load(x + q), hit = vec_where_equal(here, top, left, none);
                            if (tile) vec_store(to + q, hit);
                            else vec_store(to + q, vec_load(to + q) + hit);
                            left = vec_where_equal(here, top, none, left);
                        }
                }
            }
    }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const size_t at_in = (size_t)a * (size_t)(in.h * in.w) * MAPS, at_out = (size_t)a * (size_t)(out.h * out.w) * MAPS;
        const float *restrict x = p->x[0] + at_in, *restrict y = p->y + at_out, *restrict v = vx[0] + at_in;
        float *restrict to = vy + at_out;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++, y += MAPS, to += MAPS) {
                const int at = (i * o->stride * in.w + j * o->stride) * MAPS;
                for (int t = 0; t < MAPS; t += VL) {
                    const vec top = vec_load(y + t);
                    vec got = vec_all(0);
                    for (int ky = o->k - 1; ky >= 0; ky--) /* backwards, so that the first of equals is the last to write */
                        for (int kx = o->k - 1; kx >= 0; kx--) {
                            const int q = at + (ky * in.w + kx) * MAPS + t;
                            got = vec_where_equal(vec_load(x + q), top, vec_load(v + q), got);
                        }
                    vec_store(to + t, got);
                }
            }
    }
}

LAYER(maxpool) = {.name = "maxpool", .about = "maximum over windows", .options = options, .own = sizeof(struct own), .inputs = 1,
    .shape = shape, .forward = forward, .backward = backward, .tangent = tangent};
