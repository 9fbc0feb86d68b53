/* The black box: it counts every row, stops at the budget, and its ledger says what the defense did. */
#include "base/mem.h"
#include "base/rng.h"
#include "nn/loss.h"
#include "tests/check.h"
#include "victim/serve.h"

enum { SIDE = 6, K = 4 };

/* A small victim behind a defense, and images of noise. */
struct scene {
    struct model *victim;
    struct defense *defense;
    float *x; /* [n][SIDE][SIDE] */
};

static struct scene scene_new(const char *defense, int n)
{
    static const struct optim optim = {0};
    struct scene s = {.x = mem_new((size_t)(n * SIDE * SIDE), sizeof *s.x)};
    struct rng r = rng_stream(1, "images", 0);
    for (int i = 0; i < n * SIDE * SIDE; i++) s.x[i] = (float)rng_uniform(&r);
    CHECK_OK(model_new(&s.victim, "softmax", (struct shape){1, SIDE, SIDE, ROWS}, K));
    model_init(s.victim, 5);
    for (size_t i = 0; i < s.victim->params; i++) s.victim->w[i] *= 5;
    CHECK_OK(defense_parse(&s.defense, defense));
    CHECK_OK(defense_open(s.defense, &(struct defense_env){.victim = s.victim, .optim = &optim, .seed = 1}));
    return s;
}

static void scene_free(struct scene *s)
{
    model_free(s->victim);
    defense_free(s->defense);
    mem_free(s->x);
}

static void the_box_counts_and_stops(void)
{
    struct scene s = scene_new("none", 300);
    struct blackbox *b = NULL;
    float q[300 * K], again[300 * K];
    CHECK_ERR(blackbox_open(&b, s.victim, s.defense, 0), ERR_OPTION, "expected 1 or more");
    CHECK_OK(blackbox_open(&b, s.victim, s.defense, 450));
    CHECK_OK(blackbox_query(b, s.x, 300, q));
    CHECK_OK(blackbox_query(b, s.x, 100, again));
    CHECK(memcmp(q, again, 100 * K * sizeof *q) == 0);
    CHECK_ERR(blackbox_query(b, s.x, 51, again), ERR_BUDGET, "51 queries were asked, 50 of 450 are left");
    CHECK_INT(blackbox_asked(b), 400);
    CHECK_OK(blackbox_query(b, s.x, 50, again));
    CHECK_INT(blackbox_left(b), 0);
    const struct ledger l = blackbox_ledger(b);
    CHECK_INT(l.total, 450);
    CHECK_INT(l.distinct, 300);
    CHECK_INT(l.calls, 3);
    CHECK_INT(l.flips, 0);
    CHECK_NEAR(l.l1, 0, 0);
    blackbox_close(b);
    scene_free(&s);
}

static void the_ledger_measures_what_a_defense_does(void)
{
    struct scene s = scene_new("mad:epsilon=0.8", 200);
    struct blackbox *b = NULL;
    float q[200 * K], p[200 * K];
    double l1 = 0;
    int flips = 0;
    CHECK_OK(blackbox_open(&b, s.victim, s.defense, 200));
    CHECK_OK(blackbox_query(b, s.x, 200, q));
    model_predict(s.victim, s.x, 200, p);
    for (int i = 0; i < 200; i++) {
        flips += argmax(p + i * K, K) != argmax(q + i * K, K);
        for (int k = 0; k < K; k++) l1 += fabs((double)p[i * K + k] - (double)q[i * K + k]);
    }
    CHECK_INT(blackbox_ledger(b).flips, flips);
    CHECK_NEAR(blackbox_ledger(b).l1, l1, 1e-6);
    CHECK(l1 > 0);
    blackbox_close(b);
    scene_free(&s);
}

struct seen {
    int calls, n;
    float x[300 * SIDE * SIDE];
};

static void see(void *ctx, const float *x, int n)
{
    struct seen *s = ctx;
    memcpy(s->x + s->n * SIDE * SIDE, x, (size_t)(n * SIDE * SIDE) * sizeof *x);
    s->n += n;
    s->calls++;
}

/* A tap sees what is answered, in order, and not what is refused. */
static void a_tap_sees_every_query(void)
{
    static struct seen seen;
    struct scene s = scene_new("none", 300);
    struct blackbox *b = NULL;
    float q[300 * K];
    CHECK_OK(blackbox_open(&b, s.victim, s.defense, 250));
    blackbox_tap(b, see, &seen);
    CHECK_OK(blackbox_query(b, s.x, 200, q));
    CHECK_INT(blackbox_query(b, s.x, 51, q), ERR_BUDGET);
    CHECK_OK(blackbox_query(b, s.x, 0, q));
    CHECK_OK(blackbox_query(b, s.x + 200 * SIDE * SIDE, 40, q));
    CHECK_INT(seen.calls, 2);
    CHECK_INT(seen.n, 240);
    CHECK(memcmp(seen.x, s.x, (size_t)(240 * SIDE * SIDE) * sizeof *s.x) == 0);
    blackbox_tap(b, NULL, NULL);
    CHECK_OK(blackbox_query(b, s.x, 10, q));
    CHECK_INT(seen.n, 240);
    blackbox_close(b);
    scene_free(&s);
}

int main(void)
{
    RUN(the_box_counts_and_stops);
    RUN(the_ledger_measures_what_a_defense_does);
    RUN(a_tap_sees_every_query);
    return check_done();
}
