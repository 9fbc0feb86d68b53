/* The network is trained on other data than the victim, so that a bucket's border is not where the victim's answer changes: on
 * the defender's outliers, where they have labels (published). Where they have none, it learns clusters of the victim's images:
 * clusters of synthetic outliers send all digits to one member. That it is often right does not matter; that near images fall
 * into one bucket, and images at large into many, does. */
#include "defenses/edm_hash.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "defenses/helper.h"
#include "nn/loss.h"

enum { ROUNDS = 10 }; /* of k-means */

int edm_member(const float *p, int m_classes, int m, int members)
{
    const int top = argmax(p, m_classes);
    const double part = ((double)m_classes * (double)p[top] - 1) * m / (m_classes - 1);
    return (m * top + (part > 0 ? (int)floor(part) : 0)) % members;
}

/* ---- clusters ---------------------------------------------------------------------------------------- */

static int nearest(const uint8_t *x, const float *centre, int k, size_t size)
{
    int at = 0;
    float least = INFINITY;
    for (int c = 0; c < k; c++) {
        float far = 0;
        for (size_t j = 0; j < size; j++) {
            const float gap = (float)x[j] - centre[(size_t)c * size + j];
            far += gap * gap;
        }
        if (far < least) least = far, at = c;
    }
    return at;
}

/* The means of the images of each label; a centre without images stays where it is. */
static void move_centres(float *centre, const struct dataset *d, const int *index, const int *label, int n, int k, double *sum)
{
    const size_t size = shape_size(d->shape);
    for (int c = 0; c < k; c++) {
        int own = 0;
        memset(sum, 0, size * sizeof *sum);
        for (int i = 0; i < n; i++) {
            if (label[i] != c) continue;
            for (size_t j = 0; j < size; j++) sum[j] += d->pixels[(size_t)index[i] * size + j];
            own++;
        }
        for (size_t j = 0; own && j < size; j++) centre[(size_t)c * size + j] = (float)(sum[j] / own);
    }
}

void edm_clusters(int *label, const struct dataset *d, const int *index, int n, int k, uint64_t seed)
{
    const size_t size = shape_size(d->shape);
    float *centre = mem_new((size_t)k * size, sizeof *centre);
    double *sum = mem_new(size, sizeof *sum);
    int *order = mem_new((size_t)n, sizeof *order);
    struct rng r = rng_stream(seed, "edm/clusters", 0);
    rng_permutation(&r, order, n);
    for (int c = 0; c < k; c++)
        for (size_t j = 0; j < size; j++) centre[(size_t)c * size + j] = d->pixels[(size_t)index[order[c]] * size + j];
    for (int round = 0; round < ROUNDS; round++) {
        if (round) move_centres(centre, d, index, label, n, k, sum);
#pragma omp parallel for schedule(static)
        for (int i = 0; i < n; i++) label[i] = nearest(d->pixels + (size_t)index[i] * size, centre, k, size);
    }
    mem_free(centre);
    mem_free(sum);
    mem_free(order);
}

/* ---- what it learns ------------------------------------------------------------------------------------ */

/* Some images of d, drawn by the seed, with its labels or (`clusters`) with those of k-means. lesson_free frees. */
static struct dataset *lesson_new(const struct dataset *d, int clusters, int most, uint64_t seed)
{
    const size_t size = shape_size(d->shape);
    const int n = d->n < most ? d->n : most, k = n < EDM_CLUSTERS ? n : EDM_CLUSTERS;
    struct dataset *s = mem_new(1, sizeof *s);
    int *order = mem_new((size_t)d->n, sizeof *order), *label = mem_new((size_t)n, sizeof *label);
    uint8_t *pixels = mem_new((size_t)n, size);
    struct rng r = rng_stream(seed, "edm/lesson", 0);
    rng_permutation(&r, order, d->n);
    for (int i = 0; i < n; i++) memcpy(pixels + (size_t)i * size, d->pixels + (size_t)order[i] * size, size);
    for (int i = 0; !clusters && i < n; i++) label[i] = d->labels[order[i]];
    if (clusters) edm_clusters(label, d, order, n, k, seed);
    *s = (struct dataset){.name = mem_string(d->name), .n = n, .shape = d->shape, .classes = clusters ? k : d->classes, .pixels = pixels, .labels = label};
    memcpy(s->mean, d->mean, sizeof s->mean);
    memcpy(s->std, d->std, sizeof s->std);
    char *text = mem_print("edm lesson of %s: %d %d, %llu", d->hash, clusters, n, (unsigned long long)seed);
    hash_bytes(s->hash, text, strlen(text));
    mem_free(text);
    mem_free(order);
    return s;
}

static void lesson_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
    mem_free(d);
}

/* A network without parameters of its own yet; `classes` as the lesson has. */
static int network(struct model **out, const struct model *victim, const char *name, int classes)
{
    if (strcmp(name, "victim")) return model_new(out, name, victim->input, classes);
    if (classes != victim->classes) return model_new(out, victim->arch, victim->input, classes);
    *out = model_copy(victim); /* which may be of no named architecture */
    return OK;
}

static int learns_outliers(const struct defense_env *env, const struct spec *opt)
{
    return spec_is(opt, "hash_data", "ood") || (spec_is(opt, "hash_data", "auto") && env->ood && env->ood->labels);
}

void edm_hash_work(struct work *out, const struct spec *opt, const struct defense_env *env)
{
    const double most = learns_outliers(env, opt) && env->ood ? env->ood->n : env->train->n;
    struct passes *p = spec_is(opt, "hash_model", "victim") ? &out->own : &out->other;
    out->model = spec_string(opt, "hash_model");
    p->train += fmin(most, spec_real(opt, "hash_images")) * spec_real(opt, "hash_epochs");
}

int edm_hash_new(struct model **out, const struct defense_env *env, const struct spec *opt)
{
    const int outliers = learns_outliers(env, opt);
    const struct dataset *d = outliers ? env->ood : env->train;
    struct optim o = *env->optim;
    o.epochs = (int)spec_int(opt, "hash_epochs");
    if (!d->labels) return err_set(ERR_OPTION, "option 'hash_data': found ood, but %s has no labels", d->name);
    struct dataset *lesson = lesson_new(d, !outliers && !spec_is(opt, "hash_data", "train"), (int)spec_int(opt, "hash_images"), env->seed);
    int code = lesson->classes < 2 ? err_set(ERR_OPTION, "option 'hash_data': %s has %d classes, expected 2 or more", d->name, lesson->classes)
                                   : network(out, env->victim, spec_string(opt, "hash_model"), lesson->classes);
    if (code) err_prefix(code, "the hash network");
    else {
        model_normalise(*out, lesson->mean, lesson->std);
        model_init(*out, rng_stream(env->seed, "edm/hash", 0).state);
        /* kept for whatever victim, members and outliers it will serve: it depends on none of them */
        const struct defense_env alone = {.victim = *out, .optim = env->optim, .seed = env->seed, .cache = env->cache};
        code = helper_supervised(*out, lesson, &alone, &o, "hash (edm)");
        if (code) model_free(*out), *out = NULL;
    }
    lesson_free(lesson);
    return code;
}
