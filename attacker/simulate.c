/* Tables of recover.h: the attacker applies to posteriors of its own the defense that it knows of, or guesses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attacker/recover.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/supervised.h"
#include "defenses/defense.h"
#include "nn/loss.h"

enum { BATCH = 256, MOST_PAIRS = 100000000 };
static const double LEAST_ALPHA = 0.01; /* of a Dirichlet prior, where the answer is 0 */

/* What an attacker tries that knows nothing: the perturbations of the literature with their defaults, and none. */
static const char *const GUESSES[] = {"none", "reverse-sigmoid", "noise", "mad", "modelguard-w"};

/* ---- sampling ------------------------------------------------------------------------------------------------ */

/* Gamma(a, 1) by Marsaglia and Tsang, A simple method for generating gamma variables, ACM TOMS 2000; a < 1 by Gamma(a + 1) U^(1/a). */
static double gamma_draw(struct rng *r, double a)
{
    if (a < 1) return gamma_draw(r, a + 1) * pow(1 - rng_uniform(r), 1 / a);
    const double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = rng_normal(r), t = 1 + c * x, v = t * t * t;
        if (t > 0 && log(1 - rng_uniform(r)) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

void dirichlet(struct rng *r, const double *alpha, int classes, float *p)
{
    double g[classes], sum = 0;
    for (int k = 0; k < classes; k++) sum += g[k] = gamma_draw(r, alpha[k]);
    for (int k = 0; k < classes; k++) p[k] = (float)(g[k] / sum);
}

/* ---- a defense of the attacker's own --------------------------------------------------------------------------- */

struct simulation {
    struct defense *chain;
    struct defense_env env;
    struct optim optim;
    struct dataset labelled; /* the transfer set's images with the answered classes */
};

/* The images as bytes, as they were in the pool; an attacker's own are rounded to them. */
static void label(struct simulation *s, const struct transfer *t, const struct attack_env *env)
{
    uint8_t *pixels = mem_new((size_t)t->n * t->d, 1);
    int *labels = mem_new((size_t)t->n, sizeof *labels);
    float *x = mem_new(t->d, sizeof *x);
    for (int i = 0; i < t->n; i++) {
        transfer_batch(t, NULL, i, 1, x);
        for (size_t j = 0; j < t->d; j++) pixels[(size_t)i * t->d + j] = (uint8_t)lrintf(x[j] * 255);
        labels[i] = argmax(t->q + (size_t)i * (size_t)t->classes, t->classes);
    }
    mem_free(x);
    s->labelled = (struct dataset){.name = mem_string("the transfer set"), .n = t->n, .shape = blackbox_input(env->target), .classes = t->classes, .pixels = pixels, .labels = labels};
    memcpy(s->labelled.mean, env->pool->mean, sizeof s->labelled.mean);
    memcpy(s->labelled.std, env->pool->std, sizeof s->labelled.std);
    hash_bytes(s->labelled.hash, labels, (size_t)t->n * sizeof *labels);
}

/* The links that answer from a posterior. */
static char *answering(const struct defense *d)
{
    char *text = NULL;
    for (int i = 0; i < d->n; i++) {
        if (d->link[i].ops->fit || d->link[i].ops->replaces) continue;
        char *link = spec_text(&d->link[i].opt), *longer = text ? mem_print("%s+%s", text, link) : mem_string(link);
        mem_free(text);
        mem_free(link);
        text = longer;
    }
    return text ? text : mem_string("none");
}

static int use_chain(struct simulation *s, const char *chain)
{
    struct defense *given = NULL;
    defense_free(s->chain);
    s->chain = NULL;
    int code = defense_parse(&given, chain);
    if (code) return code;
    char *text = answering(given);
    defense_free(given);
    code = defense_parse(&s->chain, text);
    mem_free(text);
    return code ? code : defense_open(s->chain, &s->env);
}

static void simulation_free(struct simulation *s)
{
    defense_free(s->chain);
    mem_free(s->labelled.name);
    mem_free((void *)(uintptr_t)s->labelled.pixels);
    mem_free((void *)(uintptr_t)s->labelled.labels);
}

/* Everything but the chain; `victim` must outlive it. */
static int simulation_set(struct simulation *s, const struct model *victim, int epochs, const struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    *s = (struct simulation){0};
    int code = optim_read(&s->optim, opt);
    if (code) return code;
    s->optim.epochs = epochs;
    label(s, t, env);
    s->env = (struct defense_env){.victim = victim, .train = &s->labelled, .ood = env->pool, .optim = &s->optim, .seed = rng_stream(env->seed, "recover/defense", 0).state, .pool = env->pool};
    return OK;
}

/* How many defenses the attacker tries, and the i-th. ERR_OPTION: it should know one, and was told none. */
static int believed(const struct attack_env *env, const struct spec *opt, int *count)
{
    *count = spec_is(opt, "knowledge", "none") ? (int)(sizeof GUESSES / sizeof *GUESSES) : 1;
    if (*count == 1 && !env->defense) return err_set(ERR_OPTION, "knowledge=%s: nobody told the attacker the defense", spec_string(opt, "knowledge"));
    if (spec_is(opt, "knowledge", "clean") && !env->clean) return err_set(ERR_OPTION, "knowledge=clean: nobody gives the attacker clean answers");
    return OK;
}

static const char *believed_at(const struct attack_env *env, const struct spec *opt, int i)
{
    return spec_is(opt, "knowledge", "none") ? GUESSES[i] : env->defense;
}

/* Rows [from, to) of the table: row r is of image r % t->n of the transfer set. */
static int apply(struct pairs *pairs, int from, int to, struct simulation *s, const struct transfer *t)
{
    const size_t classes = (size_t)t->classes;
    float *x = mem_new(BATCH * t->d, sizeof *x);
    int index[BATCH], code = OK;
    for (int i = from; i < to && !code; i += BATCH) {
        const int n = to - i < BATCH ? to - i : BATCH;
        for (int j = 0; j < n; j++) index[j] = (i + j) % t->n;
        transfer_batch(t, index, 0, n, x);
        code = defense_answer(s->chain, x, pairs->clean + (size_t)i * classes, pairs->shown + (size_t)i * classes, n, t->classes);
    }
    mem_free(x);
    return code;
}

/* p [t->n][K]: a network's posteriors of the transfer set's images. */
static void posteriors(const struct model *m, const struct transfer *t, float *p)
{
    float *x = mem_new(BATCH * t->d, sizeof *x);
    for (int i = 0; i < t->n; i += BATCH) {
        const int n = t->n - i < BATCH ? t->n - i : BATCH;
        transfer_batch(t, NULL, i, n, x);
        model_predict(m, x, n, p + (size_t)i * (size_t)t->classes);
    }
    mem_free(x);
}

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static void draw_prior(struct pairs *pairs, double concentration, const float *around, int n, uint64_t seed)
{
    const int classes = pairs->classes;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < pairs->n; i++) {
        const float *q = around + (size_t)(i % n) * (size_t)classes;
        double alpha[classes];
        for (int k = 0; k < classes; k++) alpha[k] = fmax(concentration * classes * (double)q[k], LEAST_ALPHA);
        struct rng r = rng_stream(seed, "recover/prior", (uint64_t)i);
        dirichlet(&r, alpha, classes, pairs->clean + (size_t)i * (size_t)classes);
    }
}

int pairs_prior(struct pairs **out, int per_answer, double concentration, const struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct simulation s = {0};
    struct model *own = NULL;
    struct pairs *pairs = NULL;
    float *clean = NULL;
    const int64_t rows = (int64_t)per_answer * t->n;
    int count, code = believed(env, opt, &count);
    if (rows > MOST_PAIRS) return err_set(ERR_OPTION, "pairs: %d for each of %d answers, expected at most %d in all", per_answer, t->n, MOST_PAIRS);
    if (code || (code = clone_new(&own, env, env->pool))) return code;
    pairs = pairs_new((int)rows, t->classes);
    if ((code = simulation_set(&s, own, (int)spec_int(opt, "epochs"), t, env, opt))) goto out;
    if (spec_is(opt, "knowledge", "clean")) {
        clean = mem_new((size_t)t->n * (size_t)t->classes, sizeof *clean);
        posteriors(env->clean, t, clean);
    }
    draw_prior(pairs, concentration, clean ? clean : t->q, t->n, env->seed);
    for (int i = 0; i < count && !code; i++) {
        code = use_chain(&s, believed_at(env, opt, i));
        if (!code) code = apply(pairs, (int)(rows * i / count), (int)(rows * (i + 1) / count), &s, t);
    }
out:
    simulation_free(&s);
    model_free(own);
    mem_free(clean);
    if (code) pairs_free(pairs);
    else *out = pairs;
    return code;
}

void pairs_work(struct work *out, const struct spec *opt, int64_t per_answer)
{
    enum { TRIAL = 512 };
    const int64_t n = spec_int(opt, "budget"), few = n < TRIAL ? n : TRIAL;
    const int guesses = sizeof GUESSES / sizeof *GUESSES;
    const double rows = (double)(n * per_answer);
    clone_work(out, opt, n, spec_int(opt, "epochs"));
    if (spec_is(opt, "knowledge", "none")) out->own.forward += rows / guesses; /* mad's surrogate */
    else out->simulated = rows;
    if (spec_is(opt, "knowledge", "clean")) out->own.forward += (double)n;
    out->trials = (double)n / (double)few;
    snprintf(out->trial, sizeof out->trial, "budget=%d:epochs=0", (int)few);
}

/* One shadow: trained on a random half, and its posteriors of every image. */
static int train_shadow(struct model *m, const struct simulation *s, const struct transfer *t, uint64_t seed, float *p)
{
    const int half = (t->n + 1) / 2;
    int *order = mem_new((size_t)t->n, sizeof *order), *labels = mem_new((size_t)half, sizeof *labels);
    uint8_t *pixels = mem_new((size_t)half * t->d, 1);
    struct rng r = rng_stream(seed, "shadow/half", 0);
    rng_permutation(&r, order, t->n);
    for (int i = 0; i < half; i++) {
        memcpy(pixels + (size_t)i * t->d, s->labelled.pixels + (size_t)order[i] * t->d, t->d);
        labels[i] = s->labelled.labels[order[i]];
    }
    struct dataset part = s->labelled;
    part.n = half, part.pixels = pixels, part.labels = labels;
    model_init(m, rng_stream(seed, "shadow/init", 0).state);
    int code = supervised_train(m, &part, &s->optim, NULL, rng_stream(seed, "shadow/order", 0).state, "shadow victim", NULL);
    if (!code) posteriors(m, t, p);
    mem_free(order);
    mem_free(labels);
    mem_free(pixels);
    return code;
}

int pairs_shadow(struct pairs **out, int shadows, int epochs, const struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    struct simulation s = {0};
    struct model *shadow = NULL;
    struct pairs *pairs = NULL;
    int count, code = believed(env, opt, &count);
    if (code || (code = clone_new(&shadow, env, env->pool))) return code;
    if ((code = simulation_set(&s, shadow, epochs, t, env, opt))) goto out;
    pairs = pairs_new(shadows * t->n, t->classes);
    for (int i = 0; i < shadows && !code; i++) {
        code = train_shadow(shadow, &s, t, rng_stream(env->seed, "shadow", (uint64_t)i).state, pairs->clean + (size_t)i * (size_t)t->n * (size_t)t->classes);
        for (int j = 0; j < count && !code; j++) { /* each guess for a part of the images, of every shadow another part */
            const int64_t part = (j + i) % count;
            code = use_chain(&s, believed_at(env, opt, j));
            if (!code) code = apply(pairs, i * t->n + (int)(t->n * part / count), i * t->n + (int)(t->n * (part + 1) / count), &s, t);
        }
    }
out:
    simulation_free(&s);
    model_free(shadow);
    if (code) pairs_free(pairs);
    else *out = pairs;
    return code;
}
