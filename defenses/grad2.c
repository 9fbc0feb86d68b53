/* GRAD2, gradient redirection: the answer q in an L1 ball around the clean posterior y whose clone gradient
 * sum_k q_k grad log p_k points most along a chosen direction z in the parameters of a surrogate:
 *
 *     max_q  sum_k q_k c_k,   c_k = <grad log p_k, z>
 *
 * c is a directional derivative of the surrogate: one tangent pass gives all of it, up to a constant that the sum of q
 * cancels (the code that was published differentiates twice). The programme is solved exactly by moving mass.
 *
 *     all-ones   z = 1          max-norm   z = the surrogate's parameters
 *     min-inner-product   z = minus the gradient that y itself would give: one backward and one tangent pass an image */
#include "defenses/grad2.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/simplex.h"
#include "nn/loss.h"
#include "nn/train.h"

enum { TRANSFER = 50000 }; /* surrogate=transfer: the most images of the pool */

struct state {
    struct helper *surrogate;
    double epsilon;
    enum grad2_direction direction;
    int argmax;
    float *z;     /* [params] */
    float *c;     /* [HELPER_BATCH][K] */
    float *dz;    /* [K] */
    int *order;   /* [K] */
};

static const struct option options[] = {
    {"epsilon", OPTION_REAL, "1", 0, 2, 0, "radius of the L1 ball around the clean posterior"},
    {"direction", OPTION_CHOICE, "all-ones", 0, 0, "all-ones min-inner-product max-norm", "where the clone's gradient is turned to"},
    {"argmax", OPTION_INT, "0", 0, 1, 0, "1: an answer goes only as far as the most likely class stays"},
    {"surrogate", OPTION_CHOICE, "trained", 0, 0, "random trained transfer",
     "the clone that the defender imagines: untrained | trained on the victim's data | on the attacker's own transfer set (an oracle)"},
    {"surrogate_epochs", OPTION_INT, "10", 1, 1000, 0, "epochs of its training"}, OPTION_END};

static const struct preset presets[] = {
    {"g2", "direction=all-ones:surrogate=transfer:surrogate_epochs=10", "the paper's ALL-ONES_10: a surrogate of the attacker's own transfer set, which no defender has"},
    {"g2-s1", "direction=all-ones:surrogate=trained:surrogate_epochs=10", "its ablation with the victim's data"},
    {"g2-min-ip", "direction=min-inner-product:surrogate=transfer:surrogate_epochs=10", "MIN-IP_10, the same oracle"},
    {"g2-max-norm", "direction=max-norm:surrogate=transfer:surrogate_epochs=10", "MAX-NORM_10, the same oracle"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    *out = (struct defense_traits){.argmax = spec_int(opt, "argmax") == 1, .norm = 1, .radius = spec_real(opt, "epsilon"),
                                    .oracle = spec_is(opt, "surrogate", "transfer")};
}

static void close(void *state)
{
    struct state *s = state;
    if (!s) return;
    helper_free(s->surrogate);
    mem_free(s->z);
    mem_free(s->c);
    mem_free(s->dz);
    mem_free(s->order);
    mem_free(s);
}

/* ---- the surrogate ------------------------------------------------------------------------------------ */

/* Training on images of the pool with the victim's clean answers. */
struct transfer {
    struct model *m;
    const struct defense_env *env;
    const struct optim *o;
    int n;
    struct tape *tape;
    float *p, *x, *q, *dz; /* [n][K] answers; one batch */
};

static int transfer_step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct transfer *t = ctx;
    const size_t classes = (size_t)t->m->classes;
    dataset_batch(t->env->pool, index, 0, n, t->x);
    for (int i = 0; i < n; i++) memcpy(t->q + (size_t)i * classes, t->p + (size_t)index[i] * classes, classes * sizeof *t->q);
    *loss = loss_kl(model_forward(t->m, t->tape, t->x, n), t->q, n, t->m->classes, 1, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    return OK;
}

static int transfer_train(void *ctx)
{
    struct transfer *t = ctx;
    const size_t rows = (size_t)t->o->batch, classes = (size_t)t->m->classes;
    t->tape = tape_new(t->m, t->o->batch, TAPE_BACKWARD);
    tape_train(t->tape, t->m->stat);
    t->x = mem_new(rows * shape_size(t->m->input), sizeof *t->x);
    t->q = mem_new(rows * classes, sizeof *t->q);
    t->dz = mem_new(rows * classes, sizeof *t->dz);
    t->p = mem_new((size_t)t->n * classes, sizeof *t->p);
    for (int i = 0; i < t->n; i += t->o->batch) {
        const int n = t->n - i < t->o->batch ? t->n - i : t->o->batch;
        dataset_batch(t->env->pool, NULL, i, n, t->x);
        model_predict(t->env->victim, t->x, n, t->p + (size_t)i * classes);
    }
    int code = train_run(t->o, &(struct train_task){.model = t->m, .n = t->n, .seed = rng_stream(t->env->seed, "grad2/order", 0).state,
                                                    .label = "surrogate (grad2)", .step = transfer_step, .ctx = t});
    tape_free(t->tape);
    mem_free(t->x);
    mem_free(t->q);
    mem_free(t->dz);
    mem_free(t->p);
    return code;
}

static int train_surrogate(struct model *m, const struct defense_env *env, const struct spec *opt)
{
    struct optim o = *env->optim;
    o.epochs = (int)spec_int(opt, "surrogate_epochs");
    if (spec_is(opt, "surrogate", "random")) return OK;
    if (spec_is(opt, "surrogate", "trained")) return helper_supervised(m, env->train, env, &o, "surrogate (grad2)");
    if (!env->pool) return err_set(ERR_OPTION, "option 'surrogate': found transfer, but the attack has no pool to take images from");
    struct transfer t = {.m = m, .env = env, .o = &o, .n = env->pool->n < TRANSFER ? env->pool->n : TRANSFER};
    char *depends = mem_print("grad2 transfer %s", env->pool->hash);
    int code = helper_train(&m, 1, env, &o, depends, transfer_train, &t);
    mem_free(depends);
    return code;
}

static void trains(struct work *fit, struct work *at_open, const struct spec *opt, const struct defense_env *env)
{
    const int pool = env->pool && env->pool->n < TRANSFER ? env->pool->n : TRANSFER, transfer = spec_is(opt, "surrogate", "transfer");
    (void)fit;
    if (transfer) at_open->own.forward += pool;
    if (!spec_is(opt, "surrogate", "random")) at_open->own.train += spec_real(opt, "surrogate_epochs") * (transfer ? pool : env->train->n);
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    static const char *const direction[] = {"all-ones", "min-inner-product", "max-norm"};
    struct model *m = helper_model(env, "grad2/surrogate");
    int code = train_surrogate(m, env, opt);
    if (code) {
        model_free(m);
        return code;
    }
    const size_t classes = (size_t)m->classes;
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){.surrogate = helper_new(m, TAPE_BACKWARD), .epsilon = spec_real(opt, "epsilon"), .argmax = (int)spec_int(opt, "argmax"),
                        .z = mem_new(m->params, sizeof *s->z), .c = mem_new(HELPER_BATCH * classes, sizeof *s->c),
                        .dz = mem_new(classes, sizeof *s->dz), .order = mem_new(classes, sizeof *s->order)};
    for (int i = 0; i < 3; i++)
        if (spec_is(opt, "direction", direction[i])) s->direction = (enum grad2_direction)i;
    grad2_direction(s->surrogate, s->direction, s->z);
    return OK;
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static int by_gain(const void *a, const void *b, void *ctx)
{
    const float *c = ctx;
    const int i = *(const int *)a, j = *(const int *)b;
    return c[i] != c[j] ? (c[i] > c[j]) - (c[i] < c[j]) : i - j;
}

void grad2_move(int classes, const float *y, const float *c, double epsilon, int *order, float *q)
{
    for (int k = 0; k < classes; k++) order[k] = k;
    qsort_r(order, (size_t)classes, sizeof *order, by_gain, (void *)(uintptr_t)c);
    memcpy(q, y, (size_t)classes * sizeof *q);
    double left = epsilon / 2, moved = 0;
    for (int i = 0; i < classes - 1 && left > 0; i++) {
        const double step = left < (double)y[order[i]] ? left : (double)y[order[i]];
        q[order[i]] = (float)((double)y[order[i]] - step);
        left -= step;
        moved += step;
    }
    q[order[classes - 1]] = (float)((double)q[order[classes - 1]] + moved);
}

void grad2_direction(const struct helper *surrogate, enum grad2_direction direction, float *z)
{
    const struct model *m = surrogate->m;
    for (size_t i = 0; i < m->params; i++) z[i] = direction == GRAD2_ALL_ONES ? 1 : direction == GRAD2_MAX_NORM ? m->w[i] : 0;
}

void grad2_gains(struct helper *surrogate, enum grad2_direction direction, float *z, const float *x, const float *y, int n, float *dz, float *c)
{
    const size_t d = shape_size(surrogate->m->input);
    const int classes = surrogate->m->classes;
    if (direction != GRAD2_MIN_INNER_PRODUCT) {
        helper_forward(surrogate, x, n);
        helper_tangent(surrogate, n, z, c);
        return;
    }
    for (int i = 0; i < n; i++) { /* z = J'(p - y): minus the log-likelihood's gradient under y */
        softmax_rows(helper_forward(surrogate, x + (size_t)i * d, 1), 1, classes, dz);
        for (int k = 0; k < classes; k++) dz[k] -= y[i * classes + k];
        memset(z, 0, surrogate->m->params * sizeof *z);
        helper_backward(surrogate, 1, dz, z);
        helper_tangent(surrogate, 1, z, c + i * classes);
    }
}

static int answer(void *state, const float *x, const float *y, float *q, int n, int classes)
{
    struct state *s = state;
    const size_t d = shape_size(s->surrogate->m->input);
    for (int i = 0; i < n; i += HELPER_BATCH) {
        const int count = n - i < HELPER_BATCH ? n - i : HELPER_BATCH;
        const float *yi = y + i * classes;
        float *qi = q + i * classes;
        grad2_gains(s->surrogate, s->direction, s->z, x + (size_t)i * d, yi, count, s->dz, s->c);
        for (int j = 0; j < count; j++) {
            grad2_move(classes, yi + j * classes, s->c + j * classes, s->epsilon, s->order, qi + j * classes);
            if (s->argmax) simplex_keep_top(classes, yi + j * classes, qi + j * classes);
        }
    }
    return OK;
}

static void cost(const void *state, struct defense_cost *out)
{
    helper_cost(((const struct state *)state)->surrogate, out);
}

extern const struct defense_ops defense_grad2;
const struct defense_ops defense_grad2 = {.name = "grad2", .about = "GRAD2, gradient redirection: the clone's gradient is turned along a direction",
    .formula = "q = argmax_q sum_k q_k <grad log p_k, z>,  |q - y|_1 <= epsilon, p the surrogate's posterior",
    .paper = "Mazeika, Li, Forsyth, How to Steer Your Adversary, ICML 2022", .options = options, .presets = presets,
    .work = "one forward and one tangent pass of a surrogate a query (min-inner-product: a backward pass too, image by image)",
    .traits = traits, .open = open, .answer = answer, .cost = cost, .close = close, .trains = trains};
