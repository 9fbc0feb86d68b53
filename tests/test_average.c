/* Attacks that treat the answers before they learn from them: top1, dedup-noise, average. */
#include <omp.h>

#include "attacker/average.h"
#include "nn/loss.h"
#include "tests/attack_scene.h"

static int same_clone(const struct model *a, const struct model *b)
{
    return a && b && a->params == b->params && memcmp(a->w, b->w, a->params * sizeof *a->w) == 0;
}

/* The clone that `text` makes where answers pass `chain` (NULL: clean, and the spy sees the queries). */
static struct model *clone_of(struct scene *s, const char *text, const char *chain)
{
    struct model *clone = NULL;
    struct defense *spy = s->defense;
    struct augment none;
    if (chain) {
        const struct optim o = {.epochs = 1, .batch = 64, .lr = 0.1};
        CHECK_OK(augment_read(&none, "none"));
        CHECK_OK(defense_parse(&s->defense, chain));
        CHECK_OK(defense_open(s->defense, &(struct defense_env){.victim = s->victim, .train = s->train, .optim = &o, .augment = &none, .seed = 3}));
    }
    CHECK_OK(attack(&clone, s, text, 1, NULL, NULL, NULL));
    if (chain) defense_free(s->defense);
    s->defense = spy;
    return clone;
}

/* Keeping the argmax oneself or being given no more is the same. */
static void top1_is_knockoff_with_hard_labels(void)
{
    struct scene s;
    scene_open(&s, 300);
    struct model *a = clone_of(&s, "top1:budget=300:epochs=2", NULL), *b = clone_of(&s, "knockoff:budget=300:epochs=2", "hard");
    struct model *c = clone_of(&s, "knockoff:budget=300:epochs=2", NULL), *d = clone_of(&s, "top1:budget=300:epochs=2", "reverse-sigmoid:beta=0.1");
    CHECK(same_clone(a, b));
    CHECK(!same_clone(a, c));
    CHECK(same_clone(a, d)); /* a defense that keeps the argmax does nothing to it */
    model_free(a);
    model_free(b);
    model_free(c);
    model_free(d);
    scene_close(&s);
}

static void one_copy_is_knockoff(void)
{
    static const char *const text[] = {"dedup-noise:budget=200:epochs=2:n=1", "average:budget=200:epochs=2:n=1:moves=none",
                                       "average:budget=200:epochs=2:n=1"};
    struct scene s;
    scene_open(&s, 200);
    struct model *k = clone_of(&s, "knockoff:budget=200:epochs=2", NULL);
    for (int i = 0; i < 3; i++) {
        struct model *m = clone_of(&s, text[i], NULL);
        CHECK_INT(same_clone(k, m), i < 2);
        model_free(m);
    }
    model_free(k);
    scene_close(&s);
}

/* Every copy is asked for, and charged: 50 rows of 13 images (the last has 2 copies), or 50 copies that differ. */
static void copies_are_asked_and_charged(void)
{
    struct scene s;
    scene_open(&s, 13);
    struct model *clone;
    struct ledger l;
    CHECK_OK(attack(&clone, &s, "dedup-noise:budget=50:n=4:epochs=1", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 50);
    CHECK_INT(l.distinct, 13);
    CHECK_INT(spied_distinct(&s.spy), 13);
    model_free(clone);
    CHECK_OK(attack(&clone, &s, "average:budget=50:n=4:epochs=1", 1, &l, NULL, NULL));
    CHECK_INT(l.total, 50);
    CHECK_INT(l.distinct, 50);
    model_free(clone);
    CHECK_ERR(attack(&clone, &s, "average:budget=53:n=4:epochs=1", 1, &l, NULL, NULL), ERR_SHAPE, "holds 13 images, expected at least 14");
    CHECK_ERR(attack(&clone, &s, "average:moves=rotat:budget=5", 1, &l, NULL, NULL), ERR_OPTION, "rotat");
    scene_close(&s);
}

/* The mean of what the victim says to the rows that the spy saw, taken anew; more rows than a call takes. */
static void answers_are_the_mean_of_the_copies(void)
{
    enum { N = 90, COPIES = 7, BUDGET = N * COPIES - 3 };
    struct scene s;
    scene_open(&s, N);
    struct augment moves;
    struct blackbox *box;
    CHECK_OK(augment_read(&moves, "rotate15,translate0.1,scale0.9,shear0.1,jitter0.1"));
    CHECK_INT(average_images(BUDGET, COPIES), N);
    for (int moved = 0; moved < 2; moved++) {
        struct transfer *t = transfer_new(N, K, s.pool, 0);
        for (int i = 0; i < N; i++) t->index[i] = N - 1 - i;
        CHECK_OK(blackbox_open(&box, s.victim, s.defense, BUDGET));
        s.spy.n = 0;
        CHECK_OK(average_query(t, box, BUDGET, COPIES, moved ? &moves : NULL, 4));
        CHECK_INT(s.spy.n, BUDGET);
        CHECK_INT(blackbox_left(box), 0);
        float *p = mem_new((size_t)BUDGET * K, sizeof *p), x[SIDE * SIDE];
        model_predict(s.victim, s.spy.x, BUDGET, p);
        double worst = 0;
        int still = 0;
        for (int i = 0; i < N; i++) {
            const int copies = i < N - 1 ? COPIES : COPIES - 3;
            transfer_batch(t, &i, 0, 1, x);
            for (int c = 0; c < copies; c++) still += memcmp(s.spy.x + (size_t)(i * COPIES + c) * s.spy.d, x, sizeof x) == 0;
            for (int k = 0; k < K; k++) {
                double mean = 0;
                for (int c = 0; c < copies; c++) mean += (double)p[(i * COPIES + c) * K + k] / copies;
                worst = fmax(worst, fabs(mean - (double)t->q[i * K + k]));
            }
        }
        CHECK(worst < 1e-6);
        CHECK_INT(still, moved ? 0 : BUDGET);
        mem_free(p);
        blackbox_close(box);
        transfer_free(t);
    }
    scene_close(&s);
}

/* Root mean square, over images and classes, of the mean of n answers against the clean posterior, less what the noise takes
 * off by design: the noise of kind=class gives eps/2 to a random class below the top, (eps/2)/(K-1) each on average. */
static double error_of(struct scene *s, const char *chain, double epsilon, int n)
{
    struct defense *d = NULL;
    struct blackbox *box = NULL;
    const int images = s->pool->n;
    struct transfer *t = transfer_new(images, K, s->pool, 0);
    float *x = mem_new((size_t)images * s->spy.d, sizeof *x), *p = mem_new((size_t)images * K, sizeof *p);
    for (int i = 0; i < images; i++) t->index[i] = i;
    CHECK_OK(defense_parse(&d, chain));
    CHECK_OK(defense_open(d, &(struct defense_env){.victim = s->victim, .seed = 9}));
    CHECK_OK(blackbox_open(&box, s->victim, d, (int64_t)images * n));
    CHECK_OK(average_query(t, box, (int64_t)images * n, n, NULL, 0));
    dataset_batch(s->pool, NULL, 0, images, x);
    model_predict(s->victim, x, images, p);
    double sum = 0;
    for (int i = 0; i < images; i++) {
        const int top = argmax(p + i * K, K);
        for (int k = 0; k < K; k++) {
            const double bias = k == top ? 0 : epsilon / 2 / (K - 1);
            const double e = ((double)t->q[i * K + k] - bias) / (1 - epsilon / 2) - (double)p[i * K + k];
            sum += e * e;
        }
    }
    mem_free(x);
    mem_free(p);
    blackbox_close(box);
    defense_free(d);
    transfer_free(t);
    return sqrt(sum / (images * K));
}

static void fresh_noise_falls_as_one_over_sqrt_n(void)
{
    struct scene s;
    scene_open(&s, 400);
    const double one = error_of(&s, "noise:epsilon=0.8:fresh=1", 0.8, 1), keyed = error_of(&s, "noise:epsilon=0.8", 0.8, 1);
    CHECK(one > 0.1);
    for (int n = 4; n <= 256; n *= 4) CHECK_NEAR(error_of(&s, "noise:epsilon=0.8:fresh=1", 0.8, n) * sqrt(n) / one, 1, 0.1);
    CHECK_NEAR(error_of(&s, "noise:epsilon=0.8", 0.8, 64) / keyed, 1, 1e-5); /* keyed by the image: nothing is gained */
    /* noise on the logits, symmetric and small: the clean posterior itself, no bias to take off */
    const double small = error_of(&s, "noise:kind=symmetric:epsilon=0.1:fresh=1", 0, 1);
    CHECK_NEAR(error_of(&s, "noise:kind=symmetric:epsilon=0.1:fresh=1", 0, 64) * 8 / small, 1, 0.1);
    CHECK_NEAR(error_of(&s, "noise:kind=symmetric:epsilon=0.1", 0, 64) / error_of(&s, "noise:kind=symmetric:epsilon=0.1", 0, 1), 1, 1e-5);
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(top1_is_knockoff_with_hard_labels);
    RUN(one_copy_is_knockoff);
    RUN(copies_are_asked_and_charged);
    RUN(answers_are_the_mean_of_the_copies);
    RUN(fresh_noise_falls_as_one_over_sqrt_n);
    return check_done();
}
