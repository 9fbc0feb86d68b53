/* Winograd's minimal filtering, F(4x4, 5x5), for 5x5 convolutions of stride 1 and few channels (LeNet's): 64 multiplications
 * for 4x4 pixels instead of 400. As in winograd.h, but a tile goes all the way while it is in the first cache, and what
 * backward needs is the transpose of what forward does:
 *
 *     forward  U = G w G'   V = B' x B     y = A' M A    M[p][o] = sum_c U[p][o][c] V[p][c], p = 1..64
 *     dx       the same U   D = A dy A'    dx += B M B'  M[p][c] = sum_o U[p][o][c] D[p][o]; tiles of dx overlap
 *     dw                                   dw += G' M G  M[p][o][c] = sum over tiles and images of D[p][o] V[p][c]
 *
 * Images lie in lanes; only dw turns its tiles of dy, so that output channels do and a sum over images needs no adding up of
 * lanes. tests/test_winograd.c holds all three to double precision. */
#ifndef HEIST_NN_LAYERS_WINOGRAD5_H
#define HEIST_NN_LAYERS_WINOGRAD5_H

#include "nn/layers/winograd.h"

enum {
    FK = 5, FA = WM + FK - 1, FP = FA * FA, /* side of the kernel; points along a side; in all */
    FDEPTH = VL == 16 ? 16 : 8, /* channels of a tile in registers while the rows of a product pass */
    FROWS = 16,                 /* channels of M that are there at once */
    FSTEP = (FP + 1) * MAPS,    /* from channel to channel of M: not a multiple of a page (winograd_step()) */
    FL = 16,                    /* the weights' gradient: output channels in lanes, */
    FPIXEL = (MAPS + 1) * FL,   /* from pixel to pixel of dy that is turned so, */
    FCHUNKS = 8                 /* parts of a batch that are summed alone, whatever the threads */
};

/* 5x5 and few channels, but more than an image has: the transforms pay, and those of the weights and of a tile of all channels
 * stay in the cache. */
static int winograd5_pays(int ic, int oc, int k, int stride)
{
    return stride == 1 && k == FK && ic >= 4 && ic <= 64 && oc >= 6 && oc <= 64;
}

/* The weights' gradient fills vectors with output channels. */
static int winograd5_dw_pays(int oc)
{
    return oc >= 12;
}

/* The transform of the weights, made once a call, is as much work as a good part of a group's tiles. */
static int winograd5_together(int ic, int oc)
{
    return ic * oc >= 256;
}

/* From point to point of U, of V and of D; an odd number of cache lines. */
static size_t winograd5_lines(size_t floats)
{
    return ((floats + MAPS - 1) / MAPS | 1) * MAPS;
}

static int winograd5_chunks(int groups)
{
    return groups < FCHUNKS ? groups : FCHUNKS;
}

/* Sums of the weights' gradient of a chunk: [oc / FL][ic][64][FL] */
static size_t winograd5_sums(int ic, int oc)
{
    return (size_t)((oc + FL - 1) / FL * ic * FSTEP);
}

static size_t winograd5_scratch(int ic, int oc, int groups)
{
    const size_t weights = 2 * FP * winograd5_lines((size_t)(ic * oc)), sums = (size_t)winograd5_chunks(groups) * winograd5_sums(ic, oc);
    return weights > sums ? weights : sums;
}

/* ---- transforms along one side ------------------------------------------------------------------ */

/* The points: 0, +-1/2, +-1, +-2 and infinity, or in short 0, +-p[j] and infinity. All numbers but G's are exact. */
static const float F_P[3] = {0.5f, 1, 2}, F_P2[3] = {0.25f, 1, 4}, F_P3[3] = {0.125f, 1, 8};
static const float F_Q = 5.25f; /* x (x^2 - 1/4) (x^2 - 1) (x^2 - 4) = x^7 - Q x^5 + Q x^3 - x */
static const float F_E[3] = {4, 1, 0.25f}, F_F[3] = {-5, -4.25f, -1.25f}; /* that over x (x^2 - p^2) = x^4 + F x^2 + E */
static const float F_G[3] = {1 / 1.40625f, 1 / -4.5f, 1 / 90.0f}; /* 1 / its derivative at p */

/* to [8] = B' x, x [8] */
INLINE void winograd5_input(const vec *x, vec *to)
{
    to[0] = x[6] - x[0] + F_Q * (x[2] - x[4]);
    to[7] = x[7] - x[1] + F_Q * (x[3] - x[5]);
    for (int j = 0; j < 3; j++) {
        const vec e = x[6] + F_F[j] * x[4] + F_E[j] * x[2], o = x[5] + F_F[j] * x[3] + F_E[j] * x[1];
        to[1 + 2 * j] = e + F_P[j] * o;
        to[2 + 2 * j] = e - F_P[j] * o;
    }
}

/* to [8] = B v, v [8] */
INLINE void winograd5_input_t(const vec *v, vec *to)
{
    vec s[3], d[3];
    for (int j = 0; j < 3; j++) {
        s[j] = v[1 + 2 * j] + v[2 + 2 * j];
        d[j] = F_P[j] * (v[1 + 2 * j] - v[2 + 2 * j]);
    }
    to[0] = -v[0];
    to[1] = F_E[0] * d[0] + d[1] + F_E[2] * d[2] - v[7];
    to[2] = F_E[0] * s[0] + s[1] + F_E[2] * s[2] + F_Q * v[0];
    to[3] = F_F[0] * d[0] + F_F[1] * d[1] + F_F[2] * d[2] + F_Q * v[7];
    to[4] = F_F[0] * s[0] + F_F[1] * s[1] + F_F[2] * s[2] - F_Q * v[0];
    to[5] = d[0] + d[1] + d[2] - F_Q * v[7];
    to[6] = s[0] + s[1] + s[2] + v[0];
    to[7] = v[7];
}

/* y [4] = A' v, v [8] */
INLINE void winograd5_output(const vec *v, vec *y)
{
    vec s[3], d[3];
    for (int j = 0; j < 3; j++) {
        s[j] = v[1 + 2 * j] + v[2 + 2 * j];
        d[j] = v[1 + 2 * j] - v[2 + 2 * j];
    }
    y[0] = v[0] + s[0] + s[1] + s[2];
    y[1] = F_P[0] * d[0] + d[1] + F_P[2] * d[2];
    y[2] = F_P2[0] * s[0] + s[1] + F_P2[2] * s[2];
    y[3] = F_P3[0] * d[0] + d[1] + F_P3[2] * d[2] + v[7];
}

/* to [8] = A y, y [4] */
INLINE void winograd5_output_t(const vec *y, vec *to)
{
    to[0] = y[0];
    to[7] = y[3];
    for (int j = 0; j < 3; j++) {
        const vec e = y[0] + F_P2[j] * y[2], o = y[1] + F_P2[j] * y[3];
        to[1 + 2 * j] = e + F_P[j] * o;
        to[2 + 2 * j] = e - F_P[j] * o;
    }
}

/* u [8] = G g, g [5] */
INLINE void winograd5_kernel(const vec *g, vec *u)
{
    u[0] = -g[0];
    u[7] = g[4];
    for (int j = 0; j < 3; j++) {
        const vec e = F_G[j] * (g[0] + F_P2[j] * (g[2] + F_P2[j] * g[4])), o = F_G[j] * F_P[j] * (g[1] + F_P2[j] * g[3]);
        u[1 + 2 * j] = e + o;
        u[2 + 2 * j] = e - o;
    }
}

/* g [5] = G' u, u [8] */
INLINE void winograd5_kernel_t(const vec *u, vec *g)
{
    g[0] = -u[0];
    g[4] = u[7];
    g[1] = g[2] = g[3] = vec_all(0);
    for (int j = 0; j < 3; j++) {
        const vec s = F_G[j] * (u[1 + 2 * j] + u[2 + 2 * j]), d = F_G[j] * F_P[j] * (u[1 + 2 * j] - u[2 + 2 * j]);
        g[0] += s;
        g[1] += d;
        g[2] += F_P2[j] * s;
        g[3] += F_P2[j] * d;
        g[4] += F_P2[j] * F_P2[j] * s;
    }
}

/* ---- along both sides, of one channel ------------------------------------------------------------- */

/* to[p * step] = B' x B of 8x8 pixels, `row` floats from row to row */
INLINE void winograd5_spread_x(const float *x, size_t row, float *to, size_t step)
{
    for (int t = 0; t < MAPS; t += VL) {
        vec half[FA][FA];
        for (int a = 0; a < FA; a++) {
            vec v[FA];
            for (int b = 0; b < FA; b++) v[b] = vec_load(x + (size_t)a * row + (size_t)(b * MAPS + t));
            winograd5_input(v, half[a]);
        }
        for (int b = 0; b < FA; b++) {
            vec v[FA], u[FA];
            for (int a = 0; a < FA; a++) v[a] = half[a][b];
            winograd5_input(v, u);
            for (int a = 0; a < FA; a++) vec_store(to + (size_t)(a * FA + b) * step + t, u[a]);
        }
    }
}

/* to[p * step] = A dy A' of 4x4 pixels */
INLINE void winograd5_spread_dy(const float *dy, size_t row, float *to, size_t step)
{
    for (int t = 0; t < MAPS; t += VL) {
        vec half[WM][FA];
        for (int a = 0; a < WM; a++) {
            vec v[WM];
            for (int b = 0; b < WM; b++) v[b] = vec_load(dy + (size_t)a * row + (size_t)(b * MAPS + t));
            winograd5_output_t(v, half[a]);
        }
        for (int b = 0; b < FA; b++) {
            vec v[WM], u[FA];
            for (int a = 0; a < WM; a++) v[a] = half[a][b];
            winograd5_output_t(v, u);
            for (int a = 0; a < FA; a++) vec_store(to + (size_t)(a * FA + b) * step + t, u[a]);
        }
    }
}

/* 4x4 pixels of y = A' M A + bias, m [64][lanes] */
INLINE void winograd5_gather_y(const float *m, float bias, float *y, size_t row)
{
    for (int t = 0; t < MAPS; t += VL) {
        vec half[WM][FA];
        for (int b = 0; b < FA; b++) {
            vec v[FA], u[WM];
            for (int a = 0; a < FA; a++) v[a] = vec_load(m + (a * FA + b) * MAPS + t);
            winograd5_output(v, u);
            for (int a = 0; a < WM; a++) half[a][b] = u[a];
        }
        for (int a = 0; a < WM; a++) {
            vec u[WM];
            winograd5_output(half[a], u);
            for (int b = 0; b < WM; b++) {
                float *to = y + (size_t)a * row + (size_t)(b * MAPS + t);
                vec_store(to, u[b] + bias);
            }
        }
    }
}

/* 8x8 pixels of dx += B M B' */
INLINE void winograd5_gather_dx(const float *m, float *dx, size_t row)
{
    for (int t = 0; t < MAPS; t += VL) {
        vec half[FA][FA];
        for (int b = 0; b < FA; b++) {
            vec v[FA], u[FA];
            for (int a = 0; a < FA; a++) v[a] = vec_load(m + (a * FA + b) * MAPS + t);
            winograd5_input_t(v, u);
            for (int a = 0; a < FA; a++) half[a][b] = u[a];
        }
        for (int a = 0; a < FA; a++) {
            vec u[FA];
            winograd5_input_t(half[a], u);
            for (int b = 0; b < FA; b++) {
                float *to = dx + (size_t)a * row + (size_t)(b * MAPS + t);
                vec_store(to, vec_load(to) + u[b]);
            }
        }
    }
}

/* ---- weights -------------------------------------------------------------------------------------- */

/* U [64][oc][ic], or [64][ic][oc] where it is turned. To be called by all threads. */
static void winograd5_weights(int ic, int oc, int turned, const float *w, float *u)
{
    const int kernels = ic * oc;
    const size_t step = winograd5_lines((size_t)kernels);
#pragma omp for schedule(static)
    for (int n = 0; n < kernels; n += VL) {
        vec g[FK * FK], half[FA][FK];
        const float *from[VL];
        for (int i = 0; i < VL; i++) {
            const int k = n + i < kernels ? n + i : kernels - 1;
            from[i] = w + (turned ? k % oc * ic + k / oc : k) * FK * FK;
        }
        for (int first = 0; first < FK * FK; first += VL) {
            vec v[VL];
            const int tap = first + VL <= FK * FK ? first : FK * FK - VL;
            for (int i = 0; i < VL; i++) v[i] = vec_load_any(from[i] + tap);
            vec_transpose(v);
            for (int i = 0; i < VL; i++) g[tap + i] = v[i];
        }
        for (int x = 0; x < FK; x++) {
            vec v[FK], to[FA];
            for (int y = 0; y < FK; y++) v[y] = g[y * FK + x];
            winograd5_kernel(v, to);
            for (int a = 0; a < FA; a++) half[a][x] = to[a];
        }
        for (int a = 0; a < FA; a++) {
            vec to[FA];
            winograd5_kernel(half[a], to);
            for (int b = 0; b < FA; b++) vec_store(u + (size_t)(a * FA + b) * step + n, to[b]);
        }
    }
}

/* ---- tiles ---------------------------------------------------------------------------------------- */

/* Pixel (y, x) of a plane [h][w][lanes] from which side x side pixels are read: there, or in `buffer` with zeros beyond the
 * border. *row: floats from row to row. */
static const float *winograd5_square(const float *plane, int h, int w, int y, int x, int side, float *buffer, size_t *row)
{
    *row = (size_t)w * MAPS;
    if (y >= 0 && x >= 0 && y + side <= h && x + side <= w) return plane + (y * w + x) * MAPS;
    *row = (size_t)side * MAPS;
    for (int a = 0; a < side; a++)
        for (int b = 0; b < side; b++) {
            const int real = y + a >= 0 && y + a < h && x + b >= 0 && x + b < w;
            for (int t = 0; t < MAPS; t++) buffer[(a * side + b) * MAPS + t] = real ? plane[((y + a) * w + x + b) * MAPS + t] : 0;
        }
    return buffer;
}

/* V [64][ic][lanes] */
static void winograd5_maps(const struct winograd *j, const float *x, int y0, int x0, float *v, size_t step)
{
    float buffer[FP * MAPS] __attribute__((aligned(64)));
    for (int c = 0; c < j->ic; c++) {
        size_t row;
        const float *from = winograd5_square(x + c * j->h * j->w * MAPS, j->h, j->w, y0 - j->pad, x0 - j->pad, FA, buffer, &row);
        winograd5_spread_x(from, row, v + c * MAPS, step);
    }
}

/* D [64][oc][lanes] */
static void winograd5_gradients(const struct winograd *j, const float *dy, int y0, int x0, float *d, size_t step)
{
    float buffer[WM * WM * MAPS] __attribute__((aligned(64)));
    for (int o = 0; o < j->oc; o++) {
        size_t row;
        const float *from = winograd5_square(dy + o * j->oh * j->ow * MAPS, j->oh, j->ow, y0, x0, WM, buffer, &row);
        winograd5_spread_dy(from, row, d + o * MAPS, step);
    }
}

/* to [lanes] (+)= sum over `depth` of a[k] x[k] */
INLINE void winograd5_row(const int depth, const float *a, const vec *x, float *to, int more)
{
    vec s = a[0] * x[0];
    for (int k = 1; k < depth; k++) s += a[k] * x[k];
    if (more) s += vec_load(to);
    vec_store(to, s);
}

/* to [rows][points][lanes] (+)= sum over `depth` of a[p][row][k] v[p][k]; a row of a has `width` numbers */
INLINE void winograd5_product(const int depth, int rows, int width, int points, const float *a, size_t astep, const float *v, size_t vstep, float *to, int more)
{
    for (int p = 0; p < points; p++, a += astep, v += vstep, to += MAPS)
        for (int t = 0; t < MAPS; t += VL) {
            vec x[FDEPTH];
            for (int k = 0; k < depth; k++) x[k] = vec_load(v + k * MAPS + t);
            for (int r = 0; r < rows; r++) winograd5_row(depth, a + r * width, x, to + r * FSTEP + t, more);
        }
}

/* The same over all `width` of them. */
static void winograd5_products(int rows, int width, int points, const float *a, size_t astep, const float *v, size_t vstep, float *to, int more)
{
    for (int k = 0, depth; k < width; k += depth, a += depth, v += depth * MAPS, more = 1) {
        const int left = width - k;
        depth = left >= FDEPTH ? FDEPTH : left < 8 ? left : 8;
        switch (depth) { /* constants where it is inlined */
        case 8: winograd5_product(8, rows, width, points, a, astep, v, vstep, to, more); break;
        case 7: winograd5_product(7, rows, width, points, a, astep, v, vstep, to, more); break;
        case 6: winograd5_product(6, rows, width, points, a, astep, v, vstep, to, more); break;
        case 5: winograd5_product(5, rows, width, points, a, astep, v, vstep, to, more); break;
        case 4: winograd5_product(4, rows, width, points, a, astep, v, vstep, to, more); break;
        case 3: winograd5_product(3, rows, width, points, a, astep, v, vstep, to, more); break;
        case 2: winograd5_product(2, rows, width, points, a, astep, v, vstep, to, more); break;
        case 1: winograd5_product(1, rows, width, points, a, astep, v, vstep, to, more); break;
        default: winograd5_product(FDEPTH, rows, width, points, a, astep, v, vstep, to, more);
        }
    }
}

/* ---- forward ---------------------------------------------------------------------------------------- */

static void winograd5_gather(const struct winograd *j, const float *m, int o, int y0, int x0, float *y)
{
    float buffer[WM * WM * MAPS] __attribute__((aligned(64)));
    const int rows = j->oh - y0 < WM ? j->oh - y0 : WM, columns = j->ow - x0 < WM ? j->ow - x0 : WM;
    const float bias = j->bias ? j->bias[o] : 0;
    float *to = y + ((o * j->oh + y0) * j->ow + x0) * MAPS;
    if (rows == WM && columns == WM) {
        winograd5_gather_y(m, bias, to, (size_t)j->ow * MAPS);
        return;
    }
    winograd5_gather_y(m, bias, buffer, WM * MAPS);
    for (int a = 0; a < rows; a++)
        for (int i = 0; i < columns * MAPS; i++) to[a * j->ow * MAPS + i] = buffer[a * WM * MAPS + i];
}

/* y of one group = the sum of `terms` convolutions */
static void winograd5_group(const struct winograd *j, int terms, const float *const u[], const float *const x[], float *y)
{
    const size_t step = winograd5_lines((size_t)(j->ic * MAPS)), ustep = winograd5_lines((size_t)(j->ic * j->oc)), size = FP * step;
    float v[(size_t)terms * size] __attribute__((aligned(64))), m[FROWS * FSTEP] __attribute__((aligned(64)));
    const int nb = (j->oc + FROWS - 1) / FROWS;
    for (int y0 = 0; y0 < j->oh; y0 += WM)
        for (int x0 = 0; x0 < j->ow; x0 += WM) {
            for (int k = 0; k < terms; k++) winograd5_maps(j, x[k], y0, x0, v + (size_t)k * size, step);
            for (int b = 0; b < nb; b++) {
                const int o = j->oc * b / nb, ob = j->oc * (b + 1) / nb - o;
                for (int k = 0; k < terms; k++) winograd5_products(ob, j->ic, FP, u[k] + o * j->ic, ustep, v + (size_t)k * size, step, m, k > 0);
                for (int i = 0; i < ob; i++) winograd5_gather(j, m + i * FSTEP, o + i, y0, x0, y);
            }
        }
}

/* y = the sum of `terms` <= 2 convolutions of x[k] by w[k], and the bias */
static void winograd5(const struct winograd *j, int groups, int terms, const float *const x[], const float *const w[], float *scratch, float *y)
{
    const size_t weights = FP * winograd5_lines((size_t)(j->ic * j->oc)), in = (size_t)(j->ic * j->h * j->w) * MAPS, out = (size_t)(j->oc * j->oh * j->ow) * MAPS;
    const float *const u[] = {scratch, scratch + weights};
#pragma omp parallel
    {
        for (int k = 0; k < terms; k++) winograd5_weights(j->ic, j->oc, 0, w[k], scratch + (size_t)k * weights);
#pragma omp for schedule(static)
        for (int g = 0; g < groups; g++) {
            const float *const from[] = {x[0] + (size_t)g * in, terms > 1 ? x[1] + (size_t)g * in : NULL};
            winograd5_group(j, terms, u, from, y + (size_t)g * out);
        }
    }
}

/* ---- dx ---------------------------------------------------------------------------------------------- */

static void winograd5_overlap(const struct winograd *j, const float *m, int c, int y0, int x0, float *dx)
{
    float buffer[FP * MAPS] __attribute__((aligned(64)));
    float *plane = dx + c * j->h * j->w * MAPS;
    if (y0 >= 0 && x0 >= 0 && y0 + FA <= j->h && x0 + FA <= j->w) {
        winograd5_gather_dx(m, plane + (y0 * j->w + x0) * MAPS, (size_t)j->w * MAPS);
        return;
    }
    for (int i = 0; i < FP * MAPS; i++) buffer[i] = 0;
    winograd5_gather_dx(m, buffer, FA * MAPS);
    for (int a = 0; a < FA; a++)
        for (int b = 0; b < FA; b++)
            for (int t = 0; t < MAPS && y0 + a >= 0 && y0 + a < j->h && x0 + b >= 0 && x0 + b < j->w; t++)
                plane[((y0 + a) * j->w + x0 + b) * MAPS + t] += buffer[(a * FA + b) * MAPS + t];
}

/* hit[x]: nonzero where some channel's dy of row y arrives at column x of dx; `some` [ow] is scratch */
static void winograd5_reached(const struct winograd *j, const float *dy, int y, int t, ivec *some, ivec *hit)
{
    for (int x = 0; x < j->ow; x++) {
        some[x] = ivec_all(0);
        for (int o = 0; o < j->oc; o++) some[x] |= (ivec)vec_load(dy + ((o * j->oh + y) * j->ow + x) * MAPS + t);
        some[x] &= 0x7fffffff; /* -0 is zero */
    }
    for (int x = 0; x < j->w; x++) {
        hit[x] = ivec_all(0);
        for (int k = 0; k < FK; k++)
            if (x + j->pad - k >= 0 && x + j->pad - k < j->ow) hit[x] |= some[x + j->pad - k];
    }
}

/* Where no dy but zeros arrives (max-pooling and ReLU pass few on) dx is exactly zero, as the direct kernel's, and not what
 * roundings left: attacks ask for its sign. */
static void winograd5_unreached(const struct winograd *j, const float *dy, float *dx)
{
    ivec some[j->ow], row[FK][j->w]; /* row[r % FK]: what row r of dy reaches; the last FK rows, which all that row y of dx takes is from */
    for (int t = 0; t < MAPS; t += VL) {
        int next = 0; /* the first row of dy that is not in row[] yet */
        for (int y = 0; y < j->h; y++) {
            for (; next <= y + j->pad && next < j->oh; next++) winograd5_reached(j, dy, next, t, some, row[next % FK]);
            for (int x = 0; x < j->w; x++) {
                ivec hit = ivec_all(0);
                for (int k = 0; k < FK; k++)
                    if (y + j->pad - k >= 0 && y + j->pad - k < j->oh) hit |= row[(y + j->pad - k) % FK][x];
                for (int c = 0; c < j->ic; c++) {
                    float *at = dx + ((c * j->h + y) * j->w + x) * MAPS + t;
                    vec_store(at, vec_where(hit != 0, vec_load(at), vec_all(0)));
                }
            }
        }
    }
}

/* dx of one group: its tiles overlap, and are added in their order */
static void winograd5_group_dx(const struct winograd *j, const float *u, const float *dy, float *dx)
{
    const size_t step = winograd5_lines((size_t)(j->oc * MAPS)), ustep = winograd5_lines((size_t)(j->ic * j->oc));
    float d[FP * step] __attribute__((aligned(64))), m[FROWS * FSTEP] __attribute__((aligned(64)));
    const int nb = (j->ic + FROWS - 1) / FROWS;
    for (int i = 0; i < j->ic * j->h * j->w * MAPS; i++) dx[i] = 0;
    for (int y0 = 0; y0 < j->oh; y0 += WM)
        for (int x0 = 0; x0 < j->ow; x0 += WM) {
            winograd5_gradients(j, dy, y0, x0, d, step);
            for (int b = 0; b < nb; b++) {
                const int c = j->ic * b / nb, cb = j->ic * (b + 1) / nb - c;
                winograd5_products(cb, j->oc, FP, u + c * j->oc, ustep, d, step, m, 0);
                for (int i = 0; i < cb; i++) winograd5_overlap(j, m + i * FSTEP, c + i, y0 - j->pad, x0 - j->pad, dx);
            }
        }
    winograd5_unreached(j, dy, dx);
}

/* dx = the transpose of the convolution by j->weight, of dy */
static void winograd5_dx(const struct winograd *j, int groups, const float *dy, float *scratch, float *dx)
{
    const size_t in = (size_t)(j->ic * j->h * j->w) * MAPS, out = (size_t)(j->oc * j->oh * j->ow) * MAPS;
#pragma omp parallel
    {
        winograd5_weights(j->ic, j->oc, 1, j->weight, scratch);
#pragma omp for schedule(static)
        for (int g = 0; g < groups; g++) winograd5_group_dx(j, scratch, dy + (size_t)g * out, dx + (size_t)g * in);
    }
}

/* ---- the gradient of the weights ---------------------------------------------------------------------- */

/* to [lanes][FL] of one pixel of `channels` planes; zeros beyond */
INLINE void winograd5_turn(const int channels, const float *dy, size_t plane, float *to)
{
    for (int t = 0; t < MAPS; t += VL)
        for (int o = 0; o < FL; o += VL) {
            vec v[VL];
            for (int i = 0; i < VL; i++) v[i] = o + i < channels ? vec_load(dy + (size_t)(o + i) * plane + t) : vec_all(0);
            vec_transpose(v);
            for (int i = 0; i < VL; i++) vec_store(to + (t + i) * FL + o, v[i]);
        }
}

/* to [4][4][lanes][FL] of a tile of the output channels from o on */
static void winograd5_turned(const struct winograd *j, const float *dy, int o, int y0, int x0, float to[WM][WM][FPIXEL])
{
    const size_t plane = (size_t)(j->oh * j->ow) * MAPS;
    for (int a = 0; a < WM; a++)
        for (int b = 0; b < WM; b++) {
            const int channels = y0 + a < j->oh && x0 + b < j->ow ? j->oc - o : 0;
            const float *from = dy + (size_t)o * plane + ((y0 + a) * j->ow + x0 + b) * MAPS;
            if (channels >= FL) winograd5_turn(FL, from, plane, to[a][b]);
            else winograd5_turn(channels, from, plane, to[a][b]);
        }
}

/* to[i] = A y[i]: 4 -> 8 turned pixels; `from` and `step` pixels of y and of to apart */
INLINE void winograd5_spread_turned(const float *y, size_t from, float *to, size_t step)
{
    for (int i = 0; i < MAPS * FL; i += VL) {
        vec v[WM], u[FA];
        for (int a = 0; a < WM; a++) v[a] = vec_load(y + (size_t)a * from * FPIXEL + i);
        winograd5_output_t(v, u);
        for (int a = 0; a < FA; a++) vec_store(to + (size_t)a * step * FPIXEL + i, u[a]);
    }
}

/* sum [ic][64][FL] += of a tile of the output channels from o on; V [64][ic][lanes] */
static void winograd5_tile_dw(const struct winograd *j, const float *v, size_t step, const float *dy, int o, int y0, int x0, float *sum)
{
    float turned[WM][WM][FPIXEL] __attribute__((aligned(64))), half[FA][WM][FPIXEL] __attribute__((aligned(64))), d[FA][FPIXEL] __attribute__((aligned(64)));
    winograd5_turned(j, dy, o, y0, x0, turned);
    for (int b = 0; b < WM; b++) winograd5_spread_turned(turned[0][b], WM, half[0][b], WM);
    for (int a = 0; a < FA; a++) {
        winograd5_spread_turned(half[a][0], 1, d[0], 1);
        winograd5_products(j->ic, MAPS, FA, v + (size_t)(a * FA) * step, step, d[0], FPIXEL, sum + a * FA * FL, 1);
    }
}

/* sum [oc / FL][ic][64][FL] = of some groups */
static void winograd5_chunk(const struct winograd *j, int groups, const float *x, const float *dy, float *sum)
{
    const size_t step = winograd5_lines((size_t)(j->ic * MAPS)), block = (size_t)(j->ic * FSTEP);
    float v[FP * step] __attribute__((aligned(64)));
    for (size_t i = 0; i < winograd5_sums(j->ic, j->oc); i++) sum[i] = 0;
    for (int g = 0; g < groups; g++, x += (size_t)(j->ic * j->h * j->w) * MAPS, dy += (size_t)(j->oc * j->oh * j->ow) * MAPS)
        for (int y0 = 0; y0 < j->oh; y0 += WM)
            for (int x0 = 0; x0 < j->ow; x0 += WM) {
                winograd5_maps(j, x, y0, x0, v, step);
                for (int o = 0; o < j->oc; o += FL) winograd5_tile_dw(j, v, step, dy, o, y0, x0, sum + (size_t)(o / FL) * block);
            }
}

/* dw [.][c] of the output channels from o on += G' M G, M the chunks' sums */
static void winograd5_reduce(const struct winograd *j, int chunks, const float *sum, int o, int c, float *dw)
{
    const size_t size = winograd5_sums(j->ic, j->oc);
    const int channels = j->oc - o < VL ? j->oc - o : VL;
    vec half[FK][FA];
    sum += (o / FL * j->ic + c) * FSTEP + o % FL;
    for (int b = 0; b < FA; b++) {
        vec v[FA], to[FK];
        for (int a = 0; a < FA; a++) {
            const float *m = sum + (a * FA + b) * FL;
            v[a] = vec_load(m);
            for (int k = 1; k < chunks; k++) v[a] += vec_load(m + (size_t)k * size);
        }
        winograd5_kernel_t(v, to);
        for (int a = 0; a < FK; a++) half[a][b] = to[a];
    }
    for (int a = 0; a < FK; a++) {
        vec g[FK];
        winograd5_kernel_t(half[a], g);
        for (int b = 0; b < FK; b++)
            for (int i = 0; i < channels; i++) dw[((o + i) * j->ic + c) * FK * FK + a * FK + b] += g[b][i];
    }
}

/* dw [oc][ic][5][5] += */
static void winograd5_dw(const struct winograd *j, int groups, const float *x, const float *dy, float *scratch, float *dw)
{
    const int chunks = winograd5_chunks(groups);
    const size_t size = winograd5_sums(j->ic, j->oc);
#pragma omp parallel for schedule(static)
    for (int k = 0; k < chunks; k++) {
        const int g = groups * k / chunks, count = groups * (k + 1) / chunks - g;
        winograd5_chunk(j, count, x + (size_t)g * (size_t)(j->ic * j->h * j->w) * MAPS, dy + (size_t)g * (size_t)(j->oc * j->oh * j->ow) * MAPS, scratch + (size_t)k * size);
    }
#pragma omp parallel for schedule(static) collapse(2)
    for (int o = 0; o < j->oc; o += VL)
        for (int c = 0; c < j->ic; c++) winograd5_reduce(j, chunks, scratch, o, c, dw);
}

#endif
