/* Semi-supervised: knockoff whose clone also learns from images that were not asked, by telling how they were turned
 * (attacker/rotation.h). What the answers do not teach about images, the images do.
 *
 *     KL(answers || clone) + rotation * mean over images and quarter turns of the cross entropy of the turn
 *
 * Images and queries are those of knockoff with the same seed. */
#include "attacker/clone.h"

static const struct option options[] = {
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries"},
    ROTATION_OPTIONS("1"),
    CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60"), OPTION_END};

static const struct preset presets[] = {
    {"mg", "unlabelled=asked:rotation=0.25:epochs=30:lr=0.1:momentum=0.5:weight_decay=0:schedule=step:step=10:decay=0.5:batch=128",
     "ModelGuard's code: turns of the asked images alone, and a mean over turns that is divided by 4 once more"}, PRESET_END};

static int ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    (void)opt;
    return transfer_query(t, env->target, 0, t->n);
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask);
}

extern const struct attack_ops attack_semi;
const struct attack_ops attack_semi = {.name = "semi", .about = "knockoff whose clone also learns how images of the pool, asked or not, were turned",
    .paper = "Zhai et al., S4L: Self-Supervised Semi-Supervised Learning, ICCV 2019; as an attack: Jagielski et al., High Accuracy and High Fidelity Extraction of Neural Networks, USENIX Security 2020",
    .options = options, .presets = presets, .needs_pool = 1, .run = run};
