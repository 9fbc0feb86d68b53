#include "nn/blas.h"

#include <cblas.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CORE[] = "OPENBLAS_CORETYPE", MARK[] = "HEIST_TUNED"; /* environment; main() sets the second */

/* The OpenMP build changes OpenMP's own number of threads along with OpenBLAS's: it is put back. */
static void set_threads(int n)
{
    const int ours = omp_get_max_threads();
    openblas_set_num_threads(n);
    omp_set_num_threads(ours);
}

static void one_thread(void)
{
    set_threads(1);
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
    set_threads(threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
    set_threads(1);
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

const char *blas_wanted(void)
{
    return !getenv(CORE) && blas_level(blas_best()) > blas_level(blas_core()) ? blas_best() : NULL;
}

const char *blas_choice(void)
{
    const char *set = getenv(CORE), *mark = getenv(MARK);
    if (!set) return "OpenBLAS";
    return mark && strcmp(mark, set) == 0 ? "heist" : "user";
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
