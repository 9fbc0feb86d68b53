/* Top-k posteriors: all but the k largest entries become 0. */
#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"

struct state {
    int k, renormalise;
};

static const struct option options[] = {
    {"k", OPTION_INT, "3", 1, 1 << 20, 0, "entries that are released"},
    {"renormalise", OPTION_INT, "1", 0, 1, 0, "divide by the sum of what is left (0: the published code's answers sum to less than 1)"},
    OPTION_END};

static const struct preset presets[] = {{"pp", "renormalise=0", "Prediction Poisoning's and ModelGuard's code: what is left sums to less than 1"},
    {"mg", "k=1:renormalise=0", "ModelGuard's scripts"}, {"art", "k=1:renormalise=0", "Adversarial Robustness Toolbox's HighConfidence keeps p as it is"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    out->argmax = 1;
    out->off_simplex = spec_int(opt, "renormalise") == 0;
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    (void)env;
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){(int)spec_int(opt, "k"), (int)spec_int(opt, "renormalise")};
    return OK;
}

/* How many entries stand before entry k when they are sorted: larger ones, and equal ones further left. */
static int rank(const float *p, int classes, int k)
{
    int before = 0;
    for (int j = 0; j < classes; j++) before += p[j] > p[k] || (j < k && p[j] == p[k]);
    return before;
}

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    (void)x;
    const struct state *s = state;
    for (int i = 0; i < n; i++, p += classes, q += classes) {
        double sum = 0;
        for (int k = 0; k < classes; k++) sum += (double)(q[k] = rank(p, classes, k) < s->k ? p[k] : 0);
        for (int k = 0; s->renormalise && sum > 0 && k < classes; k++) q[k] = (float)((double)q[k] / sum);
    }
    return OK;
}

extern const struct defense_ops defense_topk;
const struct defense_ops defense_topk = {.name = "topk", .about = "only the k largest entries are released",
    .formula = "q_k = p_k if p_k is among the k largest, else 0; then q / sum(q)",
    .paper = "Orekondy et al., Knockoff Nets, CVPR 2019 (section 5)", .options = options, .presets = presets,
    .traits = traits,
    .open = open, .answer = answer, .close = mem_free};
