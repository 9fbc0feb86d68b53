#include "victim/victim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/supervised.h"
#include "nn/engine.h"
#include "nn/safetensors.h"

const struct option victim_options[] = {
    {"dataset", OPTION_TEXT, NULL, 0, 0, 0, "data set the victim is trained and tested on"},
    {"model", OPTION_TEXT, "lenet5", 0, 0, 0, "its architecture"},
    OPTIM_OPTIONS("50", "0.1", "0.5", "0.001", "step", "20"),
    AUGMENT_OPTION("none"),
    OPTION_END};

/* ---- what it depends on ------------------------------------------------------------------------------ */

/* The options of the link that trains the victim which its training reads. */
static char *training_text(const struct defense_link *fit)
{
    struct spec s = {.name = mem_string(fit->opt.name)};
    for (int i = 0; i < fit->opt.n; i++) {
        const char *at = fit->ops->serving ? strstr(fit->ops->serving, fit->opt.key[i]) : NULL;
        const size_t size = strlen(fit->opt.key[i]);
        while (at && ((at > fit->ops->serving && at[-1] != ' ') || (at[size] && at[size] != ' '))) at = strstr(at + 1, fit->opt.key[i]);
        if (!at) spec_set(&s, fit->opt.key[i], fit->opt.value[i]);
    }
    char *text = spec_text(&s);
    spec_free(&s);
    return text;
}

static void make_key(char key[HASH_TEXT], const struct spec *opt, const struct dataset *train, const struct defense_link *fit,
                     const struct dataset *ood, uint64_t seed, uint64_t defense_seed)
{
    char *options = spec_text(opt), *defense = fit ? training_text(fit) : mem_string("plain");
    char *text = mem_print("%s|%s|%s %s|%s|%s|%llu|%llu", ENGINE, options, train->name, train->hash, defense, fit && ood ? ood->hash : "",
                           (unsigned long long)seed, fit ? (unsigned long long)defense_seed : 0);
    hash_bytes(key, text, strlen(text));
    mem_free(options);
    mem_free(defense);
    mem_free(text);
}

/* ---- the cache ----------------------------------------------------------------------------------------- */

static char *cache_path(const char *cache, const char *key)
{
    return mem_print("%s/victim-%.24s.safetensors", cache, key);
}

char *victim_path(const struct spec *opt, const struct dataset *train, const struct defense *defense, const struct dataset *ood, uint64_t seed,
                  uint64_t defense_seed, const char *cache)
{
    char key[HASH_TEXT];
    make_key(key, opt, train, defense_fitter(defense), ood, seed, defense_seed);
    return cache_path(cache, key);
}

static int from_cache(struct victim *v, const char *path, const char *arch)
{
    struct safetensors *f = NULL;
    int code = checkpoint_read(&v->model, &f, path, arch);
    if (code) return code;
    const char *key = safetensors_meta(f, "key"), *train = safetensors_meta(f, "train_s"), *fit = safetensors_meta(f, "fit_s");
    if (!key || strcmp(key, v->key) || !train || !fit) code = err_set(ERR_FORMAT, "%s: not the victim %.24s", path, v->key);
    else {
        v->train_s = strtod(train, NULL);
        v->fit_s = strtod(fit, NULL);
    }
    safetensors_free(f);
    return code;
}

static int to_cache(const struct victim *v, const struct spec *opt, const struct dataset *train, const struct defense_link *fit,
                    uint64_t seed, const char *cache, const char *path)
{
    char *options = spec_text(opt), *defense = fit ? spec_text(&fit->opt) : mem_string("");
    char *train_s = mem_print("%.3f", v->train_s), *fit_s = mem_print("%.3f", v->fit_s), *seeds = mem_print("%llu", (unsigned long long)seed);
    const char *key[] = {"key", "training", "defense", "dataset", "dataset_sha256", "seed", "train_s", "fit_s"};
    const char *value[] = {v->key, options, defense, train->name, train->hash, seeds, train_s, fit_s};
    int code = file_folder(cache);
    if (!code) code = checkpoint_write(path, v->model, 8, key, value);
    mem_free(options);
    mem_free(defense);
    mem_free(train_s);
    mem_free(fit_s);
    mem_free(seeds);
    return code;
}

/* ---- training ------------------------------------------------------------------------------------------ */

int victim_training(struct optim *optim, struct augment *augment, const struct spec *opt)
{
    int code = optim_read(optim, opt);
    return code ? code : augment_read(augment, spec_string(opt, "augment"));
}

static int train_victim(struct victim *v, const struct spec *opt, const struct dataset *train, const struct defense_link *fit,
                        const struct dataset *ood, uint64_t seed, uint64_t defense_seed, const char *cache, const struct train_watch *watch)
{
    struct optim optim;
    struct augment augment;
    int code = victim_training(&optim, &augment, opt);
    if (code) return code;
    if ((code = model_new(&v->model, spec_string(opt, "model"), train->shape, train->classes))) return code;
    model_normalise(v->model, train->mean, train->std);
    model_init(v->model, rng_stream(seed, "victim/init", 0).state);
    const uint64_t order = rng_stream(seed, "victim/order", 0).state;
    const double start = clock_s();
    if (!fit) {
        code = supervised_train(v->model, train, &optim, &augment, order, "victim", watch);
        v->train_s = clock_s() - start;
        return code;
    }
    const struct defense_env env = {.victim = v->model, .train = train, .ood = ood, .optim = &optim, .augment = &augment, .seed = defense_seed, .cache = cache};
    code = fit->ops->fit(v->model, &env, &fit->opt);
    v->fit_s = clock_s() - start;
    return code ? err_prefix(code, "defense %s", fit->ops->name) : OK;
}

int victim_get(struct victim **out, const struct spec *opt, const struct dataset *train, const struct defense *defense,
               const struct dataset *ood, uint64_t seed, uint64_t defense_seed, const char *cache)
{
    struct victim *v = mem_new(1, sizeof *v);
    const struct defense_link *fit = defense_fitter(defense);
    char *path = NULL;
    int lock = -1;
    int code = fit && fit->ops->needs_ood && !ood
                   ? err_set(ERR_OPTION, "defense %s: no OOD set is given, expected one (ood = strokes)", fit->ops->name) : OK;
    if (code) goto out;
    make_key(v->key, opt, train, fit, ood, seed, defense_seed);
    path = cache ? cache_path(cache, v->key) : NULL;
    if (path && !file_exists(path)) { /* who comes second waits, and finds it there */
        code = file_folder(cache);
        char *wait = mem_print("%s.lock", path);
        if (!code) code = file_lock_wait(&lock, wait);
        mem_free(wait);
        if (code) goto out;
    }
    if (path && file_exists(path)) {
        if (from_cache(v, path, spec_string(opt, "model")) == OK) goto out;
        progress_say("%s; training it anew", err_text());
        model_free(v->model);
        v->model = NULL;
    }
    code = train_victim(v, opt, train, fit, ood, seed, defense_seed, cache, NULL);
    if (!code && path) code = to_cache(v, opt, train, fit, seed, cache, path);
out:
    file_unlock(lock);
    mem_free(path);
    if (code) victim_free(v);
    else *out = v;
    return code;
}

int victim_train(struct victim **out, const struct spec *opt, const struct dataset *train, uint64_t seed, const struct train_watch *watch)
{
    struct victim *v = mem_new(1, sizeof *v);
    const int code = train_victim(v, opt, train, NULL, NULL, seed, 0, NULL, watch);
    if (code) victim_free(v);
    else *out = v;
    return code;
}

void victim_free(struct victim *v)
{
    if (!v) return;
    model_free(v->model);
    mem_free(v);
}
