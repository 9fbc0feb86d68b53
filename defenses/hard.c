/* Hard labels: only the most likely class is released. */
#include "base/err.h"
#include "defenses/defense.h"
#include "nn/loss.h"

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    (void)state, (void)x;
    for (int i = 0; i < n; i++, p += classes, q += classes) {
        const int top = argmax(p, classes);
        for (int k = 0; k < classes; k++) q[k] = k == top ? 1 : 0;
    }
    return OK;
}

static void traits(struct defense_traits *out, const struct spec *opt)
{
    (void)opt;
    out->argmax = 1;
}

extern const struct defense_ops defense_hard;
const struct defense_ops defense_hard = {.name = "hard", .about = "hard labels: a one-hot vector at the most likely class",
    .formula = "q = e_argmax(p)", .paper = "Tramer et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016",
    .traits = traits, .answer = answer};
