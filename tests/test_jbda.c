/* JBDA: what it asks and pays for, and how it moves images. */
#include <omp.h>

#include "attacker/jbda.h"
#include "nn/loss.h"
#include "tests/attack_scene.h"

enum { TRAININGS = 16 };

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

/* self: down the loss of the answered class. top: copy c up the logit of the class that is the c-th for the clone, the answered
 * one not counted; what is asked is what moved. */
static void jbda_self_and_top_go_where_they_say(void)
{
    enum { N = 50, COPIES = K - 1 };
    const float step = 0.1f * STD;
    struct scene s;
    scene_open(&s, 10);
    for (int top = 0; top < 2; top++) {
        const int copies = top ? COPIES : 1;
        struct witness w = {0};
        struct model *clone;
        int as_said = 0;
        char *text = mem_print("jbda:direction=%s:copies=%d:seeds=%d:rounds=2:epochs=1:relabel=0", top ? "top" : "self", copies, N);
        CHECK_OK(attack(&clone, &s, text, 1, NULL, watch, &w));
        if (!CHECK_INT(s.spy.n, N * (1 + copies))) break;
        for (int i = 0; i < N; i++) {
            const float *x = s.spy.x + (size_t)i * s.spy.d;
            float p[K];
            const int label = answered(&s, x);
            model_predict(w.clone[0], x, 1, p);
            p[label] = -1;
            for (int c = 0; c < copies; c++) {
                const int target = top ? argmax(p, K) : label;
                as_said += moves_to(w.clone[0], top ? JBDA_LOGIT_UP : JBDA_CE_DOWN, x, s.spy.x + (size_t)(N * (1 + c) + i) * s.spy.d, &step, &target, 1, 1);
                p[target] = -1;
            }
        }
        CHECK_INT(as_said, N * copies);
        model_free(clone);
        witness_free(&w);
        mem_free(text);
    }
    scene_close(&s);
}

/* From the third growth on five images of the set, each once, in their order; others at another seed. */
static void jbda_moves_a_reservoir(void)
{
    enum { SEEDS = 4, KAPPA = 5 };
    static const int size[] = {4, 8, 16, 21, 26, 31};
    struct scene s;
    int first[2][KAPPA];
    scene_open(&s, 10);
    for (int seed = 1; seed <= 2; seed++) {
        struct witness w = {0};
        struct model *clone;
        CHECK_OK(attack(&clone, &s, "jbda:seeds=4:rounds=6:epochs=1:relabel=0:reservoir=5:reservoir_from=2:lambda=0.3", (uint64_t)seed, NULL, watch, &w));
        CHECK_INT(s.spy.n, size[5]);
        for (int r = 2; r < 5 && CHECK_INT(w.n, 6); r++)
            for (int k = 0, i = 0; k < KAPPA; k++, i++) {
                const float *y = s.spy.x + (size_t)(size[r] + k) * s.spy.d, step = 0.3f * STD;
                for (; i < size[r]; i++) {
                    const float *x = s.spy.x + (size_t)i * s.spy.d;
                    const int label = answered(&s, x);
                    if (moves_to(w.clone[r], JBDA_LOGIT_UP, x, y, &step, &label, 1, 1)) break;
                }
                CHECK(i < size[r]);
                if (r == 2) first[seed - 1][k] = i;
            }
        model_free(clone);
        witness_free(&w);
    }
    CHECK(memcmp(first[0], first[1], sizeof first[0]) != 0);
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1); /* the networks are tiny; where two threads are the question, a test asks for them */
    RUN(jbda_asks_945_rows_of_480_images);
    RUN(jbda_charges_relabelling);
    RUN(jbda_steps_are_signed_bounded_and_clipped);
    RUN(jbda_moves_as_far_as_it_says);
    RUN(jbda_targets_are_random);
    RUN(jbda_flips_lambda);
    RUN(jbda_self_and_top_go_where_they_say);
    RUN(jbda_moves_a_reservoir);
    return check_done();
}
