#include "attacker/clone.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "attacker/rotation.h"
#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "nn/train.h"

enum { BATCH = 256 }; /* rows a query or an evaluation takes at once */

/* ---- transfer sets ----------------------------------------------------------------------------- */

struct transfer *transfer_new(int n, int classes, const struct dataset *pool, size_t d)
{
    struct transfer *t = mem_new(1, sizeof *t);
    *t = (struct transfer){.n = n, .classes = classes, .pool = pool};
    if (pool) t->index = mem_new((size_t)n, sizeof *t->index);
    else {
        t->x = mem_new((size_t)n * d, sizeof *t->x);
        t->family = mem_new((size_t)n, sizeof *t->family);
    }
    t->d = pool ? shape_size(pool->shape) : d;
    t->q = mem_new((size_t)n * (size_t)classes, sizeof *t->q);
    return t;
}

void transfer_free(struct transfer *t)
{
    if (!t) return;
    mem_free(t->index);
    mem_free(t->x);
    mem_free(t->q);
    mem_free(t->family);
    mem_free(t);
}

void transfer_batch(const struct transfer *t, const int *index, int first, int n, float *x)
{
    for (int i = 0; i < n; i++) {
        const int row = index ? index[i] : first + i;
        if (t->pool) dataset_batch(t->pool, &t->index[row], 0, 1, x + (size_t)i * t->d);
        else memcpy(x + (size_t)i * t->d, t->x + (size_t)row * t->d, t->d * sizeof *x);
    }
}

int transfer_query(struct transfer *t, struct blackbox *target, int from, int to)
{
    float *x = mem_new(BATCH * t->d, sizeof *x);
    int code = OK;
    for (int i = from; i < to && !code; i += BATCH) {
        const int n = to - i < BATCH ? to - i : BATCH;
        transfer_batch(t, NULL, i, n, x);
        code = blackbox_query(target, x, n, t->q + (size_t)i * (size_t)t->classes);
    }
    mem_free(x);
    return code;
}

/* ---- clones ------------------------------------------------------------------------------------- */

int clone_new(struct model **out, const struct attack_env *env, const struct dataset *statistics)
{
    const struct shape want = blackbox_input(env->target), have = statistics ? statistics->shape : want;
    if (have.c != want.c || have.h != want.h || have.w != want.w)
        return err_set(ERR_SHAPE, "%s has images of %dx%dx%d, the victim expects %dx%dx%d", statistics->name, have.c, have.h, have.w, want.c, want.h, want.w);
    int code = model_new(out, env->clone_model, want, blackbox_classes(env->target));
    if (code) return code;
    if (statistics) model_normalise(*out, statistics->mean, statistics->std);
    else {
        float *half = mem_new((size_t)want.c, sizeof *half);
        for (int c = 0; c < want.c; c++) half[c] = 0.5f;
        model_normalise(*out, half, half);
        mem_free(half);
    }
    model_init(*out, rng_stream(env->seed, "clone/init", 0).state);
    return OK;
}

int clone_options_read(struct clone_options *out, const struct spec *s)
{
    *out = (struct clone_options){.val = spec_real(s, "val")};
    if (spec_find(s, "rotation")) {
        out->rotation = spec_real(s, "rotation");
        out->asked_alone = spec_is(s, "unlabelled", "asked");
    }
    int code = optim_read(&out->optim, s);
    return code ? code : augment_read(&out->augment, spec_string(s, "augment"));
}

struct training {
    struct model *clone;
    struct rotation *rotation; /* NULL: the clone is trained itself, else its twin */
    const struct attack_env *env;
    const struct transfer *t;
    int n_train, n_val, *order; /* rows of the transfer set: order[0..n_train) train, the rest is held out */
    struct tape *tape, *eval;
    float *x, *q, *dz;  /* [batch][c][h][w], [batch][K] */
    int *rows;          /* [batch] */
    int epoch;          /* trained before */
    const struct augment *augment; /* NULL: none */
    float *moved;       /* [batch][c][h][w] */
    uint64_t seed, given; /* of the augmentation; images augmented so far */
};

/* Answers of rows[0..n) of the transfer set into s->q. */
static void take_answers(struct training *s, int n)
{
    const size_t k = (size_t)s->t->classes;
    for (int i = 0; i < n; i++) memcpy(s->q + (size_t)i * k, s->t->q + (size_t)s->rows[i] * k, k * sizeof *s->q);
}

static int step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *s = ctx;
    for (int i = 0; i < n; i++) s->rows[i] = s->order[index[i]];
    transfer_batch(s->t, s->rows, 0, n, s->x);
    take_answers(s, n);
    if (s->augment) augment_batch(s->augment, s->clone->input, s->seed, s->given, n, s->x, s->moved);
    s->given += (uint64_t)n;
    const float *x = s->augment ? s->moved : s->x;
    if (s->rotation) {
        *loss = rotation_step(s->rotation, x, s->q, n, g);
        return OK;
    }
    *loss = loss_kl(model_forward(s->clone, s->tape, x, n), s->q, n, s->t->classes, 1, s->dz);
    model_backward(s->clone, s->tape, s->dz, g, NULL);
    return OK;
}

/* The clone's loss on what is held out, NaN where nothing is. */
static double held_out(struct training *s)
{
    double sum = 0;
    for (int i = 0; i < s->n_val; i += BATCH) {
        const int n = s->n_val - i < BATCH ? s->n_val - i : BATCH;
        memcpy(s->rows, s->order + s->n_train + i, (size_t)n * sizeof *s->rows);
        transfer_batch(s->t, s->rows, 0, n, s->x);
        take_answers(s, n);
        sum += n * loss_kl(model_forward(s->clone, s->eval, s->x, n), s->q, n, s->t->classes, 1, NULL);
    }
    return s->n_val ? sum / s->n_val : NAN;
}

static int after_epoch(void *ctx, int epoch, double loss)
{
    struct training *s = ctx;
    (void)loss;
    if (s->rotation) rotation_give(s->rotation, s->clone);
    if (s->env->observe) s->env->observe(s->env->observer, s->clone, blackbox_asked(s->env->target), s->epoch + epoch, held_out(s));
    return OK;
}

/* At least one row is held out where there are two and `val` asks for any, and at least one is trained on. */
static int held_out_rows(int n, double val)
{
    int rows = (int)floor(n * val);
    if (val > 0 && rows == 0 && n > 1) rows = 1;
    return rows < n ? rows : n - 1;
}

void clone_work(struct work *out, const struct spec *opt, int64_t n, int64_t epochs)
{
    const double held = held_out_rows((int)n, spec_real(opt, "val"));
    const int turned = spec_find(opt, "rotation") && spec_real(opt, "rotation") > 0 ? 4 : 0; /* images for each that was asked */
    out->own.train += (1 + turned) * ((double)n - held) * (double)epochs;
    out->own.forward += held * (double)epochs;
    out->looks += (double)epochs;
}

int clone_split(const struct transfer *t, double val, uint64_t seed, int *order)
{
    const int units = t->family ? t->families : t->n, held = held_out_rows(units, val);
    struct rng r = rng_stream(seed, "clone/val", 0);
    if (!t->family) {
        rng_permutation(&r, order, t->n);
        return held;
    }
    int *unit = mem_new((size_t)units, sizeof *unit), *out = mem_new((size_t)units, sizeof *out), n = 0;
    rng_permutation(&r, unit, units);
    for (int i = units - held; i < units; i++) out[unit[i]] = 1;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < t->n; i++)
            if (out[t->family[i]] == side) order[n++] = i;
    for (n = 0; n < t->n && out[t->family[order[t->n - 1 - n]]]; n++) continue;
    mem_free(unit);
    mem_free(out);
    return n;
}

/* The images whose rotations are learned: asked and trained on, or all but the held-out ones. */
static int open_rotation(struct training *s, const struct clone_options *o, int part)
{
    const struct dataset *pool = s->t->pool;
    assert(pool);
    int *image = mem_new((size_t)pool->n, sizeof *image), n = 0;
    if (o->asked_alone)
        for (; n < s->n_train; n++) image[n] = s->t->index[s->order[n]];
    else {
        char *out = mem_new((size_t)pool->n, 1);
        for (int i = s->n_train; i < s->t->n; i++) out[s->t->index[s->order[i]]] = 1;
        for (int i = 0; i < pool->n; i++)
            if (!out[i]) image[n++] = i;
        mem_free(out);
    }
    int code = rotation_new(&s->rotation, s->clone, pool, image, n, o->rotation, o->optim.batch, rng_stream(s->env->seed, "clone/rotation", (uint64_t)part).state);
    mem_free(image);
    return code;
}

int clone_train(struct model *clone, const struct attack_env *env, const struct transfer *t, const struct clone_options *o, int epoch, int part)
{
    assert(clone);
    const int batch = o->optim.batch > BATCH ? o->optim.batch : BATCH;
    struct training s = {.clone = clone, .env = env, .t = t, .epoch = epoch};
    s.order = mem_new((size_t)t->n, sizeof *s.order);
    s.n_val = clone_split(t, o->val, env->seed, s.order);
    s.n_train = t->n - s.n_val;
    s.tape = tape_new(clone, o->optim.batch, TAPE_BACKWARD);
    s.eval = tape_new(clone, BATCH, TAPE_FORWARD);
    tape_train(s.tape, clone->stat);
    s.x = mem_new((size_t)batch * t->d, sizeof *s.x);
    s.q = mem_new((size_t)batch * (size_t)t->classes, sizeof *s.q);
    s.dz = mem_new((size_t)batch * (size_t)t->classes, sizeof *s.dz);
    s.rows = mem_new((size_t)batch, sizeof *s.rows);
    if (augment_any(&o->augment)) {
        s.augment = &o->augment;
        s.seed = rng_stream(env->seed, "clone/augment", (uint64_t)part).state;
        s.moved = mem_new((size_t)batch * t->d, sizeof *s.moved);
    }
    int code = o->rotation > 0 ? open_rotation(&s, o, part) : OK;
    if (!code)
        code = train_run(&o->optim, &(struct train_task){.model = s.rotation ? rotation_twin(s.rotation) : clone, .n = s.n_train, .seed = rng_stream(env->seed, "clone/order", (uint64_t)part).state,
                                                         .label = "clone", .step = step, .epoch = after_epoch, .ctx = &s});
    rotation_free(s.rotation);
    tape_free(s.tape);
    tape_free(s.eval);
    mem_free(s.order);
    mem_free(s.x);
    mem_free(s.q);
    mem_free(s.dz);
    mem_free(s.rows);
    mem_free(s.moved);
    return code;
}

int clone_from_pool(struct model **clone, const struct attack_env *env, const struct spec *opt, int n,
                    int (*ask)(struct transfer *t, const struct attack_env *env, const struct spec *opt))
{
    const struct dataset *pool = env->pool;
    struct clone_options o = {0};
    struct transfer *t = NULL;
    int *order = NULL, code = clone_options_read(&o, opt);
    *clone = NULL; /* what the caller left there is not ours to free */
    if (code) return code;
    if (pool->n < n) return err_set(ERR_SHAPE, "the pool %s holds %d images, expected at least %d", pool->name, pool->n, n);
    if ((code = clone_new(clone, env, pool))) goto out;
    t = transfer_new(n, blackbox_classes(env->target), pool, 0);
    order = mem_new((size_t)pool->n, sizeof *order);
    struct rng r = rng_stream(env->seed, "knockoff/pool", 0);
    rng_permutation(&r, order, pool->n);
    memcpy(t->index, order, (size_t)n * sizeof *order);
    if ((code = ask(t, env, opt))) goto out;
    code = clone_train(*clone, env, t, &o, 0, 0);
out:
    mem_free(order);
    transfer_free(t);
    if (code) {
        model_free(*clone);
        *clone = NULL;
    }
    return code;
}
