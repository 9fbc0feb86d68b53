/* Winograd's minimal filtering along the rows, F(4, 5), for 5x5 convolutions of stride 1 on the few channels of an image (LeNet's
 * first layer): 8 multiplications for 4 pixels and a row of the kernel instead of 20. F(4x4, 5x5) saves more, but its transforms
 * need many channels to pay. A tile is 4 pixels of a row of y, and 8 of a row of x; k is a row of the kernel:
 *
 *     forward  U[k] = G w[k]   V = B' x     y = A' M            M[p] = sum over c and k of U[c][k][p] V[c][row + k][p], p = 1..8
 *     dw       D = A dy                     dw[c][k] += G' M    M[p] = sum over rows, tiles and images of D[p] V[c][row + k][p]
 *
 * The transforms are winograd5.h's; images lie in lanes. tests/test_winograd.c holds both to double precision. */
#ifndef HEIST_NN_LAYERS_WINOGRAD5_ROWS_H
#define HEIST_NN_LAYERS_WINOGRAD5_ROWS_H

#include "nn/layers/winograd5.h"

enum {
    LC = 3,                 /* input channels at most */
    LOB = 3,                /* output channels whose sums are in registers at once */
    LTILES = 8, LFEW = 3,   /* tiles of a strip: forward; dw, whose V and D of one channel of x share the first cache */
    LROWS = 4,              /* rows of D that meet V at once, */
    LHELD = LROWS + FK - 1, /* and of V that they meet */
    LLANES = LFEW * MAPS    /* from row to row of a point of V or D */
};

/* A tile of LOB channels fills 24 registers of 16 lanes. */
static int winograd5_rows_pays(int ic, int oc, int k, int stride)
{
    return VL == 16 && stride == 1 && k == FK && ic <= LC && oc >= LOB;
}

/* Sums of the weights' gradient of a chunk: [oc][ic][8][5][lanes], and of the bias' [oc][lanes] */
static size_t winograd5_rows_sums(int ic, int oc)
{
    return (size_t)(oc * (ic * FA * FK + 1) * MAPS);
}

static size_t winograd5_rows_scratch(int ic, int oc, int groups)
{
    const size_t weights = (size_t)(oc * ic * FK * FA), sums = (size_t)winograd5_chunks(groups) * winograd5_rows_sums(ic, oc);
    return weights > sums ? weights : sums;
}

static int winograd5_rows_strips(const struct winograd *j, int most)
{
    return (j->ow + WM * most - 1) / (WM * most);
}

/* Tiles of the strip that begins at column x0 of y. */
static int winograd5_rows_tiles(const struct winograd *j, int x0, int most)
{
    const int left = (j->ow - x0 + WM - 1) / WM;
    return left < most ? left : most;
}

/* ---- transforms ----------------------------------------------------------------------------------- */

/* The output channels come in blocks of nearly equal size: the first of block b of nb. */
static int winograd5_rows_first(const struct winograd *j, int nb, int b)
{
    return j->oc * b / nb;
}

static int winograd5_rows_blocks(const struct winograd *j)
{
    return (j->oc + LOB - 1) / LOB;
}

/* U [ic][5][8][ob] of each block, one behind the other */
static void winograd5_rows_weights(const struct winograd *j, float *u)
{
    const int nb = winograd5_rows_blocks(j), rows = j->ic * FK;
    for (int b = 0; b < nb; b++) {
        const int o = winograd5_rows_first(j, nb, b), ob = winograd5_rows_first(j, nb, b + 1) - o;
        float *to = u + o * rows * FA;
        for (int n = 0; n < rows; n++) {
            float g[FK][VL] __attribute__((aligned(64))) = {{0}}; /* output channels in lanes */
            vec v[FK], points[FA];
            for (int i = 0; i < ob; i++)
                for (int k = 0; k < FK; k++) g[k][i] = j->weight[((o + i) * rows + n) * FK + k];
            for (int k = 0; k < FK; k++) v[k] = vec_load(g[k]);
            winograd5_kernel(v, points);
            for (int p = 0; p < FA; p++)
                for (int i = 0; i < ob; i++) *to++ = points[p][i];
        }
    }
}

/* `count` pixels of a row of `width`, from pixel x on; zeros beyond it */
INLINE void winograd5_rows_pixels(const int count, const float *row, int width, int x, vec *v)
{
    const int inside = x >= 0 && x + count <= width;
    for (int b = 0; b < count; b++) v[b] = inside || (x + b >= 0 && x + b < width) ? vec_load(row + (x + b) * MAPS) : vec_all(0);
}

/* to[p * step + i * tile] = V of a row of x (NULL: of zeros) of one channel, tiles i = 0.. from column x0 on */
INLINE void winograd5_rows_x(const float *row, int width, int x0, int tiles, float *to, size_t step, size_t tile)
{
    for (int i = 0; i < tiles; i++) {
        vec v[FA], u[FA];
        if (row) winograd5_rows_pixels(FA, row, width, x0 + i * WM, v);
        else for (int b = 0; b < FA; b++) v[b] = vec_all(0);
        winograd5_input(v, u);
        for (int p = 0; p < FA; p++) vec_store(to + (size_t)p * step + (size_t)i * tile, u[p]);
    }
}

/* The same of D and a row of dy; *bias += its pixels */
INLINE void winograd5_rows_dy(const float *row, int width, int x0, int tiles, float *to, size_t step, size_t tile, vec *bias)
{
    for (int i = 0; i < tiles; i++) {
        vec v[WM], u[FA];
        winograd5_rows_pixels(WM, row, width, x0 + i * WM, v);
        *bias += v[0] + v[1] + (v[2] + v[3]);
        winograd5_output_t(v, u);
        for (int p = 0; p < FA; p++) vec_store(to + (size_t)p * step + (size_t)i * tile, u[p]);
    }
}

/* The row of channel c of a group that row y of V is made of; NULL: above or below the map. */
static const float *winograd5_rows_at(const struct winograd *j, const float *x, int c, int y)
{
    return y < j->pad || y >= j->pad + j->h ? NULL : x + ((size_t)c * (size_t)j->h + (size_t)(y - j->pad)) * (size_t)j->w * MAPS;
}

/* ---- forward -------------------------------------------------------------------------------------- */

/* at [4] (+)= to + bias, as far as the map goes: `columns` pixels */
INLINE void winograd5_rows_store(const vec to[WM], const struct winograd *j, float bias, int columns, float *at)
{
    for (int b = 0; b < WM; b++) {
        if (b >= columns) return;
        vec v = to[b] + bias;
        if (j->add) v += vec_load(at + b * MAPS);
        vec_store(at + b * MAPS, v);
    }
}

/* A tile of ob <= LOB output channels; u [ic][5][8][ob]; v[k]: the tile in row k of V [ic][tiles][8][lanes] */
INLINE void winograd5_rows_tile(const int ob, const struct winograd *j, const float *u, const float *const v[FK], const float *bias, int columns, float *y, size_t plane)
{
    vec m[LOB][FA];
    for (int i = 0; i < ob; i++)
        for (int p = 0; p < FA; p++) m[i][p] = vec_all(0);
    for (int c = 0; c < j->ic; c++)
        for (int k = 0; k < FK; k++, u += FA * ob) {
            const float *from = v[k] + c * LTILES * FA * MAPS;
            for (int p = 0; p < FA; p++) {
                const vec x = vec_load(from + p * MAPS);
                for (int i = 0; i < ob; i++) m[i][p] += u[p * ob + i] * x;
            }
        }
#pragma GCC unroll 3
    for (int i = 0; i < ob; i++) {
        vec to[WM];
        winograd5_output(m[i], to);
        winograd5_rows_store(to, j, bias[i], columns, y + (size_t)i * plane);
    }
}

/* The tiles of a row of ob output channels; v[k]: row k of V */
INLINE void winograd5_rows_row(const int ob, const struct winograd *j, const float *u, const float *const v[FK], int tiles, const float *bias, int columns, float *y)
{
    const size_t plane = (size_t)(j->oh * j->ow) * MAPS;
    for (int i = 0; i < tiles; i++) {
        const float *const at[FK] = {v[0] + i * FA * MAPS, v[1] + i * FA * MAPS, v[2] + i * FA * MAPS, v[3] + i * FA * MAPS, v[4] + i * FA * MAPS};
        winograd5_rows_tile(ob, j, u, at, bias, columns - i * WM, y + i * WM * MAPS, plane);
    }
}

/* A strip of one group. */
static void winograd5_rows_strip(const struct winograd *j, const float *u, const float *x, int x0, float *y)
{
    float held[FK][LC][LTILES][FA * MAPS] __attribute__((aligned(64))); /* row r of V: [r % FK] */
    const int tiles = winograd5_rows_tiles(j, x0, LTILES), nb = winograd5_rows_blocks(j);
    for (int r = 0; r < j->oh + FK - 1; r++) {
        const int row = r - (FK - 1);
        for (int c = 0; c < j->ic; c++) winograd5_rows_x(winograd5_rows_at(j, x, c, r), j->w, x0 - j->pad, tiles, held[r % FK][c][0], MAPS, FA * MAPS);
        if (row < 0) continue;
        const float *v[FK];
        for (int k = 0; k < FK; k++) v[k] = held[(row + k) % FK][0][0];
        for (int b = 0; b < nb; b++) {
            const int o = winograd5_rows_first(j, nb, b), ob = winograd5_rows_first(j, nb, b + 1) - o;
            const float *const w = u + o * j->ic * FK * FA;
            float *to = y + (((size_t)o * (size_t)j->oh + (size_t)row) * (size_t)j->ow + (size_t)x0) * MAPS, bias[LOB];
            for (int i = 0; i < ob; i++) bias[i] = j->bias ? j->bias[o + i] : 0;
            if (ob == 3) winograd5_rows_row(3, j, w, v, tiles, bias, j->ow - x0, to);
            else if (ob == 2) winograd5_rows_row(2, j, w, v, tiles, bias, j->ow - x0, to);
            else winograd5_rows_row(1, j, w, v, tiles, bias, j->ow - x0, to);
        }
    }
}

static void winograd5_rows(const struct winograd *j, int groups, const float *x, float *scratch, float *y)
{
    const int strips = winograd5_rows_strips(j, LTILES);
    if (VL != 16) __builtin_unreachable(); /* winograd5_rows_pays() */
    winograd5_rows_weights(j, scratch);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int s = 0; s < strips; s++)
            winograd5_rows_strip(j, scratch, x + (size_t)g * (size_t)(j->ic * j->h * j->w) * MAPS, s * WM * LTILES,
                                 y + (size_t)g * (size_t)(j->oc * j->oh * j->ow) * MAPS);
}

/* ---- the gradient of the weights -------------------------------------------------------------------- */

/* sum [ob][..][5][lanes] of a point += over `rows` rows of tiles from row y of dy on: d [ob][LROWS][LFEW][lanes] of D, v
 * [row % LHELD][LFEW][lanes] of V */
INLINE void winograd5_rows_products(const int ob, int y, int rows, int tiles, const float *d, const float *v, float *sum, size_t step)
{
    vec s[LOB][FK];
    for (int i = 0; i < ob; i++)
        for (int k = 0; k < FK; k++) s[i][k] = vec_load(sum + (size_t)i * step + k * MAPS);
    for (int r = y; r < y + rows; r++, d += LLANES) {
        const float *x[FK];
        for (int k = 0; k < FK; k++) x[k] = v + (r + k) % LHELD * LLANES;
        for (int t = 0; t < tiles * MAPS; t += MAPS) {
            vec a[LOB];
            for (int i = 0; i < ob; i++) a[i] = vec_load(d + i * LROWS * LLANES + t);
            for (int k = 0; k < FK; k++)
                for (int i = 0; i < ob; i++) s[i][k] += a[i] * vec_load(x[k] + t);
        }
    }
    for (int i = 0; i < ob; i++)
        for (int k = 0; k < FK; k++) vec_store(sum + (size_t)i * step + k * MAPS, s[i][k]);
}

/* Rows [y, y + rows) of a strip: the sums of output channels [o, o + ob). */
static void winograd5_rows_block(const struct winograd *j, int o, int ob, int y, int rows, int x0, const float *dy, float v[LC][FA][LHELD * LLANES], float *sum, float *bias)
{
    float d[FA][LOB][LROWS * LLANES] __attribute__((aligned(64)));
    const int tiles = winograd5_rows_tiles(j, x0, LFEW);
    const size_t step = (size_t)(j->ic * FA * FK) * MAPS;
    sum += (size_t)o * step;
    for (int i = 0; i < ob; i++) {
        vec b = vec_load(bias + (o + i) * MAPS);
        for (int r = 0; r < rows; r++)
            winograd5_rows_dy(dy + ((size_t)(o + i) * (size_t)j->oh + (size_t)(y + r)) * (size_t)j->ow * MAPS, j->ow, x0, tiles,
                             d[0][i] + r * LLANES, LOB * LROWS * LLANES, MAPS, &b);
        vec_store(bias + (o + i) * MAPS, b);
    }
    for (int c = 0; c < j->ic; c++)
        for (int p = 0; p < FA; p++, sum += FK * MAPS) {
            if (ob == 3) winograd5_rows_products(3, y, rows, tiles, d[p][0], v[c][p], sum, step);
            else if (ob == 2) winograd5_rows_products(2, y, rows, tiles, d[p][0], v[c][p], sum, step);
            else winograd5_rows_products(1, y, rows, tiles, d[p][0], v[c][p], sum, step);
        }
}

/* The sums of a strip of one group. */
static void winograd5_rows_strip_dw(const struct winograd *j, const float *x, const float *dy, int x0, float *sum, float *bias)
{
    float v[LC][FA][LHELD * LLANES] __attribute__((aligned(64))); /* row r of V: [r % LHELD] */
    const int tiles = winograd5_rows_tiles(j, x0, LFEW), nb = winograd5_rows_blocks(j);
    for (int y = 0, next = 0; y < j->oh; y += LROWS) {
        const int rows = j->oh - y < LROWS ? j->oh - y : LROWS;
        for (; next < y + rows + FK - 1; next++)
            for (int c = 0; c < j->ic; c++)
                winograd5_rows_x(winograd5_rows_at(j, x, c, next), j->w, x0 - j->pad, tiles, v[c][0] + next % LHELD * LLANES, LHELD * LLANES, MAPS);
        for (int b = 0; b < nb; b++) {
            const int o = winograd5_rows_first(j, nb, b);
            winograd5_rows_block(j, o, winograd5_rows_first(j, nb, b + 1) - o, y, rows, x0, dy, v, sum, bias);
        }
    }
}

/* The sums of some groups. */
static void winograd5_rows_chunk(const struct winograd *j, int groups, const float *x, const float *dy, float *sum)
{
    float *bias = sum + (size_t)(j->oc * j->ic * FA * FK) * MAPS;
    const int strips = winograd5_rows_strips(j, LFEW);
    for (size_t i = 0; i < winograd5_rows_sums(j->ic, j->oc); i++) sum[i] = 0;
    for (int g = 0; g < groups; g++, x += (size_t)(j->ic * j->h * j->w) * MAPS, dy += (size_t)(j->oc * j->oh * j->ow) * MAPS)
        for (int s = 0; s < strips; s++) winograd5_rows_strip_dw(j, x, dy, s * WM * LFEW, sum, bias);
}

INLINE vec winograd5_rows_total(int chunks, size_t size, const float *sum)
{
    vec total = vec_load(sum);
    for (int k = 1; k < chunks; k++) total += vec_load(sum + (size_t)k * size);
    return total;
}

INLINE float winograd5_rows_lanes(vec v)
{
    for (int half = VL / 2; half > 0; half /= 2)
        for (int t = 0; t < half; t++) v[t] += v[t + half];
    return v[0];
}

/* dw [oc][ic][5][5] +=; db [oc] (may be NULL) += */
static void winograd5_rows_dw(const struct winograd *j, int groups, const float *x, const float *dy, float *scratch, float *dw, float *db)
{
    const int chunks = winograd5_chunks(groups), kernels = j->oc * j->ic;
    const size_t size = winograd5_rows_sums(j->ic, j->oc);
    if (VL != 16) __builtin_unreachable(); /* winograd5_rows_pays() */
#pragma omp parallel for schedule(static)
    for (int k = 0; k < chunks; k++) {
        const int g = groups * k / chunks, count = groups * (k + 1) / chunks - g;
        winograd5_rows_chunk(j, count, x + (size_t)g * (size_t)(j->ic * j->h * j->w) * MAPS, dy + (size_t)g * (size_t)(j->oc * j->oh * j->ow) * MAPS, scratch + (size_t)k * size);
    }
#pragma omp parallel for schedule(static)
    for (int i = 0; i < kernels; i++)
        for (int k = 0; k < FK; k++) {
            vec m[FA], g[FK];
            for (int p = 0; p < FA; p++) m[p] = winograd5_rows_total(chunks, size, scratch + ((i * FA + p) * FK + k) * MAPS);
            winograd5_kernel_t(m, g);
            for (int b = 0; b < FK; b++) dw[(i * FK + k) * FK + b] += winograd5_rows_lanes(g[b]);
        }
    for (int o = 0; o < j->oc && db; o++) db[o] += winograd5_rows_lanes(winograd5_rows_total(chunks, size, scratch + (size_t)(kernels * FA * FK + o) * MAPS));
}

#endif
