/* Random noise, the baseline that a clever perturbation has to beat.
 *
 *     class        q = (1 - epsilon/2) y + (epsilon/2) e_j, j any class but the most likely: |q - y|_1 <= epsilon
 *     symmetric    z = logit(y) + d, d uniform in [-u, u]^K, u = 2 epsilon / K^(1/norm), projected onto the ball of
 *                  radius epsilon; q = sigmoid(z) / sum
 *     one-sided    the same with d uniform in [0, u]^K, as Prediction Poisoning's code draws it
 *     gaussian     the same with d normal, variance 1
 *
 * y is kept away from 0 and 1, where its logit is infinite. The noise is fixed by the image's bytes (asking again tells
 * nothing more), or with fresh=1 drawn anew for every query, which averaging takes away again. */
#include "defenses/noise.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "defenses/simplex.h"
#include "nn/loss.h"

static const double EDGE = 1e-7; /* the distance that y keeps from 0 and 1 */

enum kind { CLASS, SYMMETRIC, ONE_SIDED, GAUSSIAN };

struct state {
    enum kind kind;
    double epsilon;
    int norm, argmax, fresh;
    uint64_t seed, asked;
    size_t d; /* numbers an image */
};

static const struct option options[] = {
    {"kind", OPTION_CHOICE, "class", 0, 0, "class symmetric one-sided gaussian", "mass to a random class | noise on the logits: uniform, uniform and positive, normal"},
    {"epsilon", OPTION_REAL, "1", 0, 1000, 0, "size: L1 distance (class, up to 2), or radius in logits"},
    {"ball", OPTION_CHOICE, "l1", 0, 0, "l1 l2", "norm of the radius in logits"},
    {"argmax", OPTION_INT, "0", 0, 1, 0, "1: an answer goes only as far as the most likely class stays"},
    {"fresh", OPTION_INT, "0", 0, 1, 0, "0: fixed by the image's bytes; 1: drawn anew for every query"}, OPTION_END};

static const struct preset presets[] = {{"pp", "kind=one-sided:ball=l2", "Prediction Poisoning's code: one-sided uniform noise"},
    {"g2", "kind=class", "GRAD2's `Random`"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    const double epsilon = spec_real(opt, "epsilon");
    out->argmax = spec_int(opt, "argmax") == 1;
    out->stateful = spec_int(opt, "fresh") == 1;
    if (spec_is(opt, "kind", "class")) {
        out->norm = 1;
        out->radius = epsilon;
    }
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    static const char *const kind[] = {"class", "symmetric", "one-sided", "gaussian"};
    const double epsilon = spec_real(opt, "epsilon");
    if (spec_is(opt, "kind", "class") && epsilon > 2) return err_set(ERR_OPTION, "option 'epsilon': found %g, expected 0 to 2 with kind=class", epsilon);
    struct state *s = *out = mem_new(1, sizeof *s);
    for (int i = 0; i < 4; i++)
        if (spec_is(opt, "kind", kind[i])) s->kind = (enum kind)i;
    s->epsilon = epsilon;
    s->norm = spec_is(opt, "ball", "l2") ? 2 : 1;
    s->argmax = (int)spec_int(opt, "argmax");
    s->fresh = (int)spec_int(opt, "fresh");
    s->seed = env->seed;
    s->d = env->victim ? shape_size(env->victim->input) : 0;
    return OK;
}

void noise_logit(int classes, const float *y, double *delta, int norm, double radius, float *q)
{
    double sum = 0;
    simplex_project(classes, norm, radius, delta);
    for (int k = 0; k < classes; k++) {
        const double p = (double)y[k] < EDGE ? EDGE : (double)y[k] > 1 - EDGE ? 1 - EDGE : (double)y[k];
        delta[k] = 1 / (1 + (1 - p) / p * exp(-delta[k]));
        sum += delta[k];
    }
    for (int k = 0; k < classes; k++) q[k] = (float)(delta[k] / sum);
}

static void to_a_class(const struct state *s, struct rng *r, const float *y, float *q, int classes)
{
    const int top = argmax(y, classes), drawn = rng_below(r, classes - 1), j = drawn + (drawn >= top);
    for (int k = 0; k < classes; k++) q[k] = (float)((1 - s->epsilon / 2) * (double)y[k] + (k == j ? s->epsilon / 2 : 0));
}

static void to_logits(const struct state *s, struct rng *r, const float *y, float *q, double *delta, int classes)
{
    const double u = 2 * s->epsilon / pow(classes, 1.0 / s->norm);
    for (int k = 0; k < classes; k++)
        delta[k] = s->kind == GAUSSIAN ? rng_normal(r) : rng_between(r, s->kind == SYMMETRIC ? -u : 0, u);
    noise_logit(classes, y, delta, s->norm, s->epsilon, q);
}

static int answer(void *state, const float *x, const float *y, float *q, int n, int classes)
{
    struct state *s = state;
    double *delta = mem_new((size_t)classes, sizeof *delta);
    for (int i = 0; i < n; i++, x += s->d, y += classes, q += classes) {
        struct rng r = rng_stream(s->seed, "noise", s->fresh ? s->asked++ : hash_row(x, s->d * sizeof *x));
        if (s->kind == CLASS) to_a_class(s, &r, y, q, classes);
        else to_logits(s, &r, y, q, delta, classes);
        if (s->argmax) simplex_keep_top(classes, y, q);
    }
    mem_free(delta);
    return OK;
}

extern const struct defense_ops defense_noise;
const struct defense_ops defense_noise = {.name = "noise", .about = "random noise: mass to a random class, or on the logits",
    .formula = "q = (1 - epsilon/2) y + (epsilon/2) e_j, j random   or   q ~ sigmoid(logit(y) + d), |d| <= epsilon",
    .paper = "baseline of Orekondy et al., ICLR 2020, and of Mazeika et al., ICML 2022", .options = options, .presets = presets,
    .traits = traits, .open = open, .answer = answer, .close = mem_free};
