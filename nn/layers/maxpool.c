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

/* The three passes over one plane, k and step constants where they are inlined. x, v, to: of the map that goes in; y, d, vy: of
 * the one that comes out. */

/* from: NULL, or where the window's pixel that each output came from is left. */
INLINE void plane_forward(const int k, const int step, const struct layer *l, const float *x, float *y, unsigned char *from)
{
    const struct shape in = l->in[0], out = l->out;
    for (int i = 0; i < out.h; i++)
        for (int j = 0; j < out.w; j++) {
            const float *window = x + (i * step * in.w + j * step) * MAPS;
            for (int t = 0; t < MAPS; t += VL, y += VL) {
                vec best = vec_load(window + t);
                ivec which = {0};
                for (int ky = 0; ky < k; ky++)
                    for (int kx = 0; kx < k; kx++) {
                        const vec v = vec_load(window + (ky * in.w + kx) * MAPS + t);
                        const ivec more = v > best;
                        best = vec_where(more, v, best);
                        which = (ivec_all(ky * k + kx) & more) | (which & ~more);
                    }
                vec_store(y, best);
                if (from) bytes_store(from, which), from += VL;
            }
        }
}

/* The gradient goes to the pixel that the output came from. */
INLINE void plane_backward(const int k, const int step, const struct layer *l, const float *d, const unsigned char *from, float *to)
{
    const struct shape in = l->in[0], out = l->out;
    const int tile = step == k && in.h % k == 0 && in.w % k == 0; /* every pixel is written once: nothing to clear */
    for (int i = 0; !tile && i < in.h * in.w * MAPS; i++) to[i] = 0;
    for (int i = 0; i < out.h; i++)
        for (int j = 0; j < out.w; j++)
            for (int t = 0; t < MAPS; t += VL, d += VL, from += VL) {
                float *window = to + (i * step * in.w + j * step) * MAPS + t;
                const vec v = vec_load(d);
                const ivec which = bytes_load(from);
                for (int ky = 0; ky < k; ky++)
                    for (int kx = 0; kx < k; kx++) {
                        float *pixel = window + (ky * in.w + kx) * MAPS;
                        const vec hit = vec_where(which == ivec_all(ky * k + kx), v, vec_all(0));
                        if (tile) vec_store(pixel, hit);
                        else vec_store(pixel, vec_load(pixel) + hit);
                    }
            }
}

INLINE void plane_tangent(const int k, const int step, const struct layer *l, const float *v, const unsigned char *from, float *vy)
{
    const struct shape in = l->in[0], out = l->out;
    for (int i = 0; i < out.h; i++)
        for (int j = 0; j < out.w; j++)
            for (int t = 0; t < MAPS; t += VL, vy += VL, from += VL) {
                const float *window = v + (i * step * in.w + j * step) * MAPS + t;
                const ivec which = bytes_load(from);
                vec got = vec_all(0);
                for (int ky = 0; ky < k; ky++)
                    for (int kx = 0; kx < k; kx++)
                        got = vec_where(which == ivec_all(ky * k + kx), vec_load(window + (ky * in.w + kx) * MAPS), got);
                vec_store(vy, got);
            }
}

/* Where plane a of what goes in, or comes out, begins. */
static size_t plane_at(struct shape s, int a)
{
    return (size_t)a * (size_t)(s.h * s.w) * MAPS;
}

static void forward(const struct layer *l, const struct pass *p)
{
    const struct own *o = l->own;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const float *x = p->x[0] + plane_at(l->in[0], a);
        const size_t at = plane_at(l->out, a);
        unsigned char *from = p->saved ? (unsigned char *)p->saved + at : NULL;
        if (o->k == 2 && o->stride == 2) plane_forward(2, 2, l, x, p->y + at, from);
        else plane_forward(o->k, o->stride, l, x, p->y + at, from);
    }
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    (void)dw;
    if (!dx[0]) return;
    const struct own *o = l->own;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        float *to = dx[0] + plane_at(l->in[0], a);
        const size_t at = plane_at(l->out, a);
        const unsigned char *from = (const unsigned char *)p->saved + at;
        if (o->k == 2 && o->stride == 2) plane_backward(2, 2, l, dy + at, from, to);
        else plane_backward(o->k, o->stride, l, dy + at, from, to);
    }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    (void)vw;
    const struct own *o = l->own;
    const int planes = PLANES(l, p);
#pragma omp parallel for schedule(static)
    for (int a = 0; a < planes; a++) {
        const float *v = vx[0] + plane_at(l->in[0], a);
        const size_t at = plane_at(l->out, a);
        const unsigned char *from = (const unsigned char *)p->saved + at;
        if (o->k == 2 && o->stride == 2) plane_tangent(2, 2, l, v, from, vy + at);
        else plane_tangent(o->k, o->stride, l, v, from, vy + at);
    }
}

LAYER(maxpool) = {.name = "maxpool", .about = "maximum over windows", .options = options, .own = sizeof(struct own), .inputs = 1, .forgets = FORGETS_X | FORGETS_Y,
    .shape = shape, .saved = saved, .forward = forward, .backward = backward, .tangent = tangent};
