/* Top-1: of each answer only the most likely class is kept. A perturbation that leaves the argmax changes nothing for this
 * attacker, whatever it does to the rest (MAD-argmax, ModelGuard, reverse sigmoid with a small beta).
 *
 * Images are those of knockoff with the same seed. */
#include "attacker/clone.h"
#include "nn/loss.h"

static const struct option options[] = {
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries"},
    CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60"), OPTION_END};

static int ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    (void)opt;
    int code = transfer_query(t, env->target, 0, t->n);
    for (int i = 0; i < t->n && !code; i++) {
        float *q = t->q + (size_t)i * (size_t)t->classes;
        const int top = argmax(q, t->classes);
        for (int k = 0; k < t->classes; k++) q[k] = k == top ? 1 : 0;
    }
    return code;
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask);
}

extern const struct attack_ops attack_top1;
const struct attack_ops attack_top1 = {.name = "top1", .about = "knockoff that keeps only the argmax of the answers",
    .paper = "Tang et al., ModelGuard: Information-Theoretic Defense Against Model Extraction Attacks, USENIX Security 2024 (top-1 attack)",
    .options = options, .needs_pool = 1, .run = run};
