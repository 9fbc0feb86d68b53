/* What tests of defenses share: a victim, posteriors that are hard to treat, and the answers of a chain. */
#ifndef HEIST_TESTS_DEFENSE_SCENE_H
#define HEIST_TESTS_DEFENSE_SCENE_H

#include "base/mem.h"
#include "base/rng.h"
#include "defenses/defense.h"
#include "nn/loss.h"
#include "nn/optim.h"
#include "tests/check.h"

/* A victim with K classes on tiny images, and posteriors of every kind: random, one-hot, ties, subnormal entries. */
struct scene {
    struct model *victim;
    int n, k;
    size_t d;
    float *x, *p;
    struct optim optim;
    struct dataset train, ood; /* noise, labelled */
    struct defense_env env;
};

static inline void hard_rows(struct scene *s)
{
    float *p = s->p;
    const int k = s->k;
    for (int j = 0; j < k; j++) {
        p[j] = j == 1 ? 1 : 0;                  /* a corner */
        p[k + j] = 1 / (float)k;                /* all tie */
        p[2 * k + j] = j < 2 ? 0.5f : 0;        /* two tie */
        p[3 * k + j] = j == 0 ? 1 : 1e-42f;     /* subnormal */
        p[4 * k + j] = j == k - 1 ? 1 : 0;
    }
}

static inline struct dataset scene_set(int n, int k, uint64_t seed)
{
    uint8_t *pixels = mem_new((size_t)n * 64, 1);
    int *labels = mem_new((size_t)n, sizeof *labels);
    struct rng r = rng_stream(seed, "set", 0);
    for (int i = 0; i < n * 64; i++) pixels[i] = (uint8_t)rng_below(&r, 256);
    for (int i = 0; i < n; i++) labels[i] = rng_below(&r, k);
    return (struct dataset){.name = mem_string("noise"), .n = n, .shape = {1, 8, 8, ROWS}, .classes = k, .pixels = pixels, .labels = labels,
                            .mean = {0.5f}, .std = {0.29f}};
}

static inline void scene_set_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
}

static inline struct scene scene_new(int k, int n)
{
    struct scene s = {.n = n, .k = k};
    struct rng r = rng_stream(5, "scene", (uint64_t)k);
    CHECK_OK(model_parse(&s.victim, "tiny", "conv a out=3 k=3\nrelu\nflatten\nlinear b out=K\n", (struct shape){1, 8, 8, ROWS}, k));
    model_init(s.victim, 1);
    s.d = shape_size(s.victim->input);
    s.x = mem_new((size_t)n * s.d, sizeof *s.x);
    s.p = mem_new((size_t)(n * k), sizeof *s.p);
    for (size_t i = 0; i < (size_t)n * s.d; i++) s.x[i] = (float)rng_uniform(&r);
    for (int i = 0; i < n * k; i++) s.p[i] = (float)(3 * rng_normal(&r));
    softmax_rows(s.p, n, k, s.p);
    hard_rows(&s);
    s.optim = (struct optim){.epochs = 1, .batch = 16, .lr = 0.1, .gamma = 0.1, .step = 1};
    s.train = scene_set(48, k, 1);
    s.ood = scene_set(40, k, 2);
    return s;
}

static inline void scene_free(struct scene *s)
{
    model_free(s->victim);
    mem_free(s->x);
    mem_free(s->p);
    scene_set_free(&s->train);
    scene_set_free(&s->ood);
}

/* The scene as the defender sees it. */
static inline struct defense_env scene_env(const struct scene *s)
{
    return (struct defense_env){.victim = s->victim, .train = &s->train, .ood = &s->ood, .optim = &s->optim, .seed = 9, .pool = &s->ood};
}

/* The answers of an opened defense to all rows, `cut` rows a call. */
static inline int scene_ask(struct defense *d, const struct scene *s, int cut, float *q)
{
    int code = OK;
    for (int i = 0; i < s->n && !code; i += cut) {
        const int n = s->n - i < cut ? s->n - i : cut;
        code = defense_answer(d, s->x + (size_t)i * s->d, s->p + i * s->k, q + i * s->k, n, s->k);
    }
    return code;
}

/* The same of a chain that is opened for it. ERR_OPTION, ERR_NUMERIC, ... */
static inline int scene_answers(const char *chain, const struct scene *s, int cut, float *q)
{
    struct defense *d = NULL;
    const struct defense_env env = scene_env(s);
    int code = defense_parse(&d, chain);
    if (!code) code = defense_open(d, &env);
    if (!code) code = scene_ask(d, s, cut, q);
    defense_free(d);
    return code;
}

static inline void answers_of(const char *chain, const struct scene *s, int cut, float *q)
{
    if (!CHECK_OK(scene_answers(chain, s, cut, q))) printf("%s\n", chain);
}

#endif
