/* Data-free extraction: zeroth-order gradients against the true ones, the generator's gradient, what an iteration asks, and that a
 * clone learns from no image at all. */
#include "attacker/zeroth.h"

#include <math.h>
#include <omp.h>

#include "attacker/generator.h"
#include "nn/loss.h"
#include "tests/attack_scene.h"

/* Mean disagreement of n images before their tanh, in double steps of the same functions the attack uses. */
static double disagreement(const struct model *victim, const struct model *clone, enum disagreement kind, const float *pre, int n)
{
    const size_t d = shape_size(victim->input);
    float *x = mem_new((size_t)n * d, sizeof *x), *p = mem_new((size_t)(n * K), sizeof *p);
    double row[n], sum = 0;
    struct tape *t = tape_new(clone, n, TAPE_FORWARD);
    generator_pixels(pre, (size_t)n * d, x);
    model_predict(victim, x, n, p);
    disagreement_rows(kind, model_forward(clone, t, x, n), p, n, K, row);
    for (int i = 0; i < n; i++) sum += row[i];
    tape_free(t);
    mem_free(x);
    mem_free(p);
    return sum / n;
}

/* The true gradient, coordinate by coordinate (central differences, a step that suits float). */
static void true_gradient(const struct model *victim, const struct model *clone, enum disagreement kind, float *pre, int n, double *out)
{
    const float h = 5e-3f;
    for (size_t i = 0; i < (size_t)n * shape_size(victim->input); i++) {
        const float was = pre[i];
        pre[i] = was + h;
        const double up = disagreement(victim, clone, kind, pre, n);
        pre[i] = was - h;
        out[i] = (up - disagreement(victim, clone, kind, pre, n)) / (2 * (double)h);
        pre[i] = was;
    }
}

/* Its distance from the true gradient falls as 1/sqrt(m): sixteen times the directions, a quarter of it. */
static void zeroth_order_converges_to_the_gradient(void)
{
    enum { N = 3, D = SIDE * SIDE, FEW = 256, MANY = 16 * FEW };
    struct scene s;
    scene_open(&s, 10);
    struct model *clone = model_copy(s.victim);
    model_init(clone, 9);
    for (int kind = DISAGREE_L1; kind <= DISAGREE_KL; kind++) {
        float pre[N * D], got[N * D];
        double want[N * D], error[2] = {0}, length = 0;
        struct rng r = rng_stream(4, "pre", 0);
        for (int i = 0; i < N * D; i++) pre[i] = (float)rng_normal(&r) * 0.5f;
        true_gradient(s.victim, clone, (enum disagreement)kind, pre, N, want);
        for (int i = 0; i < N * D; i++) length += want[i] * want[i];
        for (int many = 0; many < 2; many++) {
            struct blackbox *box = NULL;
            struct zeroth z = {.clone = clone, .tape = tape_new(clone, N, TAPE_FORWARD), .kind = (enum disagreement)kind, .directions = many ? MANY : FEW, .mu = 1e-2};
            s.spy.n = 0;
            mem_free(s.spy.x);
            s.spy.x = mem_new(SPIED * s.spy.d, sizeof *s.spy.x);
            const int asked = N * (z.directions + 1);
            struct defense *none = NULL;
            CHECK_OK(defense_parse(&none, "none"));
            CHECK_OK(blackbox_open(&box, s.victim, none, asked));
            z.target = box;
            CHECK_OK(zeroth_gradient(&z, pre, N, &r, got));
            CHECK_INT(blackbox_asked(box), asked);
            for (int i = 0; i < N * D; i++) error[many] += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
            error[many] = sqrt(error[many] / length);
            blackbox_close(box);
            defense_free(none);
            tape_free(z.tape);
        }
        CHECK(error[1] < 0.15); /* sqrt(D / MANY) = 0.094 */
        CHECK(error[0] / error[1] > 2.5 && error[0] / error[1] < 6);
    }
    model_free(clone);
    scene_close(&s);
}

/* Logits come back from posteriors but for a constant; an answer of 0 is no infinity. */
static void logits_are_recovered(void)
{
    const float z[K] = {3, -1, 0.5f, 2}, hard[K] = {0, 1, 0, 0};
    float p[K], v[K];
    const double mean = (3 - 1 + 0.5 + 2) / K;
    softmax_rows(z, 1, K, p);
    recover_logits(p, 1, K, v);
    for (int k = 0; k < K; k++) CHECK_NEAR((double)v[k], (double)z[k] - mean, 1e-5);
    recover_logits(hard, 1, K, v);
    for (int k = 0; k < K; k++) CHECK_NEAR((double)v[k], (k == 1 ? 0 : log(1e-7)) - 3 * log(1e-7) / 4, 1e-4);
}

/* The generator's gradient against differences, on sides that are no multiples of 4 and on two channels. */
static void the_generator_has_a_gradient(void)
{
    enum { N = 4 };
    struct generator *g;
    const struct shape image = {2, 6, 7, ROWS};
    const size_t all = N * shape_size(image);
    CHECK_OK(generator_new(&g, image, 5, 6, 1, N, 3));
    float *a = mem_new(all, sizeof *a), *dy = mem_new(all, sizeof *dy), *dw = mem_new(g->net->params, sizeof *dw), *was = mem_new(g->net->params, sizeof *was);
    struct rng r = rng_stream(1, "dy", 0);
    for (size_t i = 0; i < all; i++) dy[i] = (float)rng_normal(&r);
    generator_make(g, 7, 0, N, a);
    generator_backward(g, N, dy, dw);
    memcpy(was, g->net->w, g->net->params * sizeof *was);
    double want = 0, got = 0;
    for (size_t i = 0; i < g->net->params; i++) {
        const float v = (float)rng_normal(&r) * 0.1f;
        want += (double)v * (double)dw[i];
        g->net->w[i] = v;
    }
    for (int sign = -1; sign <= 1; sign += 2) { /* along one direction v, which stands in w */
        float *v = mem_new(g->net->params, sizeof *v);
        memcpy(v, g->net->w, g->net->params * sizeof *v);
        for (size_t i = 0; i < g->net->params; i++) g->net->w[i] = was[i] + (float)sign * 2e-3f * v[i];
        generator_make(g, 7, 0, N, a);
        for (size_t i = 0; i < all; i++) got += sign * (double)a[i] * (double)dy[i] / (2 * 2e-3);
        memcpy(g->net->w, v, g->net->params * sizeof *v);
        mem_free(v);
    }
    CHECK_NEAR(got, want, 0.02 * (fabs(want) + 1));
    mem_free(a);
    mem_free(dy);
    mem_free(dw);
    mem_free(was);
    generator_free(g);
}

/* Adam's first steps by hand: g = 1, then 0.5. */
static void adam_is_pytorchs(void)
{
    float w = 1, m = 0, v = 0, g = 1;
    adam_step(0.1, 1, 1, &w, &g, &m, &v);
    CHECK_NEAR((double)w, 0.9, 1e-6);
    g = 0.5f;
    adam_step(0.1, 2, 1, &w, &g, &m, &v);
    const double m2 = 0.9 * 0.1 + 0.1 * 0.5, v2 = 0.999 * 0.001 + 0.001 * 0.25;
    CHECK_NEAR((double)w, 0.9 - 0.1 * (m2 / (1 - 0.81)) / (sqrt(v2 / (1 - 0.999 * 0.999)) + 1e-8), 1e-6);
}

static double agreement(const struct model *a, const struct model *b)
{
    enum { TEST = 2000 };
    struct dataset *test = noise_set(TEST, 3);
    float *x = mem_new(TEST * SIDE * SIDE, sizeof *x), *p = mem_new(TEST * K, sizeof *p), *q = mem_new(TEST * K, sizeof *q);
    int same = 0;
    dataset_batch(test, NULL, 0, TEST, x);
    model_predict(a, x, TEST, p);
    model_predict(b, x, TEST, q);
    for (int i = 0; i < TEST; i++) same += argmax(p + i * K, K) == argmax(q + i * K, K);
    mem_free(x);
    mem_free(p);
    mem_free(q);
    set_free(test);
    return (double)same / TEST;
}

struct seen {
    int n;
    int64_t queries;
};

static void note(void *ctx, const struct model *clone, int64_t queries, int epoch, double val)
{
    struct seen *s = ctx;
    CHECK(clone != NULL && isnan(val));
    CHECK_INT(epoch, ++s->n);
    CHECK(queries > s->queries);
    s->queries = queries;
}

/* A linear victim is recovered from generated images alone, and every epoch of the budget is told of once. */
static void a_clone_learns_without_images(void)
{
    struct scene s;
    scene_open(&s, 10);
    for (int i = 0; i < 2; i++) {
        struct model *clone;
        struct ledger l = {0};
        struct seen seen = {0};
        const char *text = i ? "maze:budget=9000:batch=16:width=32:directions=2:epochs=10:lr=0.3:generator_lr=0.0001"
                             : "dfme:budget=9000:batch=16:width=8:epochs=10:generator_lr=0.001:mu=0.01";
        CHECK_OK(attack(&clone, &s, text, 1, &l, note, &seen));
        CHECK_INT(l.total, 9000);
        CHECK_INT(seen.queries, 9000);
        CHECK_INT(seen.n, 10);
        CHECK(agreement(s.victim, clone) > 0.9);
        model_free(clone);
    }
    scene_close(&s);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(zeroth_order_converges_to_the_gradient);
    RUN(logits_are_recovered);
    RUN(the_generator_has_a_gradient);
    RUN(adam_is_pytorchs);
    RUN(a_clone_learns_without_images);
    return check_done();
}
