/* Rotation self-supervision: the turns, the twin with four logits more, its gradient, and that it asks what knockoff asks. */
#include <math.h>
#include <omp.h>

#include "attacker/rotation.h"
#include "nn/loss.h"
#include "nn/optim.h"
#include "tests/attack_scene.h"

static void a_quarter_turn_is_one(void)
{
    const float x[18] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19}; /* two channels of 3x3 */
    const float quarter[18] = {3, 6, 9, 2, 5, 8, 1, 4, 7, 13, 16, 19, 12, 15, 18, 11, 14, 17}; /* counterclockwise, as numpy's rot90 */
    float y[18], again[18], k[18];
    rotation_turn(x, 2, 3, 0, y);
    CHECK(memcmp(y, x, sizeof x) == 0);
    rotation_turn(x, 2, 3, 1, y);
    CHECK(memcmp(y, quarter, sizeof x) == 0);
    for (int quarters = 2; quarters < 4; quarters++) {
        rotation_turn(y, 2, 3, 1, again);
        rotation_turn(x, 2, 3, quarters, k);
        CHECK(memcmp(again, k, sizeof x) == 0);
        memcpy(y, again, sizeof y);
    }
}

static void indices(int *index, int n)
{
    for (int i = 0; i < n; i++) index[i] = i;
}

/* At first the twin says of classes what the clone says, and gives it back. With batch norm: statistics too. */
static void the_twin_is_the_clone(void)
{
    enum { N = 20 };
    struct scene s;
    if (!open_strokes(&s, "resnet8")) return;
    struct rotation *r = NULL;
    struct model *back = model_copy(s.victim);
    int index[N];
    float *x = mem_new(N * s.spy.d, sizeof *x);
    indices(index, N);
    for (size_t i = 0; i < s.victim->stats; i++) s.victim->stat[i] += 0.25f; /* not what a new network has */
    dataset_batch(s.pool, NULL, 0, N, x);
    if (CHECK_OK(rotation_new(&r, s.victim, s.pool, index, N, 1, N, 1))) {
        const struct model *twin = rotation_twin(r);
        CHECK_INT(twin->classes, 14);
        struct tape *a = tape_new(s.victim, N, TAPE_FORWARD), *b = tape_new(twin, N, TAPE_FORWARD);
        const float *z = model_forward(s.victim, a, x, N), *w = model_forward(twin, b, x, N);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 10; k++) CHECK_NEAR((double)w[i * 14 + k], (double)z[i * 10 + k], 1e-4);
        model_init(back, 77);
        rotation_give(r, back);
        CHECK(memcmp(back->w, s.victim->w, back->params * sizeof *back->w) == 0);
        tape_free(a);
        tape_free(b);
    }
    rotation_free(r);
    model_free(back);
    mem_free(x);
    close_strokes(&s);
}

enum { ROW = 30 };

/* The loss at the twin's weights + h v, on the same images: a new twin draws them anew. */
static double loss_at(const struct scene *s, const struct model *clone, const float *v, double h, const float *x, const float *q, float *g)
{
    struct rotation *r = NULL;
    int index[ROW];
    double loss = NAN;
    indices(index, ROW);
    if (!CHECK_OK(rotation_new(&r, clone, s->pool, index, ROW, 0.7, ROW, 5))) return NAN;
    struct model *twin = rotation_twin(r);
    float *none = mem_new(twin->params, sizeof *none);
    for (size_t i = 0; i < twin->params; i++) twin->w[i] += (float)(h * (double)v[i]);
    loss = rotation_step(r, x, q, ROW, g ? g : none);
    mem_free(none);
    rotation_free(r);
    return loss;
}

/* The gradient along random directions, by differences; on a network without kinks. */
static void the_step_has_its_gradient(void)
{
    struct scene s;
    scene_open(&s, ROW);
    struct rotation *r = NULL;
    int index[ROW];
    indices(index, ROW);
    CHECK_OK(rotation_new(&r, s.victim, s.pool, index, ROW, 0.7, ROW, 5));
    const size_t params = rotation_twin(r)->params;
    float *x = mem_new(ROW * s.spy.d, sizeof *x), *q = mem_new(ROW * K, sizeof *q), *g = mem_new(params, sizeof *g), *v = mem_new(params, sizeof *v);
    struct rng draw = rng_stream(3, "direction", 0);
    dataset_batch(s.train, NULL, 0, ROW, x);
    for (int i = 0; i < ROW; i++) q[i * K + i % K] = 1; /* not what the clone says */
    loss_at(&s, s.victim, v, 0, x, q, g);
    for (int i = 0; i < 5; i++) {
        double want = 0;
        for (size_t j = 0; j < params; j++) {
            v[j] = (float)rng_normal(&draw);
            want += (double)v[j] * (double)g[j];
        }
        const double h = 2e-3, got = (loss_at(&s, s.victim, v, h, x, q, NULL) - loss_at(&s, s.victim, v, -h, x, q, NULL)) / (2 * h);
        CHECK_NEAR(got, want, 2e-3 * (fabs(want) + 1));
    }
    mem_free(x);
    mem_free(q);
    mem_free(g);
    mem_free(v);
    rotation_free(r);
    scene_close(&s);
}

/* Images that are brighter above have an upright: the twin learns to tell (log 4 is chance). */
static void turns_are_learned(void)
{
    enum { N = 150, STEPS = 60, BATCH = 50 };
    struct scene s;
    scene_open(&s, N);
    struct rotation *r = NULL;
    int index[N];
    uint8_t *pixels = (uint8_t *)(uintptr_t)s.pool->pixels;
    for (int i = 0; i < N * SIDE * SIDE; i++)
        if (i % (SIDE * SIDE) < SIDE * SIDE / 2) pixels[i] = (uint8_t)(128 + pixels[i] / 2);
    indices(index, N);
    if (CHECK_OK(rotation_new(&r, s.victim, s.pool, index, N, 1, BATCH, 1))) {
        struct model *twin = rotation_twin(r);
        const struct optim o = {.lr = 0.1, .momentum = 0.9};
        float *x = mem_new(BATCH * s.spy.d, sizeof *x), *q = mem_new(BATCH * K, sizeof *q), *g = mem_new(twin->params, sizeof *g), *v = mem_new(twin->params, sizeof *v);
        double first = 0, last = 0;
        dataset_batch(s.pool, NULL, 0, BATCH, x);
        model_predict(s.victim, x, BATCH, q); /* the clone already agrees: what remains is the turns */
        for (int i = 0; i < STEPS; i++) {
            memset(g, 0, twin->params * sizeof *g);
            last = rotation_step(r, x, q, BATCH, g);
            if (i == 0) first = last;
            optim_step(&o, o.lr, twin->params, twin->w, g, v);
        }
        CHECK(first > 0.8 * log(4));
        CHECK(last < 0.3 * log(4));
        mem_free(x);
        mem_free(q);
        mem_free(g);
        mem_free(v);
    }
    rotation_free(r);
    scene_close(&s);
}

/* Without the loss it is knockoff, bit for bit; with it another clone of the same queries. */
static void it_asks_what_knockoff_asks(void)
{
    static const char *const text[] = {"knockoff:budget=100:epochs=2", "semi:budget=100:epochs=2:rotation=0", "semi:budget=100:epochs=2", "semi:budget=100:epochs=2:unlabelled=asked"};
    enum { TEXTS = 4, N = 100 };
    struct scene s;
    struct model *m[TEXTS];
    scene_open(&s, 300);
    s.clone_model = "mlp";
    float *x = mem_new(N * s.spy.d, sizeof *x);
    for (int i = 0; i < TEXTS; i++) {
        struct ledger l;
        CHECK_OK(attack(&m[i], &s, text[i], 1, &l, NULL, NULL));
        CHECK_INT(l.total, N); /* what is not asked costs nothing */
        if (i == 0) memcpy(x, s.spy.x, N * s.spy.d * sizeof *x);
        CHECK(memcmp(x, s.spy.x, N * s.spy.d * sizeof *x) == 0);
        CHECK_INT(m[i]->classes, K);
        for (int j = 0; j < i; j++) CHECK_INT(memcmp(m[j]->w, m[i]->w, m[i]->params * sizeof *m[i]->w) == 0, i == 1);
    }
    for (int i = 0; i < TEXTS; i++) model_free(m[i]);
    mem_free(x);
    scene_close(&s);
}

static void oblong_images_are_refused(void)
{
    struct model *m = NULL;
    struct rotation *r = NULL;
    const int index = 0;
    CHECK_OK(model_new(&m, "softmax", (struct shape){1, 6, 5, ROWS}, K));
    CHECK_ERR(rotation_new(&r, m, NULL, &index, 1, 1, 1, 1), ERR_SHAPE, "images of 6x5 cannot be turned, expected square ones");
    model_free(m);
}

int main(void)
{
    omp_set_num_threads(1);
    RUN(a_quarter_turn_is_one);
    RUN(the_twin_is_the_clone);
    RUN(the_step_has_its_gradient);
    RUN(turns_are_learned);
    RUN(it_asks_what_knockoff_asks);
    RUN(oblong_images_are_refused);
    return check_done();
}
