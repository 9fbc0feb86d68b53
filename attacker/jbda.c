/* JBDA, Jacobian-based data augmentation: a few images of the victim's own data, and in each round copies of all images
 * so far, moved along the sign of the clone's input gradient, asked and learned. JBDA-TR moves towards random classes.
 *
 * The repositories differ in direction, step, clip and training; their conventions are presets, without their bugs. Each
 * steps in the units of its networks' input, which is normalised (MAZE: [-1,1]), even those that clip as if in pixels. */
#include "attacker/jbda.h"

#include <math.h>
#include <string.h>

#include "attacker/clone.h"
#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"

enum { BATCH = 128, CHANNELS = 16 };

#define JBDA_OPTIONS(DIRECTION, ITERS)                                                                                \
    {"budget", OPTION_INT, "9450", 1, 1e9, 0, "queries; 9450 = 150 (1 + 2 + ... + 32)"},                              \
    {"seeds", OPTION_INT, "150", 1, 1e7, 0, "images of the victim's training set that the attacker has"},              \
    {"rounds", OPTION_INT, "6", 1, 30, 0, "rounds of training; between two of them the set grows"},                   \
    {"direction", OPTION_CHOICE, DIRECTION, 0, 0, "label random untargeted targeted self top",                        \
     "up the logit of the answered class | of a random class | up the loss | down the loss of a random other class | " \
     "down the loss of the answered class | copy c up the logit of the c-th likeliest other class"},                   \
    {"lambda", OPTION_REAL, "0.1", 0, 100, 0, "how far an image moves"},                                              \
    {"space", OPTION_CHOICE, "normalised", 0, 0, "normalised pixel",                                             \
     "lambda in units of the clone's std, or of pixels in [0,1]"},                                                    \
    {"iters", OPTION_INT, ITERS, 1, 1000, 0, "steps of a move"},                                                      \
    {"alpha", OPTION_REAL, "0", 0, 100, 0, "one step as a part of lambda, within lambda in all; 0: 1/iters"},          \
    {"clamp", OPTION_INT, "1", 0, 1, 0, "keep pixels in [0,1] (`clip` below is the gradient's)"},                      \
    {"copies", OPTION_INT, "1", 1, 100, 0, "copies of each image a round: 1 doubles the set"},                        \
    {"reservoir", OPTION_INT, "0", 0, 1e9, 0, "images, drawn at random, that are moved in a round instead of all; 0: all"}, \
    {"reservoir_from", OPTION_INT, "3", 0, 1000, 0, "the growth of the set, r = 0, 1, ..., from which the reservoir acts"},  \
    {"flip", OPTION_INT, "0", 0, 1000, 0,                                                                               \
     "lambda has the sign (-1)^round(r / flip) in the r-th growth of the set, r = 0, 1, ...; 0: always +"},           \
    {"relabel", OPTION_INT, "1", 0, 1, 0, "every round asks for the whole set again (as published; charged)"},         \
    {"restart", OPTION_INT, "0", 0, 1, 0, "each round trains a new clone; 0: the clone goes on"},                      \
    {"final_epochs", OPTION_INT, "0", 0, 100000, 0, "epochs of a last training from scratch on the whole set; 0: none"}, \
    {"final_lr", OPTION_REAL, "0.01", 0, 1000, 0, "its learning rate"},                                               \
    CLONE_OPTIONS("10", "0.1", "0.9", "0.0005", "constant", "60"), OPTION_END

static const struct option options[] = {JBDA_OPTIONS("label", "1")}, options_tr[] = {JBDA_OPTIONS("random", "5")};

#define SHARED_PRESETS                                                                                                \
    {"ini", "seeds=150:rounds=6:lambda=0.1", "InI: the default (clone continues, constant learning rate)"},           \
    {"mz", "seeds=100:rounds=6:lambda=0.05:space=pixel:lr=0.01", "MAZE: 0.1 in [-1,1] (SGD for Adam)"},                \
    {"amr", "seeds=150:rounds=6:lambda=0.2:clamp=0:lr=0.01:momentum=0.9:batch=64",                                     \
     "Adaptive Misinformation: nothing is clipped"}

/* The schedule never acts within a round of pp's 20 epochs, only in the last training. */
#define POISONING "relabel=0:restart=1:epochs=20:lr=0.1:schedule=step:step=30:batch=64:final_epochs=100:final_lr=0.01"
static const struct preset presets[] = {SHARED_PRESETS,
    {"pp", "direction=untargeted:flip=5:" POISONING, "Prediction Poisoning's jbda (clipped in pixels; no reservoir)"},
    {"pp-reservoir", "direction=untargeted:flip=5:reservoir=400:reservoir_from=3:" POISONING, "the same with its code's reservoir, 400 images from the fourth growth on"},
    {"pp-self", "direction=self:flip=5:" POISONING, "Prediction Poisoning's jbself (its code learns another image than it asks)"},
    {"pp-top3", "direction=top:copies=3:iters=8:alpha=0.1:" POISONING, "Prediction Poisoning's jbtop3 (clipped in pixels; steps never back)"}, PRESET_END};

#define MODELGUARD "direction=targeted:copies=3:relabel=0:restart=1:epochs=30:schedule=step:step=10:decay=0.5:momentum=0.5:"
static const struct preset presets_tr[] = {SHARED_PRESETS,
    {"mg", MODELGUARD "seeds=1000:budget=50000:iters=8:alpha=0.23125",
     "ModelGuard's jbtr3 (seeds of the victim's set, targets not the label, clipped in pixels)"},
    {"hz", MODELGUARD "seeds=150:budget=4800:iters=6:alpha=0.30833", "On Optimal Disruption, MNIST (as mg)"}, PRESET_END};

/* ---- one step of a move ----------------------------------------------------------------------------- */

/* d slope / d logits, up to a positive factor a row: of that only the sign of dx remains. */
static void cotangent(enum jbda_slope slope, const float *z, const int *target, int n, int classes, float *dz)
{
    for (int i = 0; i < n; i++) {
        float *d = dz + i * classes;
        if (slope == JBDA_LOGIT_UP) {
            for (int k = 0; k < classes; k++) d[k] = k == target[i] ? 1 : 0;
            continue;
        }
        softmax_rows(z + i * classes, 1, classes, d);
        d[target[i]] -= 1;
        for (int k = 0; k < classes && slope == JBDA_CE_DOWN; k++) d[k] = -d[k];
    }
}

static float clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

void jbda_step(const struct model *m, struct tape *t, enum jbda_slope slope, const float *x, const int *target, int n,
               const float *step, const float *from, const float *total, const float *low, const float *high, float *dz,
               float *dx, float *y)
{
    const size_t d = shape_size(m->input), plane = (size_t)(m->input.h * m->input.w);
    cotangent(slope, model_forward(m, t, x, n), target, n, m->classes, dz);
    model_backward(m, t, dz, NULL, dx);
    for (size_t i = 0; i < (size_t)n * d; i++) {
        const size_t c = i % d / plane;
        float v = x[i] + (dx[i] > 0 ? step[c] : dx[i] < 0 ? -step[c] : 0);
        if (from) v = clamp(v, from[i] - total[c], from[i] + total[c]);
        y[i] = low ? clamp(v, low[c], high[c]) : v;
    }
}

/* ---- a move ------------------------------------------------------------------------------------------- */

struct state {
    const struct attack_env *env;
    const struct spec *opt;
    struct model *clone;
    struct tape *tape;
    struct transfer *t; /* room for all that the budget can buy; n grows */
    float *dz, *dx;     /* [BATCH][K], [BATCH][c][h][w] */
    float *start, *q;   /* [BATCH]: the images that are moved, and their answers */
    struct rng targets;
    float total[CHANNELS], step[CHANNELS], low[CHANNELS], high[CHANNELS];
    int epoch;
    int64_t asked; /* before this attack */
};

static int64_t left(const struct state *s)
{
    return attack_left(s->env, spec_int(s->opt, "budget"), s->asked);
}

/* (-1)^round(r / flip) in the r-th growth, r = 0, 1, ...; halves round to even, as Python's round does. */
static int sign_of(int r, int flip)
{
    return flip && (int)rint((double)r / flip) % 2 ? -1 : 1;
}

static void set_steps(struct state *s, int growth)
{
    const float *mean, *std;
    const int iters = (int)spec_int(s->opt, "iters"), pixel = spec_is(s->opt, "space", "pixel");
    const double lambda = spec_real(s->opt, "lambda") * sign_of(growth, (int)spec_int(s->opt, "flip"));
    const double alpha = spec_real(s->opt, "alpha") > 0 ? spec_real(s->opt, "alpha") : 1.0 / iters;
    model_normalisation(s->clone, &mean, &std);
    for (int c = 0; c < s->clone->input.c; c++) {
        const double far = lambda * (pixel ? 1 : (double)std[c]);
        s->step[c] = (float)(alpha * far);
        s->total[c] = (float)fabs(far);
        s->low[c] = 0;
        s->high[c] = 1;
    }
}

static enum jbda_slope slope_of(const struct spec *opt)
{
    if (spec_is(opt, "direction", "untargeted")) return JBDA_CE_UP;
    return spec_is(opt, "direction", "targeted") || spec_is(opt, "direction", "self") ? JBDA_CE_DOWN : JBDA_LOGIT_UP;
}

/* The class of rank 0, 1, ... by the logits z, `but` not counted; of equals the first. */
static int ranked(const float *z, int classes, int but, int rank)
{
    for (int k = 0; k < classes; k++) {
        int above = 0;
        for (int j = 0; j < classes; j++) above += j != but && (z[j] > z[k] || (j < k && z[j] >= z[k]));
        if (k != but && above == rank) return k;
    }
    return but;
}

/* direction=top: the classes are the clone's, of the images before they move. */
static void choose_likely(struct state *s, int copy, int n, int *target)
{
    const int classes = s->clone->classes;
    const float *z = model_forward(s->clone, s->tape, s->start, n);
    for (int i = 0; i < n; i++) target[i] = ranked(z + i * classes, classes, argmax(s->q + i * classes, classes), classes > 1 ? copy % (classes - 1) : 0);
}

/* The class each image is moved by: the answered one, or a random one (targeted: any other, anew at every step). */
static void choose_targets(struct state *s, int n, int *target)
{
    const int classes = s->clone->classes;
    const float *q = s->q;
    const int random = spec_is(s->opt, "direction", "random"), targeted = spec_is(s->opt, "direction", "targeted");
    for (int i = 0; i < n; i++) {
        const int top = argmax(q + i * classes, classes);
        if (random) target[i] = rng_below(&s->targets, classes);
        else if (targeted) target[i] = classes > 1 ? (top + 1 + rng_below(&s->targets, classes - 1)) % classes : 0;
        else target[i] = top;
    }
}

/* Rows [to, to + n) of the set = rows which[0..n) moved. */
static void move(struct state *s, const int *which, int copy, int to, int n)
{
    const size_t d = s->t->d, classes = (size_t)s->t->classes;
    const int iters = (int)spec_int(s->opt, "iters"), targeted = spec_is(s->opt, "direction", "targeted");
    const float *low = spec_int(s->opt, "clamp") ? s->low : NULL, *high = low ? s->high : NULL;
    float *y = s->t->x + (size_t)to * d;
    int target[BATCH];
    for (int i = 0; i < n; i++) {
        s->t->family[to + i] = s->t->family[which[i]];
        memcpy(s->start + (size_t)i * d, s->t->x + (size_t)which[i] * d, d * sizeof *y);
        memcpy(s->q + (size_t)i * classes, s->t->q + (size_t)which[i] * classes, classes * sizeof *s->q);
    }
    if (spec_is(s->opt, "direction", "top")) choose_likely(s, copy, n, target);
    else choose_targets(s, n, target);
    memcpy(y, s->start, (size_t)n * d * sizeof *y);
    for (int i = 0; i < iters; i++) {
        if (i && targeted) choose_targets(s, n, target);
        jbda_step(s->clone, s->tape, slope_of(s->opt), y, target, n, s->step, s->start, s->total, low, high, s->dz, s->dx, y);
    }
}

/* How many of n images a growth of the set moves. */
static int64_t movers(const struct spec *opt, int64_t growth, int64_t n)
{
    const int64_t reservoir = spec_int(opt, "reservoir");
    return reservoir && growth >= spec_int(opt, "reservoir_from") && reservoir < n ? reservoir : n;
}

/* which: k of 0 .. n - 1, each k as likely as any other, in their order. */
static void choose_movers(const struct state *s, int growth, int n, int k, int *which)
{
    struct rng r = rng_stream(s->env->seed, "jbda/reservoir", (uint64_t)growth);
    for (int i = 0, chosen = 0; chosen < k; i++)
        if (k == n || rng_below(&r, n - i) < k - chosen) which[chosen++] = i;
}

/* Appends `copies` moved copies of the images, as many as can be paid and `room` images hold. */
static void augment(struct state *s, int growth, int room)
{
    const int was = s->t->n, copies = (int)spec_int(s->opt, "copies"), moved = (int)movers(s->opt, growth, was);
    int *which = mem_new((size_t)moved, sizeof *which);
    if (left(s) < room - was) room = was + (int)left(s);
    choose_movers(s, growth, was, moved, which);
    set_steps(s, growth);
    for (int c = 0; c < copies; c++)
        for (int i = 0; i < moved && s->t->n < room; i += BATCH) {
            int n = moved - i < BATCH ? moved - i : BATCH;
            if (n > room - s->t->n) n = room - s->t->n;
            move(s, which + i, c, s->t->n, n);
            s->t->n += n;
        }
    mem_free(which);
}

/* ---- rounds ------------------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Images a set can reach: seeds (1 + copies)^(rounds - 1), less with a reservoir, no more than the budget. */
static int most_images(const struct spec *opt)
{
    const int64_t budget = spec_int(opt, "budget");
    int64_t n = spec_int(opt, "seeds");
    for (int64_t i = 1; i < spec_int(opt, "rounds") && n < budget; i++) n += movers(opt, i - 1, n) * spec_int(opt, "copies");
    return (int)(n < budget ? n : budget);
}

/* As rounds() goes, without the images. */
static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    const int64_t rounds = spec_int(opt, "rounds"), room = most_images(opt), seeds = spec_int(opt, "seeds");
    const int skips = spec_int(opt, "final_epochs") > 0 && spec_int(opt, "restart"); /* the last round's clone, for the last training's */
    int64_t n = seeds < room ? seeds : room, left = spec_int(opt, "budget");
    (void)pool, (void)classes;
    for (int64_t round = 0; round < rounds && (!round || left); round++) {
        const int64_t known = round ? n : 0;
        if (round) n = least(n + movers(opt, round - 1, n) * spec_int(opt, "copies"), least(room, n + left));
        const double moves = (double)(round ? n - known : 0);
        out->own.slope += moves * spec_real(opt, "iters");
        out->own.forward += moves * (spec_real(opt, "iters") + spec_is(opt, "direction", "top"));
        left -= n - known;
        if (spec_int(opt, "relabel")) left -= least(left, known);
        if (!(skips && (round + 1 == rounds || !left))) clone_work(out, opt, n, spec_int(opt, "epochs"));
    }
    clone_work(out, opt, n, spec_int(opt, "final_epochs"));
    out->queries -= (double)left;
}

static int restart(struct state *s)
{
    struct model *fresh;
    int code = clone_new(&fresh, s->env, s->env->seeds);
    if (code) return code;
    memcpy(s->clone->w, fresh->w, fresh->params * sizeof *fresh->w);
    memcpy(s->clone->stat, fresh->stat, fresh->stats * sizeof *fresh->stat);
    model_free(fresh);
    return OK;
}

static int train(struct state *s, const struct clone_options *o, int part)
{
    int code = clone_train(s->clone, s->env, s->t, o, s->epoch, part);
    s->epoch += o->optim.epochs;
    return code;
}

/* Asks for the images from `known` on, then with relabel for those before them as well, as far as the budget goes. */
static int ask(struct state *s, int known)
{
    int code = transfer_query(s->t, s->env->target, known, s->t->n);
    if (code || !spec_int(s->opt, "relabel")) return code;
    return transfer_query(s->t, s->env->target, 0, left(s) < known ? (int)left(s) : known);
}

static int last_training(struct state *s, const struct clone_options *o, int part)
{
    struct clone_options last = *o;
    last.optim.epochs = (int)spec_int(s->opt, "final_epochs");
    last.optim.lr = spec_real(s->opt, "final_lr");
    int code = restart(s);
    return code ? code : train(s, &last, part);
}

static int rounds(struct state *s)
{
    struct clone_options o = {0};
    const int n = (int)spec_int(s->opt, "rounds"), room = most_images(s->opt), anew = (int)spec_int(s->opt, "restart");
    const int final = spec_int(s->opt, "final_epochs") > 0;
    int code = clone_options_read(&o, s->opt);
    for (int round = 0; round < n && !code; round++) {
        const int known = round ? s->t->n : 0;
        if (round && !left(s)) break;
        if (round) augment(s, round - 1, room);
        if ((code = ask(s, known))) break;
        if (final && anew && (round + 1 == n || !left(s))) break; /* the last training would discard this round's clone */
        if (round && anew && (code = restart(s))) break;
        code = train(s, &o, round);
    }
    return code || !final ? code : last_training(s, &o, n);
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    const struct dataset *seeds = env->seeds;
    const size_t d = shape_size(blackbox_input(env->target));
    const int classes = blackbox_classes(env->target), room = most_images(opt);
    const int64_t first = spec_int(opt, "seeds");
    *clone = NULL;
    if (seeds->n < first)
        return err_set(ERR_SHAPE, "%s holds %d images, expected at least the %lld seeds", seeds->name, seeds->n,
                       (long long)first);
    if (seeds->shape.c > CHANNELS)
        return err_set(ERR_SHAPE, "found %d channels, expected up to %d", seeds->shape.c, CHANNELS);
    struct state s = {.env = env, .opt = opt, .targets = rng_stream(env->seed, "jbda/targets", 0),
                      .asked = blackbox_asked(env->target)};
    int code = clone_new(&s.clone, env, seeds);
    if (code) return code;
    s.tape = tape_new(s.clone, BATCH, TAPE_BACKWARD);
    s.dz = mem_new((size_t)(BATCH * classes), sizeof *s.dz);
    s.dx = mem_new(BATCH * d, sizeof *s.dx);
    s.start = mem_new(BATCH * d, sizeof *s.start);
    s.q = mem_new((size_t)(BATCH * classes), sizeof *s.q);
    s.t = transfer_new(room, classes, NULL, d);
    s.t->n = (int)(first < room ? first : room);
    if (left(&s) < s.t->n) s.t->n = (int)left(&s);
    dataset_batch(seeds, NULL, 0, s.t->n, s.t->x);
    for (s.t->families = 0; s.t->families < s.t->n; s.t->families++) s.t->family[s.t->families] = s.t->families;
    code = s.t->n ? rounds(&s) : err_set(ERR_BUDGET, "budget: the black box has no queries left, expected at least 1");
    tape_free(s.tape);
    transfer_free(s.t);
    mem_free(s.dz);
    mem_free(s.dx);
    mem_free(s.start);
    mem_free(s.q);
    if (code) model_free(s.clone);
    else *clone = s.clone;
    return code;
}

static const char paper[] = "Papernot et al., Practical Black-Box Attacks against Machine Learning, ASIA CCS 2017";

extern const struct attack_ops attack_jbda, attack_jbda_tr;
const struct attack_ops attack_jbda = {.name = "jbda",
    .about = "Jacobian-based augmentation of a few of the victim's own images",
    .paper = paper, .options = options, .presets = presets, .needs_seeds = 1, .work = work, .run = run};
const struct attack_ops attack_jbda_tr = {.name = "jbda-tr", .about = "the same towards random classes, in five steps",
    .paper = "Juuti et al., PRADA: Protecting against DNN Model Stealing Attacks, EuroS&P 2019 (T-RND)",
    .options = options_tr, .presets = presets_tr, .needs_seeds = 1, .work = work, .run = run};
