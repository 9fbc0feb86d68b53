#include "experiments/theft.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/supervised.h"

void theft_free(struct theft *t)
{
    blackbox_close(t->box);
    defense_free(t->chain);
    model_free(t->victim);
    model_free(t->clone);
    safetensors_free(t->file);
    dataset_free(t->train);
    dataset_free(t->test);
    dataset_free(t->pool);
    dataset_free(t->ood);
    spec_free(&t->attack);
    curve_free(&t->curve);
    mem_free(t->victim_top);
    mem_free(t->clone_top);
}

static int read_attack(struct theft *t, const struct theft_options *o)
{
    char what[96];
    int code = spec_parse(&t->attack, o->attack);
    if (!code) code = attack_find(&t->ops, t->attack.name);
    if (code) return code;
    snprintf(what, sizeof what, "attack %s", t->ops->name);
    if ((code = spec_resolve(&t->attack, t->ops->options, t->ops->presets, what))) return code;
    return t->ops->needs_pool && !o->pool ? err_set(ERR_OPTION, "--pool must be given: the data set that %s queries with", t->ops->name) : OK;
}

static int read_defense(struct theft *t, const struct theft_options *o)
{
    char *chain = strcmp(o->label, "soft") ? mem_print("%s+%s", o->defense, o->label) : mem_string(o->defense);
    int code = defense_parse(&t->chain, chain);
    mem_free(chain);
    if (!code && defense_fitter(t->chain) && !defense_fitter(t->chain)->ops->answer)
        return err_set(ERR_OPTION, "--defense: '%s' trains the victim: heist train --defense does that, here stands what changes answers", defense_fitter(t->chain)->ops->name);
    return code;
}

int theft_open(struct theft *t, const struct theft_options *o)
{
    const char *dataset = o->dataset;
    int code = read_attack(t, o);
    if (!code) code = read_defense(t, o);
    if (!code) code = checkpoint_read(&t->victim, &t->file, o->victim, NULL);
    if (code) return code;
    if (!dataset) dataset = safetensors_meta(t->file, "dataset");
    if (!dataset) return err_set(ERR_OPTION, "%s does not say its data set, --dataset must be given", o->victim);
    if ((code = dataset_open(&t->train, dataset, "train")) || (code = dataset_open(&t->test, dataset, "test"))) return code;
    if ((code = supervised_fits(t->victim, t->test, 1))) return code;
    if (o->ood && (code = dataset_open(&t->ood, o->ood, "train"))) return code;
    return o->pool ? dataset_open(&t->pool, o->pool, "train") : OK;
}

/* The accuracy of what is released, on an instance of its own where the defense remembers queries. */
static int defended_accuracy(double *accuracy, const struct theft *t, const struct defense_env *env)
{
    struct defense *own = NULL;
    if (!defense_stateful(t->chain)) return evaluate_released(accuracy, t->victim, t->chain, t->test);
    char *text = defense_text(t->chain);
    int code = defense_parse(&own, text);
    if (!code) code = defense_open(own, env);
    if (!code) code = evaluate_released(accuracy, t->victim, own, t->test);
    mem_free(text);
    defense_free(own);
    return code;
}

int theft_commit(struct theft *t, const struct theft_options *o)
{
    struct optim optim = {.batch = 128, .epochs = 10, .lr = 0.1, .momentum = 0.5, .step = 1, .gamma = 1}; /* of helper networks */
    const struct defense_env env = {.victim = t->victim, .train = t->train, .ood = t->ood, .optim = &optim, .seed = o->seed, .pool = t->pool};
    const int n = t->test->n;
    int code = defense_open(t->chain, &env);
    if (!code) code = defended_accuracy(&t->defended, t, &env);
    if (!code) code = blackbox_open(&t->box, t->victim, t->chain, spec_int(&t->attack, "budget"));
    if (code) return code;
    blackbox_tap(t->box, o->tap, o->tap_ctx);
    t->curve.test = t->test;
    struct attack_env attack = {.target = t->box, .pool = t->pool, .seeds = t->ops->needs_seeds ? t->train : NULL,
                                .clone_model = o->clone_model ? o->clone_model : t->victim->arch, .seed = o->seed,
                                .observe = curve_observe, .observer = &t->curve};
    char *chain = defense_text(t->chain);
    attack_tell(&attack, &t->attack, chain, t->victim);
    if (attack.members) blackbox_grant_members(t->box);
    code = t->ops->run(&t->clone, &attack, &t->attack);
    attack_tell_free(&attack);
    mem_free(chain);
    if (code) return code;
    t->victim_top = mem_new((size_t)n, sizeof *t->victim_top);
    t->clone_top = mem_new((size_t)n, sizeof *t->clone_top);
    evaluate_classes(t->victim, t->test, t->victim_top);
    evaluate_classes(t->clone, t->test, t->clone_top);
    return OK;
}
