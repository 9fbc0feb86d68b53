/* y = W x + b on vectors of features, W [out][in], 64 images a block.
 *
 * The products are our own: the matrices of these layers are small, and OpenBLAS rounds a column by where it stands in its
 * block, while an answer of the black box may not depend on the queries beside it. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "nn/layer.h"
#include "nn/layers/vec.h"

static const struct option options[] = {{"out", OPTION_INT, NULL, 1, 1 << 20, 0, "features that come out; K: the classes"},
    {"bias", OPTION_INT, "1", 0, 1, 0, "with a bias"},
    {"init", OPTION_CHOICE, "pytorch", 0, 0, "pytorch zero_bias", "PyTorch's default, or the same with a bias of 0"}, OPTION_END};

struct own {
    int zero_bias; /* initialisation */
};

static int shape(struct layer *l, const struct spec *opt)
{
    const int in = l->in[0].c, out = (int)spec_int(opt, "out");
    if (l->in[0].lanes != VECTORS)
        return err_set(ERR_SHAPE, "linear: found maps of %dx%dx%d, expected vectors (flatten before it)", in, l->in[0].h, l->in[0].w);
    l->out = (struct shape){out, 1, 1, VECTORS};
    l->params = 1 + (int)spec_int(opt, "bias");
    l->param[0] = param_new("weight", 2, out, in, 0, 0);
    l->param[1] = param_new("bias", 1, out, 0, 0, 0);
    l->flops = (double)in * out;
    ((struct own *)l->own)->zero_bias = spec_is(opt, "init", "zero_bias");
    return OK;
}

static void init(const struct layer *l, float *w, float *stat, struct rng *r)
{
    (void)stat;
    for (int i = 0; i < l->params; i++) layer_init_uniform(w + l->param[i].at, l->param[i].size, 1 / sqrt(l->in[0].c), r);
    if (((const struct own *)l->own)->zero_bias && l->params > 1) memset(w + l->param[1].at, 0, l->param[1].size * sizeof *w);
}

#ifdef LAYER_SIMD_naive

static void multiply(int groups, int in, int out, const float *w, size_t wrow, size_t wcol, const float *b, const float *x, int add, float *y)
{
    for (int g = 0; g < groups; g++)
        for (int o = 0; o < out; o++)
            for (int t = 0; t < VECTORS; t++) {
                double s = b ? (double)b[o] : 0;
                for (int c = 0; c < in; c++) s += (double)w[(size_t)o * wrow + (size_t)c * wcol] * (double)x[(g * in + c) * VECTORS + t];
                float *to = y + (g * out + o) * VECTORS + t;
                *to = (float)s + (add ? *to : 0);
            }
}

/* dw [out][in] += sum over images dy x' */
static void gradient(int groups, int in, int out, const float *x, const float *dy, float *dw)
{
    for (int o = 0; o < out; o++)
        for (int c = 0; c < in; c++) {
            double s = 0;
            for (int g = 0; g < groups; g++)
                for (int t = 0; t < VECTORS; t++) s += (double)dy[(g * out + o) * VECTORS + t] * (double)x[(g * in + c) * VECTORS + t];
            dw[o * in + c] += (float)s;
        }
}

#else

enum { OB = VL == 16 ? 6 : 3, XT = 4 }; /* sums in registers: OB rows times XT vectors of lanes */

/* y[i] = b[i] + sum_c w[i * wrow + c * wcol] x[c] (b may be NULL; add: y +=) for ob rows and XT vectors of lanes */
INLINE void rows_of(const int ob, int in, const float *w, size_t wrow, size_t wcol, const float *b, const float *x, int add, float *y)
{
    vec s[OB][XT];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) s[i][q] = vec_all(b ? b[i] : 0.0f);
    for (int c = 0; c < in; c++, x += VECTORS, w += wcol) {
        vec v[XT];
        for (int q = 0; q < XT; q++) v[q] = vec_load(x + q * VL);
        for (int i = 0; i < ob; i++) {
            const float a = w[(size_t)i * wrow];
            for (int q = 0; q < XT; q++) s[i][q] += a * v[q];
        }
    }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) {
            if (add) s[i][q] += vec_load(y + i * VECTORS + q * VL);
            vec_store(y + i * VECTORS + q * VL, s[i][q]);
        }
}

/* y [groups][out][lanes] = W x + b, x [groups][in][lanes]; the weight of (o, c) is w[o * wrow + c * wcol]. */
static void multiply(int groups, int in, int out, const float *w, size_t wrow, size_t wcol, const float *b, const float *x, int add, float *y)
{
    const int nb = (out + OB - 1) / OB;
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int t = 0; t < nb; t++) {
            const int o = out * t / nb, ob = out * (t + 1) / nb - o; /* blocks of nearly equal size */
            const float *wo = w + (size_t)o * wrow, *bo = b ? b + o : NULL;
            for (int lane = 0; lane < VECTORS; lane += XT * VL) {
                const float *from = x + (size_t)g * (size_t)in * VECTORS + lane;
                float *to = y + ((size_t)g * (size_t)out + (size_t)o) * VECTORS + lane;
                switch (ob) { /* constants where it is inlined */
                case 6: rows_of(OB < 6 ? OB : 6, in, wo, wrow, wcol, bo, from, add, to); break;
                case 5: rows_of(OB < 5 ? OB : 5, in, wo, wrow, wcol, bo, from, add, to); break;
                case 4: rows_of(OB < 4 ? OB : 4, in, wo, wrow, wcol, bo, from, add, to); break;
                case 3: rows_of(3, in, wo, wrow, wcol, bo, from, add, to); break;
                case 2: rows_of(2, in, wo, wrow, wcol, bo, from, add, to); break;
                default: rows_of(1, in, wo, wrow, wcol, bo, from, add, to);
                }
            }
        }
}

enum { CT = XT * VL, OT = 128 }; /* a task of the gradient: inputs times outputs */

/* to [lanes][CT] = x [count][lanes], count <= CT; the rest is zero */
static void transpose(const float *x, int count, float *to)
{
    for (int i = 0; i < CT; i += VL)
        for (int t = 0; t < VECTORS; t += VL) {
            vec v[VL];
            for (int q = 0; q < VL; q++) {
                if (i + q < count) v[q] = vec_load(x + (i + q) * VECTORS + t);
                else v[q] = vec_all(0);
            }
            vec_transpose(v);
            for (int q = 0; q < VL; q++) vec_store(to + (t + q) * CT + i, v[q]);
        }
}

/* dw [ob][count <= CT] += dy [ob][lanes] times x [lanes][CT] */
INLINE void gradient_of(const int ob, const float *x, const float *dy, float *dw, int in, int count)
{
    vec s[OB][XT];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) s[i][q] = vec_all(0);
    for (int t = 0; t < VECTORS; t++, x += CT) {
        vec v[XT];
        for (int q = 0; q < XT; q++) v[q] = vec_load(x + q * VL);
        for (int i = 0; i < ob; i++) {
            const float a = dy[i * VECTORS + t];
            for (int q = 0; q < XT; q++) s[i][q] += a * v[q];
        }
    }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) {
            float *to = dw + (size_t)i * (size_t)in + q * VL;
            if ((q + 1) * VL <= count) vec_store_any(to, vec_load_any(to) + s[i][q]);
            else for (int k = 0; k < count - q * VL; k++) to[k] += s[i][q][k];
        }
}

/* dw [out][in] += sum over images dy x': blocks of images in order. */
static void gradient(int groups, int in, int out, const float *x, const float *dy, float *dw)
{
#pragma omp parallel for schedule(static) collapse(2)
    for (int c0 = 0; c0 < in; c0 += CT)
        for (int o0 = 0; o0 < out; o0 += OT) {
            const int count = in - c0 < CT ? in - c0 : CT, rows = out - o0 < OT ? out - o0 : OT, nb = (rows + OB - 1) / OB;
            float turned[VECTORS * CT] __attribute__((aligned(64)));
            for (int g = 0; g < groups; g++) {
                transpose(x + ((size_t)g * (size_t)in + (size_t)c0) * VECTORS, count, turned);
                for (int b = 0; b < nb; b++) {
                    const int o = o0 + rows * b / nb, ob = o0 + rows * (b + 1) / nb - o;
                    const float *d = dy + ((size_t)g * (size_t)out + (size_t)o) * VECTORS;
                    float *to = dw + (size_t)o * (size_t)in + c0;
                    switch (ob) {
                    case 6: gradient_of(OB < 6 ? OB : 6, turned, d, to, in, count); break;
                    case 5: gradient_of(OB < 5 ? OB : 5, turned, d, to, in, count); break;
                    case 4: gradient_of(OB < 4 ? OB : 4, turned, d, to, in, count); break;
                    case 3: gradient_of(3, turned, d, to, in, count); break;
                    case 2: gradient_of(2, turned, d, to, in, count); break;
                    default: gradient_of(1, turned, d, to, in, count);
                    }
                }
            }
        }
}

#endif

static void bias_gradient(int groups, int out, const float *dy, float *db)
{
    enum { AT_ONCE = 8 }; /* outputs whose sums do not wait for each other */
    for (int i = 0; i < out; i += AT_ONCE) {
        const int count = out - i < AT_ONCE ? out - i : AT_ONCE;
        float s[AT_ONCE] = {0};
        for (int g = 0; g < groups; g++) {
            const float *d = dy + ((size_t)g * (size_t)out + (size_t)i) * VECTORS;
            if (count == AT_ONCE)
                for (int j = 0; j < VECTORS; j++)
                    for (int q = 0; q < AT_ONCE; q++) s[q] += d[q * VECTORS + j];
            else
                for (int q = 0; q < count; q++)
                    for (int j = 0; j < VECTORS; j++) s[q] += d[q * VECTORS + j];
        }
        for (int q = 0; q < count; q++) db[i + q] += s[q];
    }
}

/* y = W x + b, or with add: y += */
static void apply(const struct layer *l, int n, const float *w, const float *b, const float *x, int add, float *y)
{
    const int in = l->in[0].c;
    multiply(shape_groups(l->out, n), in, l->out.c, w, (size_t)in, 1, b, x, add, y);
}

static void forward(const struct layer *l, const struct pass *p)
{
    apply(l, p->n, p->w + l->param[0].at, l->params > 1 ? p->w + l->param[1].at : NULL, p->x[0], 0, p->y);
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    const int in = l->in[0].c, out = l->out.c, groups = shape_groups(l->out, p->n);
    if (dw) gradient(groups, in, out, p->x[0], dy, dw + l->param[0].at);
    if (dw && l->params > 1) bias_gradient(groups, out, dy, dw + l->param[1].at);
    if (dx[0]) multiply(groups, out, in, p->w + l->param[0].at, 1, (size_t)in, NULL, dy, 0, dx[0]);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    if (vx[0]) apply(l, p->n, p->w + l->param[0].at, NULL, vx[0], 0, vy);
    if (!vw) return;
    apply(l, p->n, vw + l->param[0].at, l->params > 1 ? vw + l->param[1].at : NULL, p->x[0], vx[0] != NULL, vy);
}

LAYER(linear) = {.name = "linear", .about = "y = W x + b on vectors", .options = options, .own = sizeof(struct own), .inputs = 1, .forgets = FORGETS_Y,
    .shape = shape, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
