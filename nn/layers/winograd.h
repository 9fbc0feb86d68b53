/* Winograd's minimal filtering, F(4x4, 3x3), for 3x3 convolutions of stride 1 (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", CVPR 2016). A tile of 6x6 pixels of x gives 4x4 pixels of y:
 *
 *     U = G w G'    V = B' x B    M[p] = U[p] V[p], p = 1..36: products of [out][in] and [in][tiles]    y = A' M A
 *
 * 36 multiplications instead of 144. Images lie in lanes, so the transforms are sums of registers and a product is a weight
 * times a register, as in the direct kernel. tests/test_layers.c holds it to the naive twin. (F(2x2, 5x5) uses the same
 * points; with LeNet-5's few channels it was slower than the direct kernel.) */
#ifndef HEIST_NN_LAYERS_WINOGRAD_H
#define HEIST_NN_LAYERS_WINOGRAD_H

#include "nn/blas.h"
#include "nn/layers/vec.h"

enum {
    WK = 3, WM = 4,                /* side of the kernel; of a tile of y */
    WA = WM + WK - 1, WP = WA * WA, /* points along a side; in all */
    WO = VL == 16 ? 6 : 3, WX = 4, /* a product's sums in registers: WO output channels times WX vectors */
    WSUM = 32,                     /* input channels that are summed in one go */
    WSLICE = 32, WCHUNK = 4,       /* a task: output channels times tiles */
    WC = 16                        /* input channels that a task of the weights' transform takes */
};

/* A convolution of stride 1: maps x [groups][ic][h][w][lanes] with `pad` zeros around (rows and columns), which give out
 * [groups][oc][oh][ow][lanes]. The weight of (o, c, tap i) is w[o * so + c * sc + (turned ? 8 - i : i)]. */
struct winograd {
    int ic, h, w, pad;
    int oc, oh, ow;
    const float *weight, *bias; /* bias may be NULL */
    size_t so, sc;
    int turned;
    int add; /* out += */
};

static int winograd_panel(int ic) /* tiles that are transformed before they are multiplied: about 1 MiB */
{
    return ic >= 64 ? 8 : 512 / ic / WCHUNK * WCHUNK;
}

static int winograd_tiles(int h, int w) /* of an image */
{
    return ((h + WM - 1) / WM) * ((w + WM - 1) / WM);
}

/* Worth it: below this the transforms cost more than the products save. */
static int winograd_pays(int ic, int oc, int k, int stride)
{
    return stride == 1 && k == WK && ic >= 16 && oc >= 16;
}

/* The gradient of the weights is 36 products of OpenBLAS's, which small ones keep waiting. */
static int winograd_gradient_pays(int ic, int oc)
{
    return ic >= 64 && oc >= 64;
}

static int winograd_block(int ic, int oc) /* tiles of one product of the weights' gradient */
{
    return ic + oc >= 512 ? 8 : 4096 / (ic + oc);
}

/* Floats of scratch; enough for a convolution, for its transpose and for the gradient of its weights. */
static size_t winograd_scratch(int ic, int oc)
{
    const int panel = winograd_panel(ic < oc ? ic : oc), block = winograd_gradient_pays(ic, oc) ? winograd_block(ic, oc) : 0;
    const size_t rows = (size_t)((ic + WC - 1) / WC * WC), columns = (size_t)((oc + WC - 1) / WC * WC);
    return (size_t)WP * (rows * columns + (size_t)((ic + oc) * (panel > block ? panel : block) * MAPS));
}

/* ---- transforms along one side ------------------------------------------------------------------ */

/* The points: 0, +-NEAR, +-FAR and infinity, where NEAR = 1/sqrt(2) and FAR = sqrt(2): half the error of the usual
 * 0, +-1, +-2 and infinity, and with sums of WSUM channels no more than the direct kernel's. */
#define NEAR 0.70710678f
#define FAR 1.41421356f

/* to [6] = B' x, x [6] */
INLINE void winograd_input(const vec *x, vec *to)
{
    const vec e1 = x[4] - 2.0f * x[2], o1 = x[3] - 2.0f * x[1], e2 = x[4] - 0.5f * x[2], o2 = x[3] - 0.5f * x[1];
    to[0] = x[0] - 2.5f * x[2] + x[4];
    to[1] = e1 + NEAR * o1;
    to[2] = e1 - NEAR * o1;
    to[3] = e2 + FAR * o2;
    to[4] = e2 - FAR * o2;
    to[5] = x[1] - 2.5f * x[3] + x[5];
}

/* y [4] = A' v, v [6] */
INLINE void winograd_output(const vec *v, vec *y)
{
    const vec s1 = v[1] + v[2], d1 = NEAR * (v[1] - v[2]), s2 = v[3] + v[4], d2 = FAR * (v[3] - v[4]);
    y[0] = v[0] + s1 + s2;
    y[1] = d1 + d2;
    y[2] = 0.5f * s1 + 2.0f * s2;
    y[3] = 0.5f * d1 + 2.0f * d2 + v[5];
}

/* to [6] = A y, y [4] */
INLINE void winograd_spread(const vec *y, vec *to)
{
    const vec e1 = y[0] + 0.5f * y[2], o1 = NEAR * y[1] + 0.5f * NEAR * y[3];
    const vec e2 = y[0] + 2.0f * y[2], o2 = FAR * y[1] + 2.0f * FAR * y[3];
    to[0] = y[0];
    to[1] = e1 + o1;
    to[2] = e1 - o1;
    to[3] = e2 + o2;
    to[4] = e2 - o2;
    to[5] = y[3];
}

/* G: point i's powers over the product of its distances to the others. */
static const float WINOGRAD_G[WA - 1][WK] = {{1, 0, 0}, {-2.0f / 3, -2 * NEAR / 3, -1.0f / 3}, {-2.0f / 3, 2 * NEAR / 3, -1.0f / 3},
    {1.0f / 6, FAR / 6, 1.0f / 3}, {1.0f / 6, -FAR / 6, 1.0f / 3}}; /* infinity: 0, 0, 1 */

/* ---- weights ------------------------------------------------------------------------------------- */

/* G g G' of one output channel and WC input channels from c0 on: to[p * step + channel]. */
static void winograd_kernel(const struct winograd *j, int o, int c0, float *to, size_t step)
{
    float g[WK * WK][WC] __attribute__((aligned(64)));
    const int real = j->ic - c0 < WC ? j->ic - c0 : WC;
    const float *w = j->weight + (size_t)o * j->so + (size_t)c0 * j->sc;
    for (int t = 0; t < WC; t++)
        for (int i = 0; i < WK * WK; i++) g[j->turned ? WK * WK - 1 - i : i][t] = t < real ? w[(size_t)t * j->sc + (size_t)i] : 0;
    for (int t = 0; t < WC; t += VL) {
        vec half[WA][WK];
        for (int x = 0; x < WK; x++)
            for (int p = 0; p < WA; p++) {
                half[p][x] = vec_load(g[(p == WA - 1 ? WK - 1 : 0) * WK + x] + t);
                if (p == WA - 1) continue;
                half[p][x] *= WINOGRAD_G[p][0];
                for (int y = 1; y < WK && p > 0; y++) half[p][x] += WINOGRAD_G[p][y] * vec_load(g[y * WK + x] + t);
            }
        for (int p = 0; p < WA; p++)
            for (int q = 0; q < WA; q++) {
                vec s = half[p][q == WA - 1 ? WK - 1 : 0];
                if (q < WA - 1) s *= WINOGRAD_G[q][0];
                for (int x = 1; x < WK && q > 0 && q < WA - 1; x++) s += WINOGRAD_G[q][x] * half[p][x];
                vec_store(to + (size_t)(p * WA + q) * step + t, s);
            }
    }
}

/* U [36][oc][ic rounded up to WC] */
static void winograd_weights(const struct winograd *j, float *u)
{
    const int blocks = (j->ic + WC - 1) / WC;
    const size_t step = (size_t)j->oc * (size_t)blocks * WC;
#pragma omp parallel for schedule(static)
    for (int b = 0; b < blocks; b++)
        for (int o = 0; o < j->oc; o++) winograd_kernel(j, o, b * WC, u + ((size_t)o * (size_t)blocks + (size_t)b) * WC, step);
}

/* ---- maps ---------------------------------------------------------------------------------------- */

/* Tile q of a call: its group and its first pixel of y. */
struct winograd_tile {
    int group, y, x;
};

static struct winograd_tile winograd_tile(const struct winograd *j, int q)
{
    const int tx = (j->ow + WM - 1) / WM, tiles = winograd_tiles(j->oh, j->ow);
    return (struct winograd_tile){q / tiles, q % tiles / tx * WM, q % tiles % tx * WM};
}

/* V [36][ic][panel][lanes] of the tiles [first, first + count). */
static void winograd_maps(const struct winograd *j, const float *x, int first, int count, int panel, float *v)
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < j->ic; c++)
        for (int q = 0; q < count; q++) {
            const struct winograd_tile at = winograd_tile(j, first + q);
            const float *plane = x + ((size_t)at.group * (size_t)j->ic + (size_t)c) * (size_t)(j->h * j->w) * MAPS;
            const int y0 = at.y - j->pad, x0 = at.x - j->pad;
            const int inside = y0 >= 0 && x0 >= 0 && y0 + WA <= j->h && x0 + WA <= j->w;
            for (int t = 0; t < MAPS; t += VL) {
                vec half[WA][WA];
                for (int a = 0; a < WA; a++) {
                    vec row[WA];
                    for (int b = 0; b < WA; b++) {
                        const int yy = y0 + a, xx = x0 + b, real = inside || (yy >= 0 && yy < j->h && xx >= 0 && xx < j->w);
                        row[b] = real ? vec_load(plane + (yy * j->w + xx) * MAPS + t) : vec_all(0);
                    }
                    winograd_input(row, half[a]);
                }
                for (int b = 0; b < WA; b++) {
                    vec column[WA], to[WA];
                    for (int a = 0; a < WA; a++) column[a] = half[a][b];
                    winograd_input(column, to);
                    for (int a = 0; a < WA; a++)
                        vec_store(v + (((size_t)(a * WA + b) * (size_t)j->ic + (size_t)c) * (size_t)panel + (size_t)q) * MAPS + t, to[a]);
                }
            }
        }
}

/* to [ob][lanes...] = sum_c u[i][c] v[c]: ob rows of u, xt vectors of v. Sums of WSUM channels are added up: a chain of
 * roundings as long as the direct kernel's. */
INLINE void winograd_product(const int ob, const int xt, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow)
{
    for (int c0 = 0; c0 < ic; c0 += WSUM) {
        vec s[WO][WX];
        for (int i = 0; i < ob; i++)
            for (int q = 0; q < xt; q++) s[i][q] = vec_all(0);
        for (int c = c0; c < c0 + WSUM && c < ic; c++, v += vrow) {
            vec x[WX];
            for (int q = 0; q < xt; q++) x[q] = vec_load(v + q * VL);
            for (int i = 0; i < ob; i++) {
                const float a = u[(size_t)i * urow + (size_t)c];
                for (int q = 0; q < xt; q++) s[i][q] += a * x[q];
            }
        }
        for (int i = 0; i < ob; i++)
            for (int q = 0; q < xt; q++) {
                float *at = to + (size_t)i * trow + q * VL;
                if (c0) s[i][q] += vec_load(at);
                vec_store(at, s[i][q]);
            }
    }
}

INLINE void winograd_row(const int ob, int floats, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow)
{
    int q = 0;
    for (; floats - q >= WX * VL; q += WX * VL) winograd_product(ob, WX, ic, u, urow, v + q, vrow, to + q, trow);
    for (; floats - q >= 2 * VL; q += 2 * VL) winograd_product(ob, 2, ic, u, urow, v + q, vrow, to + q, trow);
    for (; q < floats; q += VL) winograd_product(ob, 1, ic, u, urow, v + q, vrow, to + q, trow);
}

/* M [36][ocs][WCHUNK][lanes] of output channels [o0, o0 + ocs) and tiles [q0, q0 + count) of the panel */
static void winograd_multiply(const struct winograd *j, const float *u, const float *v, int panel, int o0, int ocs, int q0, int count, float *to)
{
    const size_t urow = (size_t)((j->ic + WC - 1) / WC * WC), vrow = (size_t)panel * MAPS, trow = WCHUNK * MAPS;
    const int nb = (ocs + WO - 1) / WO, floats = count * MAPS;
    for (int p = 0; p < WP; p++)
        for (int b = 0; b < nb; b++) {
            const int o = ocs * b / nb, ob = ocs * (b + 1) / nb - o;
            const float *up = u + ((size_t)p * (size_t)j->oc + (size_t)(o0 + o)) * urow, *vp = v + ((size_t)p * (size_t)j->ic * (size_t)panel + (size_t)q0) * MAPS;
            float *tp = to + ((size_t)p * (size_t)ocs + (size_t)o) * trow;
            switch (ob) { /* constants where the product is inlined */
            case 6: winograd_row(WO < 6 ? WO : 6, floats, j->ic, up, urow, vp, vrow, tp, trow); break;
            case 5: winograd_row(WO < 5 ? WO : 5, floats, j->ic, up, urow, vp, vrow, tp, trow); break;
            case 4: winograd_row(WO < 4 ? WO : 4, floats, j->ic, up, urow, vp, vrow, tp, trow); break;
            case 3: winograd_row(3, floats, j->ic, up, urow, vp, vrow, tp, trow); break;
            case 2: winograd_row(2, floats, j->ic, up, urow, vp, vrow, tp, trow); break;
            default: winograd_row(1, floats, j->ic, up, urow, vp, vrow, tp, trow);
            }
        }
}

/* out of output channels [o0, o0 + ocs) and tiles [first, first + count) from their M */
static void winograd_pixels(const struct winograd *j, const float *mm, int o0, int ocs, int first, int count, float *out)
{
    for (int o = 0; o < ocs; o++)
        for (int q = 0; q < count; q++) {
            const struct winograd_tile at = winograd_tile(j, first + q);
            const vec bias = vec_all(j->bias ? j->bias[o0 + o] : 0);
            float *plane = out + ((size_t)at.group * (size_t)j->oc + (size_t)(o0 + o)) * (size_t)(j->oh * j->ow) * MAPS;
            const int rows = j->oh - at.y < WM ? j->oh - at.y : WM, columns = j->ow - at.x < WM ? j->ow - at.x : WM;
            for (int t = 0; t < MAPS; t += VL) {
                vec half[WM][WA];
                for (int b = 0; b < WA; b++) {
                    vec column[WA], to[WM];
                    for (int a = 0; a < WA; a++)
                        column[a] = vec_load(mm + (((size_t)(a * WA + b) * (size_t)ocs + (size_t)o) * WCHUNK + (size_t)q) * MAPS + t);
                    winograd_output(column, to);
                    for (int a = 0; a < WM; a++) half[a][b] = to[a];
                }
                for (int a = 0; a < rows; a++) {
                    vec y[WM];
                    winograd_output(half[a], y);
                    for (int b = 0; b < columns; b++) {
                        float *to = plane + ((at.y + a) * j->ow + at.x + b) * MAPS + t;
                        if (j->add) y[b] += vec_load(to);
                        vec_store(to, y[b] + bias);
                    }
                }
            }
        }
}

/* ---- a convolution ------------------------------------------------------------------------------- */

static void winograd(const struct winograd *j, int groups, const float *x, float *scratch, float *out)
{
    const int tiles = groups * winograd_tiles(j->oh, j->ow), panel = winograd_panel(j->ic);
    const int slices = (j->oc + WSLICE - 1) / WSLICE;
    float *u = scratch, *v = u + (size_t)WP * (size_t)j->oc * (size_t)((j->ic + WC - 1) / WC * WC), *mm = v + (size_t)(WP * j->ic * panel) * MAPS;
    winograd_weights(j, u);
    for (int first = 0; first < tiles; first += panel) {
        const int count = tiles - first < panel ? tiles - first : panel, chunks = (count + WCHUNK - 1) / WCHUNK;
        winograd_maps(j, x, first, count, panel, v);
#pragma omp parallel for schedule(static) collapse(2)
        for (int s = 0; s < slices; s++)
            for (int a = 0; a < chunks; a++) {
                const int o = j->oc * s / slices, ocs = j->oc * (s + 1) / slices - o, q = a * WCHUNK, n = count - q < WCHUNK ? count - q : WCHUNK;
                float *to = mm + ((size_t)o * (size_t)panel + (size_t)(ocs * q)) * WP * MAPS;
                winograd_multiply(j, u, v, panel, o, ocs, q, n, to);
                winograd_pixels(j, to, o, ocs, first + q, n, out);
            }
    }
}

/* ---- the gradient of the weights ------------------------------------------------------------------ */

/* D [36][oc][block][lanes] = A dy A' of the tiles [first, first + count) */
static void winograd_gradients(const struct winograd *j, const float *dy, int o, int first, int count, int block, float *to)
{
    for (int q = 0; q < count; q++) {
        const struct winograd_tile at = winograd_tile(j, first + q);
        const float *plane = dy + ((size_t)at.group * (size_t)j->oc + (size_t)o) * (size_t)(j->oh * j->ow) * MAPS;
        for (int t = 0; t < MAPS; t += VL) {
            vec half[WM][WA];
            for (int a = 0; a < WM; a++) {
                vec row[WM];
                for (int b = 0; b < WM; b++) {
                    const int real = at.y + a < j->oh && at.x + b < j->ow;
                    row[b] = real ? vec_load(plane + ((at.y + a) * j->ow + at.x + b) * MAPS + t) : vec_all(0);
                }
                winograd_spread(row, half[a]);
            }
            for (int b = 0; b < WA; b++) {
                vec column[WM], d[WA];
                for (int a = 0; a < WM; a++) column[a] = half[a][b];
                winograd_spread(column, d);
                for (int a = 0; a < WA; a++)
                    vec_store(to + (((size_t)(a * WA + b) * (size_t)j->oc + (size_t)o) * (size_t)block + (size_t)q) * MAPS + t, d[a]);
            }
        }
    }
}

/* dw [3][3] += G' M G of one weight, M [36] with `step` between */
static void winograd_weight_gradient(const float *mm, size_t step, float *dw)
{
    float half[WK][WA];
    for (int x = 0; x < WK; x++)
        for (int q = 0; q < WA; q++) {
            half[x][q] = x == WK - 1 ? mm[(size_t)((WA - 1) * WA + q) * step] : 0;
            for (int p = 0; p < WA - 1; p++) half[x][q] += WINOGRAD_G[p][x] * mm[(size_t)(p * WA + q) * step];
        }
    for (int x = 0; x < WK; x++)
        for (int y = 0; y < WK; y++) {
            float s = y == WK - 1 ? half[x][WA - 1] : 0;
            for (int q = 0; q < WA - 1; q++) s += WINOGRAD_G[q][y] * half[x][q];
            dw[x * WK + y] += s;
        }
}

/* dw [oc][ic][3][3] += sum over images and pixels: M[p] = D[p] V[p]' is OpenBLAS's, a block of tiles after the other. */
static void winograd_gradient(const struct winograd *j, int groups, const float *x, const float *dy, float *scratch, float *dw)
{
    const int tiles = groups * winograd_tiles(j->oh, j->ow), block = winograd_block(j->ic, j->oc);
    const size_t weights = (size_t)j->oc * (size_t)j->ic, row = (size_t)block * MAPS;
    float *mm = scratch, *v = mm + WP * ((weights + WC - 1) / WC * WC), *d = v + (size_t)(WP * j->ic) * row;
    for (int first = 0; first < tiles; first += block) {
        const int count = tiles - first < block ? tiles - first : block;
        winograd_maps(j, x, first, count, block, v);
#pragma omp parallel for schedule(static)
        for (int o = 0; o < j->oc; o++) winograd_gradients(j, dy, o, first, count, block, d);
#pragma omp parallel for schedule(static)
        for (int p = 0; p < WP; p++)
            blas_gemm(BLAS_PLAIN, BLAS_TRANSPOSE, j->oc, j->ic, count * MAPS, 1, d + (size_t)(p * j->oc) * row, block * MAPS,
                      v + (size_t)(p * j->ic) * row, block * MAPS, first > 0, mm + (size_t)p * weights, j->ic);
    }
#pragma omp parallel for schedule(static)
    for (int o = 0; o < j->oc; o++)
        for (int c = 0; c < j->ic; c++) {
            const size_t at = (size_t)o * (size_t)j->ic + (size_t)c;
            winograd_weight_gradient(mm + at, weights, dw + at * WK * WK);
        }
}

#endif
