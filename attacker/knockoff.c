/* KnockoffNets: queries from a pool, one answer an image, and a clone trained on the answers. The template to copy.
 *
 * Images are drawn without replacement, in an order that the seed gives: a smaller budget asks a prefix of a larger one. With
 * policy=adaptive a bandit draws their classes (attacker/adaptive.h). */
#include "attacker/adaptive.h"

static const struct option options[] = {
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries"},
    ADAPTIVE_OPTIONS,
    CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60"), OPTION_END};

static const struct preset presets[] = {
    {"ini", "epochs=50:lr=0.1:momentum=0.9:weight_decay=0.0005:schedule=cosine:batch=128", "InI's attack: the default"},
    {"kn", "epochs=100:lr=0.01:momentum=0.5:weight_decay=0:schedule=step:step=60:batch=64",
     "KnockoffNets (from scratch: no ImageNet weights)"},
    {"pp", "epochs=50:lr=0.01:momentum=0.5:weight_decay=0:schedule=step:step=60:batch=64", "Prediction Poisoning"},
    {"mg", "epochs=30:lr=0.1:momentum=0.5:weight_decay=0:schedule=step:step=10:decay=0.5:batch=128",
     "ModelGuard, 32x32 images (from scratch: no ImageNet weights)"},
    {"amr", "epochs=20:lr=0.1:momentum=0.9:weight_decay=0:schedule=step:step=10:batch=128",
     "Adaptive Misinformation, MNIST"},
    {"g2", "epochs=50:lr=0.1:momentum=0.9:nesterov=1:weight_decay=0.0005:schedule=cosine:batch=128",
     "GRAD2 (cosine by epoch; no augmentation)"},
    {"copycat", "epochs=50:lr=0.01:momentum=0.9:weight_decay=0:schedule=constant:batch=128", "Copycat CNN (with label = hard, or `top1`: it learns the argmax alone)"},
    PRESET_END};

static int ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    return spec_is(opt, "policy", "adaptive") ? adaptive_ask(t, env, opt) : transfer_query(t, env->target, 0, t->n);
}

static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    (void)pool, (void)classes;
    clone_work(out, opt, spec_int(opt, "budget"), spec_int(opt, "epochs"));
    if (!spec_is(opt, "policy", "adaptive")) return;
    out->own.train += out->queries; /* the judge's */
    out->rows = (int)spec_int(opt, "pull");
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask);
}

extern const struct attack_ops attack_knockoff;
const struct attack_ops attack_knockoff = {.name = "knockoff", .about = "KnockoffNets: queries from a pool of images, at random or by the classes that pay",
    .paper = "Orekondy, Schiele, Fritz, Knockoff Nets: Stealing Functionality of Black-Box Models, CVPR 2019",
    .options = options, .presets = presets, .needs_pool = 1, .work = work, .run = run};
