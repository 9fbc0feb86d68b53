/* Rounding: posteriors to a few decimals. An answer in which everything rounds to 0 names its most likely class alone. */
#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "nn/loss.h"

struct state {
    double unit; /* 10^-digits */
    int renormalise, argmax;
};

static const struct option options[] = {{"digits", OPTION_INT, "2", 0, 7, 0, "decimals that are kept"},
    {"renormalise", OPTION_INT, "1", 0, 1, 0, "divide by the sum (0: the published code's answers need not sum to 1)"},
    {"argmax", OPTION_INT, "1", 0, 1, 0, "1: entries that would tie with the most likely class are rounded down"}, OPTION_END};

static const struct preset presets[] = {{"pp", "renormalise=0:argmax=0", "Prediction Poisoning's code"},
    {"mg", "digits=1:renormalise=0:argmax=0", "ModelGuard's scripts"}, {"art", "digits=4:renormalise=0:argmax=0", "Adversarial Robustness Toolbox's Rounded"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    out->argmax = spec_int(opt, "argmax") == 1;
    out->off_simplex = spec_int(opt, "renormalise") == 0;
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    (void)env;
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){pow(10, -(double)spec_int(opt, "digits")), (int)spec_int(opt, "renormalise"), (int)spec_int(opt, "argmax")};
    return OK;
}

static double rounded(const struct state *s, const float *p, int k, int top)
{
    const double units = rint((double)p[k] / s->unit), most = rint((double)p[top] / s->unit);
    return s->unit * (s->argmax && k != top && units == most && units > 0 ? units - 1 : units);
}

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    (void)x;
    const struct state *s = state;
    for (int i = 0; i < n; i++, p += classes, q += classes) {
        const int top = argmax(p, classes);
        double sum = 0;
        for (int k = 0; k < classes; k++) sum += rounded(s, p, k, top);
        for (int k = 0; k < classes; k++) {
            if (sum > 0) q[k] = (float)(rounded(s, p, k, top) / (s->renormalise ? sum : 1));
            else q[k] = k == top ? 1 : 0;
        }
    }
    return OK;
}

extern const struct defense_ops defense_round;
const struct defense_ops defense_round = {.name = "round", .about = "posteriors are rounded to a few decimals",
    .formula = "q = round(p 10^digits) / 10^digits, then q / sum(q)", .paper = "Tramer et al., USENIX Security 2016", .options = options,
    .presets = presets, .traits = traits, .open = open, .answer = answer, .close = mem_free};
