/* Attacks that recover the clean posteriors from perturbed answers before the clone learns them (attacker/recover.h). Images and
 * queries are those of knockoff with the same seed.
 *
 *     pbayes    the mean of what the answer can have been, by a table of priors around the answers
 *     dae       a network that reads the same table backwards (D-DAE+)
 *     shadow    that network, on the answers of shadow victims which the attacker trains and defends itself (D-DAE) */
#include <math.h>
#include <string.h>

#include "attacker/recover.h"
#include "base/err.h"

#define RECOVER_OPTIONS {"budget", OPTION_INT, "50000", 1, 1e9, 0, "queries"}, KNOWLEDGE_OPTION
#define PRIOR_OPTIONS                                                                                                         \
    {"pairs", OPTION_INT, "20", 1, 10000, 0, "pairs of clean and perturbed posteriors that are simulated, an answer"},           \
    {"concentration", OPTION_REAL, "8", 1e-3, 1e6, 0, "of the Dirichlet prior around an answer, a class"}
#define NETWORK_OPTIONS                                                                                                       \
    {"denoiser_epochs", OPTION_INT, "20", 1, 100000, 0, "epochs of the network that recovers posteriors"},                    \
    {"denoiser_lr", OPTION_REAL, "0.01", 0, 1000, 0, "its learning rate; a tenth after half of them"},                        \
    {"denoiser_batch", OPTION_INT, "1024", 1, 65536, 0, "its pairs a step"}
#define TRAINING CLONE_OPTIONS("50", "0.1", "0.9", "0.0005", "cosine", "60"), OPTION_END

static const struct option options[] = {RECOVER_OPTIONS, PRIOR_OPTIONS,
    {"tolerance", OPTION_REAL, "0.01", 0, 2, 0, "L1 within which a pair fits an answer"}, TRAINING};
static const struct option dae_options[] = {RECOVER_OPTIONS, PRIOR_OPTIONS, NETWORK_OPTIONS, TRAINING};
static const struct option shadow_options[] = {RECOVER_OPTIONS,
    {"shadows", OPTION_INT, "3", 1, 1000, 0, "shadow victims"},
    {"shadow_epochs", OPTION_INT, "5", 0, 100000, 0, "epochs of each, on half of the answers"}, NETWORK_OPTIONS, TRAINING};

#define MG "epochs=30:lr=0.1:momentum=0.5:weight_decay=0:schedule=step:step=10:decay=0.5:batch=128"
static const struct preset presets[] = {{"mg", "knowledge=clean:" MG, "ModelGuard's evaluation, an oracle: it is told the clean answers"}, PRESET_END};
static const struct preset dae_presets[] = {{"mg", "knowledge=clean:denoiser_epochs=200:" MG, "ModelGuard's evaluation of D-DAE+, an oracle"}, PRESET_END};
static const struct preset shadow_presets[] = {{"mg", "knowledge=parameters:shadows=20:denoiser_epochs=200:" MG, "ModelGuard's evaluation of D-DAE"}, PRESET_END};

static void work_dae(struct work *out, const struct spec *opt, int pool, int classes)
{
    (void)pool, (void)classes;
    pairs_work(out, opt, spec_int(opt, "pairs"));
}

static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    work_dae(out, opt, pool, classes);
    out->trials = pow(out->trials, 1.5); /* it searches among more pairs: 1.4 measured up to 20,000 clean answers, more for perturbed ones */
}

static void work_shadow(struct work *out, const struct spec *opt, int pool, int classes)
{
    const double images = (double)(spec_int(opt, "budget") * spec_int(opt, "shadows"));
    (void)pool, (void)classes;
    pairs_work(out, opt, spec_int(opt, "shadows"));
    out->own.train += images / 2 * spec_real(opt, "shadow_epochs");
    out->own.forward += images;
}

static int ask_bayes(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct pairs *pairs = NULL;
    int code = transfer_query(t, env->target, 0, t->n);
    if (!code) code = pairs_prior(&pairs, (int)spec_int(opt, "pairs"), spec_real(opt, "concentration"), t, env, opt);
    if (!code) pairs_bayes(pairs, t->q, t->n, spec_real(opt, "tolerance"), t->q);
    pairs_free(pairs);
    return code;
}

static int read_network(struct transfer *t, const struct pairs *pairs, const struct attack_env *env, const struct spec *opt)
{
    const int epochs = (int)spec_int(opt, "denoiser_epochs");
    const struct optim o = {.epochs = epochs, .batch = (int)spec_int(opt, "denoiser_batch"), .lr = spec_real(opt, "denoiser_lr"), .momentum = 0.9, .weight_decay = 1e-4,
                            .schedule = SCHEDULE_STEP, .step = epochs > 1 ? epochs / 2 : 1, .gamma = 0.1};
    return pairs_network(pairs, &o, env->seed, t->q, t->n, t->q);
}

static int ask_dae(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct pairs *pairs = NULL;
    int code = transfer_query(t, env->target, 0, t->n);
    if (!code) code = pairs_prior(&pairs, (int)spec_int(opt, "pairs"), spec_real(opt, "concentration"), t, env, opt);
    if (!code) code = read_network(t, pairs, env, opt);
    pairs_free(pairs);
    return code;
}

static int ask_shadow(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct pairs *pairs = NULL;
    int code = transfer_query(t, env->target, 0, t->n);
    if (!code) code = pairs_shadow(&pairs, (int)spec_int(opt, "shadows"), (int)spec_int(opt, "shadow_epochs"), t, env, opt);
    if (!code) code = read_network(t, pairs, env, opt);
    pairs_free(pairs);
    return code;
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask_bayes);
}

static int run_dae(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask_dae);
}

static int run_shadow(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    return clone_from_pool(clone, env, opt, (int)spec_int(opt, "budget"), ask_shadow);
}

static const char d_dae[] = "Chen et al., D-DAE: Defense-Penetrating Model Extraction Attacks, IEEE S&P 2023";

extern const struct attack_ops attack_pbayes, attack_dae, attack_shadow;
const struct attack_ops attack_pbayes = {.name = "pbayes", .about = "knockoff that recovers the clean posteriors: the mean of what an answer can have been",
    .paper = "Tang et al., ModelGuard: Information-Theoretic Defense Against Model Extraction Attacks, USENIX Security 2024 (pBayes)",
    .options = options, .presets = presets, .needs_pool = 1, .work = work, .run = run};
const struct attack_ops attack_dae = {.name = "dae", .about = "knockoff that recovers the clean posteriors by a network trained on simulated answers (D-DAE+)",
    .paper = d_dae, .options = dae_options, .presets = dae_presets, .needs_pool = 1, .work = work_dae, .run = run_dae};
const struct attack_ops attack_shadow = {.name = "shadow", .about = "knockoff that recovers the clean posteriors by shadow victims which it defends itself (D-DAE)",
    .paper = d_dae, .options = shadow_options, .presets = shadow_presets, .needs_pool = 1, .work = work_shadow, .run = run_shadow};
