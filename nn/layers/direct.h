/* The direct kernel of convolutions, and its naive twin with the same signature. Images lie in lanes, so a multiply-add of a register
 * is one weight times one pixel of all images of a group: any kernel size, stride and border runs at full width, and no im2col is
 * needed. A tile of OB output channels times XT pixels of a row is summed in registers over all input channels and taps. */
#ifndef HEIST_NN_LAYERS_DIRECT_H
#define HEIST_NN_LAYERS_DIRECT_H

#include "nn/layer.h"
#include "nn/layers/vec.h"

/* A map as the kernels read it: c channels of h x w pixels, of which the content begins at (border, border) and the rest is
 * zero. */
struct frame {
    int c, h, w;
    int border, real_h, real_w;
};

static size_t frame_size(const struct frame *f) /* floats a group */
{
    return (size_t)f->c * (size_t)f->h * (size_t)f->w * MAPS;
}

static struct frame frame_of(struct shape s, int border)
{
    return (struct frame){s.c, s.h + 2 * border, s.w + 2 * border, border, s.h, s.w};
}

#ifdef LAYER_SIMD_naive
enum { ROWS_ABOVE = 1 };
#else
enum { ROWS_ABOVE = 0 }; /* taps() leaves them out */
#endif

/* What one call of the kernel computes: h x w pixels of out [groups][oc][oh][ow][lanes] from x in frame f and
 * w [oc][f.c][kh][kw]. Pixel (y, x) stands at (oy + y * step, ox + x * step) of out; its kernel begins at
 * (fy + y * stride, fx + x * stride) of the frame. */
struct job {
    struct frame f;
    int oc, h, w, kh, kw, stride;
    int oh, ow, oy, ox, step, fy, fx;
    const float *weight, *bias; /* bias may be NULL */
    const float *x;
    float *out;
    int add; /* out += */
};

/* Where the sums of pixel (y, 0) of output channel o of group g go. */
static float *job_out(const struct job *j, int g, int o, int y)
{
    return j->out + ((((size_t)g * (size_t)j->oc + (size_t)o) * (size_t)j->oh + (size_t)(j->oy + y * j->step)) * (size_t)j->ow + (size_t)j->ox) * MAPS;
}

/* The kernel's first row for pixel (y, 0) in channel c of group g. */
static const float *job_x(const struct job *j, int g, int c, int y)
{
    return j->x + (((size_t)g * (size_t)j->f.c + (size_t)c) * (size_t)j->f.h + (size_t)(j->fy + y * j->stride)) * (size_t)j->f.w * MAPS + (size_t)(j->fx * MAPS);
}

#ifdef LAYER_SIMD_naive

static void convolve(const struct job *j, int groups)
{
    for (int g = 0; g < groups; g++)
        for (int o = 0; o < j->oc; o++)
            for (int y = 0; y < j->h; y++)
                for (int x = 0; x < j->w; x++)
                    for (int t = 0; t < MAPS; t++) {
                        double s = j->bias ? (double)j->bias[o] : 0;
                        for (int c = 0; c < j->f.c; c++)
                            for (int ky = 0; ky < j->kh; ky++)
                                for (int kx = 0; kx < j->kw; kx++)
                                    s += (double)j->weight[((o * j->f.c + c) * j->kh + ky) * j->kw + kx] *
                                         (double)job_x(j, g, c, y)[(ky * j->f.w + x * j->stride + kx) * MAPS + t];
                        float *to = job_out(j, g, o, y) + x * j->step * MAPS + t;
                        *to = (float)s + (j->add ? *to : 0);
                    }
}

#else

enum { OB = VL == 16 ? 6 : 3, XT = 4 }; /* the largest tile: OB * XT sums, XT pixels and a weight in registers */

/* The taps [*from, *to) of a kernel whose outputs stand at first .. last that touch the content of the frame. */
static void taps(int first, int last, int k, int border, int real, int *from, int *to)
{
    *from = border - last > 0 ? border - last : 0;
    *to = border + real - first < k ? border + real - first : k;
}

/* ob <= OB channels times xt <= XT pixels of one row and one register of lanes; both are constants where it is inlined. */
INLINE void tile(const int ob, const int xt, const struct job *j, const float *w, const float *bias, const float *x, float *out,
                 int ky0, int ky1, int kx0, int kx1)
{
    const int kw = j->kw, kk = j->kh * kw, ws = j->f.c * kk, row = j->f.w * MAPS, step = j->stride * MAPS;
    const size_t plane = (size_t)(j->f.h * j->f.w) * MAPS, oplane = (size_t)(j->oh * j->ow) * MAPS;
    vec s[OB][XT];
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < xt; q++) s[i][q] = vec_all(bias ? bias[i] : 0.0f);
    for (int c = 0; c < j->f.c; c++, x += plane, w += kk)
        for (int ky = ky0; ky < ky1; ky++)
            for (int kx = kx0; kx < kx1; kx++) {
                vec v[XT];
                for (int q = 0; q < xt; q++) v[q] = vec_load(x + ky * row + kx * MAPS + q * step);
                for (int i = 0; i < ob; i++) {
                    const float a = w[i * ws + ky * kw + kx];
                    for (int q = 0; q < xt; q++) s[i][q] += a * v[q];
                }
            }
    for (int i = 0; i < ob; i++)
        for (int q = 0; q < xt; q++) {
            float *to = out + (size_t)i * oplane + q * j->step * MAPS;
            if (j->add) s[i][q] += vec_load(to);
            vec_store(to, s[i][q]);
        }
}

/* xt pixels of a row from pixel q on; their taps touch the content at columns [*from, *to) of the kernel. */
static void columns(const struct job *j, int q, int xt, int *from, int *to)
{
    taps(j->fx + q * j->stride, j->fx + (q + xt - 1) * j->stride, j->kw, j->f.border, j->f.real_w, from, to);
}

/* Pixels of the next tile. Beside a wide border two narrow tiles have fewer taps that see zeros. */
static int tile_width(const struct job *j, int q)
{
    int a0, a1, b0, b1, c0, c1;
    if (j->w - q < XT) return j->w - q >= 2 ? 2 : 1;
    columns(j, q, XT, &a0, &a1);
    columns(j, q, 2, &b0, &b1);
    columns(j, q + 2, 2, &c0, &c1);
    return b1 - b0 + c1 - c0 < 2 * (a1 - a0) ? 2 : XT;
}

INLINE void row(const int ob, const struct job *j, const float *w, const float *bias, const float *x, float *out, int y)
{
    int ky0, ky1, kx0, kx1, xt;
    taps(j->fy + y * j->stride, j->fy + y * j->stride, j->kh, j->f.border, j->f.real_h, &ky0, &ky1);
    for (int q = 0; q < j->w; q += xt) {
        xt = tile_width(j, q);
        columns(j, q, xt, &kx0, &kx1);
        for (int t = 0; t < MAPS; t += VL) {
            const float *from = x + q * j->stride * MAPS + t;
            float *to = out + q * j->step * MAPS + t;
            if (xt == XT) tile(ob, XT, j, w, bias, from, to, ky0, ky1, kx0, kx1);
            else if (xt == 2) tile(ob, 2, j, w, bias, from, to, ky0, ky1, kx0, kx1);
            else tile(ob, 1, j, w, bias, from, to, ky0, ky1, kx0, kx1);
        }
    }
}

/* The channels come in blocks of nearly equal size, `most` at most: 8 of 6 at most are 4 + 4. */
static int blocks(int oc, int most)
{
    return (oc + most - 1) / most;
}

static void convolve(const struct job *j, int groups)
{
    const int nb = blocks(j->oc, OB);
#pragma omp parallel for schedule(static) collapse(2)
    for (int g = 0; g < groups; g++)
        for (int y = 0; y < j->h; y++) { /* its rows of x stay in the cache while the output channels pass */
            const float *x = job_x(j, g, 0, y);
            for (int b = 0; b < nb; b++) {
                const int o = j->oc * b / nb, ob = j->oc * (b + 1) / nb - o;
                const float *w = j->weight + (size_t)o * (size_t)(j->f.c * j->kh * j->kw), *bias = j->bias ? j->bias + o : NULL;
                float *out = job_out(j, g, o, y);
                switch (ob) { /* constants where it is inlined */
#ifdef __AVX512F__ /* OB is 6 */
                case 6: row(6, j, w, bias, x, out, y); break;
                case 5: row(5, j, w, bias, x, out, y); break;
                case 4: row(4, j, w, bias, x, out, y); break;
#endif
                case 3: row(3, j, w, bias, x, out, y); break;
                case 2: row(2, j, w, bias, x, out, y); break;
                default: row(1, j, w, bias, x, out, y);
                }
            }
        }
}

#endif

#endif
