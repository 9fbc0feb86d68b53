#include "experiments/cost.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "victim/victim.h"

enum { RUNS = 400, LEAST = 11 };
static const double ENOUGH_S = 0.8; /* of one batch size; then the runs there are must do, but at least LEAST */
const int cost_batch[COST_SIZES] = {1, 128};

/* One defense opened on its victim, with images to ask for. */
struct bench {
    struct victim *victim, *plain;
    struct defense *defense;
    int replaces; /* the victim's own pass is not needed */
    int n;        /* images */
    float *x, *p, *q;
};

static void bench_free(struct bench *b)
{
    defense_free(b->defense);
    victim_free(b->victim);
    victim_free(b->plain);
    mem_free(b->x);
    mem_free(b->p);
    mem_free(b->q);
}

static int bench_open(struct bench *b, struct cost *out, const struct cell *c, struct store *store, const char *cache)
{
    const struct dataset *train, *test, *ood = NULL, *pool = NULL;
    struct defense *none = NULL;
    struct optim optim;
    struct augment augment;
    const char *name = spec_string(&c->victim, "dataset");
    int code = store_get(&train, store, name, "train");
    if (!code) code = store_get(&test, store, name, "test");
    if (!code && *c->ood) code = store_get(&ood, store, c->ood, "train");
    if (!code && *c->pool) code = store_get(&pool, store, c->pool, "train");
    if (!code) code = defense_parse(&none, "none");
    if (!code) code = defense_parse(&b->defense, c->defense);
    if (!code) code = victim_training(&optim, &augment, &c->victim);
    if (!code) code = victim_get(&b->plain, &c->victim, train, none, NULL, c->victim_seed, 0, cache);
    if (!code) code = victim_get(&b->victim, &c->victim, train, b->defense, ood, c->victim_seed, c->defense_seed, cache);
    defense_free(none);
    if (code) return code;
    out->plain_train_s = b->plain->train_s;
    out->train_s = b->victim->train_s + b->victim->fit_s;
    b->replaces = b->defense->link[0].ops->replaces;
    b->n = test->n < COST_QUERIES ? test->n : COST_QUERIES;
    b->x = mem_new((size_t)b->n * shape_size(test->shape), sizeof *b->x);
    b->p = mem_new((size_t)(COST_QUERIES * train->classes), sizeof *b->p);
    b->q = mem_new((size_t)(COST_QUERIES * train->classes), sizeof *b->q);
    for (int i = 0; i < COST_QUERIES * train->classes; i++) b->p[i] = 1 / (float)train->classes; /* where no victim is asked */
    dataset_batch(test, NULL, 0, b->n, b->x);
    const struct defense_env env = {.victim = b->victim->model, .train = train, .ood = ood, .optim = &optim, .augment = &augment, .seed = c->defense_seed, .pool = pool};
    const double live = mem_live_mb(), start = clock_s();
    code = defense_open(b->defense, &env);
    out->open_s = clock_s() - start;
    out->memory_mb = mem_live_mb() - live;
    return code;
}

/* Images [at, at + n), round the end; answered by the plain victim, or with the defense. */
static int ask(struct bench *b, int at, int n, int defended)
{
    const struct model *m = defended ? b->victim->model : b->plain->model;
    const float *x = b->x + (size_t)(at % (b->n - n + 1)) * shape_size(m->input);
    if (!defended || !b->replaces) model_predict(m, x, n, b->p);
    return defended ? defense_answer(b->defense, x, b->p, b->q, n, m->classes) : OK;
}

/* ---- counting ------------------------------------------------------------------------------------------ */

static int count(struct bench *b, struct cost *out)
{
    const struct defense_cost before = defense_cost(b->defense);
    const double live = mem_live_mb();
    int code = OK;
    for (int i = 0; i < b->n && !code; i++) code = ask(b, i, 1, 1);
    const struct defense_cost after = defense_cost(b->defense);
    out->state_kb = (mem_live_mb() - live) * 1024 * COST_QUERIES / b->n;
    out->forwards = (double)(after.forwards - before.forwards) / b->n - b->replaces;
    out->backwards = (double)(after.backwards - before.backwards) / b->n;
    out->tangents = (double)(after.tangents - before.tangents) / b->n;
    out->params = (double)after.params;
    return code;
}

/* ---- timing -------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct latency latency_of(double *us, int n)
{
    qsort(us, (size_t)n, sizeof *us, ascending);
    return (struct latency){us[n / 2], us[(n * 95) / 100]};
}

/* The plain victim and the defended one in turns, so that whatever else the machine does meets both. */
static int time_calls(struct bench *b, int batch, struct latency *plain, struct latency *defended)
{
    double us[2][RUNS];
    int n = 0, code = OK;
    const double begin = clock_s();
    if (batch > b->n) batch = b->n;
    for (int i = 0; i < 2 && !code; i++) code = ask(b, 0, batch, i); /* warms up */
    for (; n < RUNS && !code && (n < LEAST || clock_s() - begin < ENOUGH_S); n++)
        for (int d = 0; d < 2 && !code; d++) {
            const double start = clock_s();
            code = ask(b, n * batch, batch, d);
            us[d][n] = 1e6 * (clock_s() - start);
        }
    if (code) return code;
    *plain = latency_of(us[0], n);
    *defended = latency_of(us[1], n);
    return OK;
}

int cost_measure(struct cost *out, const struct cell *c, struct store *store, const char *cache)
{
    struct bench b = {0};
    *out = (struct cost){0};
    int code = bench_open(&b, out, c, store, cache);
    if (!code) code = count(&b, out);
    for (int i = 0; i < COST_SIZES && !code; i++) code = time_calls(&b, cost_batch[i], &out->plain[i], &out->defended[i]);
    bench_free(&b);
    return code;
}
