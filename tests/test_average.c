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
        CHECK_OK(average_query(t, box, &(struct averaging){.budget = BUDGET, .copies = COPIES, .moves = moved ? &moves : NULL, .seed = 4}));
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
    CHECK_OK(average_query(t, box, &(struct averaging){.budget = (int64_t)images * n, .copies = n}));
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

/* ---- ensembles --------------------------------------------------------------------------------------- */

enum { MEMBERS = 3 };

/* A member that an image's bytes choose, which any move of it may change. */
static int member_of(const float *x)
{
    return (int)(x[SIDE * SIDE / 2] * 255 + x[0] * 255 + 0.5f) % MEMBERS;
}

/* Member a says class a. */
static int crowd_answer_by(void *state, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes)
{
    (void)state, (void)x, (void)p;
    memset(q, 0, (size_t)(n * classes) * sizeof *q);
    for (int i = 0; i < n; i++) q[i * classes + (by->member ? by->member[i] % MEMBERS : member_of(by->hashed + (size_t)i * SIDE * SIDE))] = 1;
    return OK;
}

static int crowd_answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    return crowd_answer_by(state, &(struct defense_choice){.hashed = x}, x, p, q, n, classes);
}
static const struct defense_ops crowd_ops = {.name = "crowd", .answer = crowd_answer, .answer_by = crowd_answer_by};

/* What each mode hears of the crowd: with as many copies as members, in turns the mean of all; by the still image one member. */
static void every_mode_hears_whom_it_says(void)
{
    enum { N = 100, COPIES = 2 * MEMBERS };
    struct scene s;
    struct augment moves;
    scene_open(&s, N);
    s.defense->link[0].ops = &crowd_ops;
    CHECK_OK(augment_read(&moves, "translate0.3,jitter0.1"));
    for (int by = AVERAGE_DEFENSE; by <= AVERAGE_STILL; by++)
        for (int moved = 0; moved < 2; moved++) {
            struct blackbox *box = NULL;
            struct transfer *t = transfer_new(N, K, s.pool, 0);
            float x[SIDE * SIDE];
            int own = 0, even = 0;
            for (int i = 0; i < N; i++) t->index[i] = i;
            CHECK_OK(blackbox_open(&box, s.victim, s.defense, N * COPIES));
            const struct averaging a = {.budget = N * COPIES, .copies = COPIES, .moves = moved ? &moves : NULL, .by = (enum average_by)by, .seed = 2};
            if (by != AVERAGE_DEFENSE) CHECK_ERR(average_query(t, box, &a), ERR_OPTION, "expected knowledge=members");
            CHECK_INT(blackbox_asked(box), 0);
            blackbox_grant_members(box);
            CHECK_OK(average_query(t, box, &a));
            CHECK_INT(blackbox_asked(box), N * COPIES);
            for (int i = 0; i < N; i++) {
                const float *q = t->q + i * K;
                transfer_batch(t, &i, 0, 1, x);
                own += fabs((double)q[member_of(x)] - 1) < 1e-6;
                even += fabs((double)q[0] - 1.0 / 3) < 1e-6 && fabs((double)q[1] - 1.0 / 3) < 1e-6 && fabs((double)q[2] - 1.0 / 3) < 1e-6;
            }
            CHECK_INT(own == N, by == AVERAGE_STILL || (by == AVERAGE_DEFENSE && !moved));
            CHECK_INT(even == N, by == AVERAGE_TURNS);
            CHECK(by != AVERAGE_DEFENSE || !moved || own < N / 2); /* moves meet other members */
            blackbox_close(box);
            transfer_free(t);
        }
    s.defense->link[0].ops = &spy_ops;
    scene_close(&s);
}

/* EDM itself: by the hash of the image it answers as it serves; a member said aloud is one of its own, modulo their number. */
static void edm_answers_by_whom_it_is_told(void)
{
    enum { N = 90 };
    struct scene s;
    struct augment none;
    struct defense *d = NULL;
    const struct optim o = {.epochs = 2, .batch = 64, .lr = 0.1};
    scene_open(&s, N);
    float *x = mem_new(N * s.spy.d, sizeof *x), *other = mem_new(N * s.spy.d, sizeof *other), *p = mem_new(N * K, sizeof *p), *q = mem_new(N * K, sizeof *q);
    float *served = mem_new(N * K, sizeof *served), *at[MEMBERS];
    int member[N], who[N];
    int *labels = (int *)(uintptr_t)s.train->labels;
    for (int i = 0; i < s.train->n; i++) labels[i] = i % K;
    dataset_batch(s.pool, NULL, 0, N, x);
    dataset_batch(s.train, NULL, 0, N, other);
    CHECK_OK(augment_read(&none, "none"));
    CHECK_OK(defense_parse(&d, "edm:members=3:hash_model=victim:hash_data=train"));
    CHECK_OK(defense_open(d, &(struct defense_env){.victim = s.victim, .train = s.train, .ood = s.pool, .optim = &o, .augment = &none, .seed = 3}));
    model_predict(s.victim, x, N, p);
    CHECK_OK(defense_answer(d, x, p, served, N, K));
    CHECK_OK(defense_answer_by(d, &(struct defense_choice){.hashed = x}, x, p, q, N, K));
    CHECK(memcmp(q, served, N * K * sizeof *q) == 0);
    for (int a = 0; a < MEMBERS; a++) {
        at[a] = mem_new(N * K, sizeof **at);
        for (int i = 0; i < N; i++) member[i] = a + MEMBERS * (i % 2);
        CHECK_OK(defense_answer_by(d, &(struct defense_choice){.member = member}, x, p, at[a], N, K));
    }
    int used[MEMBERS] = {0}, same = 0;
    for (int i = 0; i < N; i++) {
        for (who[i] = 0; who[i] < MEMBERS && memcmp(served + i * K, at[who[i]] + i * K, K * sizeof *q); who[i]++) continue;
        if (CHECK(who[i] < MEMBERS)) used[who[i]]++;
    }
    CHECK((used[0] > 0) + (used[1] > 0) + (used[2] > 0) > 1);
    CHECK_OK(defense_answer_by(d, &(struct defense_choice){.hashed = other}, x, p, q, N, K)); /* the images x by another's hash */
    for (int i = 0; i < N; i++) {
        int found = 0;
        for (int a = 0; a < MEMBERS; a++) found |= memcmp(q + i * K, at[a] + i * K, K * sizeof *q) == 0;
        CHECK(found);
        same += memcmp(q + i * K, served + i * K, K * sizeof *q) == 0;
    }
    CHECK(same < N);
    for (int a = 0; a < MEMBERS; a++) mem_free(at[a]);
    mem_free(x);
    mem_free(other);
    mem_free(p);
    mem_free(q);
    mem_free(served);
    defense_free(d);
    scene_close(&s);
}

/* An oracle says so in its options, or is refused; and so is a defense without members. */
static void an_oracle_says_so(void)
{
    struct scene s;
    struct model *clone;
    scene_open(&s, 50);
    CHECK_ERR(attack(&clone, &s, "average:budget=50:epochs=1:mode=ideal-attack", 1, NULL, NULL, NULL), ERR_OPTION, "found knowledge=none, expected knowledge=members");
    CHECK_OK(attack(&clone, &s, "average:budget=50:epochs=1:preset=ideal-attack", 1, NULL, NULL, NULL));
    model_free(clone);
    struct defense *spy = s.defense;
    CHECK_OK(defense_parse(&s.defense, "none"));
    CHECK_ERR(attack(&clone, &s, "average:budget=50:epochs=1:preset=ideal-defense", 1, NULL, NULL, NULL), ERR_OPTION, "no members to choose from, expected an ensemble (edm)");
    defense_free(s.defense);
    s.defense = spy;
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(top1_is_knockoff_with_hard_labels);
    RUN(one_copy_is_knockoff);
    RUN(copies_are_asked_and_charged);
    RUN(answers_are_the_mean_of_the_copies);
    RUN(every_mode_hears_whom_it_says);
    RUN(edm_answers_by_whom_it_is_told);
    RUN(an_oracle_says_so);
    RUN(fresh_noise_falls_as_one_over_sqrt_n);
    return check_done();
}
