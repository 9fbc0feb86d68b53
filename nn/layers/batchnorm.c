/* Batch normalisation over images and pixels, per channel, as PyTorch's BatchNorm2d: momentum 0.1, eps 1e-5, running variance
 * unbiased. Train mode normalises by the batch and updates the running statistics; eval mode normalises by those.
 *
 *     y = weight (x - mean) / sqrt(var + eps) + bias */
#include <math.h>

#include "nn/layer.h"

static const float EPS = 1e-5f, MOMENTUM = 0.1f;

static const struct option options[] = {{"affine", OPTION_INT, "1", 0, 1, 0, "with weight and bias"}, OPTION_END};

static int shape(struct layer *l, const struct spec *opt)
{
    const int c = l->in[0].c;
    l->out = l->in[0];
    l->params = spec_int(opt, "affine") ? 2 : 0;
    l->param[0] = param_new("weight", 1, c, 0, 0, 0);
    l->param[1] = param_new("bias", 1, c, 0, 0, 0);
    l->stats = 2;
    l->stat[0] = param_new("running_mean", 1, c, 0, 0, 0);
    l->stat[1] = param_new("running_var", 1, c, 0, 0, 0);
    return 0;
}

static void init(const struct layer *l, float *w, float *stat, struct rng *r)
{
    (void)r;
    for (size_t c = 0; c < (size_t)l->out.c; c++) {
        if (l->params) {
            w[l->param[0].at + c] = 1;
            w[l->param[1].at + c] = 0;
        }
        stat[l->stat[0].at + c] = 0;
        stat[l->stat[1].at + c] = 1;
    }
}

static size_t saved(const struct layer *l, int n) /* mean and 1/sqrt(var + eps) of the pass */
{
    (void)n;
    return 2 * (size_t)l->out.c;
}

/* The part of a buffer that is channel c of group g: [pixels][lanes] */
static size_t plane(const struct layer *l, int g, int c)
{
    return ((size_t)g * (size_t)l->out.c + (size_t)c) * (size_t)(l->out.h * l->out.w * l->out.lanes);
}

/* Sum over the images of a batch and the pixels of a channel of (x - shift) or of (x - shift) b; b may be NULL. Padding
 * does not count. In float over the pixels of a lane, in double beyond. */
static double total(const struct layer *l, int n, int c, const float *x, float shift, const float *b)
{
    const int lanes = l->out.lanes, pixels = l->out.h * l->out.w;
    double sum = 0;
    for (int g = 0; g < shape_groups(l->out, n); g++) {
        const float *v = x + plane(l, g, c), *u = b ? b + plane(l, g, c) : NULL;
        float lane[VECTORS] = {0};
        for (int i = 0; i < pixels; i++)
            for (int t = 0; t < lanes; t++) lane[t] += (v[i * lanes + t] - shift) * (u ? u[i * lanes + t] : 1.0f);
        for (int t = 0; t < lanes && g * lanes + t < n; t++) sum += (double)lane[t];
    }
    return sum;
}

static double variance(const struct layer *l, int n, int c, const float *x, float mean)
{
    const int lanes = l->out.lanes, pixels = l->out.h * l->out.w;
    double sum = 0;
    for (int g = 0; g < shape_groups(l->out, n); g++) {
        const float *v = x + plane(l, g, c);
        float lane[VECTORS] = {0};
        for (int i = 0; i < pixels; i++)
            for (int t = 0; t < lanes; t++) lane[t] += (v[i * lanes + t] - mean) * (v[i * lanes + t] - mean);
        for (int t = 0; t < lanes && g * lanes + t < n; t++) sum += (double)lane[t];
    }
    return sum / ((double)n * pixels);
}

static void statistics(const struct layer *l, const struct pass *p, int c)
{
    const double count = (double)p->n * l->out.h * l->out.w;
    const float mean = (float)(total(l, p->n, c, p->x[0], 0, NULL) / count);
    const double var = variance(l, p->n, c, p->x[0], mean);
    float *running_mean = p->stat_out + l->stat[0].at + c, *running_var = p->stat_out + l->stat[1].at + c;
    *running_mean += MOMENTUM * (mean - *running_mean);
    *running_var += MOMENTUM * ((float)(count > 1 ? var * count / (count - 1) : var) - *running_var);
    p->saved[c] = mean;
    p->saved[l->out.c + c] = (float)(1 / sqrt(var + (double)EPS));
}

/* y = a x + b on one channel of one group */
static void scale(const struct layer *l, int g, int c, float a, float b, const float *x, float *y)
{
    const size_t at = plane(l, g, c), size = (size_t)(l->out.h * l->out.w * l->out.lanes);
    for (size_t i = 0; i < size; i++) y[at + i] = a * x[at + i] + b;
}

static float weight_of(const struct layer *l, const float *w, int c)
{
    return l->params ? w[l->param[0].at + (size_t)c] : 1;
}

/* The statistics that normalise: the batch's in train mode, the running ones in eval mode. */
static float mean_of(const struct layer *l, const struct pass *p, int c)
{
    return p->train ? p->saved[c] : p->stat[l->stat[0].at + (size_t)c];
}

static float inv_of(const struct layer *l, const struct pass *p, int c)
{
    return p->train ? p->saved[l->out.c + c] : 1 / sqrtf(p->stat[l->stat[1].at + (size_t)c] + EPS);
}

static void forward(const struct layer *l, const struct pass *p)
{
    const int groups = shape_groups(l->out, p->n);
#pragma omp parallel for schedule(static)
    for (int c = 0; c < l->out.c; c++) {
        if (p->train) statistics(l, p, c);
        const float a = weight_of(l, p->w, c) * inv_of(l, p, c);
        const float b = (l->params ? p->w[l->param[1].at + (size_t)c] : 0) - a * mean_of(l, p, c);
        for (int g = 0; g < groups; g++) scale(l, g, c, a, b, p->x[0], p->y);
    }
}

/* dx = a (dy - db/M - xhat dg/M) in train mode, a dy in eval mode; a = weight / sqrt(var + eps). Padding stays zero. */
static void backward_channel(const struct layer *l, const struct pass *p, int c, const float *dy, double db, double dg, float *dx)
{
    const int lanes = l->out.lanes, pixels = l->out.h * l->out.w;
    const double count = (double)p->n * pixels;
    const float mean = mean_of(l, p, c), inv = inv_of(l, p, c), a = weight_of(l, p->w, c) * inv;
    const float slope = p->train ? (float)(dg / count) * inv : 0, shift = p->train ? (float)(db / count) : 0;
    for (int g = 0; g < shape_groups(l->out, p->n); g++) {
        const float *x = p->x[0] + plane(l, g, c), *d = dy + plane(l, g, c);
        float *to = dx + plane(l, g, c);
        for (int i = 0; i < pixels; i++)
            for (int t = 0; t < lanes; t++) {
                const float v = a * (d[i * lanes + t] - shift - slope * (x[i * lanes + t] - mean));
                to[i * lanes + t] = g * lanes + t < p->n ? v : 0;
            }
    }
}

static void backward(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[])
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < l->out.c; c++) {
        const int sums = p->train || (dw && l->params);
        const double db = sums ? total(l, p->n, c, dy, 0, NULL) : 0;
        const double dg = sums ? total(l, p->n, c, p->x[0], mean_of(l, p, c), dy) * (double)inv_of(l, p, c) : 0;
        if (dw && l->params) {
            dw[l->param[0].at + (size_t)c] += (float)dg;
            dw[l->param[1].at + (size_t)c] += (float)db;
        }
        if (dx[0]) backward_channel(l, p, c, dy, db, dg, dx[0]);
    }
}

static void tangent(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy)
{
    const int groups = shape_groups(l->out, p->n);
#pragma omp parallel for schedule(static)
    for (int c = 0; c < l->out.c; c++) {
        const float inv = inv_of(l, p, c), mean = mean_of(l, p, c), a = weight_of(l, p->w, c) * inv;
        const float vg = vw && l->params ? vw[l->param[0].at + (size_t)c] * inv : 0, vb = vw && l->params ? vw[l->param[1].at + (size_t)c] : 0;
        for (int g = 0; g < groups; g++) {
            const size_t at = plane(l, g, c), size = (size_t)(l->out.h * l->out.w * l->out.lanes);
            for (size_t i = 0; i < size; i++)
                vy[at + i] = (vx[0] ? a * vx[0][at + i] : 0) + vg * (p->x[0][at + i] - mean) + vb;
        }
    }
}

LAYER(batchnorm) = {.name = "batchnorm", .about = "batch normalisation (momentum 0.1, eps 1e-5)", .options = options, .inputs = 1, .forgets = FORGETS_Y, .whole = 1,
    .shape = shape, .saved = saved, .init = init, .forward = forward, .backward = backward, .tangent = tangent};
