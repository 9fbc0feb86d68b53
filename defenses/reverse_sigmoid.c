/* Reverse sigmoid: adds a perturbation that reverses the order of the unlikely classes.
 *
 *     q = max(0, p - beta (sigmoid(gamma logit(p)) - 1/2)), then divided by its sum
 *
 * p is kept away from 0 and 1, where the logit is infinite; the odds are not clamped, so that a class above 1/2 is
 * reduced as the paper says. clamp=odds does as GRAD2's code, which clamps the odds to 1 and so never reduces it. */
#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"

static const double EDGE = 1e-7; /* the distance that p keeps from 0 and 1 */

struct state {
    double beta, gamma;
    int odds;
};

static const struct option options[] = {{"beta", OPTION_REAL, "1", 0, 1000, 0, "size of the perturbation"},
    {"gamma", OPTION_REAL, "0.1", 0, 1000, 0, "slope of the sigmoid"},
    {"clamp", OPTION_CHOICE, "posterior", 0, 0, "posterior odds", "what is kept from being infinite: p | p / (1 - p), up to 1 (a published defect)"}, OPTION_END};

static const struct preset presets[] = {{"pp", "beta=1:gamma=1", "Prediction Poisoning's code"},
    {"art", "beta=1:gamma=0.1", "Adversarial Robustness Toolbox"},
    {"mg", "beta=0.21:gamma=0.2", "ModelGuard, CIFAR-10"},
    {"mg-cifar100", "beta=0.02:gamma=0.2", "ModelGuard, CIFAR-100"},
    {"mg-caltech256", "beta=0.008:gamma=0.2", "ModelGuard, Caltech256"},
    {"mg-cub200", "beta=0.011:gamma=0.2", "ModelGuard, CUB200"},
    {"g2", "beta=0.64:gamma=0.1:clamp=odds", "GRAD2's code, CIFAR-10 (beta there: 0.0025, 0.005, ... 1.28)"},
    {"hz", "beta=0.8:gamma=0.2", "On Optimal Disruption"}, PRESET_END};

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    (void)env;
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){spec_real(opt, "beta"), spec_real(opt, "gamma"), spec_is(opt, "clamp", "odds")};
    return OK;
}

static double perturbed(const struct state *s, double p)
{
    const double y = p < EDGE ? EDGE : p > 1 - EDGE ? 1 - EDGE : p;
    const double odds = s->odds && y > 0.5 ? 1 : y / (1 - y);
    const double q = y - s->beta * (1 / (1 + pow(odds, -s->gamma)) - 0.5);
    return q > 0 ? q : 0;
}

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    (void)x;
    for (int i = 0; i < n; i++, p += classes, q += classes) {
        double sum = 0;
        for (int k = 0; k < classes; k++) sum += perturbed(state, (double)p[k]);
        for (int k = 0; k < classes; k++) q[k] = sum > 0 ? (float)(perturbed(state, (double)p[k]) / sum) : 1 / (float)classes;
    }
    return OK;
}

extern const struct defense_ops defense_reverse_sigmoid;
const struct defense_ops defense_reverse_sigmoid = {.name = "reverse-sigmoid",
    .about = "perturbs posteriors by a reversed sigmoid of their logits",
    .formula = "q = max(0, p - beta (sigmoid(gamma logit(p)) - 1/2)) / sum",
    .paper = "Lee et al., Defending Against Neural Network Model Stealing Attacks Using Deceptive Perturbations, SPW 2019",
    .options = options, .presets = presets, .open = open, .answer = answer, .close = mem_free};
