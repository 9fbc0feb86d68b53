/* KnockoffNets' adaptive policy: the bandit, the rewards, k-means, and what it asks. */
#include "attacker/adaptive.h"

#include <omp.h>

#include "attacker/bandit.h"
#include "tests/attack_scene.h"

/* Preferences by the formula, step for step. */
static void the_bandit_follows_its_formula(void)
{
    enum { A = 4, STEPS = 50 };
    struct bandit *b = bandit_new(A);
    const char open[A] = {1, 1, 1, 1};
    double h[A] = {0}, pi[A], sum = 0;
    int drawn[A] = {0};
    struct rng r = rng_stream(1, "bandit", 0);
    for (int t = 1; t <= STEPS; t++) {
        double want[A], total = 0, reward = rng_uniform(&r);
        for (int a = 0; a < A; a++) total += want[a] = exp(h[a]);
        bandit_policy(b, open, pi);
        for (int a = 0; a < A; a++) CHECK_NEAR(pi[a], want[a] / total, 1e-12);
        const int z = bandit_draw(b, open, &r);
        bandit_reward(b, z, reward, pi);
        sum += reward;
        drawn[z]++;
        for (int a = 0; a < A; a++) h[a] += (reward - sum / t) / drawn[z] * ((a == z) - want[a] / total);
    }
    const char half[A] = {0, 1, 0, 1}; /* what is not open is not drawn */
    bandit_policy(b, half, pi);
    CHECK(pi[0] == 0 && pi[2] == 0);
    CHECK_NEAR(pi[1] + pi[3], 1, 1e-12);
    for (int i = 0; i < 100; i++) CHECK(bandit_draw(b, half, &r) % 2 == 1);
    bandit_free(b);
}

/* One action pays more: it is drawn more and more. */
static void the_bandit_learns(void)
{
    enum { A = 5 };
    struct bandit *b = bandit_new(A);
    const char open[A] = {1, 1, 1, 1, 1};
    double pi[A];
    struct rng r = rng_stream(2, "bandit", 0);
    for (int t = 0; t < 3000; t++) {
        bandit_policy(b, open, pi);
        const int z = bandit_draw(b, open, &r);
        bandit_reward(b, z, (z == 3 ? 3 : 0) + rng_uniform(&r), pi);
    }
    bandit_policy(b, open, pi);
    for (int a = 0; a < A; a++) CHECK(a == 3 || pi[3] > 2 * pi[a]);
    bandit_free(b);
}

static void rewards_are_those_of_the_paper(void)
{
    const float y[4] = {0.1f, 0.6f, 0.0f, 0.3f}, yhat[4] = {0.25f, 0.5f, 0, 0.25f};
    const double mean[4] = {0.2, 0.3, 0.1, 0.4};
    CHECK_NEAR(reward_certainty(y, 4), 0.3, 1e-7);
    CHECK_NEAR(reward_diversity(y, mean, 4), 0.3, 1e-7);
    CHECK_NEAR(reward_loss(y, yhat, 4), -(0.1 * log(0.25) + 0.6 * log(0.5) + 0.3 * log(0.25)), 1e-6);
    CHECK(isfinite(reward_loss(y, (const float[4]){0, 0, 1, 0}, 4))); /* an answer that was thought impossible */
}

static void kmeans_finds_clear_groups(void)
{
    enum { N = 90, D = 2, GROUPS = 3 };
    double point[N * D];
    int group[N];
    struct rng r = rng_stream(3, "kmeans", 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) point[i * D + j] = (i % GROUPS) * 10 * (j + 1) + rng_uniform(&r);
    kmeans(point, N, D, GROUPS, &r, group);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++) CHECK((group[i] == group[j]) == (i % GROUPS == j % GROUPS));
    int size[N] = {0};
    memset(point, 0, sizeof point); /* all alike: still no group is empty */
    kmeans(point, 10, D, 10, &r, group);
    for (int i = 0; i < 10; i++) CHECK_INT(size[group[i]]++, 0);
}

static void label_pool(struct scene *s, int classes) /* so that the answers go by the class: one class is certain */
{
    int *labels = (int *)(uintptr_t)s->pool->labels;
    uint8_t *pixels = (uint8_t *)(uintptr_t)s->pool->pixels;
    s->pool->classes = classes;
    for (int i = 0; i < s->pool->n; i++) {
        labels[i] = i % classes;
        if (labels[i]) memset(pixels + (size_t)i * SIDE * SIDE, 128, SIDE * SIDE); /* the mean image: no class stands out */
        if (labels[i]) pixels[(size_t)i * SIDE * SIDE] = (uint8_t)(i % 251), pixels[(size_t)i * SIDE * SIDE + 1] = (uint8_t)(i / 251);
    }
}

/* Asked by certainty, the class with certain answers comes more often than its share; nothing is asked twice. */
static void it_asks_what_pays(void)
{
    enum { CLASSES = 8, BUDGET = 700, POOL = 4000 };
    struct scene s;
    scene_open(&s, POOL);
    label_pool(&s, CLASSES);
    for (int nodes = 0; nodes <= 3; nodes += 3) {
        struct model *clone;
        struct ledger l;
        char *text = mem_print("knockoff:policy=adaptive:reward=certainty:pull=5:budget=%d:epochs=1:nodes=%d", BUDGET, nodes);
        CHECK_OK(attack(&clone, &s, text, 1, &l, NULL, NULL));
        CHECK_INT(l.total, BUDGET);
        CHECK_INT(spied_distinct(&s.spy), BUDGET);
        int certain = 0;
        for (int i = 0; i < BUDGET; i++) certain += s.spy.x[(size_t)i * s.spy.d + 20] != 128.0f / 255;
        CHECK(certain > 1.5 * BUDGET / CLASSES);
        model_free(clone);
        mem_free(text);
    }
    scene_close(&s);
}

/* The whole pool, class by class: what is exhausted is not drawn again. At any threads the same. */
static void it_can_ask_for_all(void)
{
    struct scene s;
    scene_open(&s, 300);
    label_pool(&s, 3);
    struct model *a, *b;
    for (int nodes = 0; nodes <= 2; nodes += 2) {
        struct ledger l;
        char *text = mem_print("knockoff:policy=adaptive:budget=300:epochs=1:nodes=%d", nodes);
        omp_set_num_threads(2);
        CHECK_OK(attack(&a, &s, text, 1, &l, NULL, NULL));
        omp_set_num_threads(1);
        CHECK_INT(l.total, 300);
        CHECK_INT(l.distinct, spied_distinct(&s.spy));
        CHECK_OK(attack(&b, &s, text, 1, NULL, NULL, NULL));
        CHECK(memcmp(a->w, b->w, a->params * sizeof *a->w) == 0);
        model_free(a);
        model_free(b);
        mem_free(text);
    }
    const int *labels = s.pool->labels;
    s.pool->labels = NULL;
    CHECK_ERR(attack(&a, &s, "knockoff:policy=adaptive:budget=10", 1, NULL, NULL, NULL), ERR_SHAPE, "asks by classes, and the pool noise has none");
    s.pool->labels = labels;
    scene_close(&s);
}

/* The features are what the last linear layer reads: logits = W f + b. */
static void features_are_what_the_last_layer_reads(void)
{
    enum { N = 70 };
    struct scene s;
    if (!open_strokes(&s, "lenet5")) return;
    const int size = model_features(s.victim);
    struct tape *t = tape_new(s.victim, N, TAPE_BACKWARD);
    float *x = mem_new(N * s.spy.d, sizeof *x), *f = mem_new((size_t)(N * size), sizeof *f);
    dataset_batch(s.pool, NULL, 0, N, x);
    const float *z = model_forward(s.victim, t, x, N);
    tape_features(t, f);
    const float *w = s.victim->w + s.victim->params - 10 - (size_t)(10 * size), *b = s.victim->w + s.victim->params - 10;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 10; k++) {
            double sum = (double)b[k];
            for (int j = 0; j < size; j++) sum += (double)w[k * size + j] * (double)f[i * size + j];
            CHECK_NEAR(z[i * 10 + k], sum, 1e-4);
        }
    tape_free(t);
    mem_free(x);
    mem_free(f);
    close_strokes(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(the_bandit_follows_its_formula);
    RUN(the_bandit_learns);
    RUN(rewards_are_those_of_the_paper);
    RUN(kmeans_finds_clear_groups);
    RUN(it_asks_what_pays);
    RUN(it_can_ask_for_all);
    RUN(features_are_what_the_last_layer_reads);
    return check_done();
}
