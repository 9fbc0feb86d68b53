/* Convolution, w [out][in][k][k] as PyTorch's.
 *
 * By the direct kernel (direct.h), or by Winograd's where that pays; dw also by products on a turned dy (turned.h).
 *
 * forward   y[o] = b[o] + sum_c w[o][c] * x[c]                  on x with a border of `pad` zeros
 * dx        the same kernel on dy, w transposed and turned: for each phase of the stride the taps that reach it
 * dw        sums over images and pixels; one task a few output channels and one input channel, images in order
 * tangent   forward of (w, vx) plus forward of (vw, x) */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "nn/layer.h"
#include "nn/layers/direct.h"
#ifdef _OPENMP
#include <omp.h>
#endif
#ifndef LAYER_SIMD_naive
#include "nn/layers/turned.h"
#include "nn/layers/winograd.h"
#include "nn/layers/winograd5.h"
#include "nn/layers/winograd5_rows.h"
#endif

/* direct.h (dw: below); turned.h; winograd.h; winograd5.h; winograd5_rows.h */
enum way { DIRECT, TURNED, WINOGRAD, WINOGRAD5, WINOGRAD5_ROWS };

struct own {
    int k, stride, pad;
    int fan_out;          /* initialisation */
    enum way way, dx, dw; /* forward and tangent; the gradients */
    int slots;            /* threads that may share a convolution */
};

static const struct option options[] = {{"out", OPTION_INT, NULL, 1, 1 << 20, 0, "channels that come out"},
    {"k", OPTION_INT, "3", 1, 11, 0, "side of the kernel"}, {"stride", OPTION_INT, "1", 1, 8, 0, "step of the kernel"},
    {"pad", OPTION_INT, "0", 0, 10, 0, "zeros around the map"}, {"bias", OPTION_INT, "1", 0, 1, 0, "with a bias"},
    {"init", OPTION_CHOICE, "pytorch", 0, 0, "pytorch fan_out", "PyTorch's default, or normal with variance 2 / (k k out)"}, OPTION_END};

/* Threads for which a convolution's scratch has room: those that there were when its layer was made (o NULL: now). */
static int slots(const struct own *o)
{
#ifdef _OPENMP
    return o ? o->slots : omp_get_max_threads();
#else
    (void)o;
    return 1;
#endif
}

#ifndef LAYER_SIMD_naive

/* What pays. */
static void choose(struct own *o, int ic, int oc)
{
    o->dw = turned_pays(oc) ? TURNED : DIRECT;
    if (!layer_winograd()) return;
    if (winograd_pays(ic, oc, o->k, o->stride)) o->way = o->dx = o->dw = WINOGRAD;
    if (winograd5_rows_pays(ic, oc, o->k, o->stride)) o->way = o->dw = WINOGRAD5_ROWS;
    if (winograd5_pays(ic, oc, o->k, o->stride)) {
        o->way = o->dx = WINOGRAD5;
        if (winograd5_dw_pays(oc)) o->dw = WINOGRAD5;
    }
}

#endif

static int shape(struct layer *l, const struct spec *opt)
{
    struct own *o = l->own;
    const struct shape in = l->in[0];
    const int out = (int)spec_int(opt, "out");
    *o = (struct own){.k = (int)spec_int(opt, "k"), .stride = (int)spec_int(opt, "stride"), .pad = (int)spec_int(opt, "pad"),
                      .fan_out = spec_is(opt, "init", "fan_out"), .slots = slots(NULL)};
    if (in.lanes != MAPS || in.h + 2 * o->pad < o->k || in.w + 2 * o->pad < o->k || o->pad >= o->k)
        return err_set(ERR_SHAPE, "conv: found %dx%d with a border of %d, expected maps of at least %dx%d and a border below k",
                       in.h, in.w, o->pad, o->k, o->k);
    l->out = (struct shape){out, (in.h + 2 * o->pad - o->k) / o->stride + 1, (in.w + 2 * o->pad - o->k) / o->stride + 1, MAPS};
    l->params = 1 + (int)spec_int(opt, "bias");
    l->param[0] = param_new("weight", 4, out, in.c, o->k, o->k);
    l->param[1] = param_new("bias", 1, out, 0, 0, 0);
    l->flops = (double)l->param[0].size * l->out.h * l->out.w;
#ifndef LAYER_SIMD_naive
    choose(o, in.c, out);
    l->together = (o->way == WINOGRAD && winograd_tiles(l->out.h, l->out.w) < 16) || /* the weights are transformed once a call */
                  (o->way == WINOGRAD5 && winograd5_together(in.c, out));
#endif
    return OK;
}

static void init(const struct layer *l, float *w, float *stat, struct rng *r)
{
    (void)stat;
    const struct own *o = l->own;
    const double fan_in = (double)l->in[0].c * o->k * o->k;
    for (int i = 0; i < l->params; i++) layer_init_uniform(w + l->param[i].at, l->param[i].size, 1 / sqrt(fan_in), r);
    for (size_t i = 0; o->fan_out && i < l->param[0].size; i++)
        w[l->param[0].at + i] = (float)(rng_normal(r) * sqrt(2.0 / (o->k * o->k * l->out.c)));
}

/* ---- maps with a border ----------------------------------------------------------------------- */

/* The frame of what the kernel slides over: x for forward, dy for dx. */
static struct frame frame_x(const struct layer *l)
{
    return frame_of(l->in[0], ((const struct own *)l->own)->pad);
}

/* One side of a phase: the pixels phase, phase + stride, ... of x. A step of the kernel that reaches them uses the taps
 * first, first + stride, ...; the last of them comes from pixel `from` of dy for the phase's first pixel. */
struct phase {
    int pixels, first, taps, from;
};

static struct phase phase_of(const struct own *o, int phase, int size)
{
    const int first = (phase + o->pad) % o->stride, taps_all = first < o->k ? (o->k - first + o->stride - 1) / o->stride : 0;
    return (struct phase){phase < size ? (size - phase + o->stride - 1) / o->stride : 0, first, taps_all,
                          (phase + o->pad) / o->stride - taps_all + 1};
}

/* The pixels beyond dy [out] that the phases of x [size] look at. */
static int reach(const struct own *o, int size, int out)
{
    int most = 0;
    for (int i = 0; i < o->stride; i++) {
        const struct phase p = phase_of(o, i, size);
        const int after = p.from + p.pixels + p.taps - 1 - out;
        if (!p.taps || !p.pixels) continue;
        if (-p.from > most) most = -p.from;
        if (after > most) most = after;
    }
    return most;
}

static struct frame frame_dy(const struct layer *l)
{
    const int y = reach(l->own, l->in[0].h, l->out.h), x = reach(l->own, l->in[0].w, l->out.w);
    return frame_of(l->out, y > x ? y : x);
}

/* x [group][c][h][w][lanes] in its frame: copied into `to`, or x itself where the frame adds nothing. above: the rows above
 * and below the content are written too (the kernel does not look at them, the gradient of the weights does). */
static const float *framed(const struct frame *f, int groups, const float *x, int above, float *to)
{
    if (f->border == 0) return x;
    const size_t row = (size_t)f->w * MAPS, side = (size_t)f->border * MAPS, real = (size_t)f->real_w * MAPS;
#pragma omp parallel for schedule(static)
    for (int a = 0; a < groups * f->c; a++) {
        float *plane = to + (size_t)a * (size_t)f->h * row;
        const float *from = x + (size_t)a * (size_t)f->real_h * real;
        for (int y = 0; y < f->h; y++, plane += row) {
            if (y < f->border || y >= f->border + f->real_h) {
                if (above) memset(plane, 0, row * sizeof *plane);
                continue;
            }
            memset(plane, 0, side * sizeof *plane);
            memcpy(plane + side, from, real * sizeof *plane);
            memset(plane + side + real, 0, side * sizeof *plane);
            from += real;
        }
    }
    return to;
}

static size_t scratch(const struct layer *l, int n)
{
    const struct frame a = frame_x(l), b = frame_dy(l);
    const size_t groups = (size_t)shape_groups(l->out, n), x = groups * frame_size(&a), dy = groups * frame_size(&b);
    const size_t direct = (x > dy ? x : dy) + (l->param[0].size + MAPS - 1) / MAPS * MAPS;
#ifndef LAYER_SIMD_naive
    const struct own *o = l->own;
    const int ic = l->in[0].c, oc = l->out.c, count = (int)groups, forth = count * winograd_tiles(l->out.h, l->out.w), back = count * winograd_tiles(l->in[0].h, l->in[0].w);
    const size_t minimal = o->way == WINOGRAD ? winograd_scratch(ic, oc, forth, back, slots(o)) : o->way == WINOGRAD5 ? winograd5_scratch(ic, oc, count)
                         : o->way == WINOGRAD5_ROWS ? winograd5_rows_scratch(ic, oc, count) : 0;
    if (minimal > direct) return minimal;
#endif
    return direct;
}

#ifndef LAYER_SIMD_naive

static struct winograd minimal(const struct layer *l, const float *w, const float *b, int add)
{
    const struct own *o = l->own;
    const size_t kk = (size_t)(o->k * o->k);
    return (struct winograd){l->in[0].c, l->in[0].h, l->in[0].w, o->pad, l->out.c, l->out.h, l->out.w, w, b,
                             (size_t)l->in[0].c * kk, kk, 0, add, slots(o)};
}

/* The transpose: dy takes the place of x. */
static struct winograd minimal_transpose(const struct layer *l, const float *w)
{
    const struct own *o = l->own;
    const size_t kk = (size_t)(o->k * o->k);
    return (struct winograd){l->out.c, l->out.h, l->out.w, o->k - 1 - o->pad, l->in[0].c, l->in[0].h, l->in[0].w, w, NULL,
                             kk, (size_t)l->in[0].c * kk, 1, 0, slots(o)};
}

#endif

static void forward_with(const struct layer *l, const struct pass *p, const float *x, const float *w, const float *b, int add, float *y)
{
    const struct own *o = l->own;
    const int groups = shape_groups(l->out, p->n);
#ifndef LAYER_SIMD_naive
    const struct winograd wg = minimal(l, w, b, add);
    if (o->way == WINOGRAD) winograd(&wg, groups, x, p->scratch, y);
    if (o->way == WINOGRAD5) winograd5(&wg, groups, 1, &x, &w, p->scratch, y);
    if (o->way == WINOGRAD5_ROWS) winograd5_rows(&wg, groups, x, p->scratch, y);
    if (o->way != DIRECT) return;
#endif
    struct job j = {.f = frame_x(l), .oc = l->out.c, .h = l->out.h, .w = l->out.w, .kh = o->k, .kw = o->k, .stride = o->stride,
                    .oh = l->out.h, .ow = l->out.w, .step = 1, .weight = w, .bias = b, .out = y, .add = add};
    j.x = framed(&j.f, groups, x, ROWS_ABOVE, p->scratch);
    convolve(&j, groups);
}

static void forward(const struct layer *l, const struct pass *p)
{
    forward_with(l, p, p->x[0], p->w + l->param[0].at, l->params > 1 ? p->w + l->param[1].at : NULL, 0, p->y);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
#ifndef LAYER_SIMD_naive
    if (((const struct own *)l->own)->way == WINOGRAD5 && vw && vx[0]) { /* both in one go */
        const struct winograd wg = minimal(l, NULL, l->params > 1 ? vw + l->param[1].at : NULL, 0);
        const float *const x[] = {vx[0], p->x[0]}, *const w[] = {p->w + l->param[0].at, vw + l->param[0].at};
        winograd5(&wg, shape_groups(l->out, p->n), 2, x, w, p->scratch, vy);
        return;
    }
#endif
    if (vx[0]) forward_with(l, p, vx[0], p->w + l->param[0].at, NULL, 0, vy);
    if (vw) forward_with(l, p, p->x[0], vw + l->param[0].at, l->params > 1 ? vw + l->param[1].at : NULL, vx[0] != NULL, vy);
}

/* ---- the gradient of the weights --------------------------------------------------------------- */

static float lanes_sum(const float *v)
{
    float total = 0;
    for (int t = 0; t < MAPS; t++) total += v[t];
    return total;
}

static void bias_gradient(const struct layer *l, int groups, const float *dy, float *db)
{
    const int pixels = l->out.h * l->out.w;
#pragma omp parallel for schedule(static)
    for (int o = 0; o < l->out.c; o++) {
        float s[MAPS] = {0};
        for (int g = 0; g < groups; g++) {
            const float *d = dy + ((size_t)g * (size_t)l->out.c + (size_t)o) * (size_t)pixels * MAPS;
            for (int i = 0; i < pixels; i++)
                for (int t = 0; t < MAPS; t++) s[t] += d[i * MAPS + t];
        }
        db[o] += lanes_sum(s);
    }
}

#ifdef LAYER_SIMD_naive

static void gradient(const struct layer *l, int groups, const struct frame *f, const float *x, const float *dy, float *dw, float *db)
{
    const struct own *o = l->own;
    const int h = l->out.h, w = l->out.w, k = o->k;
    for (int q = 0; q < l->out.c; q++)
        for (int c = 0; c < f->c; c++)
            for (int ky = 0; ky < k; ky++)
                for (int kx = 0; kx < k; kx++) {
                    double s = 0;
                    for (int g = 0; g < groups; g++)
                        for (int i = 0; i < h * w; i++)
                            for (int t = 0; t < MAPS; t++)
                                s += (double)dy[(((size_t)g * (size_t)l->out.c + (size_t)q) * (size_t)(h * w) + (size_t)i) * MAPS + (size_t)t] *
                                     (double)x[((((size_t)g * (size_t)f->c + (size_t)c) * (size_t)f->h + (size_t)(i / w * o->stride + ky)) * (size_t)f->w +
                                        (size_t)(i % w * o->stride + kx)) * MAPS + (size_t)t];
                    dw[((q * f->c + c) * k + ky) * k + kx] += (float)s;
                }
    if (db) bias_gradient(l, groups, dy, db);
}

#else

enum { KX = 5, KMAX = 11 }; /* taps that are summed at once in registers; the largest kernel */
enum { GB = VL == 16 ? 4 : 2, L1 = 24 << 10 }; /* output channels of a block; bytes of rows that are gone over for each row of the kernel */

/* sum[i][kx0 + q] += over `rows` rows of pixels: ob channels of dy times kt taps of x, one register of lanes. */
INLINE void rows_gradient(const int ob, const int kt, const struct layer *l, int rows, const float *dy, size_t xrow, const float *x, float *sum)
{
    const struct own *o = l->own;
    const int w = l->out.w, step = o->stride * MAPS, taps_all = o->k * o->k;
    const size_t oplane = (size_t)(l->out.h * w) * MAPS;
    vec s[GB][KX];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < kt; q++) s[i][q] = vec_load(sum + (i * taps_all + q) * MAPS);
    for (int y = 0; y < rows; y++, x += xrow)
        for (int a = 0; a < w; a++, dy += MAPS) {
            vec d[GB];
            for (int i = 0; i < ob; i++) d[i] = vec_load(dy + (size_t)i * oplane);
            for (int q = 0; q < kt; q++) {
                const vec v = vec_load(x + a * step + q * MAPS);
                for (int i = 0; i < ob; i++) s[i][q] += d[i] * v;
            }
        }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < kt; q++) vec_store(sum + (i * taps_all + q) * MAPS, s[i][q]);
}

/* sum[i] += `pixels` pixels of ob channels of dy, one register of lanes. */
INLINE void pixels_gradient(const int ob, int pixels, size_t oplane, const float *dy, float *sum)
{
    vec s[GB];
    for (int i = 0; i < ob; i++) s[i] = vec_load(sum + i * MAPS);
    for (int a = 0; a < pixels; a++)
        for (int i = 0; i < ob; i++) s[i] += vec_load(dy + (size_t)i * oplane + (size_t)(a * MAPS));
    for (int i = 0; i < ob; i++) vec_store(sum + i * MAPS, s[i]);
}

/* bias [ob][lanes] is summed on the way, or NULL. */
INLINE void block_gradient(const int ob, const struct layer *l, int groups, const struct frame *f, const float *x, const float *dy, float *sum, float *bias)
{
    const struct own *o = l->own;
    const int k = o->k, h = l->out.h, w = l->out.w;
    const size_t oplane = (size_t)(h * w) * MAPS, xrow = (size_t)(o->stride * f->w) * MAPS;
    const int fit = L1 / ((ob * w + o->stride * f->w) * MAPS * (int)sizeof(float)), most = fit > 0 ? fit : 1;
    for (int g = 0; g < groups; g++, x += frame_size(f), dy += (size_t)l->out.c * oplane)
        for (int y = 0; y < h; y += most) {
            const int rows = h - y < most ? h - y : most;
            for (int t = 0; t < MAPS && bias; t += VL) pixels_gradient(ob, rows * w, oplane, dy + y * w * MAPS + t, bias + t);
            for (int ky = 0; ky < k; ky++)
                for (int kx = 0; kx < k;) {
                    const int kt = k - kx >= 5 ? 5 : k - kx >= 3 ? 3 : 1;
                    for (int t = 0; t < MAPS; t += VL) {
                        const float *d = dy + y * w * MAPS + t, *v = x + ((y * o->stride + ky) * f->w + kx) * MAPS + t;
                        float *to = sum + (ky * k + kx) * MAPS + t;
                        if (kt == 5) rows_gradient(ob, 5, l, rows, d, xrow, v, to);
                        else if (kt == 3) rows_gradient(ob, 3, l, rows, d, xrow, v, to);
                        else rows_gradient(ob, 1, l, rows, d, xrow, v, to);
                    }
                    kx += kt;
                }
        }
}

/* dw += : one task a block of output channels and one input channel, so that no two write the same weight. db (may be NULL) += :
 * by the tasks of the first input channel, while they have dy. */
static void gradient(const struct layer *l, int groups, const struct frame *f, const float *x, const float *dy, float *dw, float *db)
{
    const struct own *o = l->own;
    const int nb = blocks(l->out.c, GB), kk = o->k * o->k;
#pragma omp parallel for schedule(static) collapse(2)
    for (int b = 0; b < nb; b++)
        for (int c = 0; c < f->c; c++) {
            const int q = l->out.c * b / nb, ob = l->out.c * (b + 1) / nb - q;
            float sum[GB * KMAX * KMAX * MAPS] __attribute__((aligned(64)));
            float bias[GB * MAPS] __attribute__((aligned(64))) = {0}, *with = db && c == 0 ? bias : NULL;
            for (int i = 0; i < ob * kk * MAPS; i++) sum[i] = 0;
            const float *d = dy + (size_t)q * (size_t)(l->out.h * l->out.w) * MAPS, *v = x + (size_t)c * (size_t)(f->h * f->w) * MAPS;
            if (ob == 4) block_gradient(GB < 4 ? GB : 4, l, groups, f, v, d, sum, with);
            else if (ob == 3) block_gradient(GB < 3 ? GB : 3, l, groups, f, v, d, sum, with);
            else if (ob == 2) block_gradient(2, l, groups, f, v, d, sum, with);
            else block_gradient(1, l, groups, f, v, d, sum, with);
            for (int i = 0; i < ob; i++)
                for (int a = 0; a < kk; a++)
                    dw[((size_t)(q + i) * (size_t)f->c + (size_t)c) * (size_t)kk + (size_t)a] += lanes_sum(sum + (i * kk + a) * MAPS);
            for (int i = 0; with && i < ob; i++) db[q + i] += lanes_sum(bias + i * MAPS);
        }
}

#endif

/* ---- backward --------------------------------------------------------------------------------- */

/* [out][in][k][k] -> [in][out][taps][taps] of a phase, each kernel turned by half a turn */
static void turn(const struct layer *l, const struct phase *py, const struct phase *px, const float *w, float *to)
{
    const struct own *o = l->own;
    const int oc = l->out.c, ic = l->in[0].c, k = o->k;
#pragma omp parallel for schedule(static)
    for (int c = 0; c < ic; c++)
        for (int q = 0; q < oc; q++)
            for (int y = 0; y < py->taps; y++)
                for (int x = 0; x < px->taps; x++)
                    to[((c * oc + q) * py->taps + y) * px->taps + x] =
                        w[((q * ic + c) * k + py->first + (py->taps - 1 - y) * o->stride) * k + px->first + (px->taps - 1 - x) * o->stride];
}

static void input_gradient(const struct layer *l, const struct pass *p, const float *dy, float *dx)
{
    const struct own *o = l->own;
    const struct shape in = l->in[0];
    const int groups = shape_groups(l->out, p->n);
    float *turned = p->scratch, *frame = p->scratch + (l->param[0].size + MAPS - 1) / MAPS * MAPS;
    struct job j = {.f = frame_dy(l), .oc = in.c, .stride = 1, .oh = in.h, .ow = in.w, .step = o->stride, .weight = turned, .out = dx};
    j.x = framed(&j.f, groups, dy, ROWS_ABOVE, frame);
    if (o->stride > o->k) memset(dx, 0, shape_floats(in, p->n) * sizeof *dx); /* pixels that no step reaches */
    for (j.oy = 0; j.oy < o->stride; j.oy++)
        for (j.ox = 0; j.ox < o->stride; j.ox++) {
            const struct phase py = phase_of(o, j.oy, in.h), px = phase_of(o, j.ox, in.w);
            if (!py.taps || !px.taps) continue;
            turn(l, &py, &px, p->w + l->param[0].at, turned);
            j.h = py.pixels, j.w = px.pixels;
            j.kh = py.taps, j.kw = px.taps;
            j.fy = j.f.border + py.from, j.fx = j.f.border + px.from;
            convolve(&j, groups);
        }
}

/* dw, db += ; db may be NULL */
static void weight_gradient(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *db)
{
    const int groups = shape_groups(l->out, p->n);
#ifndef LAYER_SIMD_naive
    const struct own *o = l->own;
    const struct winograd wg = minimal(l, NULL, NULL, 0);
    if (o->dw == WINOGRAD5_ROWS) { /* the bias on the way, as the direct kernel's */
        winograd5_rows_dw(&wg, groups, p->x[0], dy, p->scratch, dw, db);
        return;
    }
    if (o->dw != DIRECT && db) bias_gradient(l, groups, dy, db);
    if (o->dw == WINOGRAD) winograd_gradient(&wg, groups, p->x[0], dy, p->scratch, dw);
    if (o->dw == WINOGRAD5) winograd5_dw(&wg, groups, p->x[0], dy, p->scratch, dw);
    if (o->dw == WINOGRAD || o->dw == WINOGRAD5) return;
#endif
    const struct frame f = frame_x(l);
    const float *x = framed(&f, groups, p->x[0], 1, p->scratch);
#ifndef LAYER_SIMD_naive
    if (o->dw == TURNED) {
        turned_gradient(&(struct turned){f.c, f.h, f.w, l->out.c, l->out.h, l->out.w, o->k, o->stride, x, dy, dw}, groups);
        return;
    }
#endif
    gradient(l, groups, &f, x, dy, dw, db);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    if (dw) weight_gradient(l, p, dy, dw + l->param[0].at, l->params > 1 ? dw + l->param[1].at : NULL);
    if (!dx[0]) return;
#ifndef LAYER_SIMD_naive
    const int groups = shape_groups(l->out, p->n);
    const enum way way = ((const struct own *)l->own)->dx;
    if (way == WINOGRAD) {
        const struct winograd wg = minimal_transpose(l, p->w + l->param[0].at);
        winograd(&wg, groups, dy, p->scratch, dx[0]);
        return;
    }
    if (way == WINOGRAD5) {
        const struct winograd wg = minimal(l, p->w + l->param[0].at, NULL, 0);
        winograd5_dx(&wg, groups, dy, p->scratch, dx[0]);
        return;
    }
#endif
    input_gradient(l, p, dy, dx[0]);
}

LAYER(conv) = {.name = "conv", .about = "convolution", .options = options, .own = sizeof(struct own), .inputs = 1, .forgets = FORGETS_Y, .shape = shape,
    .scratch = scratch, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
