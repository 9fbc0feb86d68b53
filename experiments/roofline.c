/* heist bench --task roofline: what each kind of layer reaches of this machine, beside the two roofs, sgemm and memory. */
#include "experiments/roofline.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/progress.h"
#include "nn/blas.h"

enum { KINDS = 64, RUNS = 5 };

/* Layers of one kind, together. */
struct kind {
    char name[32];
    int layers;
    double macs, bytes;        /* a forward pass of the batch: multiply-adds, and bytes that it must read and write */
    double forward, backward;  /* seconds */
};

/* ---- the roofs ------------------------------------------------------------------------------------ */

static double sgemm_peak(int threads) /* flop/s */
{
    enum { N = 1024 };
    float *a = mem_new(N * N, sizeof *a), *b = mem_new(N * N, sizeof *b), *c = mem_new(N * N, sizeof *c);
    double best = INFINITY;
    for (int i = 0; i < N * N; i++) a[i] = (float)(i % 7), b[i] = (float)(i % 5);
    for (int i = 0; i < 2 * RUNS; i++) {
        const double start = clock_s();
        blas_gemm_threads(threads, N, a, b, c);
        best = fmin(best, clock_s() - start);
    }
    mem_free(a);
    mem_free(b);
    mem_free(c);
    return 2.0 * N * N * N / best;
}

static double bandwidth(void) /* bytes/s of a = b + s c over 3 x 128 MiB, more than a cache holds */
{
    const size_t n = (size_t)1 << 25;
    float *a = mem_new(n, sizeof *a), *b = mem_new(n, sizeof *b), *c = mem_new(n, sizeof *c);
    double best = INFINITY;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) a[i] = b[i] = c[i] = 1; /* touched by the thread that will use it */
    for (int run = 0; run < 2 * RUNS; run++) {
        const double start = clock_s();
#pragma omp parallel for simd schedule(static)
        for (size_t i = 0; i < n; i++) a[i] = b[i] + 0.5f * c[i];
        best = fmin(best, clock_s() - start);
    }
    mem_free(a);
    mem_free(b);
    mem_free(c);
    return 3.0 * (double)n * sizeof(float) / best;
}

/* ---- one layer ------------------------------------------------------------------------------------ */

/* "conv 3x3, stride 2+": kernel and, where the map halves, stride */
static void name_of(char buf[32], const struct layer *l)
{
    const int stride = l->in[0].h / l->out.h;
    if (l->params && l->param[0].dims == 4)
        snprintf(buf, 32, "%.12s %dx%d%s", l->ops->name, l->param[0].dim[2], l->param[0].dim[3], stride > 1 ? ", stride 2+" : "");
    else snprintf(buf, 32, "%.31s", l->ops->name);
}

static float *filled(size_t n)
{
    float *v = mem_new(n, sizeof *v);
    struct rng r = rng_stream(1, "roofline", n);
    for (size_t i = 0; i < n; i++) v[i] = (float)rng_uniform(&r) - 0.5f;
    return v;
}

/* The least time of a layer over the batch, in eval mode, layer by layer; adds to its kind. */
static void measure(const struct model *m, const struct layer *l, int n, struct kind *k)
{
    const size_t out = shape_floats(l->out, n);
    float *y = mem_new(out, sizeof *y), *dy = filled(out), *dw = mem_new(m->params, sizeof *dw), *x[LAYER_INPUTS] = {NULL}, *dx[LAYER_INPUTS] = {NULL};
    float *scratch = mem_new(l->ops->scratch ? l->ops->scratch(l, n) : 0, sizeof *scratch), *saved = mem_new(l->ops->saved ? l->ops->saved(l, n) : 0, sizeof *saved);
    struct pass p = {.n = n, .y = y, .w = m->w, .stat = m->stat, .scratch = scratch, .saved = saved};
    double forward = INFINITY, backward = INFINITY;
    size_t floats = out;
    for (int i = 0; i < l->inputs; i++) {
        const size_t in = shape_floats(l->in[i], n);
        p.x[i] = x[i] = filled(in);
        dx[i] = mem_new(in, sizeof *dx[i]);
        floats += in;
    }
    for (int i = 0; i < l->params; i++) floats += l->param[i].size;
    for (int run = 0; run <= RUNS; run++) { /* the first one warms up */
        const double start = clock_s();
        l->ops->forward(l, &p);
        const double between = clock_s();
        l->ops->backward(l, &p, dy, dw, dx);
        if (run) forward = fmin(forward, between - start), backward = fmin(backward, clock_s() - between);
    }
    k->layers++;
    k->macs += l->flops * n;
    k->bytes += (double)(floats * sizeof(float));
    k->forward += forward;
    k->backward += backward;
    for (int i = 0; i < l->inputs; i++) {
        mem_free(x[i]);
        mem_free(dx[i]);
    }
    float *all[] = {y, dy, dw, scratch, saved};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
}

/* ---- the table ------------------------------------------------------------------------------------ */

static struct kind *kind_of(struct kind *k, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (strcmp(k[i].name, name) == 0) return &k[i];
    if (*n == KINDS) return &k[KINDS - 1];
    snprintf(k[*n].name, sizeof k[*n].name, "%s", name);
    return &k[(*n)++];
}

/* What the roofs allow a kind, as a share of its time: 1 is on the roof. */
static double share(const struct kind *k, double peak, double bytes)
{
    return fmax(2 * k->macs / peak, k->bytes / bytes) / k->forward;
}

static void print_kind(const struct kind *k, double peak, double bytes)
{
    printf("  %-20s %6d %10.2f %10.2f", k->name, k->layers, 1e3 * k->forward, 1e3 * k->backward);
    if (k->macs > 0) printf(" %10.1f %10.1f", 2e-9 * k->macs / k->forward, 4e-9 * k->macs / k->backward);
    else printf(" %10s %10s", "-", "-");
    printf(" %9.1f %9.0f%%  %s\n", 1e-9 * k->bytes / k->forward, 100 * share(k, peak, bytes), 2 * k->macs / peak > k->bytes / bytes ? "sgemm" : "memory");
}

void roofline_print(const struct model *m, int batch)
{
    struct kind kinds[KINDS] = {{{0}, 0, 0, 0, 0, 0}};
    int n = 0;
    const double peak = sgemm_peak(omp_get_max_threads()), bytes = bandwidth();
    for (int i = 0; i < m->layers; i++) {
        char name[32];
        name_of(name, &m->layer[i]);
        measure(m, &m->layer[i], batch, kind_of(kinds, &n, name));
    }
    printf("roofline: %s, %dx%dx%d, batch %d, %d threads; sgemm %.0f GFLOP/s, memory %.1f GB/s, both measured now\n", m->arch, m->input.c,
           m->input.h, m->input.w, batch, omp_get_max_threads(), 1e-9 * peak, 1e-9 * bytes);
    printf("  %-20s %6s %10s %10s %10s %10s %9s %10s  %s\n", "kind", "layers", "forward ms", "backw. ms", "GFLOP/s", "backward", "GB/s", "of roof", "roof");
    for (int i = 0; i < n; i++) print_kind(&kinds[i], peak, bytes);
    printf("  Each layer alone, eval mode, least of %d runs. GFLOP/s count a direct convolution's multiply-adds, so Winograd may pass the roof;\n"
           "  GB/s count inputs, outputs and parameters once, so what stays in cache may pass it. In a pass layers share caches.\n", RUNS);
}
