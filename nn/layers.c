/* The registry of layers, and the choice of instruction set. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "nn/layer.h"

enum simd { NAIVE, BASE, AVX2, AVX512, SIMDS };
static const char *const simd_name[SIMDS] = {"naive", "base", "avx2", "avx512"};

/* The two builds of each file of nn/layers for an instruction set; naive has one. */
struct twin {
    const struct layer_ops *shared, *alone;
};

#define DECLARE(NAME, SIMD) extern const struct layer_ops layer_##NAME##_##SIMD, layer_##NAME##_##SIMD##_alone;
#define TWIN(NAME, SIMD) {&layer_##NAME##_##SIMD, &layer_##NAME##_##SIMD##_alone},

#define X(NAME) extern const struct layer_ops layer_##NAME##_naive; DECLARE(NAME, base) DECLARE(NAME, avx2) DECLARE(NAME, avx512)
#include "nn/layers/list.h"
#undef X
#define X(NAME) {&layer_##NAME##_naive, &layer_##NAME##_naive}, /* nobody waits for it: one build will do */
static const struct twin naive[] = {
#include "nn/layers/list.h"
};
#undef X
#define X(NAME) TWIN(NAME, base)
static const struct twin base[] = {
#include "nn/layers/list.h"
};
#undef X
#ifdef HAVE_SIMD_avx512
#define X(NAME) TWIN(NAME, avx2)
static const struct twin avx2[] = {
#include "nn/layers/list.h"
};
#undef X
#define X(NAME) TWIN(NAME, avx512)
static const struct twin avx512[] = {
#include "nn/layers/list.h"
};
#undef X
static const struct twin *const table[SIMDS] = {naive, base, avx2, avx512};
#else
static const struct twin *const table[SIMDS] = {naive, base, NULL, NULL};
#endif

static int offered(enum simd s) /* built in, and the processor has it */
{
    if (!table[s]) return 0;
#if defined __x86_64__
    __builtin_cpu_init();
    if (s == AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (s == AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return 1;
}

static enum simd choose(void)
{
    const char *want = getenv("HEIST_SIMD");
    for (int s = SIMDS - 1; s >= 0; s--)
        if (offered((enum simd)s) && (!want || strcmp(want, simd_name[s]) == 0)) return (enum simd)s;
    return BASE;
}

int layer_winograd(void)
{
    const char *want = getenv("HEIST_WINOGRAD");
    return !want || strcmp(want, "0") != 0;
}

int layer_simd_check(void)
{
    const char *want = getenv("HEIST_SIMD"), *winograd = getenv("HEIST_WINOGRAD");
    if (winograd && strcmp(winograd, "0") != 0 && strcmp(winograd, "1") != 0)
        return err_set(ERR_OPTION, "HEIST_WINOGRAD: found '%s', expected 0 or 1", winograd);
    if (!want || strcmp(want, simd_name[choose()]) == 0) return OK;
    for (int s = 0; s < SIMDS; s++)
        if (strcmp(want, simd_name[s]) == 0) return err_set(ERR_OPTION, "HEIST_SIMD=%s: this build or processor does not have it", want);
    return err_set(ERR_OPTION, "HEIST_SIMD: found '%s', expected naive, base, avx2 or avx512", want);
}

const char *layer_simd(void)
{
    return simd_name[choose()];
}

int layer_count(void)
{
    return (int)(sizeof base / sizeof *base);
}

const struct layer_ops *layer_at(int i)
{
    return table[choose()][i].shared;
}

const struct layer_ops *layer_find(const char *name, const struct layer_ops **alone)
{
    const struct twin *all = table[choose()];
    for (int i = 0; i < layer_count(); i++)
        if (strcmp(all[i].shared->name, name) == 0) {
            if (alone) *alone = all[i].alone;
            return all[i].shared;
        }
    return NULL;
}

struct param param_new(const char *name, int dims, int a, int b, int c, int d)
{
    struct param p = {.name = name, .dims = dims, .dim = {a, b, c, d}, .size = 1};
    for (int i = 0; i < dims; i++) p.size *= (size_t)p.dim[i];
    return p;
}

void layer_init_uniform(float *w, size_t n, double bound, struct rng *r)
{
    for (size_t i = 0; i < n; i++) w[i] = (float)rng_between(r, -bound, bound);
}
