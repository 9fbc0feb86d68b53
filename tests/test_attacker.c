/* Attacks against the real black box: one conformance test over every registry entry, and what KnockoffNets and the training
 * of clones promise. */
#include <omp.h>

#include "nn/loss.h"
#include "tests/attack_scene.h"
#include "tests/passes.h"

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

/* What the ledger says of answers that were changed is what the wrapper that changed them counted. */
static void the_ledger_is_what_a_wrapper_counts(void)
{
    enum { BUDGET = 301 };
    struct scene s;
    scene_open(&s, 1000);
    s.spy.lies = 1;
    for (int i = 0; i < attack_count(); i++) {
        struct model *clone;
        struct ledger l = {0};
        char *text = mem_print("%s:budget=%d:epochs=1", attack_at(i)->name, BUDGET);
        CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
        CHECK_INT(l.total, s.spy.n);
        CHECK_INT(l.distinct, spied_distinct(&s.spy));
        CHECK_INT(l.flips, s.spy.flips);
        CHECK_NEAR(l.l1, s.spy.l1, 1e-9 * BUDGET);
        CHECK(s.spy.flips > 0 && s.spy.flips < BUDGET);
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

/* ---- the work it says ------------------------------------------------------------------------------- */

static void count_looks(void *looks, const struct model *clone, int64_t queries, int epoch, double val)
{
    (void)clone, (void)queries, (void)epoch, (void)val;
    (*(int *)looks)++;
}

/* Queries, passes of the clone's network and epochs of an attack are those that it says before. */
static void hold_to_its_word(struct scene *s, const char *text)
{
    const struct attack_ops *ops = NULL;
    struct spec opt = {0};
    struct work w = {0};
    struct ledger l = {0};
    struct model *clone = NULL;
    int looks = 0;
    if (!CHECK_OK(spec_parse(&opt, text)) || !CHECK_OK(attack_find(&ops, opt.name)) || !CHECK_OK(spec_resolve(&opt, ops->options, ops->presets, text))) return;
    attack_work(&w, ops, &opt, s->pool->n, K);
    done_start(s->clone_model, s->victim);
    CHECK_OK(attack(&clone, s, text, 1, &l, count_looks, &looks));
    const int same = done_as_said(&done.own, &w.own, 0.01);
    if (!CHECK_INT(l.total, w.queries) || !CHECK_INT(looks, w.looks) || !same) printf("%s\n", text);
    model_free(clone);
    spec_free(&opt);
}

static void every_attack_does_the_work_it_says(void)
{
    static const char *const more[] = {"knockoff:policy=adaptive:nodes=0", "activethief:strategy=random", "activethief:strategy=uncertainty", "activethief:strategy=kcenter:centres=clone",
        "activethief:strategy=dfal:steps=1:boundaries=3", "activethief:rounds=3:start=0:steps=1", "jbda:direction=top:copies=3:seeds=20:val=0", "jbda:relabel=0:restart=1:final_epochs=2",
        "jbda:restart=1:final_epochs=2:seeds=30", "jbda:reservoir=10:reservoir_from=1:seeds=20:relabel=0:rounds=4", "jbda-tr:seeds=10:rounds=3", "semi:rotation=0", "average:n=7",
        "shadow:shadows=2", "dae:knowledge=parameters", "maze:generator_steps=2:directions=3:clone_steps=2:replay=4", "dfme:budget=5"};
    struct scene s;
    scene_open(&s, 1000);
    for (int i = 0; i < attack_count() + (int)(sizeof more / sizeof *more); i++) {
        const char *name = i < attack_count() ? attack_at(i)->name : more[i - attack_count()];
        char *text = mem_print("%s%s:epochs=3:batch=8%s", name, strstr(name, "budget") ? "" : ":budget=451", strcmp(name, "activethief") ? "" : ":steps=1");
        hold_to_its_word(&s, text);
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
        char *text = mem_print("%s:budget=300:epochs=20:lr=1000:batch=4", attack_at(i)->name);
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
              "holds 100 images, expected at least 101");
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

static void augmentation_trains_another_clone(void)
{
    struct scene s;
    scene_open(&s, 200);
    struct model *plain, *moved, *again, *bad;
    CHECK_OK(attack(&plain, &s, "knockoff:epochs=2:budget=200", 1, NULL, NULL, NULL));
    CHECK_OK(attack(&moved, &s, "knockoff:epochs=2:budget=200:augment=crop1,flip", 1, NULL, NULL, NULL));
    CHECK_INT(s.spy.n, 200); /* it asks what it asked */
    CHECK_OK(attack(&again, &s, "knockoff:epochs=2:budget=200:augment=crop1,flip", 1, NULL, NULL, NULL));
    CHECK_ERR(attack(&bad, &s, "knockoff:budget=200:augment=flop", 1, NULL, NULL, NULL), ERR_OPTION, "did you mean 'flip'");
    CHECK(memcmp(plain->w, moved->w, plain->params * sizeof *plain->w) != 0);
    CHECK(memcmp(again->w, moved->w, plain->params * sizeof *plain->w) == 0);
    model_free(plain);
    model_free(moved);
    model_free(again);
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
    RUN(the_ledger_is_what_a_wrapper_counts);
    RUN(the_budget_is_the_smaller_of_both);
    RUN(every_attack_does_the_work_it_says);
    RUN(no_option_has_two_meanings);
    RUN(every_preset_runs);
    RUN(a_loss_that_is_no_number_is_an_error);
    RUN(same_seed_same_clone);
    RUN(threads_change_nothing_in_a_real_network);
    RUN(what_does_not_fit_is_refused);
    RUN(knockoff_recovers_a_linear_victim);
    RUN(knockoff_asks_a_prefix_without_repeats);
    RUN(augmentation_trains_another_clone);
    RUN(the_observer_is_told_every_epoch);
    return check_done();
}
