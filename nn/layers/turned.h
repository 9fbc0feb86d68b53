/* The gradient of a convolution's weights where there are many output channels. Both x and dy have images in their lanes, so
 * their product is a sum over lanes. Here blocks of dy are turned: vectors then lie along the output channels, a number of x
 * is spread over a vector, and the sums need no adding up of lanes:
 *
 *     dw[row][o] += x[row's pixel][lane] dy[pixel][lane][o]      row: an input channel and a tap
 */
#ifndef HEIST_NN_LAYERS_TURNED_H
#define HEIST_NN_LAYERS_TURNED_H

#include "nn/layers/vec.h"

enum {
    TN = 64, TP = 4,               /* a block of dy: output channels times pixels of a row */
    TO = VL == 16 ? 6 : 3, TX = 4, /* sums in registers: rows times vectors of channels */
    TROWS = 288                    /* rows of a task: their sums stay in the cache */
};

/* x in a frame [groups][ic][h][w][lanes], dy [groups][oc][oh][ow][lanes], dw [oc][ic][k][k] */
struct turned {
    int ic, h, w;
    int oc, oh, ow;
    int k, stride;
    const float *x, *dy;
    float *dw;
};

static int turned_pays(int oc)
{
    return oc >= 32;
}

/* to [pixels * lanes][TN]: pixels of `channels` planes of dy, `plane` floats apart. Channels beyond are zero. */
static void turned_block(const float *dy, size_t plane, int channels, int pixels, float *to)
{
    for (int p = 0; p < pixels; p++)
        for (int t = 0; t < MAPS; t += VL)
            for (int o = 0; o < channels; o += VL) {
                vec v[VL];
                for (int i = 0; i < VL; i++) v[i] = o + i < channels ? vec_load(dy + (size_t)(o + i) * plane + p * MAPS + t) : vec_all(0);
                vec_transpose(v);
                for (int i = 0; i < VL; i++) vec_store(to + (p * MAPS + t + i) * TN + o, v[i]);
            }
}

/* sum [ob][xt vectors] += over pixels and lanes; x[i]: row i's first pixel, `step` floats from pixel to pixel */
INLINE void turned_tile(const int ob, const int xt, const float *const x[], int pixels, int step, const float *d, float *sum)
{
    vec s[TO][TX];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < xt; q++) s[i][q] = vec_load(sum + i * TN + q * VL);
    for (int at = 0; at < pixels * step; at += step)
        for (int t = 0; t < MAPS; t++, d += TN) {
            vec v[TX];
            for (int q = 0; q < xt; q++) v[q] = vec_load(d + q * VL);
            for (int i = 0; i < ob; i++) {
                const float a = x[i][at + t];
                for (int q = 0; q < xt; q++) s[i][q] += a * v[q];
            }
        }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < xt; q++) vec_store(sum + i * TN + q * VL, s[i][q]);
}

INLINE void turned_row(const int ob, int channels, const float *const x[], int pixels, int step, const float *d, float *sum)
{
    int q = 0;
    for (; channels - q > (TX - 1) * VL; q += TX * VL) turned_tile(ob, TX, x, pixels, step, d + q, sum + q);
    for (; channels - q > VL; q += 2 * VL) turned_tile(ob, 2, x, pixels, step, d + q, sum + q);
    for (; q < channels; q += VL) turned_tile(ob, 1, x, pixels, step, d + q, sum + q);
}

/* `rows` rows of one block of dy; x: the frame's row of the first pixel, in the first channel; offset [rows]: where a row's
 * channel and tap begin. */
static void turned_rows(int rows, const int *offset, int channels, const float *x, int pixels, int step, const float *d, float *sum)
{
    for (int r = 0, ob; r < rows; r += ob) {
        const float *from[TO];
        float *to = sum + r * TN;
        ob = rows - r < TO ? rows - r : TO;
        for (int i = 0; i < ob; i++) from[i] = x + offset[r + i];
        for (int i = r + ob; i < rows && i < r + ob + TO; i++) /* the next rows lie planes apart: no hardware foresees them */
            for (int a = 0; a < pixels; a++) __builtin_prefetch(x + offset[i] + a * step);
        switch (ob) { /* constants where the tile is inlined */
        case 6: turned_row(TO < 6 ? TO : 6, channels, from, pixels, step, d, to); break;
        case 5: turned_row(TO < 5 ? TO : 5, channels, from, pixels, step, d, to); break;
        case 4: turned_row(TO < 4 ? TO : 4, channels, from, pixels, step, d, to); break;
        case 3: turned_row(3, channels, from, pixels, step, d, to); break;
        case 2: turned_row(2, channels, from, pixels, step, d, to); break;
        default: turned_row(1, channels, from, pixels, step, d, to);
        }
    }
}

/* dw += of rows [r0, r1) and output channels [o, o + channels) */
static void turned_task(const struct turned *j, int groups, int o, int channels, int r0, int r1)
{
    float sum[TROWS * TN] __attribute__((aligned(64))) = {0}, d[TP * MAPS * TN] __attribute__((aligned(64)));
    const size_t plane = (size_t)(j->oh * j->ow) * MAPS, rows = (size_t)(j->ic * j->k * j->k);
    int offset[TROWS];
    for (int r = r0; r < r1; r++) {
        const int tap = r % (j->k * j->k);
        offset[r - r0] = ((r / (j->k * j->k) * j->h + tap / j->k) * j->w + tap % j->k) * MAPS;
    }
    for (int g = 0; g < groups; g++)
        for (int y = 0; y < j->oh; y++)
            for (int a = 0; a < j->ow; a += TP) {
                const int pixels = j->ow - a < TP ? j->ow - a : TP;
                const float *dy = j->dy + ((size_t)g * (size_t)j->oc + (size_t)o) * plane + (y * j->ow + a) * MAPS;
                const float *x = j->x + (((size_t)g * (size_t)(j->ic * j->h) + (size_t)(y * j->stride)) * (size_t)j->w + (size_t)(a * j->stride)) * MAPS;
                turned_block(dy, plane, channels, pixels, d);
                turned_rows(r1 - r0, offset, channels, x, pixels, j->stride * MAPS, d, sum);
            }
    for (int i = 0; i < channels; i++)
        for (int r = r0; r < r1; r++) j->dw[(size_t)(o + i) * rows + (size_t)r] += sum[(r - r0) * TN + i];
}

static void turned_gradient(const struct turned *j, int groups)
{
    const int rows = j->ic * j->k * j->k, parts = (rows + TROWS - 1) / TROWS;
    const int width = parts > 1 ? TN : TN / 2, slices = (j->oc + width - 1) / width;
#pragma omp parallel for schedule(static) collapse(2)
    for (int s = 0; s < slices; s++)
        for (int p = 0; p < parts; p++)
            turned_task(j, groups, s * width, j->oc - s * width < width ? j->oc - s * width : width, rows * p / parts, rows * (p + 1) / parts);
}

#endif
