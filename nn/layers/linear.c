/* y = W x + b on vectors of features, W [out][in], 64 images a block.
 *
 * The gradients are OpenBLAS products. The forward product is our own: OpenBLAS rounds a column differently by where it
 * stands in the block, and an answer of the black box may not depend on the queries beside it. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "nn/blas.h"
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

/* C [m][n] (+)= op(A) op(B): OpenBLAS, or plain loops in the naive twin. */
static void product(enum blas_op ta, enum blas_op tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                    float beta, float *c, int ldc)
{
#ifdef LAYER_SIMD_naive
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int q = 0; q < k; q++)
                s += (double)(ta == BLAS_TRANSPOSE ? a[q * lda + i] : a[i * lda + q]) *
                     (double)(tb == BLAS_TRANSPOSE ? b[j * ldb + q] : b[q * ldb + j]);
            c[i * ldc + j] = (float)s + (beta != 0 ? beta * c[i * ldc + j] : 0);
        }
#else
    blas_gemm(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
#endif
}

/* Tiles have a fixed size, so that what is computed does not depend on the number of threads. */
enum { TILE = 64 };

static int tiles(int n)
{
    return (n + TILE - 1) / TILE;
}

static int tile_size(int n, int t)
{
    return n - t * TILE < TILE ? n - t * TILE : TILE;
}

#ifdef LAYER_SIMD_naive

static void apply(const struct layer *l, int n, const float *w, const float *b, const float *x, int add, float *y)
{
    const int in = l->in[0].c, out = l->out.c;
    for (int g = 0; g < shape_groups(l->out, n); g++)
        for (int o = 0; o < out; o++)
            for (int t = 0; t < VECTORS; t++) {
                double s = b ? (double)b[o] : 0;
                for (int c = 0; c < in; c++) s += (double)w[o * in + c] * (double)x[(g * in + c) * VECTORS + t];
                float *to = y + (g * out + o) * VECTORS + t;
                *to = (float)s + (add ? *to : 0);
            }
}
#else

enum { OB = 4, XT = 4 }; /* 4 outputs times 4 registers of lanes are summed at once */

/* y[i] = b[i] + sum_c w[i][c] x[c] (add: y +=) for ob outputs and XT registers of lanes */
INLINE void outputs(const int ob, int in, const float *w, const float *b, const float *x, int add, float *y)
{
    vec s[OB][XT];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) s[i][q] = vec_all(b ? b[i] : 0.0f);
    for (int c = 0; c < in; c++, x += VECTORS) {
        vec v[XT];
        for (int q = 0; q < XT; q++) v[q] = vec_load(x + q * VL);
        for (int i = 0; i < ob; i++) {
            const float a = w[(size_t)i * (size_t)in + (size_t)c];
            for (int q = 0; q < XT; q++) s[i][q] += a * v[q];
        }
    }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < XT; q++) {
            if (add) s[i][q] += vec_load(y + i * VECTORS + q * VL);
            vec_store(y + i * VECTORS + q * VL, s[i][q]);
        }
}

/* y = W x + b (b may be NULL; add: y +=): one task a block of images and OB outputs. */
static void apply(const struct layer *l, int n, const float *w, const float *b, const float *x, int add, float *y)
{
    const int in = l->in[0].c, out = l->out.c, groups = shape_groups(l->out, n), nb = (out + OB - 1) / OB;
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int t = 0; t < nb; t++) {
            const int o = t * OB, ob = out - o < OB ? out - o : OB;
            for (int lane = 0; lane < VECTORS; lane += XT * VL) {
                const float *wo = w + (size_t)o * (size_t)in, *bo = b ? b + o : NULL, *from = x + (size_t)g * (size_t)in * VECTORS + lane;
                float *to = y + ((size_t)g * (size_t)out + (size_t)o) * VECTORS + lane;
                if (ob == 4) outputs(4, in, wo, bo, from, add, to);
                else for (int i = 0; i < ob; i++) outputs(1, in, wo + (size_t)i * (size_t)in, bo ? bo + i : NULL, from, add, to + i * VECTORS);
            }
        }
}

#endif

static void forward(const struct layer *l, const struct pass *p)
{
    apply(l, p->n, p->w + l->param[0].at, l->params > 1 ? p->w + l->param[1].at : NULL, p->x[0], 0, p->y);
}

/* dw += sum over images dy x', db += sum over images dy: one task a tile of rows, blocks of images in order. */
static void gradient(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *db)
{
    const int in = l->in[0].c, out = l->out.c, groups = shape_groups(l->out, p->n), mt = tiles(out), nt = tiles(in);
#pragma omp parallel for schedule(static) collapse(2)
    for (int t = 0; t < mt; t++)
        for (int u = 0; u < nt; u++)
            for (int g = 0; g < groups; g++)
                product(BLAS_PLAIN, BLAS_TRANSPOSE, tile_size(out, t), tile_size(in, u), VECTORS,
                        dy + ((size_t)g * (size_t)out + (size_t)(t * TILE)) * VECTORS, VECTORS,
                        p->x[0] + ((size_t)g * (size_t)in + (size_t)(u * TILE)) * VECTORS, VECTORS, 1,
                        dw + (size_t)(t * TILE) * (size_t)in + u * TILE, in);
    for (int i = 0; db && i < out; i++) {
        float s = 0;
        for (int g = 0; g < groups; g++)
            for (int j = 0; j < VECTORS; j++) s += dy[((size_t)g * (size_t)out + (size_t)i) * VECTORS + (size_t)j];
        db[i] += s;
    }
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
    const int in = l->in[0].c, out = l->out.c, groups = shape_groups(l->out, p->n);
    const float *w = p->w + l->param[0].at;
    if (dw) gradient(l, p, dy, dw + l->param[0].at, l->params > 1 ? dw + l->param[1].at : NULL);
    if (!dx[0]) return;
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int t = 0; t < tiles(in); t++)
            product(BLAS_TRANSPOSE, BLAS_PLAIN, tile_size(in, t), VECTORS, out, w + t * TILE, in,
                    dy + (size_t)g * (size_t)out * VECTORS, VECTORS, 0, dx[0] + ((size_t)g * (size_t)in + (size_t)(t * TILE)) * VECTORS, VECTORS);
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    if (vx[0]) apply(l, p->n, p->w + l->param[0].at, NULL, vx[0], 0, vy);
    if (!vw) return;
    apply(l, p->n, vw + l->param[0].at, l->params > 1 ? vw + l->param[1].at : NULL, p->x[0], vx[0] != NULL, vy);
}

LAYER(linear) = {.name = "linear", .about = "y = W x + b on vectors", .options = options, .own = sizeof(struct own), .inputs = 1,
    .shape = shape, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
