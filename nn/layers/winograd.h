/* Winograd's minimal filtering, F(4x4, 3x3), for 3x3 convolutions of stride 1 (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", CVPR 2016). A tile of 6x6 pixels of x gives 4x4 pixels of y:
 *
 *     U = G w G'    V = B' x B    M[p] = U[p] V[p], p = 1..36: products of [out][in] and [in][tiles]    y = A' M A
 *
 * 36 multiplications instead of 144. Images lie in lanes, so the transforms are sums of registers and a product is a weight
 * times a register, as in the direct kernel. tests/test_layers.c holds it to the naive twin. (5x5: winograd5.h.) */
#ifndef HEIST_NN_LAYERS_WINOGRAD_H
#define HEIST_NN_LAYERS_WINOGRAD_H

#include "nn/layers/vec.h"

enum {
    WK = 3, WM = 4,                /* side of the kernel; of a tile of y */
    WA = WM + WK - 1, WP = WA * WA, /* points along a side; in all */
    WO = VL == 16 ? 6 : 3, WX = 4, /* a product's sums in registers: WO output channels times WX vectors */
    WSUM = 32,                     /* input channels that are summed in one go */
    WDEPTH = 128,                  /* input channels of the maps that stay in the first cache while output channels pass */
    WN = 64, WL = 16, WTILES = 8,  /* the weights' gradient: channels of a slice; that are turned at once; tiles of a product */
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
    return ic >= 64 ? 8 : 512 / ic / 4 * 4;
}

/* From point to point of a transform of `size` floats: not a multiple of a page, or the 36 points of a tile would fall into
 * the same few lines of the cache. */
static size_t winograd_step(size_t size)
{
    return (size + 1023) / 1024 * 1024 + 3 * MAPS;
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

static int winograd_block(int ic, int oc) /* tiles that are transformed before they are multiplied, for the weights' gradient */
{
    return ic + oc >= 512 ? 8 : 4096 / (ic + oc);
}

/* A task: output channels times tiles. Of many input channels the maps do not stay in the cache: they are read as seldom as
 * can be. */
static int winograd_slice(int ic)
{
    return ic >= 256 ? 128 : 32;
}

static int winograd_chunk(int ic)
{
    return ic >= 256 ? 8 : 4;
}

static size_t winograd_weights_step(int ic, int oc)
{
    return winograd_step((size_t)oc * (size_t)((ic + WC - 1) / WC * WC));
}

static size_t winograd_maps_step(int ic, int tiles)
{
    return winograd_step((size_t)(ic * tiles) * MAPS);
}

static size_t winograd_task_step(int ic)
{
    return winograd_step((size_t)(winograd_slice(ic) * winograd_chunk(ic)) * MAPS);
}

static int winograd_tasks(int ic, int oc) /* of a panel */
{
    return (oc + winograd_slice(ic) - 1) / winograd_slice(ic) * (winograd_panel(ic) / winograd_chunk(ic));
}

static size_t winograd_forward_scratch(int ic, int oc)
{
    return WP * (winograd_weights_step(ic, oc) + winograd_maps_step(ic, winograd_panel(ic)) + (size_t)winograd_tasks(ic, oc) * winograd_task_step(ic));
}

/* Floats of scratch; enough for a convolution, for its transpose and for the gradient of its weights. */
static size_t winograd_scratch(int ic, int oc)
{
    const int block = winograd_block(ic, oc), columns = (oc + WN - 1) / WN * WN;
    const size_t forward = winograd_forward_scratch(ic, oc), back = winograd_forward_scratch(oc, ic);
    const size_t gradient = WP * (winograd_step((size_t)ic * (size_t)columns) + winograd_maps_step(ic, block) + winograd_maps_step(columns, block));
    const size_t most = forward > back ? forward : back;
    return most > gradient ? most : gradient;
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
    const size_t step = winograd_weights_step(j->ic, j->oc);
#pragma omp parallel for schedule(static)
    for (int o = 0; o < j->oc; o++)
        for (int b = 0; b < blocks; b++) winograd_kernel(j, o, b * WC, u + ((size_t)o * (size_t)blocks + (size_t)b) * WC, step);
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
    const size_t step = winograd_maps_step(j->ic, panel);
#pragma omp parallel for schedule(static)
    for (int c = 0; c < j->ic; c++)
        for (int q = 0; q < count; q++) {
            const struct winograd_tile at = winograd_tile(j, first + q);
            const float *plane = x + ((size_t)at.group * (size_t)j->ic + (size_t)c) * (size_t)(j->h * j->w) * MAPS;
            const int y0 = at.y - j->pad, x0 = at.x - j->pad;
            const int inside = y0 >= 0 && x0 >= 0 && y0 + WA <= j->h && x0 + WA <= j->w;
            for (int a = 0; a < WA && inside && c + 1 < j->ic; a++) /* the same tile of the next channel lies a plane away: no hardware foresees it */
                for (int b = 0; b < WM; b++) __builtin_prefetch(plane + (size_t)((j->h + y0 + a) * j->w + x0 + b) * MAPS);
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
                        vec_store(v + (size_t)(a * WA + b) * step + (size_t)((c * panel + q) * MAPS + t), to[a]);
                }
            }
        }
}

/* to [ob][lanes...] = sum_c u[i][c] v[c]: ob rows of u, xt vectors of v; more: to +=. Sums of WSUM channels are added up: a chain of
 * roundings as long as the direct kernel's. */
INLINE void winograd_product(const int ob, const int xt, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more)
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
                if (c0 || more) s[i][q] += vec_load(at);
                vec_store(at, s[i][q]);
            }
    }
}

INLINE void winograd_row(const int ob, int floats, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more)
{
    int q = 0;
    for (; floats - q >= WX * VL; q += WX * VL) winograd_product(ob, WX, ic, u, urow, v + q, vrow, to + q, trow, more);
    for (; floats - q >= 2 * VL; q += 2 * VL) winograd_product(ob, 2, ic, u, urow, v + q, vrow, to + q, trow, more);
    for (; q < floats; q += VL) winograd_product(ob, 1, ic, u, urow, v + q, vrow, to + q, trow, more);
}

/* The same for any ob <= WO. */
static void winograd_rows(int ob, int floats, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more)
{
    switch (ob) { /* constants where the product is inlined */
    case 6: winograd_row(WO < 6 ? WO : 6, floats, ic, u, urow, v, vrow, to, trow, more); break;
    case 5: winograd_row(WO < 5 ? WO : 5, floats, ic, u, urow, v, vrow, to, trow, more); break;
    case 4: winograd_row(WO < 4 ? WO : 4, floats, ic, u, urow, v, vrow, to, trow, more); break;
    case 3: winograd_row(3, floats, ic, u, urow, v, vrow, to, trow, more); break;
    case 2: winograd_row(2, floats, ic, u, urow, v, vrow, to, trow, more); break;
    default: winograd_row(1, floats, ic, u, urow, v, vrow, to, trow, more);
    }
}

/* M [36][ocs][chunk][lanes] of output channels [o0, o0 + ocs) and tiles [q0, q0 + count) of the panel */
static void winograd_multiply(const struct winograd *j, const float *u, const float *v, int panel, int o0, int ocs, int q0, int count, float *to)
{
    const size_t urow = (size_t)((j->ic + WC - 1) / WC * WC), vrow = (size_t)panel * MAPS, trow = (size_t)winograd_chunk(j->ic) * MAPS;
    const size_t ustep = winograd_weights_step(j->ic, j->oc), vstep = winograd_maps_step(j->ic, panel), tstep = winograd_task_step(j->ic);
    const int nb = (ocs + WO - 1) / WO;
    for (int p = 0; p < WP; p++)
        for (int c = 0; c < j->ic; c += WDEPTH)
            for (int b = 0; b < nb; b++) {
                const int o = ocs * b / nb, ob = ocs * (b + 1) / nb - o, depth = j->ic - c < WDEPTH ? j->ic - c : WDEPTH;
                winograd_rows(ob, count * MAPS, depth, u + (size_t)p * ustep + (size_t)(o0 + o) * urow + (size_t)c, urow,
                              v + (size_t)p * vstep + (size_t)c * vrow + (size_t)(q0 * MAPS), vrow, to + (size_t)p * tstep + (size_t)o * trow, trow, c > 0);
            }
}

/* out of output channels [o0, o0 + ocs) and tiles [first, first + count) from their M */
static void winograd_pixels(const struct winograd *j, const float *mm, int o0, int ocs, int first, int count, float *out)
{
    const int chunk = winograd_chunk(j->ic);
    const size_t step = winograd_task_step(j->ic);
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
                        column[a] = vec_load(mm + (size_t)(a * WA + b) * step + (size_t)((o * chunk + q) * MAPS + t));
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
    const int tiles = groups * winograd_tiles(j->oh, j->ow), panel = winograd_panel(j->ic), chunk = winograd_chunk(j->ic);
    const int slices = (j->oc + winograd_slice(j->ic) - 1) / winograd_slice(j->ic);
    float *u = scratch, *v = u + WP * winograd_weights_step(j->ic, j->oc), *mm = v + WP * winograd_maps_step(j->ic, panel);
    winograd_weights(j, u);
    for (int first = 0; first < tiles; first += panel) {
        const int count = tiles - first < panel ? tiles - first : panel, chunks = (count + chunk - 1) / chunk;
        winograd_maps(j, x, first, count, panel, v);
#pragma omp parallel for schedule(static) collapse(2)
        for (int s = 0; s < slices; s++)
            for (int a = 0; a < chunks; a++) {
                const int o = j->oc * s / slices, ocs = j->oc * (s + 1) / slices - o, q = a * chunk, n = count - q < chunk ? count - q : chunk;
                float *to = mm + (size_t)(s * chunks + a) * WP * winograd_task_step(j->ic);
                winograd_multiply(j, u, v, panel, o, ocs, q, n, to);
                winograd_pixels(j, to, o, ocs, first + q, n, out);
            }
    }
}

/* ---- the gradient of the weights ------------------------------------------------------------------ */

/* D [36][slice][block * lanes][WN] = A dy A' of the tiles [first, first + count) and the channels from o0 on, WL of them:
 * turned, so that a product's vectors lie along the channels. */
static void winograd_gradients(const struct winograd *j, const float *dy, int o0, int first, int count, int block, float *to)
{
    const int channels = j->oc - o0 < WL ? j->oc - o0 : WL, slices = (j->oc + WN - 1) / WN;
    const size_t step = winograd_maps_step(slices * WN, block);
    float spread[WP][WL][MAPS] __attribute__((aligned(64))) = {{{0}}};
    to += (size_t)(o0 / WN * block) * MAPS * WN + (size_t)(o0 % WN);
    for (int q = 0; q < count; q++, to += MAPS * WN) {
        const struct winograd_tile at = winograd_tile(j, first + q);
        for (int o = 0; o < channels; o++) {
            const float *plane = dy + ((size_t)at.group * (size_t)j->oc + (size_t)(o0 + o)) * (size_t)(j->oh * j->ow) * MAPS;
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
                    for (int a = 0; a < WA; a++) vec_store(spread[a * WA + b][o] + t, d[a]);
                }
            }
        }
        for (int p = 0; p < WP; p++)
            for (int t = 0; t < MAPS; t += VL)
                for (int o = 0; o < WL; o += VL) {
                    vec v[VL];
                    for (int i = 0; i < VL; i++) v[i] = vec_load(spread[p][o + i] + t);
                    vec_transpose(v);
                    for (int i = 0; i < VL; i++) vec_store(to + (size_t)p * step + (size_t)((t + i) * WN + o), v[i]);
                }
    }
}

/* M [ic][WN] of one point and one slice of the output channels (+)= V D, where V [ic][block * lanes], D [block * lanes][WN]:
 * so many tiles at once that their part of D stays in the cache. */
static void winograd_correlate(const struct winograd *j, int columns, int count, int block, const float *v, const float *d, int more, float *mm)
{
    const int nb = (j->ic + WO - 1) / WO;
    for (int q = 0; q < count; q += WTILES) {
        const int k = (count - q < WTILES ? count - q : WTILES) * MAPS;
        for (int b = 0; b < nb; b++) {
            const int c = j->ic * b / nb, cb = j->ic * (b + 1) / nb - c;
            winograd_rows(cb, columns, k, v + (c * block + q) * MAPS, (size_t)(block * MAPS), d + q * MAPS * WN, WN, mm + c * WN, WN, more || q);
        }
    }
}

/* dw [.][ic][3][3] of the channels from o on += G' M G; M has `step` from point to point and WN from channel to channel */
static void winograd_weight_gradient(const struct winograd *j, const float *mm, size_t step, int o, float *dw)
{
    const int channels = j->oc - o < VL ? j->oc - o : VL;
    for (int c = 0; c < j->ic; c++, mm += WN) {
        vec half[WK][WA];
        for (int q = 0; q < WA; q++) {
            vec m[WA];
            for (int p = 0; p < WA; p++) m[p] = vec_load(mm + (size_t)(p * WA + q) * step);
            for (int x = 0; x < WK; x++) {
                half[x][q] = x == WK - 1 ? m[WA - 1] : vec_all(0);
                for (int p = 0; p < WA - 1; p++) half[x][q] += WINOGRAD_G[p][x] * m[p];
            }
        }
        for (int x = 0; x < WK; x++)
            for (int y = 0; y < WK; y++) {
                vec s = y == WK - 1 ? half[x][WA - 1] : vec_all(0);
                for (int q = 0; q < WA - 1; q++) s += WINOGRAD_G[q][y] * half[x][q];
                for (int i = 0; i < channels; i++) dw[((size_t)(o + i) * (size_t)j->ic + (size_t)c) * WK * WK + (size_t)(x * WK + y)] += s[i];
            }
    }
}

/* dw [oc][ic][3][3] += sum over images and pixels: M[p]' = V[p] D[p]', a block of tiles after the other. */
static void winograd_gradient(const struct winograd *j, int groups, const float *x, const float *dy, float *scratch, float *dw)
{
    const int tiles = groups * winograd_tiles(j->oh, j->ow), block = winograd_block(j->ic, j->oc), slices = (j->oc + WN - 1) / WN;
    const size_t step = winograd_step((size_t)(slices * j->ic) * WN), vstep = winograd_maps_step(j->ic, block), dstep = winograd_maps_step(slices * WN, block);
    float *mm = scratch, *v = mm + WP * step, *d = v + WP * vstep;
    for (int first = 0; first < tiles; first += block) {
        const int count = tiles - first < block ? tiles - first : block;
        winograd_maps(j, x, first, count, block, v);
#pragma omp parallel for schedule(static)
        for (int o = 0; o < j->oc; o += WL) winograd_gradients(j, dy, o, first, count, block, d);
#pragma omp parallel for schedule(static) collapse(2)
        for (int p = 0; p < WP; p++)
            for (int s = 0; s < slices; s++) {
                const int columns = (j->oc - s * WN < WN ? j->oc - s * WN + WL - 1 : WN) / WL * WL;
                winograd_correlate(j, columns, count, block, v + (size_t)p * vstep, d + (size_t)p * dstep + (size_t)(s * block) * MAPS * WN, first > 0,
                                   mm + (size_t)p * step + (size_t)(s * j->ic) * WN);
            }
    }
#pragma omp parallel for schedule(static)
    for (int o = 0; o < j->oc; o += VL) winograd_weight_gradient(j, mm + (size_t)(o / WN * j->ic) * WN + o % WN, step, o, dw);
}

#endif
