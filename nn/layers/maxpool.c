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

/* Which pixel of its window each output came from, one byte a lane: [planes][h][w][lanes]. */
static size_t saved(const struct layer *l, int n)
{
    return shape_floats(l->out, n) / sizeof(float);
}

static void forward(const struct layer *l, const struct pass *p)
{
    const struct own *o = l->own;
    const struct shape in = l->in[0], out = l->out;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const size_t at_out = (size_t)a * (size_t)(out.h * out.w) * MAPS;
        const float *x = p->x[0] + (size_t)a * (size_t)(in.h * in.w) * MAPS;
        float *y = p->y + at_out;
        unsigned char *from = p->saved ? (unsigned char *)p->saved + at_out : NULL;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++) {
                const float *window = x + (i * o->stride * in.w + j * o->stride) * MAPS;
                for (int t = 0; t < MAPS; t += VL, y += VL) {
                    vec best = vec_load(window + t);
                    ivec which = {0};
                    for (int ky = 0; ky < o->k; ky++)
                        for (int kx = 0; kx < o->k; kx++) {
                            const vec v = vec_load(window + (ky * in.w + kx) * MAPS + t);
                            const ivec more = v > best;
                            best = vec_where(more, v, best);
                            which = (ivec_all(ky * o->k + kx) & more) | (which & ~more);
                        }
                    vec_store(y, best);
                    if (from) bytes_store(from, which), from += VL;
                }
            }
    }
}

/* dx: the gradient goes to the pixel that the output came from. */
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
        const size_t at_out = (size_t)a * (size_t)(out.h * out.w) * MAPS;
        const float *d = dy + at_out;
        const unsigned char *from = (const unsigned char *)p->saved + at_out;
        float *to = dx[0] + (size_t)a * (size_t)(in.h * in.w) * MAPS;
        for (int i = 0; !tile && i < in.h * in.w * MAPS; i++) to[i] = 0;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++)
                for (int t = 0; t < MAPS; t += VL, d += VL, from += VL) {
                    float *window = to + (i * o->stride * in.w + j * o->stride) * MAPS + t;
                    const vec v = vec_load(d);
                    const ivec which = bytes_load(from);
                    for (int ky = 0; ky < o->k; ky++)
                        for (int kx = 0; kx < o->k; kx++) {
                            float *pixel = window + (ky * in.w + kx) * MAPS;
                            const vec hit = vec_where(which == ivec_all(ky * o->k + kx), v, vec_all(0));
                            if (tile) vec_store(pixel, hit);
                            else vec_store(pixel, vec_load(pixel) + hit);
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
        const size_t at_out = (size_t)a * (size_t)(out.h * out.w) * MAPS;
        const float *v = vx[0] + (size_t)a * (size_t)(in.h * in.w) * MAPS;
        const unsigned char *from = (const unsigned char *)p->saved + at_out;
        float *to = vy + at_out;
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++)
                for (int t = 0; t < MAPS; t += VL, to += VL, from += VL) {
                    const float *window = v + (i * o->stride * in.w + j * o->stride) * MAPS + t;
                    const ivec which = bytes_load(from);
                    vec got = vec_all(0);
                    for (int ky = 0; ky < o->k; ky++)
                        for (int kx = 0; kx < o->k; kx++)
                            got = vec_where(which == ivec_all(ky * o->k + kx), vec_load(window + (ky * in.w + kx) * MAPS), got);
                    vec_store(to, got);
                }
    }
}

LAYER(maxpool) = {.name = "maxpool", .about = "maximum over windows", .options = options, .own = sizeof(struct own), .inputs = 1, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .saved = saved, .forward = forward, .backward = backward, .tangent = tangent};
