/* Attacks against the real black box: one conformance test over every registry entry, and what each of them promises. */
#include <omp.h>

#include "attacker/clone.h"
#include "attacker/jbda.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "tests/check.h"
#include "victim/serve.h"

enum { SIDE = 6, K = 4, SPIED = 10000, TRAININGS = 16 };
static const float STD = 0.29f; /* of the noise sets */

/* What the black box was asked, row by row, counted independently of it. */
struct spy {
    float *x; /* [SPIED][d] */
    size_t d;
    int n;
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

/* The defense `none` with the spy behind it. */
static int spy_answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    struct spy *s = state;
    memcpy(q, p, (size_t)(n * classes) * sizeof *q);
    if (!CHECK(s->n + n <= SPIED)) return ERR_SHAPE;
    memcpy(s->x + (size_t)s->n * s->d, x, (size_t)n * s->d * sizeof *x);
    s->n += n;
    return OK;
}
static const struct defense_ops spy_ops = {.name = "spy", .answer = spy_answer};

static void set_spy(struct scene *s)
{
    s->spy = (struct spy){.d = shape_size(s->victim->input)};
    s->spy.x = mem_new(SPIED * s->spy.d, sizeof *s->spy.x);
    s->defense = mem_new(1, sizeof *s->defense);
    s->defense->link = mem_new(1, sizeof *s->defense->link);
    s->defense->link[0] = (struct defense_link){.ops = &spy_ops, .opt = {.name = mem_string("spy")}, .state = &s->spy};
    s->defense->n = 1;
}

static struct dataset *noise_set(int n, uint64_t seed)
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

static void set_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
    mem_free(d);
}

static void scene_open(struct scene *s, int pool)
{
    *s = (struct scene){.pool = noise_set(pool, 1), .train = noise_set(1200, 2), .clone_model = "softmax"};
    CHECK_OK(model_new(&s->victim, "softmax", (struct shape){1, SIDE, SIDE, ROWS}, K));
    model_normalise(s->victim, s->pool->mean, s->pool->std);
    model_init(s->victim, 5);
    for (size_t i = 0; i < s->victim->params; i++) s->victim->w[i] *= 5;
    set_spy(s);
}

static void scene_close(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    mem_free(s->spy.x);
    set_free(s->pool);
    set_free(s->train);
}

/* Runs an attack, the spy starts anew; the caller frees *clone. `ledger` and observe may be NULL. */
static int attack(struct model **clone, struct scene *s, const char *text, uint64_t seed, struct ledger *ledger,
                  void (*observe)(void *, const struct model *, int64_t, int, double), void *observer)
{
    const struct attack_ops *ops = NULL;
    struct spec opt;
    struct blackbox *box = NULL;
    *clone = NULL;
    s->spy.n = 0;
    int code = spec_parse(&opt, text);
    if (!code) code = attack_find(&ops, opt.name);
    if (!code) code = spec_resolve(&opt, ops->options, ops->presets, text);
    if (!code) code = blackbox_open(&box, s->victim, s->defense, s->box ? s->box : spec_int(&opt, "budget"));
    const struct attack_env env = {.target = box, .pool = s->pool, .seeds = s->train, .clone_model = s->clone_model,
                                   .seed = seed, .observe = observe, .observer = observer};
    if (!code) {
        *clone = s->victim; /* what stands here is not the attack's to free */
        code = ops->run(clone, &env, &opt);
        CHECK((*clone == NULL) == (code != OK));
    }
    if (box && ledger) *ledger = blackbox_ledger(box);
    blackbox_close(box);
    spec_free(&opt);
    return code;
}

static int by_bytes(const void *a, const void *b, void *size)
{
    return memcmp(a, b, *(const size_t *)size);
}

static int spied_distinct(const struct spy *s)
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

/* ---- conformance ------------------------------------------------------------------------------------ */

static void no_attack_exceeds_its_budget(void)
{
    static const int budgets[] = {1, 7, 150, 151, 450, 451, 1000};
    struct scene s;
    scene_open(&s, 1000);
    for (int i = 0; i < attack_count(); i++)
        for (int b = 0; b < 7; b++) {
            struct model *clone;
            struct ledger l = {0};
            char *text = mem_print("%s:budget=%d:epochs=1", attack_at(i)->name, budgets[b]);
            CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
            CHECK_INT(l.total, budgets[b]);
            CHECK_INT(s.spy.n, budgets[b]);
            CHECK_INT(l.distinct, spied_distinct(&s.spy));
            model_free(clone);
            mem_free(text);
        }
    scene_close(&s);
}

/* A black box that would answer more does not tempt it, one that answers less is an error or a smaller attack. */
static void the_budget_is_the_smaller_of_both(void)
{
    struct scene s;
    scene_open(&s, 1000);
    for (int i = 0; i < attack_count(); i++) {
        struct model *clone;
        struct ledger l = {0};
        char *text = mem_print("%s:budget=451:epochs=1", attack_at(i)->name);
        s.box = 5000;
        CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
        CHECK_INT(l.total, 451);
        model_free(clone);
        s.box = 77;
        const int code = attack(&clone, &s, text, 1, &l, NULL, NULL);
        CHECK(code == OK || code == ERR_BUDGET);
        CHECK(l.total <= 77);
        model_free(clone);
        mem_free(text);
    }
    scene_close(&s);
}

/* A name that stands twice in a table (its own and CLONE_OPTIONS') would let one option set another. */
static void no_option_has_two_meanings(void)
{
    for (int i = 0; i < attack_count(); i++)
        for (const struct option *a = attack_at(i)->options; a->name; a++)
            for (const struct option *b = a + 1; b->name; b++)
                if (strcmp(a->name, b->name) == 0) CHECK_STR(attack_at(i)->name, a->name);
}

static void every_preset_runs(void)
{
    struct scene s;
    scene_open(&s, 60);
    for (int i = 0; i < attack_count(); i++)
        for (const struct preset *p = attack_at(i)->presets; p && p->name; p++) {
            struct model *clone;
            struct ledger l = {0};
            char *text = mem_print("%s:preset=%s:budget=60:epochs=1", attack_at(i)->name, p->name);
            CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
            CHECK_INT(l.total, 60);
            model_free(clone);
            mem_free(text);
        }
    scene_close(&s);
}

static void a_loss_that_is_no_number_is_an_error(void)
{
    struct scene s;
    scene_open(&s, 300);
    s.clone_model = "mlp";
    for (int i = 0; i < attack_count(); i++) {
        struct model *clone;
        char *text = mem_print("%s:budget=300:epochs=20:lr=1000", attack_at(i)->name);
        CHECK_ERR(attack(&clone, &s, text, 1, NULL, NULL, NULL), ERR_NUMERIC, "the loss is");
        mem_free(text);
    }
    scene_close(&s);
}

static void same_seed_same_clone(void)
{
    struct scene s;
    scene_open(&s, 600);
    s.clone_model = "mlp";
    for (int i = 0; i < attack_count(); i++) {
        struct model *a, *b, *other;
        char *text = mem_print("%s:budget=600:epochs=2", attack_at(i)->name);
        omp_set_num_threads(1);
        CHECK_OK(attack(&a, &s, text, 1, NULL, NULL, NULL));
        omp_set_num_threads(2);
        CHECK_OK(attack(&b, &s, text, 1, NULL, NULL, NULL));
        CHECK_OK(attack(&other, &s, text, 2, NULL, NULL, NULL));
        omp_set_num_threads(1);
        CHECK(memcmp(a->w, b->w, a->params * sizeof *a->w) == 0);
        CHECK(memcmp(a->w, other->w, a->params * sizeof *a->w) != 0);
        model_free(a);
        model_free(b);
        model_free(other);
        mem_free(text);
    }
    scene_close(&s);
}

static void what_does_not_fit_is_refused(void)
{
    struct scene s;
    scene_open(&s, 100);
    struct model *clone;
    CHECK_ERR(attack(&clone, &s, "knockof", 1, NULL, NULL, NULL), ERR_OPTION, "did you mean 'knockoff'");
    CHECK_ERR(attack(&clone, &s, "knockoff:budget=101", 1, NULL, NULL, NULL), ERR_SHAPE,
              "holds 100 images, expected at least the budget of 101");
    CHECK_ERR(attack(&clone, &s, "jbda:seeds=5000", 1, NULL, NULL, NULL), ERR_SHAPE, "expected at least the 5000 seeds");
    CHECK_OK(attack(&clone, &s, "knockoff:budget=100:epochs=1", 1, NULL, NULL, NULL));
    model_free(clone);
    for (int i = 0; i < attack_count(); i++) {
        char *text = mem_print("%s:no_such_option=1", attack_at(i)->name);
        CHECK_ERR(attack(&clone, &s, text, 1, NULL, NULL, NULL), ERR_OPTION, "unknown option 'no_such_option'");
        mem_free(text);
    }
    s.pool->shape.h = SIDE - 1;
    CHECK_ERR(attack(&clone, &s, "knockoff:budget=10", 1, NULL, NULL, NULL), ERR_SHAPE,
              "images of 1x5x6, the victim expects 1x6x6");
    s.pool->shape.h = SIDE;
    scene_close(&s);
}

/* ---- promises ----------------------------------------------------------------------------------------- */

static void knockoff_recovers_a_linear_victim(void)
{
    enum { TEST = 2000 };
    struct scene s;
    scene_open(&s, 5000);
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
    scene_close(&s);
}

static void knockoff_asks_a_prefix_without_repeats(void)
{
    enum { FEW = 50, MANY = 200 };
    struct scene s;
    scene_open(&s, 300);
    struct model *clone;
    const size_t d = s.spy.d;
    float *few = mem_new(FEW * d, sizeof *few);
    CHECK_OK(attack(&clone, &s, "knockoff:budget=50:epochs=1", 1, NULL, NULL, NULL));
    CHECK_INT(s.spy.n, FEW);
    memcpy(few, s.spy.x, FEW * d * sizeof *few);
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "knockoff:budget=200:epochs=1", 1, NULL, NULL, NULL));
    CHECK_INT(spied_distinct(&s.spy), MANY);
    CHECK(memcmp(few, s.spy.x, FEW * d * sizeof *few) == 0);
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "knockoff:budget=200:epochs=1", 2, NULL, NULL, NULL));
    CHECK(memcmp(few, s.spy.x, FEW * d * sizeof *few) != 0);
    model_free(clone);
    mem_free(few);
    scene_close(&s);
}

static int open_strokes(struct scene *s, const char *model) /* a victim and clones of `model`, images of 28x28 */
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

static void close_strokes(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    mem_free(s->spy.x);
    dataset_free(s->train);
}

/* With a real network that learns no two images coincide, and distinct rows can be counted out: the default's 9450 rows
 * of 4800 images, at a tenth of its size. */
static void jbda_asks_945_rows_of_480_images(void)
{
    static const char *const name[] = {"jbda:seeds=15:epochs=4:val=0", "jbda-tr:seeds=15:epochs=4:val=0"};
    struct scene s;
    if (!open_strokes(&s, "lenet5")) return;
    for (int i = 0; i < 2; i++) {
        struct model *clone;
        struct ledger l = {0};
        CHECK_OK(attack(&clone, &s, name[i], 1, &l, NULL, NULL));
        CHECK_INT(l.total, 15 * (1 + 2 + 4 + 8 + 16 + 32));
        CHECK_INT(l.distinct, 15 * 32);
        CHECK_INT(s.spy.n, l.total);
        CHECK_INT(spied_distinct(&s.spy), l.distinct);
        model_free(clone);
    }
    close_strokes(&s);
}

static void threads_change_nothing_in_a_real_network(void)
{
    struct scene s;
    if (!open_strokes(&s, "lenet5")) return;
    for (int i = 0; i < attack_count(); i++) {
        struct model *one, *two;
        char *text = mem_print("%s:epochs=1:budget=150%s", attack_at(i)->name, attack_at(i)->needs_seeds ? ":seeds=40" : "");
        CHECK_OK(attack(&one, &s, text, 1, NULL, NULL, NULL));
        omp_set_num_threads(2);
        CHECK_OK(attack(&two, &s, text, 1, NULL, NULL, NULL));
        omp_set_num_threads(1);
        CHECK(memcmp(one->w, two->w, one->params * sizeof *one->w) == 0);
        model_free(one);
        model_free(two);
        mem_free(text);
    }
    close_strokes(&s);
}

static void jbda_charges_relabelling(void)
{
    struct scene s;
    scene_open(&s, 10);
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
    scene_close(&s);
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
    struct scene s;
    scene_open(&s, 200);
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
    for (int budget = 1; budget <= 2; budget++) { /* one image trains, of two one is held out */
        char *text = mem_print("knockoff:epochs=1:budget=%d", budget);
        seen = (struct seen){0};
        CHECK_OK(attack(&clone, &s, text, 1, NULL, note, &seen));
        CHECK_INT(seen.held_out, budget - 1);
        model_free(clone);
        mem_free(text);
    }
    /* where every round starts anew, the clone that the last training would replace is not trained */
    seen = (struct seen){0};
    CHECK_OK(attack(&clone, &s, "jbda:preset=pp:epochs=2:final_epochs=5:rounds=3:seeds=20", 1, NULL, note, &seen));
    CHECK_INT(seen.n, 2 + 2 + 5);
    CHECK_INT(seen.queries, 80);
    model_free(clone);
    scene_close(&s);
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

/* The clone after each training, as it was when it moved the images. */
struct witness {
    struct model *clone[TRAININGS];
    int n;
};

static void watch(void *ctx, const struct model *clone, int64_t queries, int epoch, double val)
{
    struct witness *w = ctx;
    (void)queries, (void)epoch, (void)val;
    if (CHECK(w->n < TRAININGS)) w->clone[w->n++] = model_copy(clone);
}

static void witness_free(struct witness *w)
{
    for (int i = 0; i < w->n; i++) model_free(w->clone[i]);
}

/* Would this clone move image x to y, by steps of step[0..n) along the slopes of target[0..n)? */
static int moves_to(const struct model *m, enum jbda_slope slope, const float *x, const float *y, const float *step,
                    const int *target, int n, int clamp)
{
    const float low = 0, high = 1;
    const size_t d = shape_size(m->input);
    float at[SIDE * SIDE], dz[K], dx[SIDE * SIDE];
    int same = 1;
    struct tape *t = tape_new(m, 1, TAPE_BACKWARD);
    memcpy(at, x, sizeof at);
    for (int i = 0; i < n; i++)
        jbda_step(m, t, slope, at, &target[i], 1, &step[i], NULL, NULL, clamp ? &low : NULL,
                  clamp ? &high : NULL, dz, dx, at);
    for (size_t i = 0; i < d; i++) same = same && fabsf(at[i] - y[i]) < 1e-6f;
    tape_free(t);
    return same;
}

/* Label of image x: the victim's answer. */
static int answered(const struct scene *s, const float *x)
{
    float p[K];
    model_predict(s->victim, x, 1, p);
    return argmax(p, K);
}

/* Seeds first, then in each round the new images and the old ones again; lambda is in units of std unless space=pixel. */
static void jbda_moves_as_far_as_it_says(void)
{
    enum { N = 150 };
    static const struct {
        const char *text;
        float lambda; /* in pixels */
        int clamp;
    } cases[] = {{"jbda:rounds=2:epochs=1", 0.1f * STD, 1},
                 {"jbda:rounds=2:epochs=1:space=pixel", 0.1f, 1},
                 {"jbda:rounds=2:epochs=1:preset=mz:seeds=150", 0.05f, 1},
                 {"jbda:rounds=2:epochs=1:preset=amr", 0.2f * STD, 0}};
    struct scene s;
    scene_open(&s, 10);
    const size_t d = s.spy.d;
    float *seed = mem_new(N * d, sizeof *seed);
    dataset_batch(s.train, NULL, 0, N, seed);
    for (int c = 0; c < 4; c++) {
        struct witness w = {0};
        struct model *clone;
        int outside = 0, as_said = 0;
        CHECK_OK(attack(&clone, &s, cases[c].text, 1, NULL, watch, &w));
        if (!CHECK_INT(s.spy.n, 3 * N) || !CHECK_INT(w.n, 2)) break;
        CHECK(memcmp(s.spy.x, seed, N * d * sizeof *seed) == 0);
        CHECK(memcmp(s.spy.x + 2 * N * d, seed, N * d * sizeof *seed) == 0);
        for (size_t i = 0; i < N; i++) {
            const float *x = seed + i * d, *y = s.spy.x + (N + i) * d;
            const int label = answered(&s, x);
            as_said += moves_to(w.clone[0], JBDA_LOGIT_UP, x, y, &cases[c].lambda, &label, 1, cases[c].clamp);
            for (size_t j = 0; j < d; j++) outside += y[j] < 0 || y[j] > 1;
        }
        CHECK_INT(as_said, N);
        CHECK((outside == 0) == cases[c].clamp);
        model_free(clone);
        witness_free(&w);
    }
    mem_free(seed);
    scene_close(&s);
}

/* random keeps an image's class over the steps, targeted draws another one at each, never the answered one. */
static void jbda_targets_are_random(void)
{
    enum { N = 60 };
    static const char *const name[] = {"jbda-tr:rounds=2:epochs=1:seeds=60:iters=2:clamp=0",
                                       "jbda-tr:rounds=2:epochs=1:seeds=60:iters=2:clamp=0:direction=targeted"};
    const float half = 0.05f * STD, step[2] = {half, half};
    struct scene s;
    scene_open(&s, 10);
    for (int c = 0; c < 2; c++) {
        struct witness w = {0};
        struct model *clone;
        int one = 0, two = 0, used[K] = {0}, labels = 0;
        CHECK_OK(attack(&clone, &s, name[c], 1, NULL, watch, &w));
        for (int i = 0; i < N && w.n; i++) {
            const float *x = s.spy.x + (size_t)i * s.spy.d, *y = s.spy.x + (size_t)(N + i) * s.spy.d;
            const int label = answered(&s, x);
            int found = 0;
            for (int pair = 0; pair < K * K && found < 2; pair++) {
                const int t[2] = {pair / K, pair % K};
                if (!moves_to(w.clone[0], c ? JBDA_CE_DOWN : JBDA_LOGIT_UP, x, y, step, t, 2, 0)) continue;
                if (found == 0) labels += t[0] == label || t[1] == label;
                if (found == 0) used[t[0]]++;
                found = t[0] == t[1] ? 2 : 1;
            }
            one += found == 2;
            two += found == 1;
        }
        CHECK_INT(one + two, N);
        if (c == 0) CHECK_INT(two, 0);
        else CHECK(two > N / 3); /* 2 of 3 targets differ from the one before */
        CHECK((labels == 0) == (c == 1));
        for (int k = 0; k < K; k++) CHECK(used[k] > 0);
        model_free(clone);
        witness_free(&w);
    }
    scene_close(&s);
}

/* Prediction Poisoning's (-1)^round(r / 5): the 4th growth of the set is the first that goes back. */
static void jbda_flips_lambda(void)
{
    enum { SEEDS = 4 };
    struct scene s;
    struct witness w = {0};
    struct model *clone;
    scene_open(&s, 10);
    const size_t d = s.spy.d;
    CHECK_OK(attack(&clone, &s, "jbda:direction=untargeted:seeds=4:rounds=6:epochs=1:relabel=0:flip=5", 1, NULL, watch, &w));
    CHECK_INT(s.spy.n, SEEDS * 32);
    for (int r = 0; r < 5 && CHECK_INT(w.n, 6); r++) {
        int as_said = 0;
        for (int i = 0; i < SEEDS << r; i++) {
            const float *x = s.spy.x + (size_t)i * d, *y = s.spy.x + (size_t)((SEEDS << r) + i) * d;
            const float step = r < 3 ? 0.1f * STD : -0.1f * STD;
            const int label = answered(&s, x);
            as_said += moves_to(w.clone[r], JBDA_CE_UP, x, y, &step, &label, 1, 1);
        }
        CHECK_INT(as_said, SEEDS << r);
    }
    model_free(clone);
    witness_free(&w);
    scene_close(&s);
}

/* JBDA's set grows and its clone goes on: what was held out once, and what is made from it, is never trained on. */
static void what_is_held_out_stays_held_out(void)
{
    enum { SEEDS = 20, ROUNDS = 3, MOST = SEEDS << ROUNDS };
    struct transfer *t = transfer_new(MOST, 2, NULL, 1);
    int order[MOST], out[SEEDS] = {0};
    t->families = SEEDS;
    for (int i = 0; i < MOST; i++) t->family[i] = i % SEEDS;
    for (int round = 0; round <= ROUNDS; round++) {
        int seen[MOST] = {0};
        t->n = SEEDS << round;
        const int held = clone_split(t, 0.25, 7, order);
        CHECK_INT(held, t->n / 4);
        for (int i = 0; i < t->n; i++) {
            const int is_out = i >= t->n - held, seed = order[i] % SEEDS;
            CHECK(!seen[order[i]]++);
            if (round == 0) out[seed] = is_out;
            CHECK_INT(is_out, out[seed]);
        }
    }
    transfer_free(t);
}

int main(void)
{
    omp_set_num_threads(1); /* the networks are tiny; where two threads are the question, a test asks for them */
    RUN(what_is_held_out_stays_held_out);
    RUN(no_attack_exceeds_its_budget);
    RUN(the_budget_is_the_smaller_of_both);
    RUN(no_option_has_two_meanings);
    RUN(every_preset_runs);
    RUN(a_loss_that_is_no_number_is_an_error);
    RUN(same_seed_same_clone);
    RUN(threads_change_nothing_in_a_real_network);
    RUN(what_does_not_fit_is_refused);
    RUN(knockoff_recovers_a_linear_victim);
    RUN(knockoff_asks_a_prefix_without_repeats);
    RUN(jbda_asks_945_rows_of_480_images);
    RUN(jbda_charges_relabelling);
    RUN(the_observer_is_told_every_epoch);
    RUN(jbda_steps_are_signed_bounded_and_clipped);
    RUN(jbda_moves_as_far_as_it_says);
    RUN(jbda_targets_are_random);
    RUN(jbda_flips_lambda);
    return check_done();
}
