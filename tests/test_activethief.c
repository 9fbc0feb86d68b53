/* ActiveThief and its pieces: DeepFool, k-center, and what each round asks. */
#include <omp.h>

#include "attacker/deepfool.h"
#include "attacker/kcenter.h"
#include "nn/loss.h"
#include "tests/attack_scene.h"

/* ---- DeepFool ----------------------------------------------------------------------------------------- */

/* Of a linear network: min over k of |f_k - f_0| / |w_k - w_0|. */
static void deepfool_is_exact_on_a_linear_network(void)
{
    enum { N = 300 };
    struct scene s;
    scene_open(&s, N);
    const size_t d = s.spy.d;
    struct tape *t = tape_new(s.victim, N, TAPE_BACKWARD);
    float *x = mem_new(N * d, sizeof *x), *z = mem_new(N * K, sizeof *z), *dz = mem_new(N * K, sizeof *dz), far[N], *w[K];
    dataset_batch(s.pool, NULL, 0, N, x);
    memcpy(z, model_forward(s.victim, t, x, N), N * K * sizeof *z);
    for (int k = 0; k < K; k++) { /* the rows of the matrix, in pixels */
        w[k] = mem_new(N * d, sizeof **w);
        for (int i = 0; i < N * K; i++) dz[i] = i % K == k ? 1 : 0;
        model_backward(s.victim, t, dz, NULL, w[k]);
    }
    deepfool(s.victim, x, N, K, 20, 0.02, far);
    for (int i = 0; i < N; i++) {
        const int top = argmax(z + i * K, K);
        double best = INFINITY;
        for (int k = 0; k < K; k++) {
            double norm = 0;
            for (size_t j = 0; j < d; j++) norm += pow((double)w[k][j] - (double)w[top][j], 2);
            if (k != top) best = fmin(best, ((double)z[i * K + top] - (double)z[i * K + k]) / sqrt(norm));
        }
        CHECK_NEAR(far[i], best, 1e-4 * best + 1e-6);
    }
    for (int k = 0; k < K; k++) mem_free(w[k]);
    tape_free(t);
    mem_free(x);
    mem_free(z);
    mem_free(dz);
    scene_close(&s);
}

/* Of a curved one: alone or in a batch the same, at any threads; an image that it calls near is near. */
static void deepfool_does_not_depend_on_the_batch(void)
{
    enum { N = 140 };
    struct scene s;
    if (!open_strokes(&s, "lenet5")) return;
    const size_t d = s.spy.d;
    float *x = mem_new(N * d, sizeof *x), all[N], one;
    dataset_batch(s.pool, NULL, 0, N, x);
    omp_set_num_threads(2);
    deepfool(s.victim, x, N, 5, 30, 0.02, all);
    omp_set_num_threads(1);
    for (int i = 0; i < N; i += 23) {
        deepfool(s.victim, x + (size_t)i * d, 1, 5, 30, 0.02, &one);
        CHECK(one == all[i]);
        CHECK(one > 0 && isfinite(one));
    }
    mem_free(x);
    close_strokes(&s);
}

static void a_constant_network_has_no_boundary(void)
{
    struct scene s;
    scene_open(&s, 3);
    float x[3 * SIDE * SIDE], far[3];
    memset(s.victim->w, 0, s.victim->params * sizeof *s.victim->w);
    dataset_batch(s.pool, NULL, 0, 3, x);
    deepfool(s.victim, x, 3, K, 5, 0.02, far);
    for (int i = 0; i < 3; i++) CHECK(isinf(far[i]));
    scene_close(&s);
}

/* ---- k-center ------------------------------------------------------------------------------------------ */

/* The definition, word for word. */
static void kcenter_is_farthest_first(void)
{
    enum { N = 200, D = 3, C = 7, PICK = 60 };
    float point[N * D], centre[C * D];
    struct rng r = rng_stream(1, "kcenter", 0);
    for (int i = 0; i < N * D; i++) point[i] = (float)rng_uniform(&r);
    for (int i = 0; i < C * D; i++) centre[i] = (float)rng_uniform(&r);
    for (int centres = 0; centres <= C; centres += C) {
        int chosen[PICK], taken[N] = {0};
        omp_set_num_threads(centres ? 2 : 1);
        kcenter(point, N, D, centre, centres, PICK, chosen);
        for (int j = 0; j < PICK; j++) {
            double far[N];
            int best = -1;
            for (int i = 0; i < N; i++) {
                far[i] = centres + j ? INFINITY : 0;
                for (int c = 0; c < centres + j; c++) {
                    const float *at = c < centres ? centre + c * D : point + chosen[c - centres] * D;
                    double sum = 0;
                    for (int k = 0; k < D; k++) sum += pow((double)point[i * D + k] - (double)at[k], 2);
                    far[i] = fmin(far[i], sum);
                }
                if (!taken[i] && (best < 0 || far[i] > far[best])) best = i;
            }
            CHECK(!taken[chosen[j]]);
            CHECK_NEAR(far[chosen[j]], far[best], 1e-6);
            taken[chosen[j]] = 1;
        }
    }
    omp_set_num_threads(1);
    const float same[4] = {1, 1, 1, 1}; /* of equals the first, and each once */
    int all[4];
    kcenter(same, 4, 1, NULL, 0, 4, all);
    for (int i = 0; i < 4; i++) CHECK_INT(all[i], i);
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

struct sizes {
    int64_t asked[64];
    int n;
};

static void note_queries(void *ctx, const struct model *clone, int64_t queries, int epoch, double val)
{
    struct sizes *s = ctx;
    (void)clone, (void)epoch, (void)val;
    if (s->n < 64) s->asked[s->n++] = queries;
}

static void rounds_grow_the_set(void)
{
    struct scene s;
    scene_open(&s, 1000);
    struct model *clone;
    struct sizes sizes = {0};
    struct ledger l;
    CHECK_OK(attack(&clone, &s, "activethief:strategy=uncertainty:budget=503:rounds=4:start=0.2:epochs=1", 1, &l, note_queries, &sizes));
    const int want[] = {100, 200, 300, 400, 503}; /* a fifth, then a quarter of the rest each, and what is left */
    CHECK_INT(sizes.n, 5);
    for (int i = 0; i < 5; i++) CHECK_INT(sizes.asked[i], want[i]);
    CHECK_INT(l.total, 503);
    CHECK_INT(l.distinct, 503); /* no image is asked twice */
    model_free(clone);
    scene_close(&s);
}

/* What is asked after the random start is more uncertain, or nearer to a boundary, for the clone that chose it. */
static void every_strategy_asks_what_it_says(void)
{
    static const char *const strategy[] = {"random", "uncertainty", "kcenter", "dfal", "dfal-kcenter"};
    enum { POOL = 400, START = 40, PICK = 40 };
    struct scene s;
    scene_open(&s, POOL);
    float *x[5];
    double mean[5] = {0}, entropy[5] = {0};
    for (int k = 0; k < 5; k++) {
        struct model *clone;
        char *text = mem_print("activethief:strategy=%s:budget=%d:rounds=1:start=0.5:epochs=30:val=0", strategy[k], START + PICK);
        CHECK_OK(attack(&clone, &s, text, 1, NULL, NULL, NULL));
        x[k] = mem_new((START + PICK) * s.spy.d, sizeof **x);
        memcpy(x[k], s.spy.x, (START + PICK) * s.spy.d * sizeof **x);
        CHECK(memcmp(x[k], x[0], START * s.spy.d * sizeof **x) == 0); /* the first are the same, the others not */
        if (k) CHECK(memcmp(x[k] + START * s.spy.d, x[0] + START * s.spy.d, PICK * s.spy.d * sizeof **x) != 0);
        float far[PICK], p[PICK * K];
        struct model *chose; /* the clone that chose: of the same attack, ended after its first round */
        char *short_text = mem_print("activethief:strategy=%s:budget=%d:rounds=1:start=1:epochs=30:val=0", strategy[k], START);
        CHECK_OK(attack(&chose, &s, short_text, 1, NULL, NULL, NULL));
        deepfool(chose, x[k] + START * s.spy.d, PICK, K, 10, 0.02, far);
        model_predict(chose, x[k] + START * s.spy.d, PICK, p);
        for (int i = 0; i < PICK; i++) {
            mean[k] += (double)far[i] / PICK;
            for (int c = 0; c < K; c++) entropy[k] -= p[i * K + c] > 0 ? (double)p[i * K + c] * log((double)p[i * K + c]) / PICK : 0;
        }
        model_free(clone);
        model_free(chose);
        mem_free(text);
        mem_free(short_text);
    }
    CHECK(entropy[1] > 1.3 * entropy[0]);
    CHECK(mean[3] < 0.5 * mean[0]);
    CHECK(mean[4] < 0.8 * mean[0] && mean[4] > mean[3]);
    for (int k = 0; k < 5; k++) mem_free(x[k]);
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(deepfool_is_exact_on_a_linear_network);
    RUN(deepfool_does_not_depend_on_the_batch);
    RUN(a_constant_network_has_no_boundary);
    RUN(kcenter_is_farthest_first);
    RUN(rounds_grow_the_set);
    RUN(every_strategy_asks_what_it_says);
    return check_done();
}
