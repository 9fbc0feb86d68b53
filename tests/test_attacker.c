/* Attacks against the real black box: one conformance test over every registry entry, and what each of them promises. */
#include <omp.h>

#include "attacker/clone.h"
#include "attacker/jbda.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "tests/check.h"
#include "victim/serve.h"

enum { SIDE = 6, K = 4 };

/* A small victim, and a pool and a training set of noise. */
struct scene {
    struct model *victim;
    struct defense *defense;
    struct dataset *pool, *train;
};

static struct dataset *noise_set(int n, uint64_t seed)
{
    struct dataset *d = mem_new(1, sizeof *d);
    uint8_t *pixels = mem_new((size_t)n * SIDE * SIDE, 1);
    int *labels = mem_new((size_t)n, sizeof *labels);
    struct rng r = rng_stream(seed, "pool", 0);
    for (int i = 0; i < n * SIDE * SIDE; i++) pixels[i] = (uint8_t)rng_below(&r, 256);
    *d = (struct dataset){.name = mem_string("noise"), .n = n, .shape = {1, SIDE, SIDE, ROWS}, .classes = K, .pixels = pixels, .labels = labels,
                          .mean = {0.5f}, .std = {0.29f}};
    return d;
}

static void set_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
    mem_free(d);
}

static struct scene scene_new(int pool)
{
    struct scene s = {.pool = noise_set(pool, 1), .train = noise_set(1200, 2)};
    CHECK_OK(model_new(&s.victim, "softmax", (struct shape){1, SIDE, SIDE, ROWS}, K));
    model_normalise(s.victim, s.pool->mean, s.pool->std);
    model_init(s.victim, 5);
    for (size_t i = 0; i < s.victim->params; i++) s.victim->w[i] *= 5;
    CHECK_OK(defense_parse(&s.defense, "none"));
    return s;
}

static void scene_free(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    set_free(s->pool);
    set_free(s->train);
}

/* Runs an attack; the caller frees *clone. `ledger` and observe may be NULL. */
static int attack(struct model **clone, const struct scene *s, const char *text, uint64_t seed, struct ledger *ledger,
                  void (*observe)(void *, const struct model *, int64_t, int, double), void *observer)
{
    const struct attack_ops *ops;
    struct spec opt;
    struct blackbox *box = NULL;
    *clone = NULL;
    int code = spec_parse(&opt, text);
    if (!code) code = attack_find(&ops, opt.name);
    if (!code) code = spec_resolve(&opt, ops->options, ops->presets, text);
    if (!code) code = blackbox_open(&box, s->victim, s->defense, spec_int(&opt, "budget"));
    const struct attack_env env = {.target = box, .pool = s->pool, .seeds = s->train, .clone_model = "softmax", .seed = seed, .observe = observe, .observer = observer};
    if (!code) code = ops->run(clone, &env, &opt);
    if (box && ledger) *ledger = blackbox_ledger(box);
    blackbox_close(box);
    spec_free(&opt);
    return code;
}

/* ---- conformance ------------------------------------------------------------------------------------ */

static void no_attack_exceeds_its_budget(void)
{
    static const int budgets[] = {1, 7, 150, 151, 450, 451, 1000};
    struct scene s = scene_new(1000);
    for (int i = 0; i < attack_count(); i++)
        for (int b = 0; b < 7; b++) {
            struct model *clone;
            struct ledger l = {0};
            char *text = mem_print("%s:budget=%d:epochs=1", attack_at(i)->name, budgets[b]);
            CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
            CHECK(clone != NULL);
            CHECK_INT(l.total, budgets[b]);
            model_free(clone);
            mem_free(text);
        }
    scene_free(&s);
}

static void same_seed_same_clone(void)
{
    struct scene s = scene_new(600);
    for (int i = 0; i < attack_count(); i++) {
        struct model *a, *b, *other;
        char *text = mem_print("%s:budget=600:epochs=2", attack_at(i)->name);
        omp_set_num_threads(1);
        CHECK_OK(attack(&a, &s, text, 1, NULL, NULL, NULL));
        omp_set_num_threads(2);
        CHECK_OK(attack(&b, &s, text, 1, NULL, NULL, NULL));
        CHECK_OK(attack(&other, &s, text, 2, NULL, NULL, NULL));
        CHECK(memcmp(a->w, b->w, a->params * sizeof *a->w) == 0);
        CHECK(memcmp(a->w, other->w, a->params * sizeof *a->w) != 0);
        model_free(a);
        model_free(b);
        model_free(other);
        mem_free(text);
    }
    scene_free(&s);
}

static void what_does_not_fit_is_refused(void)
{
    struct scene s = scene_new(100);
    struct model *clone;
    CHECK_ERR(attack(&clone, &s, "knockof", 1, NULL, NULL, NULL), ERR_OPTION, "did you mean 'knockoff'");
    CHECK_ERR(attack(&clone, &s, "knockoff:budget=101", 1, NULL, NULL, NULL), ERR_SHAPE, "holds 100 images, expected at least the budget of 101");
    CHECK_ERR(attack(&clone, &s, "jbda:seeds=5000", 1, NULL, NULL, NULL), ERR_SHAPE, "expected at least the 5000 seeds");
    CHECK_OK(attack(&clone, &s, "knockoff:budget=100:epochs=1", 1, NULL, NULL, NULL));
    model_free(clone);
    for (int i = 0; i < attack_count(); i++) {
        char *text = mem_print("%s:no_such_option=1", attack_at(i)->name);
        CHECK_ERR(attack(&clone, &s, text, 1, NULL, NULL, NULL), ERR_OPTION, "unknown option 'no_such_option'");
        mem_free(text);
    }
    s.pool->shape.h = SIDE - 1;
    CHECK_ERR(attack(&clone, &s, "knockoff:budget=10", 1, NULL, NULL, NULL), ERR_SHAPE, "images of 1x5x6, the victim expects 1x6x6");
    s.pool->shape.h = SIDE;
    scene_free(&s);
}

/* ---- promises ----------------------------------------------------------------------------------------- */

static void knockoff_recovers_a_linear_victim(void)
{
    enum { TEST = 2000 };
    struct scene s = scene_new(5000);
    struct dataset *test = noise_set(TEST, 3);
    struct model *clone;
    CHECK_OK(attack(&clone, &s, "knockoff:budget=5000:epochs=40", 1, NULL, NULL, NULL));
    float *x = mem_new(TEST * SIDE * SIDE, sizeof *x), *p = mem_new(TEST * K, sizeof *p), *q = mem_new(TEST * K, sizeof *q);
    dataset_batch(test, NULL, 0, TEST, x);
    model_predict(s.victim, x, TEST, p);
    model_predict(clone, x, TEST, q);
    int same = 0;
    for (int i = 0; i < TEST; i++) same += argmax(p + i * K, K) == argmax(q + i * K, K);
    CHECK(same > 0.99 * TEST);
    mem_free(x);
    mem_free(p);
    mem_free(q);
    model_free(clone);
    set_free(test);
    scene_free(&s);
}

static void jbda_charges_relabelling(void)
{
    struct scene s = scene_new(10);
    struct model *clone;
    struct ledger l;
    CHECK_OK(attack(&clone, &s, "jbda:epochs=1", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 9450);
    CHECK(l.distinct <= 4800 && l.distinct > 150); /* a linear clone moves an image twice to where another is */
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "jbda:epochs=1:relabel=0", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 4800);
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "jbda-tr:preset=hz:epochs=1", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 4800);
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "jbda:preset=pp:epochs=1:final_epochs=2:rounds=3", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 600);
    model_free(clone);
    scene_free(&s);
}

struct seen {
    int n, epoch, held_out;
    int64_t queries;
};

static void note(void *ctx, const struct model *clone, int64_t queries, int epoch, double val)
{
    struct seen *s = ctx;
    CHECK(clone != NULL);
    CHECK_INT(epoch, s->epoch + 1);
    CHECK(queries >= s->queries);
    s->epoch = epoch;
    s->queries = queries;
    s->held_out += isfinite(val);
    s->n++;
}

static void the_observer_is_told_every_epoch(void)
{
    struct scene s = scene_new(200);
    struct model *clone;
    struct seen seen = {0};
    CHECK_OK(attack(&clone, &s, "jbda:epochs=3:rounds=4", 1, NULL, note, &seen));
    CHECK_INT(seen.n, 12);
    CHECK_INT(seen.held_out, 12);
    CHECK_INT(seen.queries, 150 + 300 + 600 + 1200);
    model_free(clone);
    seen = (struct seen){0};
    CHECK_OK(attack(&clone, &s, "knockoff:epochs=3:budget=200:val=0", 1, NULL, note, &seen));
    CHECK_INT(seen.n, 3);
    CHECK_INT(seen.held_out, 0);
    model_free(clone);
    scene_free(&s);
}

/* Steps go along the sign of the gradient, stay in the ball and in the range. */
static void jbda_steps_are_signed_bounded_and_clipped(void)
{
    struct model *m = NULL;
    CHECK_OK(model_new(&m, "softmax", (struct shape){1, 2, 2, ROWS}, 2));
    const float weights[8] = {1, -1, 1, 0, -1, 1, 0, 0}; /* d logit_0 / dx = (1,-1,1,0) */
    memcpy(m->w, weights, sizeof weights);
    struct tape *t = tape_new(m, 1, TAPE_BACKWARD);
    const float x[4] = {0.5f, 0.5f, 0.95f, 0.5f}, low = 0, high = 1, step = 0.1f, total = 0.15f;
    const int target = 0;
    float dz[2], dx[4], y[4];
    jbda_step(m, t, JBDA_LOGIT_UP, x, &target, 1, &step, NULL, NULL, &low, &high, dz, dx, y);
    const float up[4] = {0.6f, 0.4f, 1, 0.5f};
    for (int i = 0; i < 4; i++) CHECK_NEAR(y[i], up[i], 1e-6);
    jbda_step(m, t, JBDA_LOGIT_UP, y, &target, 1, &step, x, &total, &low, &high, dz, dx, y);
    CHECK_NEAR(y[0], 0.65, 1e-6);
    jbda_step(m, t, JBDA_CE_UP, x, &target, 1, &step, NULL, NULL, NULL, NULL, dz, dx, y); /* away from class 0 */
    CHECK_NEAR(y[0], 0.4, 1e-6);
    CHECK_NEAR(y[2], 0.85, 1e-6);
    jbda_step(m, t, JBDA_CE_DOWN, x, &target, 1, &step, NULL, NULL, NULL, NULL, dz, dx, y);
    CHECK_NEAR(y[2], 1.05, 1e-6);
    tape_free(t);
    model_free(m);
}

/* ---- the black box --------------------------------------------------------------------------------------- */

static void the_box_counts_and_stops(void)
{
    struct scene s = scene_new(300);
    struct blackbox *b = NULL;
    const size_t d = SIDE * SIDE;
    float *x = mem_new(300 * d, sizeof *x), q[300 * K], again[300 * K];
    dataset_batch(s.pool, NULL, 0, 300, x);
    CHECK_ERR(blackbox_open(&b, s.victim, s.defense, 0), ERR_OPTION, "expected 1 or more");
    CHECK_OK(blackbox_open(&b, s.victim, s.defense, 450));
    CHECK_OK(blackbox_query(b, x, 300, q));
    CHECK_OK(blackbox_query(b, x, 100, again));
    CHECK(memcmp(q, again, 100 * K * sizeof *q) == 0);
    CHECK_ERR(blackbox_query(b, x, 51, again), ERR_BUDGET, "51 queries were asked, 50 of 450 are left");
    CHECK_INT(blackbox_asked(b), 400);
    CHECK_OK(blackbox_query(b, x, 50, again));
    CHECK_INT(blackbox_left(b), 0);
    const struct ledger l = blackbox_ledger(b);
    CHECK_INT(l.total, 450);
    CHECK_INT(l.distinct, 300);
    CHECK_INT(l.calls, 3);
    CHECK_INT(l.flips, 0);
    CHECK_NEAR(l.l1, 0, 0);
    blackbox_close(b);
    mem_free(x);
    scene_free(&s);
}

static void the_ledger_measures_what_a_defense_does(void)
{
    struct scene s = scene_new(200);
    struct blackbox *b = NULL;
    struct optim optim = {0};
    float *x = mem_new(200 * SIDE * SIDE, sizeof *x), q[200 * K], p[200 * K];
    double l1 = 0;
    int flips = 0;
    dataset_batch(s.pool, NULL, 0, 200, x);
    defense_free(s.defense);
    CHECK_OK(defense_parse(&s.defense, "mad:epsilon=0.8"));
    CHECK_OK(defense_open(s.defense, &(struct defense_env){.victim = s.victim, .optim = &optim, .seed = 1}));
    CHECK_OK(blackbox_open(&b, s.victim, s.defense, 200));
    CHECK_OK(blackbox_query(b, x, 200, q));
    model_predict(s.victim, x, 200, p);
    for (int i = 0; i < 200; i++) {
        flips += argmax(p + i * K, K) != argmax(q + i * K, K);
        for (int k = 0; k < K; k++) l1 += fabs((double)p[i * K + k] - (double)q[i * K + k]);
    }
    CHECK_INT(blackbox_ledger(b).flips, flips);
    CHECK_NEAR(blackbox_ledger(b).l1, l1, 1e-6);
    CHECK(l1 > 0);
    blackbox_close(b);
    mem_free(x);
    scene_free(&s);
}

int main(void)
{
    RUN(the_box_counts_and_stops);
    RUN(the_ledger_measures_what_a_defense_does);
    RUN(no_attack_exceeds_its_budget);
    RUN(same_seed_same_clone);
    RUN(what_does_not_fit_is_refused);
    RUN(knockoff_recovers_a_linear_victim);
    RUN(jbda_charges_relabelling);
    RUN(the_observer_is_told_every_epoch);
    RUN(jbda_steps_are_signed_bounded_and_clipped);
    return check_done();
}
