#include "nn/blas.h"

#include <cblas.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CORE[] = "OPENBLAS_CORETYPE", MARK[] = "HEIST_CORETYPE_SET"; /* environment */

static void one_thread(void)
{
    openblas_set_num_threads(1);
}

void blas_gemm(enum blas_op a_op, enum blas_op b_op, int m, int n, int k, float alpha, const float *a, int lda,
               const float *b, int ldb, float beta, float *c, int ldc)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, one_thread);
    cblas_sgemm(CblasRowMajor, a_op == BLAS_TRANSPOSE ? CblasTrans : CblasNoTrans,
                b_op == BLAS_TRANSPOSE ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void blas_gemm_threads(int threads, int n, const float *a, const float *b, float *c)
{
    openblas_set_num_threads(threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
    openblas_set_num_threads(1);
}

int blas_level(const char *core)
{
    static const struct {
        const char *name;
        int level;
    } known[] = {{"SkylakeX", 3}, {"Cooperlake", 3}, {"Sapphirerapids", 3}, {"Haswell", 2}, {"Zen", 2}, {"Excavator", 2},
                 {"Sandybridge", 1}, {"Bulldozer", 1}, {"Piledriver", 1}, {"Steamroller", 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(core, known[i].name) == 0) return known[i].level;
    return 0;
}

const char *blas_best(void)
{
#if defined __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
    if (__builtin_cpu_supports("avx")) return "Sandybridge";
#endif
    return blas_core();
}

void blas_start(char **argv)
{
    const char *best = blas_best();
    if (getenv(CORE) || getenv(MARK) || blas_level(best) <= blas_level(blas_core())) return;
    setenv(CORE, best, 1);
    setenv(MARK, best, 1);
    execv("/proc/self/exe", argv);
    unsetenv(CORE); /* could not: go on with the slow kernels; `heist doctor` says so */
}

const char *blas_choice(void)
{
    if (getenv(MARK)) return "heist";
    return getenv(CORE) ? "user" : "OpenBLAS";
}

const char *blas_core(void)
{
    return openblas_get_corename();
}

const char *blas_config(void)
{
    return openblas_get_config();
}

int blas_openmp(void)
{
    return openblas_get_parallel() == OPENBLAS_OPENMP;
}
