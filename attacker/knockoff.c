/* KnockoffNets: queries from a pool, one answer an image, and a clone trained on the answers. The template to copy.
 *
 * Images are drawn without replacement, in an order that the seed gives: a smaller budget asks a prefix of a larger one. */
#include "attacker/clone.h"
#include "base/err.h"
#include "base/mem.h"

static const struct option options[] = {
    {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries"},
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
    PRESET_END};

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    const int budget = (int)spec_int(opt, "budget");
    struct clone_options o = {0};
    struct transfer *t = NULL;
    int *order = NULL, code = clone_options_read(&o, opt);
    *clone = NULL; /* what the caller left there is not ours to free */
    if (code) return code;
    if (env->pool->n < budget)
        return err_set(ERR_SHAPE, "the pool %s holds %d images, expected at least the budget of %d", env->pool->name,
                       env->pool->n, budget);
    if ((code = clone_new(clone, env, env->pool))) goto out;
    t = transfer_new(budget, blackbox_classes(env->target), env->pool, 0);
    order = mem_new((size_t)env->pool->n, sizeof *order);
    struct rng r = rng_stream(env->seed, "knockoff/pool", 0);
    rng_permutation(&r, order, env->pool->n);
    for (int i = 0; i < budget; i++) t->index[i] = order[i];
    if ((code = transfer_query(t, env->target, 0, budget))) goto out;
    code = clone_train(*clone, env, t, &o, 0, 0);
out:
    mem_free(order);
    transfer_free(t);
    if (code) {
        model_free(*clone);
        *clone = NULL;
    }
    return code;
}

extern const struct attack_ops attack_knockoff;
const struct attack_ops attack_knockoff = {.name = "knockoff", .about = "KnockoffNets: random queries from a pool of images",
    .paper = "Orekondy, Schiele, Fritz, Knockoff Nets: Stealing Functionality of Black-Box Models, CVPR 2019",
    .options = options, .presets = presets, .needs_pool = 1, .run = run};
