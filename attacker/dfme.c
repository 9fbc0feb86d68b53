/* Data-free extraction: the attacker has no images. A generator makes them, and is trained to make those on which the clone is
 * furthest from the victim, by zeroth-order gradients (attacker/zeroth.h); the clone learns the answers.
 *
 *     dfme    one direction a gradient, Adam for the generator, L1 between recovered logits
 *     maze    ten directions, SGD for the generator, KL, and images of the past shown again (which costs no query)
 *
 * An iteration asks batch (generator_steps (directions + 1) + clone_steps) rows. What the budget leaves at its end goes to the
 * clone alone, to the last row. An epoch is a part of the budget, 1/epochs of it: schedules count in epochs, and the clone is
 * looked at after each. Both networks normalise by their batches, and the images of the clone to [-1,1]: there is nothing else.
 *
 * The replay buffer is a uniform sample of everything the clone was shown (the reference kept the last batch of each iteration,
 * without a bound). Recovered logits and the clone's are compared both centred, as posteriors say nothing of a constant. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attacker/clone.h"
#include "attacker/generator.h"
#include "attacker/zeroth.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "nn/loss.h"

#define DFME_OPTIONS(BUDGET, LOSS, DIRECTIONS, OPTIM_G, LATENT, AFFINE, REPLAY, SCHEDULE)                                    \
    {"budget", OPTION_INT, BUDGET, 1, 1e9, 0, "queries"},                                                                     \
    {"loss", OPTION_CHOICE, LOSS, 0, 0, "l1 kl", "clone and victim compared by recovered logits | by posteriors"},            \
    {"generator_steps", OPTION_INT, "1", 0, 1000, 0, "steps of the generator an iteration"},                                  \
    {"clone_steps", OPTION_INT, "5", 1, 1000, 0, "steps of the clone on new images an iteration"},                            \
    {"replay", OPTION_INT, REPLAY, 0, 1000, 0, "steps of the clone on images of the past an iteration"},                      \
    {"buffer", OPTION_INT, "20000", 1, 1e7, 0, "images of the past that are kept"},                                           \
    {"directions", OPTION_INT, DIRECTIONS, 1, 10000, 0, "directions of a zeroth-order gradient"},                             \
    {"mu", OPTION_REAL, "0.001", 1e-9, 10, 0, "its step, on the image before the tanh"},                                      \
    {"generator_lr", OPTION_REAL, "0.0001", 0, 1000, 0, "learning rate of the generator; follows the schedule"},              \
    {"generator_optimiser", OPTION_CHOICE, OPTIM_G, 0, 0, "adam sgd", "sgd: with momentum and weight_decay"},                 \
    {"latent", OPTION_INT, LATENT, 1, 65536, 0, "numbers of noise an image is made from"},                                    \
    {"width", OPTION_INT, "128", 1, 4096, 0, "maps of the generator's widest convolution"},                                   \
    {"affine", OPTION_INT, AFFINE, 0, 1, 0, "its last batch norm has a scale and a shift"},                                   \
    OPTIM_OPTIONS("100", "0.1", "0.9", "0.0005", SCHEDULE, "60"), OPTION_END

static const struct option options[] = {DFME_OPTIONS("2000000", "l1", "1", "adam", "256", "0", "0", "cosine")},
                           maze_options[] = {DFME_OPTIONS("5000000", "kl", "10", "sgd", "100", "1", "10", "cosine")};

static const struct preset presets[] = {
    {"svhn", "budget=2000000:batch=256:generator_lr=0.00005:schedule=multistep:milestones=50,80:decay=0.3", "DFME's SVHN"},
    {"cifar10", "budget=20000000:batch=256:schedule=multistep:milestones=10,30,50:decay=0.3", "DFME's CIFAR-10"},
    {"smoke", "budget=100000:width=32:batch=64:epochs=20", "a small generator: minutes on MNIST-sized images"}, PRESET_END};
static const struct preset maze_presets[] = {
    {"mz", "generator_lr=0.001", "MAZE's Fashion-MNIST"},
    {"smoke", "budget=100000:width=32:batch=64:epochs=20:generator_lr=0.001", "a small generator: minutes on MNIST-sized images"}, PRESET_END};

struct state {
    const struct attack_env *env;
    const struct spec *opt;
    enum disagreement loss;
    struct optim optim;
    int batch, epochs, epoch, adam; /* epochs that the budget has, epochs done */
    int64_t budget, asked;          /* asked before this attack */
    uint64_t drawn;                 /* batches of the generator so far */
    int64_t generator_step;
    size_t d;
    struct model *clone;
    struct tape *tape, *eval;
    struct generator *g;
    struct rng directions, memory;
    float *pre, *x, *q, *v, *dz;           /* [batch][d], [batch][d], [batch][K] each */
    float *dw, *momentum;                  /* of the clone: [params] */
    float *dg, *mean, *square;             /* of the generator: gradient, and its running moments (sgd: momentum) */
    float *old_x, *old_q;                  /* [buffer]: images of the past and their answers */
    int64_t seen, buffer;                  /* images that could have been kept; room */
    struct progress bar;
};

static int64_t left(const struct state *s)
{
    return attack_left(s->env, s->budget, s->asked);
}

static double rate(const struct state *s, double lr)
{
    return s->optim.lr > 0 ? lr * optim_lr(&s->optim, s->epoch) / s->optim.lr : lr;
}

/* ---- one step ------------------------------------------------------------------------------------------ */

/* The generator goes up the disagreement on n images. */
static int generator_step(struct state *s, int n)
{
    const size_t params = s->g->net->params;
    const struct zeroth z = {.target = s->env->target, .clone = s->clone, .tape = s->eval, .kind = s->loss,
                             .directions = (int)spec_int(s->opt, "directions"), .mu = spec_real(s->opt, "mu")};
    generator_make(s->g, s->env->seed, s->drawn++, n, s->pre);
    int code = zeroth_gradient(&z, s->pre, n, &s->directions, s->x);
    if (code) return code;
    for (size_t i = 0; i < (size_t)n * s->d; i++) s->x[i] = -s->x[i];
    memset(s->dg, 0, params * sizeof *s->dg);
    generator_backward(s->g, n, s->x, s->dg);
    const double lr = rate(s, spec_real(s->opt, "generator_lr"));
    if (s->adam) adam_step(lr, ++s->generator_step, params, s->g->net->w, s->dg, s->mean, s->square);
    else optim_step(&s->optim, lr, params, s->g->net->w, s->dg, s->mean);
    if (isfinite(vector_dot(params, s->g->net->w, s->g->net->w))) return OK;
    return err_set(ERR_NUMERIC, "generator: the loss is without bound, and its weights are no longer finite");
}

/* The clone learns the answers s->q to s->x. */
static int clone_step(struct state *s, int n)
{
    const int classes = s->clone->classes;
    const float *z = model_forward(s->clone, s->tape, s->x, n);
    double loss;
    if (s->loss == DISAGREE_L1) {
        recover_logits(s->q, n, classes, s->v);
        loss = loss_l1(z, s->v, n, classes, 1, s->dz);
    } else loss = loss_kl(z, s->q, n, classes, 1, s->dz);
    if (!isfinite(loss)) return err_set(ERR_NUMERIC, "clone: the loss is %g", loss);
    memset(s->dw, 0, s->clone->params * sizeof *s->dw);
    model_backward(s->clone, s->tape, s->dz, s->dw, NULL);
    if (s->optim.clip > 0) optim_clip(s->clone->params, s->dw, s->optim.clip);
    optim_step(&s->optim, optim_lr(&s->optim, s->epoch), s->clone->params, s->clone->w, s->dw, s->momentum);
    return OK;
}

/* Keeps a uniform sample of all images so far (Vitter's algorithm R). */
static void keep(struct state *s, int n)
{
    const size_t classes = (size_t)s->clone->classes;
    for (int i = 0; i < n && s->buffer; i++, s->seen++) {
        int64_t at = s->seen;
        if (at >= s->buffer) at = (int64_t)(rng_uniform(&s->memory) * (double)(s->seen + 1));
        if (at >= s->buffer) continue;
        memcpy(s->old_x + (size_t)at * s->d, s->x + (size_t)i * s->d, s->d * sizeof *s->x);
        memcpy(s->old_q + (size_t)at * classes, s->q + (size_t)i * classes, classes * sizeof *s->q);
    }
}

static int learn_new(struct state *s, int n)
{
    generator_make(s->g, s->env->seed, s->drawn++, n, s->pre);
    generator_pixels(s->pre, (size_t)n * s->d, s->x);
    int code = blackbox_query(s->env->target, s->x, n, s->q);
    if (code) return code;
    keep(s, n);
    return clone_step(s, n);
}

static int learn_old(struct state *s)
{
    const size_t classes = (size_t)s->clone->classes;
    const int kept = (int)(s->seen < s->buffer ? s->seen : s->buffer), n = kept < s->batch ? kept : s->batch;
    for (int i = 0; i < n; i++) {
        const size_t from = (size_t)rng_below(&s->memory, kept);
        memcpy(s->x + (size_t)i * s->d, s->old_x + from * s->d, s->d * sizeof *s->x);
        memcpy(s->q + (size_t)i * classes, s->old_q + from * classes, classes * sizeof *s->q);
    }
    return clone_step(s, n);
}

/* ---- the whole attack ------------------------------------------------------------------------------------ */

/* Rows of an iteration. */
static int64_t cost(const struct state *s)
{
    return s->batch * (spec_int(s->opt, "generator_steps") * (spec_int(s->opt, "directions") + 1) + spec_int(s->opt, "clone_steps"));
}

static int iteration(struct state *s)
{
    const int64_t gradient = s->batch * (spec_int(s->opt, "directions") + 1);
    int code = OK;
    if (left(s) >= cost(s))
        for (int64_t i = 0; i < spec_int(s->opt, "generator_steps") && !code && left(s) >= gradient; i++) code = generator_step(s, s->batch);
    for (int64_t i = 0; i < spec_int(s->opt, "clone_steps") && !code && left(s); i++) code = learn_new(s, (int)(left(s) < s->batch ? left(s) : s->batch));
    for (int64_t i = 0; i < spec_int(s->opt, "replay") && !code; i++) code = learn_old(s);
    return code;
}

static int spend(struct state *s)
{
    const int64_t budget = left(s), most = budget / cost(s);
    int code = budget ? OK : err_set(ERR_BUDGET, "budget: the black box has no queries left, expected at least 1");
    s->epochs = most < 1 ? 1 : most < s->optim.epochs ? (int)most : s->optim.epochs;
    progress_start(&s->bar, (double)budget, "generator and clone");
    while (!code && left(s)) {
        if ((code = iteration(s))) break;
        const int64_t spent = budget - left(s);
        progress_at(&s->bar, (double)spent, NULL);
        if (spent < budget && spent * s->epochs < budget * (s->epoch + 1)) continue;
        s->epoch++;
        if (s->env->observe) s->env->observe(s->env->observer, s->clone, blackbox_asked(s->env->target), s->epoch, NAN);
    }
    char note[64];
    snprintf(note, sizeof note, "%d epochs of the budget", s->epoch);
    progress_end(&s->bar, code ? NULL : note);
    return code;
}

static int make(struct state *s)
{
    const size_t classes = (size_t)blackbox_classes(s->env->target), batch = (size_t)s->batch;
    int code = clone_new(&s->clone, s->env, NULL);
    if (!code) code = generator_new(&s->g, blackbox_input(s->env->target), (int)spec_int(s->opt, "latent"), (int)spec_int(s->opt, "width"),
                                    (int)spec_int(s->opt, "affine"), s->batch, rng_stream(s->env->seed, "generator/init", 0).state);
    if (code) return code;
    s->tape = tape_new(s->clone, s->batch, TAPE_BACKWARD);
    tape_train(s->tape, s->clone->stat);
    s->eval = tape_new(s->clone, s->batch, TAPE_FORWARD);
    s->pre = mem_new(batch * s->d, sizeof *s->pre);
    s->x = mem_new(batch * s->d, sizeof *s->x);
    s->q = mem_new(batch * classes, sizeof *s->q);
    s->v = mem_new(batch * classes, sizeof *s->v);
    s->dz = mem_new(batch * classes, sizeof *s->dz);
    s->dw = mem_new(s->clone->params, sizeof *s->dw);
    s->momentum = mem_new(s->clone->params, sizeof *s->momentum);
    s->dg = mem_new(s->g->net->params, sizeof *s->dg);
    s->mean = mem_new(s->g->net->params, sizeof *s->mean);
    if (s->adam) s->square = mem_new(s->g->net->params, sizeof *s->square);
    if (spec_int(s->opt, "replay")) s->buffer = spec_int(s->opt, "buffer");
    if (s->buffer > s->budget) s->buffer = s->budget;
    if (s->buffer) {
        s->old_x = mem_new((size_t)s->buffer * s->d, sizeof *s->old_x);
        s->old_q = mem_new((size_t)s->buffer * classes, sizeof *s->old_q);
    }
    return OK;
}

static void drop(struct state *s)
{
    tape_free(s->tape);
    tape_free(s->eval);
    generator_free(s->g);
    float *const part[] = {s->pre, s->x, s->q, s->v, s->dz, s->dw, s->momentum, s->dg, s->mean, s->square, s->old_x, s->old_q};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) mem_free(part[i]);
}

/* The networks' passes are counted; the generator, its directions and the images of the past are measured on a few iterations. */
static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    enum { TRIAL = 3 };
    const int64_t batch = spec_int(opt, "batch"), looked = batch * spec_int(opt, "generator_steps") * (spec_int(opt, "directions") + 1);
    const int64_t rows = looked + batch * spec_int(opt, "clone_steps"), budget = spec_int(opt, "budget"), n = budget / rows;
    const int64_t clone = rows - looked, whole = n + (budget - n * rows + clone - 1) / clone; /* iterations, those for the clone alone too */
    const int64_t few = n < TRIAL ? budget : TRIAL * rows;
    (void)pool, (void)classes;
    out->own.forward = (double)(n * looked);
    out->own.train = (double)(budget - n * looked + whole * batch * spec_int(opt, "replay"));
    out->rows = (int)batch;
    out->looks = n < 1 ? 1 : fmin((double)n, spec_real(opt, "epochs"));
    out->trials = (double)budget / (double)few;
    snprintf(out->trial, sizeof out->trial, "budget=%lld:epochs=1", (long long)few);
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    struct state s = {.env = env, .opt = opt, .loss = spec_is(opt, "loss", "l1") ? DISAGREE_L1 : DISAGREE_KL, .budget = spec_int(opt, "budget"),
                      .asked = blackbox_asked(env->target), .d = shape_size(blackbox_input(env->target)), .adam = spec_is(opt, "generator_optimiser", "adam"),
                      .directions = rng_stream(env->seed, "generator/directions", 0), .memory = rng_stream(env->seed, "generator/replay", 0)};
    *clone = NULL;
    int code = optim_read(&s.optim, opt);
    s.batch = s.optim.batch;
    if (!code) code = make(&s);
    if (!code) code = spend(&s);
    drop(&s);
    if (code) model_free(s.clone);
    else *clone = s.clone;
    return code;
}

extern const struct attack_ops attack_dfme, attack_maze;
const struct attack_ops attack_dfme = {.name = "dfme",
    .about = "data-free: a generator trained by zeroth-order gradients makes the queries; an epoch is a part of the budget",
    .paper = "Truong, Maini, Walls, Papernot, Data-Free Model Extraction, CVPR 2021", .options = options, .presets = presets, .work = work, .run = run};
const struct attack_ops attack_maze = {.name = "maze",
    .about = "data-free, with KL, more directions and replay; an epoch is a part of the budget",
    .paper = "Kariyappa, Prakash, Qureshi, MAZE: Data-Free Model Stealing Attack Using Zeroth-Order Gradient Estimation, CVPR 2021",
    .options = maze_options, .presets = maze_presets, .work = work, .run = run};
