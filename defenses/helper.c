#include "defenses/helper.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/supervised.h"
#include "nn/safetensors.h"

/* Raised when a change makes the same options give other weights. */
static const char VERSION[] = "helper 1";

struct model *helper_model(const struct defense_env *env, const char *name)
{
    struct model *m = model_copy(env->victim);
    model_init(m, rng_stream(env->seed, name, 0).state);
    return m;
}

struct helper *helper_new(struct model *m, int flags)
{
    struct helper *h = mem_new(1, sizeof *h);
    h->m = m;
    h->tape = tape_new(m, HELPER_BATCH, flags);
    return h;
}

void helper_free(struct helper *h)
{
    if (!h) return;
    tape_free(h->tape);
    model_free(h->m);
    mem_free(h);
}

const float *helper_forward(struct helper *h, const float *x, int n)
{
    h->forwards += n;
    return model_forward(h->m, h->tape, x, n);
}

void helper_backward(struct helper *h, int n, const float *dlogits, float *dparams)
{
    h->backwards += n;
    model_backward(h->m, h->tape, dlogits, dparams, NULL);
}

void helper_tangent(struct helper *h, int n, const float *vparams, float *vlogits)
{
    h->tangents += n;
    model_tangent(h->m, h->tape, vparams, NULL, vlogits);
}

void helper_cost(const struct helper *h, struct defense_cost *out)
{
    out->forwards += h->forwards;
    out->backwards += h->backwards;
    out->tangents += h->tangents;
    out->params += h->m->params;
}

/* ---- training once -------------------------------------------------------------------------------- */

static void hash_model(char out[HASH_TEXT], const struct model *m)
{
    char w[HASH_TEXT], stat[HASH_TEXT];
    hash_bytes(w, m->w, m->params * sizeof *m->w);
    hash_bytes(stat, m->stat, m->stats * sizeof *m->stat);
    char *text = mem_print("%s %d %s %s", m->arch, m->classes, w, stat);
    hash_bytes(out, text, strlen(text));
    mem_free(text);
}

static void make_key(char key[HASH_TEXT], struct model *const *m, int n, const struct defense_env *env, const struct optim *o, const char *depends)
{
    char hash[HASH_TEXT];
    hash_model(hash, env->victim);
    char *text = mem_print("%s|%s|%s|%s|%s|%d %d %.9g %.9g %.9g %d %d %.9g %.9g %.9g|%llu", VERSION, depends, hash, env->train ? env->train->hash : "",
                           env->ood ? env->ood->hash : "", o->epochs, o->batch, o->lr, o->momentum, o->weight_decay,
                           o->nesterov, (int)o->schedule, o->step, o->gamma, o->clip, (unsigned long long)env->seed);
    if (env->augment && augment_any(env->augment)) {
        const struct augment *a = env->augment;
        char *longer = mem_print("%s|%d %d %.9g %.9g %.9g %.9g %.9g", text, a->crop, a->flip, a->rotate, a->translate, a->scale, a->shear, a->jitter);
        mem_free(text);
        text = longer;
    }
    for (int i = 0; i < o->milestones; i++) {
        char *longer = mem_print("%s %.9g", text, o->milestone[i]);
        mem_free(text);
        text = longer;
    }
    for (int i = 0; i < n; i++) {
        hash_model(hash, m[i]);
        char *longer = mem_print("%s|%s", text, hash);
        mem_free(text);
        text = longer;
    }
    hash_bytes(key, text, strlen(text));
    mem_free(text);
}

static char *path_of(const char *cache, const char *key, int i)
{
    return mem_print("%s/helper-%.24s-%d.safetensors", cache, key, i);
}

/* 1: all are there and read. */
static int from_cache(struct model **m, int n, const char *cache, const char *key)
{
    int found = 0;
    for (int i = 0; i < n && found == i; i++) {
        struct model *kept = NULL;
        char *path = path_of(cache, key, i);
        if (file_exists(path) && checkpoint_read(&kept, NULL, path, m[i]->arch) == OK && kept->params == m[i]->params && kept->stats == m[i]->stats) {
            memcpy(m[i]->w, kept->w, kept->params * sizeof *kept->w);
            memcpy(m[i]->stat, kept->stat, kept->stats * sizeof *kept->stat);
            found++;
        }
        model_free(kept);
        mem_free(path);
    }
    return found == n;
}

static int to_cache(struct model *const *m, int n, const char *cache, const char *key)
{
    int code = file_folder(cache);
    for (int i = 0; i < n && !code; i++) {
        char *path = path_of(cache, key, i);
        code = checkpoint_write(path, m[i], 0, NULL, NULL);
        mem_free(path);
    }
    return code;
}

int helper_train(struct model **m, int n, const struct defense_env *env, const struct optim *o, const char *depends, int (*train)(void *ctx), void *ctx)
{
    char key[HASH_TEXT];
    if (!env->cache) return train(ctx);
    make_key(key, m, n, env, o, depends);
    if (from_cache(m, n, env->cache, key)) return OK;
    char *wait = mem_print("%s/helper-%.24s.lock", env->cache, key);
    int lock = -1, code = file_folder(env->cache);
    if (!code) code = file_lock_wait(&lock, wait);
    mem_free(wait);
    if (code) return code;
    if (!from_cache(m, n, env->cache, key)) { /* who comes second has waited, and finds it there */
        code = train(ctx);
        if (!code) code = to_cache(m, n, env->cache, key);
    }
    file_unlock(lock);
    return code;
}

/* What helper_supervised hands to helper_train. */
struct supervised {
    struct model *m;
    const struct dataset *d;
    const struct optim *o;
    uint64_t seed;
    const char *name;
};

static int train_supervised(void *ctx)
{
    const struct supervised *s = ctx;
    return supervised_train(s->m, s->d, s->o, NULL, s->seed, s->name, NULL);
}

int helper_supervised(struct model *m, const struct dataset *d, const struct defense_env *env, const struct optim *o, const char *name)
{
    struct supervised s = {m, d, o, rng_stream(env->seed, name, 1).state, name};
    char *depends = mem_print("%s on %s", name, d->hash);
    int code = helper_train(&m, 1, env, o, depends, train_supervised, &s);
    mem_free(depends);
    return code;
}
