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
    WT = 4, WS = WT * MAPS,        /* a strip: tiles that are multiplied together; their floats */
    WSUM = 32,                     /* input channels that are summed in one go */
    WDEPTH = 128,                  /* input channels of a strip that stay in the first cache while output channels pass */
    WSLICE = 64,                   /* output channels of a task */
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
    int slots; /* as many threads share the work and have memory of their own */
};

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

/* Tiles that are transformed before they are multiplied, for the weights' gradient: a few, or the transforms wait for the
 * third cache. */
static int winograd_block(int ic, int oc)
{
    return ic + oc >= 128 ? WTILES : 1024 / (ic + oc) / WTILES * WTILES;
}

/* Strips of a block. A strip of 64 channels stays in the second cache, from its transform to its products; more channels do not
 * anyway, and there two strips halve how often the weights are read. */
static int winograd_strips(int ic)
{
    return ic > 128 ? 2 : 1;
}

static int winograd_depth(int ic, int c0) /* input channels of the weights that are stored together, from c0 on */
{
    const int rest = (ic + WC - 1) / WC * WC - c0;
    return rest < WDEPTH ? rest : WDEPTH;
}

static size_t winograd_weights_step(int ic, int oc) /* of a slice */
{
    return winograd_step((size_t)(oc < WSLICE ? oc : WSLICE) * (size_t)((ic + WC - 1) / WC * WC));
}

static size_t winograd_maps_step(int ic, int tiles)
{
    return winograd_step((size_t)(ic * tiles) * MAPS);
}

/* How a convolution is cut. */
struct winograd_plan {
    int tiles, panel, blocks; /* tiles in all; of a block; blocks */
    int slices, slots;
    int once;                          /* one block: a slice's weights are used once, so they are transformed on the spot */
    size_t ustep, vstep, mstep;        /* from point to point: weights of a slice, a strip of maps, a strip of a slice's sums */
    size_t usize, vsize, msize, usizes; /* floats of a slice, a block, a slice of a block; of all weights */
};

static struct winograd_plan winograd_plan(int ic, int oc, int tiles, int slots)
{
    const int strips = winograd_strips(ic), panel = strips * WT, blocks = (tiles + panel - 1) / panel, slices = (oc + WSLICE - 1) / WSLICE;
    const int most = blocks > slices ? blocks : slices;
    struct winograd_plan p = {.tiles = tiles, .panel = panel, .blocks = blocks, .slices = slices, .slots = slots < most ? slots : most, .once = blocks == 1};
    p.ustep = winograd_weights_step(ic, oc);
    p.vstep = winograd_step((size_t)ic * WS);
    p.mstep = winograd_step((size_t)(oc < WSLICE ? oc : WSLICE) * WS);
    p.usize = WP * p.ustep;
    p.vsize = WP * p.vstep * (size_t)strips;
    p.msize = WP * p.mstep * (size_t)strips;
    p.usizes = p.usize * (size_t)(p.once && p.slots < slices ? p.slots : slices);
    return p;
}

/* Each thread takes blocks of its own, all the way: nothing leaves its cache and nobody waits. Else they share each block. */
static int winograd_alone(const struct winograd_plan *p)
{
    return p->blocks >= 2 * p->slots;
}

static size_t winograd_forward_scratch(int ic, int oc, int tiles, int slots)
{
    const struct winograd_plan p = winograd_plan(ic, oc, tiles, slots);
    return p.usizes + (size_t)p.slots * (p.vsize + p.msize);
}

/* Floats of scratch; enough for a convolution of so many tiles, for its transpose of so many and for the gradient of its weights. */
static size_t winograd_scratch(int ic, int oc, int tiles, int back_tiles, int slots)
{
    const int block = winograd_block(ic, oc), columns = (oc + WN - 1) / WN * WN;
    const size_t forward = winograd_forward_scratch(ic, oc, tiles, slots), back = winograd_forward_scratch(oc, ic, back_tiles, slots);
    const size_t gradient = WP * (winograd_step((size_t)ic * (size_t)columns) + winograd_maps_step(ic, block) + winograd_maps_step(columns, block));
    const size_t most = forward > back ? forward : back;
    return most > gradient ? most : gradient;
}

/* ---- transforms along one side ------------------------------------------------------------------ */

/* The points: 0, +-NEAR, +-FAR and infinity, where NEAR = 1/sqrt(2) and FAR = sqrt(2): half the error of the usual
 * 0, +-1, +-2 and infinity, and with sums of WSUM channels no more than the direct kernel's. */
#define NEAR 0.70710678f
#define FAR 1.41421356f

/* to [3] = the first or the last three of B' x, x [6] */
INLINE void winograd_input(const int last, const vec *x, vec *to)
{
    if (!last) {
        const vec even = x[4] - 2.0f * x[2], odd = x[3] - 2.0f * x[1];
        to[0] = x[0] - 2.5f * x[2] + x[4];
        to[1] = even + NEAR * odd;
        to[2] = even - NEAR * odd;
    } else {
        const vec even = x[4] - 0.5f * x[2], odd = x[3] - 0.5f * x[1];
        to[0] = even + FAR * odd;
        to[1] = even - FAR * odd;
        to[2] = x[1] - 2.5f * x[3] + x[5];
    }
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

/* U [36][depths][channel of the slice][WDEPTH] of output channel o, in the order in which the products read it */
static void winograd_weights(const struct winograd *j, int o, float *u)
{
    const int first = o / WSLICE * WSLICE, ocs = j->oc - first < WSLICE ? j->oc - first : WSLICE;
    const size_t step = winograd_weights_step(j->ic, j->oc);
    for (int c = 0; c < j->ic; c += WC) {
        const int c0 = c / WDEPTH * WDEPTH;
        winograd_kernel(j, o, c, u + c0 * ocs + (o - first) * winograd_depth(j->ic, c0) + c - c0, step);
    }
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

/* The 6x6 pixels from (y0, x0) of a plane on: to [36], `step` apart. Half of the columns at a time, or they would not stay in
 * registers. */
INLINE void winograd_patch(const int inside, const struct winograd *j, const float *plane, int y0, int x0, float *to, size_t step)
{
    for (int last = 0; last < 2; last++) {
        vec half[WA][WA / 2];
        for (int a = 0; a < WA; a++) {
            vec row[WA];
            for (int b = 0; b < WA; b++) {
                const int y = y0 + a, x = x0 + b, real = inside || (y >= 0 && y < j->h && x >= 0 && x < j->w);
                row[b] = real ? vec_load(plane + (y * j->w + x) * MAPS) : vec_all(0);
            }
            winograd_input(last, row, half[a]);
        }
        for (int b = 0; b < WA / 2; b++) {
            vec column[WA], v[WA];
            for (int a = 0; a < WA; a++) column[a] = half[a][b];
            winograd_input(0, column, v);
            winograd_input(1, column, v + WA / 2);
            for (int a = 0; a < WA; a++) vec_store(to + (size_t)(a * WA + last * (WA / 2) + b) * step, v[a]);
        }
    }
}

/* V [36][count][lanes] of channel c and the tiles [first, first + count); `step` from point to point */
static void winograd_maps(const struct winograd *j, const float *x, int first, int count, int c, float *to, size_t step)
{
    for (int q = 0; q < count; q++, to += MAPS) {
        const struct winograd_tile at = winograd_tile(j, first + q);
        const float *plane = x + ((size_t)at.group * (size_t)j->ic + (size_t)c) * (size_t)(j->h * j->w) * MAPS;
        const int y0 = at.y - j->pad, x0 = at.x - j->pad;
        const int inside = y0 >= 0 && x0 >= 0 && y0 + WA <= j->h && x0 + WA <= j->w;
        for (int a = 0; a < WA && c + 1 < j->ic; a++) /* the same tile of the next channel lies a plane away: no hardware foresees it */
            for (int b = 0; b < WA; b++) __builtin_prefetch(plane + ((j->h + y0 + a) * j->w + x0 + b) * MAPS);
        for (int t = 0; t < MAPS; t += VL)
            if (inside) winograd_patch(1, j, plane + t, y0, x0, to + t, step);
            else winograd_patch(0, j, plane + t, y0, x0, to + t, step);
    }
}

/* to [ob][lanes...] = sum_c u[i][c] v[c]: ob rows of u, xt vectors of v; more: to +=. Sums of WSUM channels are added up: a chain of
 * roundings as long as the direct kernel's. What lies from `next` on will be needed soon: a line is fetched for each channel. */
INLINE void winograd_product(const int ob, const int xt, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more, const float *next)
{
    for (int c0 = 0; c0 < ic; c0 += WSUM) {
        vec s[WO][WX];
        for (int i = 0; i < ob; i++)
            for (int q = 0; q < xt; q++) s[i][q] = vec_all(0);
        for (int c = c0; c < c0 + WSUM && c < ic; c++, v += vrow) {
            vec x[WX];
            for (int q = 0; q < xt; q++) x[q] = vec_load(v + q * VL);
            __builtin_prefetch(next + c * MAPS);
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

INLINE void winograd_row(const int ob, int floats, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more, const float *next)
{
    int q = 0;
    for (; floats - q >= WX * VL; q += WX * VL) winograd_product(ob, WX, ic, u, urow, v + q, vrow, to + q, trow, more, next);
    for (; floats - q >= 2 * VL; q += 2 * VL) winograd_product(ob, 2, ic, u, urow, v + q, vrow, to + q, trow, more, next);
    for (; q < floats; q += VL) winograd_product(ob, 1, ic, u, urow, v + q, vrow, to + q, trow, more, next);
}

/* The same for any ob <= WO. */
static void winograd_rows(int ob, int floats, int ic, const float *u, size_t urow, const float *v, size_t vrow, float *to, size_t trow, int more, const float *next)
{
    switch (ob) { /* constants where the product is inlined */
    case 6: winograd_row(WO < 6 ? WO : 6, floats, ic, u, urow, v, vrow, to, trow, more, next); break;
    case 5: winograd_row(WO < 5 ? WO : 5, floats, ic, u, urow, v, vrow, to, trow, more, next); break;
    case 4: winograd_row(WO < 4 ? WO : 4, floats, ic, u, urow, v, vrow, to, trow, more, next); break;
    case 3: winograd_row(3, floats, ic, u, urow, v, vrow, to, trow, more, next); break;
    case 2: winograd_row(2, floats, ic, u, urow, v, vrow, to, trow, more, next); break;
    default: winograd_row(1, floats, ic, u, urow, v, vrow, to, trow, more, next);
    }
}

/* M [strips][36][slice][strip] of the ocs output channels of slice u and the tiles v */
static void winograd_multiply(const struct winograd *j, const struct winograd_plan *plan, const float *u, const float *v, int tiles, int ocs, float *to)
{
    const int strips = (tiles + WT - 1) / WT;
    for (int p = 0; p < WP; p++)
        for (int c = 0; c < j->ic; c += WDEPTH)
            for (int r = 0; r < strips; r++) {
                const int row = winograd_depth(j->ic, c), depth = j->ic - c < WDEPTH ? j->ic - c : WDEPTH;
                const int floats = (tiles - r * WT < WT ? tiles - r * WT : WT) * MAPS;
                const float *us = u + (size_t)p * plan->ustep + (size_t)(c * ocs), *vs = v + (size_t)(r * WP + p) * plan->vstep + (size_t)(c * WS);
                const float *after = r + 1 < strips ? vs + WP * plan->vstep : c + WDEPTH < j->ic ? v + (size_t)p * plan->vstep + (size_t)((c + WDEPTH) * WS)
                                                                                               : v + (size_t)(p + 1) * plan->vstep;
                float *ms = to + (size_t)(r * WP + p) * plan->mstep;
                for (int o = 0; o < ocs; o += WO) { /* the last of them fetch the maps that come after, the others the next weights */
                    const int ob = ocs - o < WO ? ocs - o : WO, left = (ocs - o - 1) / WO;
                    const float *next = left < WT ? after + (WT - 1 - left) * depth * MAPS : us + (o + WO) * row;
                    winograd_rows(ob, floats, depth, us + o * row, (size_t)row, vs, WS, ms + o * WS, WS, c > 0, next);
                }
            }
}

/* out [rows][columns] of a tile from its M, `step` from point to point */
INLINE void winograd_pixels(const int rows, const int columns, const int add, const float *mm, size_t step, vec bias, float *out, int ow)
{
    vec half[WM][WA];
    for (int b = 0; b < WA; b++) {
        vec column[WA], to[WM];
        for (int a = 0; a < WA; a++) column[a] = vec_load(mm + (size_t)(a * WA + b) * step);
        winograd_output(column, to);
        for (int a = 0; a < WM; a++) half[a][b] = to[a];
    }
    for (int a = 0; a < WM; a++) {
        vec y[WM];
        winograd_output(half[a], y);
        for (int b = 0; b < WM && a < rows; b++) {
            float *to = out + (a * ow + b) * MAPS;
            if (b >= columns) continue;
            if (add) y[b] += vec_load(to);
            vec_store(to, y[b] + bias);
        }
    }
}

/* out of output channels [o0, o0 + ocs) and tiles [first, first + count), a strip at most, from their M */
static void winograd_out(const struct winograd *j, const float *mm, size_t step, int o0, int ocs, int first, int count, float *out)
{
    for (int o = 0; o < ocs; o++)
        for (int q = 0; q < count; q++) {
            const struct winograd_tile at = winograd_tile(j, first + q);
            const vec bias = vec_all(j->bias ? j->bias[o0 + o] : 0);
            const float *from = mm + o * WS + q * MAPS;
            float *to = out + (((size_t)at.group * (size_t)j->oc + (size_t)(o0 + o)) * (size_t)(j->oh * j->ow) + (size_t)(at.y * j->ow + at.x)) * MAPS;
            const int rows = j->oh - at.y < WM ? j->oh - at.y : WM, columns = j->ow - at.x < WM ? j->ow - at.x : WM;
            for (int p = 0; p < WP && o + 1 < ocs; p++) __builtin_prefetch(from + (size_t)p * step + WS);
            for (int a = 0; a < rows && o + 1 < ocs; a++)
                for (int b = 0; b < columns; b++) __builtin_prefetch(to + ((j->oh + a) * j->ow + b) * MAPS, 1);
            for (int t = 0; t < MAPS; t += VL)
                if (rows == WM && columns == WM && !j->add) winograd_pixels(WM, WM, 0, from + t, step, bias, to + t, j->ow);
                else winograd_pixels(rows, columns, j->add, from + t, step, bias, to + t, j->ow);
        }
}

/* ---- a convolution ------------------------------------------------------------------------------- */

static int winograd_left(const struct winograd_plan *p, int b) /* tiles of block b */
{
    const int left = p->tiles - b * p->panel;
    return left < p->panel ? left : p->panel;
}

/* V of channel c of block b */
static void winograd_channel(const struct winograd *j, const struct winograd_plan *p, const float *x, int b, int c, float *v)
{
    const int tiles = winograd_left(p, b);
    for (int q = 0; q < tiles; q += WT)
        winograd_maps(j, x, b * p->panel + q, tiles - q < WT ? tiles - q : WT, c, v + (size_t)(q / WT * WP) * p->vstep + c * WS, p->vstep);
}

/* The output channels of slice s of block b; mm: room for their M */
static void winograd_slice(const struct winograd *j, const struct winograd_plan *p, int b, int s, const float *u, const float *v, float *mm, float *out)
{
    const int o = s * WSLICE, ocs = j->oc - o < WSLICE ? j->oc - o : WSLICE, tiles = winograd_left(p, b);
    winograd_multiply(j, p, u, v, tiles, ocs, mm);
    for (int q = 0; q < tiles; q += WT)
        winograd_out(j, mm + (size_t)(q / WT * WP) * p->mstep, p->mstep, o, ocs, b * p->panel + q, tiles - q < WT ? tiles - q : WT, out);
}

/* The blocks k, k + slots, ... */
static void winograd_blocks(const struct winograd *j, const struct winograd_plan *p, int k, const float *x, const float *u, float *v, float *mm, float *out)
{
    for (int b = k; b < p->blocks; b += p->slots) {
        for (int c = 0; c < j->ic; c++) winograd_channel(j, p, x, b, c, v);
        for (int s = 0; s < p->slices; s++) winograd_slice(j, p, b, s, u + (size_t)s * p->usize, v, mm, out);
    }
}

/* The slices k, k + slots, ... of block b */
static void winograd_slices(const struct winograd *j, const struct winograd_plan *p, int b, int k, float *u, const float *v, float *mm, float *out)
{
    for (int s = k; s < p->slices; s += p->slots) {
        float *us = u + (size_t)(p->once ? k : s) * p->usize;
        for (int o = s * WSLICE; p->once && o < j->oc && o < (s + 1) * WSLICE; o++) winograd_weights(j, o, us);
        winograd_slice(j, p, b, s, us, v, mm, out);
    }
}

static void winograd(const struct winograd *j, int groups, const float *x, float *scratch, float *out)
{
    const struct winograd_plan p = winograd_plan(j->ic, j->oc, groups * winograd_tiles(j->oh, j->ow), j->slots);
    float *u = scratch, *v = u + p.usizes, *mm = v + (size_t)p.slots * p.vsize;
#pragma omp parallel for schedule(static)
    for (int o = 0; o < (p.once ? 0 : j->oc); o++) winograd_weights(j, o, u + (size_t)(o / WSLICE) * p.usize);
    if (winograd_alone(&p)) {
#pragma omp parallel for schedule(static)
        for (int k = 0; k < p.slots; k++) winograd_blocks(j, &p, k, x, u, v + (size_t)k * p.vsize, mm + (size_t)k * p.msize, out);
        return;
    }
    for (int b = 0; b < p.blocks; b++) {
#pragma omp parallel for schedule(static)
        for (int c = 0; c < j->ic; c++) winograd_channel(j, &p, x, b, c, v);
#pragma omp parallel for schedule(static)
        for (int k = 0; k < p.slots; k++) winograd_slices(j, &p, b, k, u, v, mm + (size_t)k * p.msize, out);
    }
}

/* ---- the gradient of the weights ------------------------------------------------------------------ */

/* D [36][slice][block * lanes][WN] = A dy A' of the tiles [first, first + count) and the channels from o0 on, WL of them:
 * turned, so that a product's vectors lie along the channels. */
static void winograd_gradients(const struct winograd *j, const float *dy, int o0, int first, int count, int block, float *to)
{
    const int channels = j->oc - o0 < WL ? j->oc - o0 : WL, slices = (j->oc + WN - 1) / WN;
    const size_t step = winograd_maps_step(slices * WN, block);
    const size_t plane_size = (size_t)(j->oh * j->ow) * MAPS;
    float spread[WP][WL][MAPS] __attribute__((aligned(64))) = {{{0}}};
    to += (size_t)(o0 / WN * block) * MAPS * WN + (size_t)(o0 % WN);
    for (int q = 0; q < count; q++, to += MAPS * WN) {
        const struct winograd_tile at = winograd_tile(j, first + q), then = q + 1 < count ? winograd_tile(j, first + q + 1) : at;
        const float *after = dy + ((size_t)then.group * (size_t)j->oc + (size_t)o0) * plane_size + (then.y * j->ow + then.x) * MAPS;
        for (int o = 0; o < channels; o++) {
            const float *plane = dy + ((size_t)at.group * (size_t)j->oc + (size_t)(o0 + o)) * plane_size;
            for (int a = 0; a < WM; a++) /* the next tile; its planes lie too far apart to be foreseen */
                for (int b = 0; b < WM; b++) __builtin_prefetch(after + (size_t)o * plane_size + (a * j->ow + b) * MAPS);
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
            const float *rest = d + q * MAPS * WN, *next = b + 4 < nb ? rest : rest + (k + (b + 4 - nb) * k / 4) * WN;
            winograd_rows(cb, columns, k, v + (c * block + q) * MAPS, (size_t)(block * MAPS), rest, WN, mm + c * WN, WN, more || q, next);
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
#pragma omp parallel for schedule(static)
        for (int c = 0; c < j->ic; c++) winograd_maps(j, x, first, count, c, v + (size_t)(c * block) * MAPS, vstep);
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
