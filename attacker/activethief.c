/* ActiveThief: asks for a few random images of a pool, and in each round for those that the clone so far would learn most from.
 *
 * Every round trains a new clone on all that was asked. `uncertainty`: the clone's posterior of highest entropy; `kcenter`:
 * farthest from all that was asked, the pool by the clone's posteriors and what was asked by the victim's answers (the paper) or
 * the clone's posteriors; `dfal`: nearest to a decision boundary by DeepFool; `dfal-kcenter`: k-center among the nearest. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attacker/clone.h"
#include "attacker/deepfool.h"
#include "attacker/kcenter.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "nn/loss.h"

enum { BATCH = 256 };
static const double STEPS = 2.7; /* of DeepFool until an image crosses, 2 to 4 with LeNet-5 by the defense: for the estimate of its time */

static const struct option options[] = {
    {"budget", OPTION_INT, "20000", 1, 1e9, 0, "queries"},
    {"strategy", OPTION_CHOICE, "dfal-kcenter", 0, 0, "random uncertainty kcenter dfal dfal-kcenter", "what a round asks"},
    {"rounds", OPTION_INT, "10", 1, 1000, 0, "rounds after the first, random one"},
    {"start", OPTION_REAL, "0.1", 0, 1, 0, "part of the budget that is asked at random first"},
    {"centres", OPTION_CHOICE, "answers", 0, 0, "answers clone", "kcenter: what was asked stands where the victim or the clone puts it"},
    {"prefilter", OPTION_REAL, "2", 1, 1000, 0, "dfal-kcenter: of how many times as many nearest images"},
    {"candidates", OPTION_INT, "10000", 1, 1e9, 0, "dfal, dfal-kcenter: images of the pool that a round looks at, at random"},
    {"boundaries", OPTION_INT, "10", 2, 1000, 0, "dfal, dfal-kcenter: most likely classes whose boundaries are tried"},
    {"steps", OPTION_INT, "10", 1, 1000, 0, "dfal, dfal-kcenter: steps of DeepFool"},
    CLONE_OPTIONS("20", "0.1", "0.9", "0.0005", "cosine", "60"), OPTION_END};

struct state {
    const struct attack_env *env;
    const struct spec *opt;
    struct clone_options train;
    struct model *clone;
    struct transfer *t; /* room for the budget; n grows */
    int *open, opens;   /* places in the pool that were not asked, in a random order */
    int epoch;
};

/* ---- what the clone says of images of the pool ----------------------------------------------------------- */

/* Posteriors p [n][K] of the images index[0..n). */
static void posteriors(const struct state *s, const int *index, int n, float *p)
{
    float *x = mem_new(BATCH * s->t->d, sizeof *x);
    for (int i = 0; i < n; i += BATCH) {
        const int rows = n - i < BATCH ? n - i : BATCH;
        dataset_batch(s->env->pool, index + i, 0, rows, x);
        model_predict(s->clone, x, rows, p + (size_t)i * (size_t)s->t->classes);
    }
    mem_free(x);
}

static double entropy(const float *p, int classes)
{
    double h = 0;
    for (int k = 0; k < classes; k++) h -= p[k] > 0 ? (double)p[k] * log((double)p[k]) : 0;
    return h;
}

/* ---- strategies: each moves what it chose, k images, to the end of `open` ---------------------------------- */

struct scored {
    double score;
    int place; /* in `open` */
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Moves open[place[0..k)] to the end, in that order. */
static void move_to_end(struct state *s, const int *place, int k)
{
    char *chosen = mem_new((size_t)s->opens, 1);
    int *moved = mem_new((size_t)k + 1, sizeof *moved), at = 0;
    for (int i = 0; i < k; i++) {
        moved[i] = s->open[place[i]];
        chosen[place[i]] = 1;
    }
    for (int i = 0; i < s->opens; i++)
        if (!chosen[i]) s->open[at++] = s->open[i];
    memcpy(s->open + at, moved, (size_t)k * sizeof *moved);
    mem_free(chosen);
    mem_free(moved);
}

static void best(struct scored *score, int n, int k, int *place)
{
    qsort(score, (size_t)n, sizeof *score, by_score);
    for (int i = 0; i < k; i++) place[i] = score[i].place;
}

static void by_uncertainty(struct state *s, int k, int *place)
{
    const int classes = s->t->classes;
    float *p = mem_new((size_t)s->opens * (size_t)classes, sizeof *p);
    struct scored *score = mem_new((size_t)s->opens, sizeof *score);
    posteriors(s, s->open, s->opens, p);
    for (int i = 0; i < s->opens; i++) score[i] = (struct scored){entropy(p + (size_t)i * (size_t)classes, classes), i};
    best(score, s->opens, k, place);
    mem_free(p);
    mem_free(score);
}

/* k of the n images open[among[.]], by k-center from what was asked. */
static void by_kcenter(struct state *s, const int *among, int n, int k, int *place)
{
    const size_t classes = (size_t)s->t->classes;
    float *p = mem_new((size_t)n * classes, sizeof *p), *asked = NULL;
    int *index = mem_new((size_t)n, sizeof *index);
    for (int i = 0; i < n; i++) index[i] = s->open[among[i]];
    posteriors(s, index, n, p);
    if (spec_is(s->opt, "centres", "clone")) {
        asked = mem_new((size_t)s->t->n * classes, sizeof *asked);
        posteriors(s, s->t->index, s->t->n, asked);
    }
    kcenter(p, n, (int)classes, asked ? asked : s->t->q, s->t->n, k, place);
    for (int i = 0; i < k; i++) place[i] = among[place[i]];
    mem_free(p);
    mem_free(asked);
    mem_free(index);
}

/* The k nearest to a boundary, of the first `candidates` (`open` is in a random order). */
static void by_deepfool(struct state *s, int k, int *place)
{
    const int most = (int)spec_int(s->opt, "candidates"), n = most > k ? (most < s->opens ? most : s->opens) : k;
    float *x = mem_new(BATCH * s->t->d, sizeof *x), *far = mem_new(BATCH, sizeof *far);
    struct scored *score = mem_new((size_t)n, sizeof *score);
    for (int i = 0; i < n; i += BATCH) {
        const int rows = n - i < BATCH ? n - i : BATCH;
        dataset_batch(s->env->pool, s->open + i, 0, rows, x);
        deepfool(s->clone, x, rows, (int)spec_int(s->opt, "boundaries"), (int)spec_int(s->opt, "steps"), 0.02, far);
        for (int j = 0; j < rows; j++) score[i + j] = (struct scored){-(double)far[j], i + j};
    }
    best(score, n, k, place);
    mem_free(x);
    mem_free(far);
    mem_free(score);
}

static void choose(struct state *s, int k)
{
    const double wide = ceil(k * spec_real(s->opt, "prefilter"));
    const int near = wide < s->opens ? (int)wide : s->opens;
    int *place = mem_new((size_t)s->opens, sizeof *place), *among = mem_new((size_t)s->opens, sizeof *among);
    for (int i = 0; i < s->opens; i++) among[i] = i;
    if (spec_is(s->opt, "strategy", "uncertainty")) by_uncertainty(s, k, place);
    else if (spec_is(s->opt, "strategy", "kcenter")) by_kcenter(s, among, s->opens, k, place);
    else if (spec_is(s->opt, "strategy", "dfal")) by_deepfool(s, k, place);
    else if (spec_is(s->opt, "strategy", "dfal-kcenter")) {
        by_deepfool(s, near, among);
        by_kcenter(s, among, near, k, place);
    } else memcpy(place, among, (size_t)k * sizeof *place);
    move_to_end(s, place, k);
    mem_free(place);
    mem_free(among);
}

/* ---- rounds ---------------------------------------------------------------------------------------------- */

static int ask(struct state *s, int k)
{
    const int from = s->t->n;
    memcpy(s->t->index + from, s->open + s->opens - k, (size_t)k * sizeof *s->open);
    s->opens -= k;
    s->t->n += k;
    return transfer_query(s->t, s->env->target, from, from + k);
}

static int train_anew(struct state *s, int part)
{
    model_free(s->clone);
    int code = clone_new(&s->clone, s->env, s->env->pool);
    if (!code) code = clone_train(s->clone, s->env, s->t, &s->train, s->epoch, part);
    s->epoch += s->train.optim.epochs;
    return code;
}

/* Images that are asked after `asked` ones. */
static int share(const struct spec *opt, int round, int asked)
{
    const int budget = (int)spec_int(opt, "budget"), n = (int)spec_int(opt, "rounds"), left = budget - asked;
    const int start = (int)floor(budget * spec_real(opt, "start")), first = start < 1 ? 1 : start;
    if (!asked) return first;
    const int k = round < n ? (budget - first) / n : left;
    return k < 1 ? 1 : k < left ? k : left;
}

static int rounds(struct state *s)
{
    int code = ask(s, share(s->opt, 0, 0));
    for (int round = 1; !code; round++) {
        if ((code = train_anew(s, round - 1)) || s->t->n == (int)spec_int(s->opt, "budget")) return code;
        const int k = share(s->opt, round, s->t->n);
        choose(s, k);
        code = ask(s, k);
    }
    return code;
}

/* What choosing k of `open` images costs. */
static void work_of_choice(struct work *out, const struct spec *opt, int open, int asked, int k, int classes)
{
    const int kcenter = spec_is(opt, "strategy", "kcenter"), deepfool = spec_is(opt, "strategy", "dfal") || spec_is(opt, "strategy", "dfal-kcenter");
    double among = kcenter || spec_is(opt, "strategy", "uncertainty") ? open : 0;
    if (deepfool) {
        const double looked = fmin(open, fmax(spec_real(opt, "candidates"), k)), steps = fmin(STEPS, spec_real(opt, "steps"));
        out->own.forward += looked * 2 * steps;
        out->own.slope += looked * steps * fmin(spec_real(opt, "boundaries"), classes);
    }
    if (spec_is(opt, "strategy", "dfal-kcenter")) among = fmin(open, k * spec_real(opt, "prefilter"));
    out->own.forward += among;
    if (!kcenter && !spec_is(opt, "strategy", "dfal-kcenter")) return;
    if (spec_is(opt, "centres", "clone")) out->own.forward += asked;
    out->distances += among * (asked + k);
}

static void work(struct work *out, const struct spec *opt, int pool, int classes)
{
    const int budget = (int)spec_int(opt, "budget");
    for (int round = 1, asked = share(opt, 0, 0);; round++) {
        clone_work(out, opt, asked, spec_int(opt, "epochs"));
        if (asked == budget) return;
        const int k = share(opt, round, asked);
        work_of_choice(out, opt, pool - asked, asked, k, classes);
        asked += k;
    }
}

static int run(struct model **clone, const struct attack_env *env, const struct spec *opt)
{
    const int budget = (int)spec_int(opt, "budget");
    struct state s = {.env = env, .opt = opt};
    int code = clone_options_read(&s.train, opt);
    *clone = NULL;
    if (code) return code;
    if (env->pool->n < budget)
        return err_set(ERR_SHAPE, "the pool %s holds %d images, expected at least %d", env->pool->name, env->pool->n, budget);
    if ((code = clone_new(&s.clone, env, env->pool))) return code;
    s.t = transfer_new(budget, blackbox_classes(env->target), env->pool, 0);
    s.t->n = 0;
    s.open = mem_new((size_t)env->pool->n, sizeof *s.open);
    s.opens = env->pool->n;
    struct rng r = rng_stream(env->seed, "activethief/pool", 0);
    rng_permutation(&r, s.open, s.opens);
    code = rounds(&s);
    mem_free(s.open);
    transfer_free(s.t);
    if (code) model_free(s.clone);
    else *clone = s.clone;
    return code;
}

extern const struct attack_ops attack_activethief;
const struct attack_ops attack_activethief = {.name = "activethief", .about = "ActiveThief: rounds of queries that the clone so far chooses from a pool",
    .paper = "Pal et al., ActiveThief: Model Extraction Using Active Learning and Unannotated Public Data, AAAI 2020",
    .options = options, .needs_pool = 1, .work = work, .run = run};
