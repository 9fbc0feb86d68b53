#include "attacker/rotation.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/loss.h"

enum { TURNS = 4 };

struct rotation {
    struct model *twin;
    const struct dataset *pool;
    int *index, n, at; /* the images, in a random order that changes each time round; the next one */
    uint64_t seed, round;
    double weight;
    struct tape *turned, *answered; /* [TURNS * batch], [batch] images */
    float *stat;                    /* running statistics of the turned images, which nobody uses */
    float *x, *one, *z, *dz, *wide; /* [TURNS * batch] images; one image; logits of a part, their gradient, and that of all */
    int *turn;
};

/* ---- the twin ------------------------------------------------------------------------------------------ */

/* Between two networks of one architecture, of which one has more classes: of the last layer the rows that both have. */
struct copy {
    const struct model *from;
};

static void copy_tensor(void *ctx, const char *name, const struct param *p, float *values)
{
    const struct copy *c = ctx;
    int stat = 0;
    const struct param *q = model_param(c->from, name, &stat);
    memcpy(values, (stat ? c->from->stat : c->from->w) + q->at, (p->size < q->size ? p->size : q->size) * sizeof *values);
}

static void copy_common(struct model *to, const struct model *from)
{
    model_visit(to, &(struct copy){from}, copy_tensor);
}

static int make_twin(struct rotation *r, const struct model *clone, uint64_t seed)
{
    const float *mean, *std;
    int code = model_new(&r->twin, clone->arch, clone->input, clone->classes + TURNS);
    if (code) return code;
    model_normalisation(clone, &mean, &std);
    model_normalise(r->twin, mean, std);
    model_init(r->twin, seed);
    copy_common(r->twin, clone);
    return OK;
}

int rotation_new(struct rotation **out, const struct model *clone, const struct dataset *pool, const int *index, int n, double weight, int batch, uint64_t seed)
{
    const struct shape s = clone->input;
    if (s.h != s.w) return err_set(ERR_SHAPE, "images of %dx%d cannot be turned, expected square ones", s.h, s.w);
    struct rotation *r = mem_new(1, sizeof *r);
    int code = make_twin(r, clone, rng_stream(seed, "rotation/init", 0).state);
    if (code) {
        mem_free(r);
        return code;
    }
    const size_t rows = (size_t)batch, logits = (size_t)r->twin->classes;
    r->pool = pool, r->n = r->at = n, r->seed = seed, r->weight = weight;
    r->index = mem_new((size_t)n, sizeof *r->index);
    memcpy(r->index, index, (size_t)n * sizeof *index);
    r->turned = tape_new(r->twin, TURNS * batch, TAPE_BACKWARD);
    r->answered = tape_beside(r->twin, batch, TAPE_BACKWARD, r->turned);
    r->stat = mem_new(r->twin->stats + 1, sizeof *r->stat);
    tape_train(r->turned, r->stat);
    tape_train(r->answered, r->twin->stat);
    r->x = mem_new(TURNS * rows * shape_size(s), sizeof *r->x);
    r->one = mem_new(shape_size(s), sizeof *r->one);
    r->z = mem_new(TURNS * rows * logits, sizeof *r->z);
    r->dz = mem_new(TURNS * rows * logits, sizeof *r->dz);
    r->wide = mem_new(TURNS * rows * logits, sizeof *r->wide);
    r->turn = mem_new(TURNS * rows, sizeof *r->turn);
    *out = r;
    return OK;
}

void rotation_free(struct rotation *r)
{
    if (!r) return;
    tape_free(r->answered);
    tape_free(r->turned);
    model_free(r->twin);
    mem_free(r->index);
    mem_free(r->stat);
    mem_free(r->x);
    mem_free(r->one);
    mem_free(r->z);
    mem_free(r->dz);
    mem_free(r->wide);
    mem_free(r->turn);
    mem_free(r);
}

struct model *rotation_twin(struct rotation *r)
{
    return r->twin;
}

void rotation_give(const struct rotation *r, struct model *clone)
{
    copy_common(clone, r->twin);
}

/* ---- a step -------------------------------------------------------------------------------------------- */

void rotation_turn(const float *x, int channels, int side, int quarters, float *y)
{
    const int back = side - 1, start[TURNS] = {0, back, side * side - 1, back * side};
    const int down[TURNS] = {side, -1, -side, 1}, right[TURNS] = {1, side, -1, -side}; /* a step in y is this step in x */
    for (int c = 0; c < channels; c++, x += side * side, y += side * side)
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) y[i * side + j] = x[start[quarters] + i * down[quarters] + j * right[quarters]];
}

/* Logits [first, first + k) of rows of z; and back, zeros for the others. */
static void take_logits(const struct rotation *r, const float *z, int rows, int first, int k)
{
    for (int i = 0; i < rows; i++) memcpy(r->z + (size_t)i * (size_t)k, z + i * r->twin->classes + first, (size_t)k * sizeof *z);
}

static void spread_gradient(const struct rotation *r, int rows, int first, int k)
{
    memset(r->wide, 0, (size_t)rows * (size_t)r->twin->classes * sizeof *r->wide);
    for (int i = 0; i < rows; i++) memcpy(r->wide + i * r->twin->classes + first, r->dz + (size_t)i * (size_t)k, (size_t)k * sizeof *r->dz);
}

/* The next n images, each in its four turns, into x and turn. */
static void take_turned(struct rotation *r, int n)
{
    const struct shape s = r->twin->input;
    for (int i = 0; i < n; i++) {
        if (r->at == r->n) {
            struct rng order = rng_stream(r->seed, "rotation/order", r->round++);
            rng_shuffle(&order, r->index, r->n);
            r->at = 0;
        }
        dataset_batch(r->pool, &r->index[r->at++], 0, 1, r->one);
        for (int k = 0; k < TURNS; k++) {
            rotation_turn(r->one, s.c, s.h, k, r->x + (size_t)(i * TURNS + k) * shape_size(s));
            r->turn[i * TURNS + k] = k;
        }
    }
}

double rotation_step(struct rotation *r, const float *x, const float *q, int n, float *g)
{
    const int classes = r->twin->classes - TURNS;
    take_turned(r, n);
    memcpy(r->stat, r->twin->stat, r->twin->stats * sizeof *r->stat); /* with the constants of normalisation */
    take_logits(r, model_forward(r->twin, r->turned, r->x, TURNS * n), TURNS * n, classes, TURNS);
    double loss = r->weight * loss_ce(r->z, r->turn, TURNS * n, TURNS, (float)r->weight, r->dz);
    spread_gradient(r, TURNS * n, classes, TURNS);
    model_backward(r->twin, r->turned, r->wide, g, NULL);

    take_logits(r, model_forward(r->twin, r->answered, x, n), n, 0, classes);
    loss += loss_kl(r->z, q, n, classes, 1, r->dz);
    spread_gradient(r, n, 0, classes);
    model_backward(r->twin, r->answered, r->wide, g, NULL);
    return loss;
}
