/* What tests of attacks share: a small victim behind the real black box, a pool of noise, and a spy that counts what was
 * asked independently of the box. */
#ifndef HEIST_TESTS_ATTACK_SCENE_H
#define HEIST_TESTS_ATTACK_SCENE_H

#include "attacker/clone.h"
#include "base/mem.h"
#include "tests/check.h"
#include "victim/serve.h"

enum { SIDE = 6, K = 4, SPIED = 10000 };
static const float STD = 0.29f; /* of the noise sets */

/* What the black box was asked, row by row, counted independently of it. */
struct spy {
    float *x; /* [SPIED][d] */
    size_t d;
    int n;
    int lies; /* 1: of every other image the answer is turned by one class */
    int flips;
    double l1;
};

/* A small victim, and a pool and a training set of noise. */
struct scene {
    struct model *victim;
    struct defense *defense;
    struct dataset *pool, *train;
    const char *clone_model;
    int64_t box; /* rows the black box answers; 0: the attack's budget */
    struct spy spy;
};

static inline void lie(struct spy *s, const float *x, const float *p, float *q, int classes)
{
    int top[2] = {0, 0};
    if (fmod((double)x[0] * 255 + 0.5, 2) >= 1) return;
    for (int k = 0; k < classes; k++) q[k] = p[(k + 1) % classes];
    for (int k = 0; k < classes; k++) {
        s->l1 += fabs((double)q[k] - (double)p[k]);
        if (p[k] > p[top[0]]) top[0] = k;
        if (q[k] > q[top[1]]) top[1] = k;
    }
    s->flips += top[0] != top[1];
}

/* The defense `none` with the spy behind it. */
static inline int spy_answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    struct spy *s = state;
    memcpy(q, p, (size_t)(n * classes) * sizeof *q);
    for (int i = 0; i < n && s->lies; i++) lie(s, x + (size_t)i * s->d, p + i * classes, q + i * classes, classes);
    if (!CHECK(s->n + n <= SPIED)) return ERR_SHAPE;
    memcpy(s->x + (size_t)s->n * s->d, x, (size_t)n * s->d * sizeof *x);
    s->n += n;
    return OK;
}
/* An ensemble whose members are one. */
static inline int spy_answer_by(void *state, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes)
{
    CHECK((by->member == NULL) != (by->hashed == NULL));
    return spy_answer(state, x, p, q, n, classes);
}
static const struct defense_ops spy_ops = {.name = "spy", .answer = spy_answer, .answer_by = spy_answer_by};

static inline void set_spy(struct scene *s)
{
    s->spy = (struct spy){.d = shape_size(s->victim->input)};
    s->spy.x = mem_new(SPIED * s->spy.d, sizeof *s->spy.x);
    s->defense = mem_new(1, sizeof *s->defense);
    s->defense->link = mem_new(1, sizeof *s->defense->link);
    s->defense->link[0] = (struct defense_link){.ops = &spy_ops, .opt = {.name = mem_string("spy")}, .state = &s->spy};
    s->defense->n = 1;
}

static inline struct dataset *noise_set(int n, uint64_t seed)
{
    struct dataset *d = mem_new(1, sizeof *d);
    uint8_t *pixels = mem_new((size_t)n * SIDE * SIDE, 1);
    int *labels = mem_new((size_t)n, sizeof *labels);
    struct rng r = rng_stream(seed, "pool", 0);
    for (int i = 0; i < n * SIDE * SIDE; i++) pixels[i] = (uint8_t)rng_below(&r, 256);
    *d = (struct dataset){.name = mem_string("noise"), .n = n, .shape = {1, SIDE, SIDE, ROWS}, .classes = K,
                          .pixels = pixels, .labels = labels, .mean = {0.5f}, .std = {STD}};
    return d;
}

static inline void set_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
    mem_free(d);
}

static inline void scene_open(struct scene *s, int pool)
{
    *s = (struct scene){.pool = noise_set(pool, 1), .train = noise_set(1200, 2), .clone_model = "softmax"};
    CHECK_OK(model_new(&s->victim, "softmax", (struct shape){1, SIDE, SIDE, ROWS}, K));
    model_normalise(s->victim, s->pool->mean, s->pool->std);
    model_init(s->victim, 5);
    for (size_t i = 0; i < s->victim->params; i++) s->victim->w[i] *= 5;
    set_spy(s);
}

static inline void scene_close(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    mem_free(s->spy.x);
    set_free(s->pool);
    set_free(s->train);
}

/* Runs an attack, the spy starts anew; the caller frees *clone. `ledger` and observe may be NULL. */
static inline int attack(struct model **clone, struct scene *s, const char *text, uint64_t seed, struct ledger *ledger,
                  void (*observe)(void *, const struct model *, int64_t, int, double), void *observer)
{
    const struct attack_ops *ops = NULL;
    struct spec opt;
    struct blackbox *box = NULL;
    *clone = NULL;
    s->spy.n = s->spy.flips = 0;
    s->spy.l1 = 0;
    int code = spec_parse(&opt, text);
    if (!code) code = attack_find(&ops, opt.name);
    if (!code) code = spec_resolve(&opt, ops->options, ops->presets, text);
    if (!code) code = blackbox_open(&box, s->victim, s->defense, s->box ? s->box : spec_int(&opt, "budget"));
    struct attack_env env = {.target = box, .pool = s->pool, .seeds = s->train, .clone_model = s->clone_model,
                                   .seed = seed, .observe = observe, .observer = observer};
    if (!code) {
        *clone = s->victim; /* what stands here is not the attack's to free */
        attack_tell(&env, &opt, "none", s->victim);
        if (env.members) blackbox_grant_members(box);
        code = ops->run(clone, &env, &opt);
        attack_tell_free(&env);
        CHECK((*clone == NULL) == (code != OK));
    }
    if (box && ledger) *ledger = blackbox_ledger(box);
    blackbox_close(box);
    spec_free(&opt);
    return code;
}

static inline int by_bytes(const void *a, const void *b, void *size)
{
    return memcmp(a, b, *(const size_t *)size);
}

static inline int spied_distinct(const struct spy *s)
{
    size_t size = s->d * sizeof *s->x;
    float *x = mem_new((size_t)s->n, size);
    int distinct = s->n > 0;
    memcpy(x, s->x, (size_t)s->n * size);
    qsort_r(x, (size_t)s->n, size, by_bytes, &size);
    for (int i = 1; i < s->n; i++) distinct += memcmp(x + (size_t)i * s->d, x + (size_t)(i - 1) * s->d, size) != 0;
    mem_free(x);
    return distinct;
}

static inline int open_strokes(struct scene *s, const char *model) /* a victim and clones of `model`, images of 28x28 */
{
    struct dataset *strokes = NULL;
    *s = (struct scene){.clone_model = model};
    if (!CHECK_OK(dataset_open(&strokes, "strokes:n=150", NULL))) return 0;
    s->train = s->pool = strokes;
    CHECK_OK(model_new(&s->victim, model, strokes->shape, 10));
    model_normalise(s->victim, strokes->mean, strokes->std);
    model_init(s->victim, 3);
    set_spy(s);
    return 1;
}

static inline void close_strokes(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    mem_free(s->spy.x);
    dataset_free(s->train);
}

#endif
