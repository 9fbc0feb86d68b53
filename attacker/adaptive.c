#include "attacker/adaptive.h"

#include <math.h>
#include <string.h>

#include "attacker/bandit.h"
#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"

/* ---- rewards -------------------------------------------------------------------------------------------- */

double reward_certainty(const float *y, int classes)
{
    double first = -INFINITY, second = -INFINITY;
    for (int k = 0; k < classes; k++) {
        const double v = (double)y[k];
        if (v > first) second = first, first = v;
        else if (v > second) second = v;
    }
    return classes > 1 ? first - second : 0;
}

double reward_diversity(const float *y, const double *mean, int classes)
{
    double sum = 0;
    for (int k = 0; k < classes; k++) sum += (double)y[k] > mean[k] ? (double)y[k] - mean[k] : 0;
    return sum;
}

double reward_loss(const float *y, const float *yhat, int classes)
{
    double sum = 0;
    for (int k = 0; k < classes; k++) sum -= y[k] > 0 ? (double)y[k] * log(fmax((double)yhat[k], 1e-12)) : 0;
    return sum;
}

/* ---- k-means -------------------------------------------------------------------------------------------- */

static double distance(const double *a, const double *b, int d)
{
    double sum = 0;
    for (int j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* k-means++: each next seed with a probability that goes as its squared distance to those before. */
static void seed_centres(const double *point, int n, int d, int k, struct rng *r, double *centre)
{
    double *far = mem_new((size_t)n, sizeof *far);
    int at = rng_below(r, n);
    for (int i = 0; i < n; i++) far[i] = INFINITY;
    for (int c = 0; c < k; c++) {
        double sum = 0;
        memcpy(centre + (size_t)c * (size_t)d, point + (size_t)at * (size_t)d, (size_t)d * sizeof *centre);
        for (int i = 0; i < n; i++) {
            far[i] = fmin(far[i], distance(point + (size_t)i * (size_t)d, centre + (size_t)c * (size_t)d, d));
            sum += far[i];
        }
        double draw = rng_uniform(r) * sum;
        at = rng_below(r, n); /* where all points are seeds */
        for (int i = 0; i < n && sum > 0; i++)
            if (far[i] > 0) {
                at = i;
                if ((draw -= far[i]) < 0) break;
            }
    }
    mem_free(far);
}

static int assign(const double *point, int n, int d, int k, const double *centre, int *group)
{
    int moved = 0;
    for (int i = 0; i < n; i++) {
        int best = 0;
        for (int c = 1; c < k; c++)
            if (distance(point + (size_t)i * (size_t)d, centre + (size_t)c * (size_t)d, d) <
                distance(point + (size_t)i * (size_t)d, centre + (size_t)best * (size_t)d, d)) best = c;
        moved += group[i] != best;
        group[i] = best;
    }
    return moved;
}

/* An empty group takes the point that lies farthest from its centre, of a group of several. */
static void fill_empty(const double *point, int n, int d, int k, const double *centre, int *group, int *size)
{
    memset(size, 0, (size_t)k * sizeof *size);
    for (int i = 0; i < n; i++) size[group[i]]++;
    for (int c = 0; c < k; c++) {
        int worst = -1;
        double most = -1;
        for (int i = 0; i < n && !size[c]; i++) {
            const double far = distance(point + (size_t)i * (size_t)d, centre + (size_t)group[i] * (size_t)d, d);
            if (size[group[i]] > 1 && far > most) most = far, worst = i;
        }
        if (worst < 0) continue;
        size[group[worst]]--;
        size[group[worst] = c] = 1;
    }
}

static void average(const double *point, int n, int d, int k, const int *group, const int *size, double *centre)
{
    memset(centre, 0, (size_t)k * (size_t)d * sizeof *centre);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) centre[(size_t)group[i] * (size_t)d + (size_t)j] += point[(size_t)i * (size_t)d + (size_t)j] / size[group[i]];
}

void kmeans(const double *point, int n, int d, int k, struct rng *r, int *group)
{
    enum { ROUNDS = 100 };
    double *centre = mem_new((size_t)k * (size_t)d, sizeof *centre);
    int *size = mem_new((size_t)k, sizeof *size);
    for (int i = 0; i < n; i++) group[i] = -1;
    seed_centres(point, n, d, k, r, centre);
    for (int i = 0; i < ROUNDS && assign(point, n, d, k, centre, group); i++) {
        fill_empty(point, n, d, k, centre, group, size);
        average(point, n, d, k, group, size, centre);
    }
    fill_empty(point, n, d, k, centre, group, size);
    mem_free(centre);
    mem_free(size);
}

/* ---- the pool by classes -------------------------------------------------------------------------------- */

struct state {
    const struct attack_env *env;
    const struct spec *opt;
    struct transfer *t;
    int classes, k, pull;    /* of the pool; of the victim */
    int *image, *first, *left; /* images by class, in a random order; where each class begins; those not asked yet */
    char *open;              /* [classes] 1: there are images left */
    int nodes, *node;        /* 0: no groups yet; [classes] */
    struct bandit *coarse, **fine; /* over groups; over classes: fine[0] over all, or one a group */
    struct model *judge;     /* learns on the way */
    struct tape *tape;
    struct optim optim;
    float *x, *dz, *g, *v, *yhat;
    double *mean, low[3], high[3]; /* mean answer of the window; the range of each reward so far */
    struct rng r;
};

static void sort_pool(struct state *s)
{
    const struct dataset *pool = s->env->pool;
    int *order = mem_new((size_t)pool->n, sizeof *order), *at = mem_new((size_t)s->classes, sizeof *at);
    struct rng r = rng_stream(s->env->seed, "knockoff/pool", 0);
    rng_permutation(&r, order, pool->n);
    for (int i = 0; i < pool->n; i++) s->left[pool->labels[i]]++;
    for (int c = 1; c < s->classes; c++) s->first[c] = s->first[c - 1] + s->left[c - 1];
    for (int c = 0; c < s->classes; c++) s->open[c] = s->left[c] > 0;
    for (int i = 0; i < pool->n; i++) {
        const int c = pool->labels[order[i]];
        s->image[s->first[c] + at[c]++] = order[i];
    }
    mem_free(order);
    mem_free(at);
}

/* The next n images of class c, at most as many as are left, into the transfer set's rows from `row` on. */
static int take(struct state *s, int c, int n, int row)
{
    if (n > s->left[c]) n = s->left[c];
    memcpy(s->t->index + row, s->image + s->first[c], (size_t)n * sizeof *s->image);
    s->first[c] += n;
    s->left[c] -= n;
    s->open[c] = s->left[c] > 0;
    return n;
}

/* ---- groups of classes ---------------------------------------------------------------------------------- */

/* mean [classes][features] of the judge's features over up to SAMPLE images of each class (asked or not: this asks nothing). */
static void class_means(struct state *s, int features, double *mean)
{
    enum { SAMPLE = 50 };
    const struct dataset *pool = s->env->pool;
    int *seen = mem_new((size_t)s->classes, sizeof *seen);
    struct tape *tape = tape_new(s->judge, 1, TAPE_BACKWARD);
    float *x = mem_new(s->t->d, sizeof *x), *f = mem_new((size_t)features, sizeof *f);
    for (int i = 0; i < pool->n; i++) {
        const int c = pool->labels[i];
        double *of = mean + (size_t)c * (size_t)features;
        if (seen[c] == SAMPLE) continue;
        seen[c]++;
        dataset_batch(pool, NULL, i, 1, x);
        model_forward(s->judge, tape, x, 1);
        tape_features(tape, f);
        for (int j = 0; j < features; j++) of[j] += ((double)f[j] - of[j]) / seen[c];
    }
    tape_free(tape);
    mem_free(x);
    mem_free(f);
    mem_free(seen);
}

static void free_bandits(struct state *s)
{
    bandit_free(s->coarse);
    for (int i = 0; i < (s->nodes ? s->nodes : 1) && s->fine; i++) bandit_free(s->fine[i]);
    mem_free(s->fine);
    s->coarse = NULL;
    s->fine = NULL;
}

static void group_classes(struct state *s)
{
    const int features = model_features(s->judge), nodes = (int)spec_int(s->opt, "nodes");
    double *mean = mem_new((size_t)s->classes * (size_t)features, sizeof *mean);
    class_means(s, features, mean);
    free_bandits(s);
    s->nodes = nodes < s->classes ? nodes : s->classes;
    struct rng r = rng_stream(s->env->seed, "knockoff/nodes", 0);
    kmeans(mean, s->classes, features, s->nodes, &r, s->node);
    s->coarse = bandit_new(s->nodes);
    s->fine = mem_new((size_t)s->nodes, sizeof *s->fine);
    for (int i = 0; i < s->nodes; i++) s->fine[i] = bandit_new(s->classes);
    mem_free(mean);
}

/* ---- a pull --------------------------------------------------------------------------------------------- */

/* The policy's choice: a class, its group's policy (if there are groups) and its own. */
struct choice {
    int c, node;
    double *coarse, *fine; /* [nodes], [classes] */
};

static int any(const char *open, int n)
{
    return memchr(open, 1, (size_t)n) != NULL;
}

static void choose(struct state *s, struct choice *to)
{
    char *within = mem_new((size_t)s->classes, 1), *nodes = mem_new((size_t)s->nodes + 1, 1);
    memcpy(within, s->open, (size_t)s->classes);
    to->node = 0;
    if (s->nodes) {
        for (int c = 0; c < s->classes; c++) nodes[s->node[c]] |= s->open[c];
        bandit_policy(s->coarse, nodes, to->coarse);
        to->node = bandit_draw(s->coarse, nodes, &s->r);
        for (int c = 0; c < s->classes; c++) within[c] = s->open[c] && s->node[c] == to->node;
    }
    bandit_policy(s->fine[to->node], within, to->fine);
    to->c = bandit_draw(s->fine[to->node], within, &s->r);
    mem_free(within);
    mem_free(nodes);
}

/* In [0,1] by the range it has had. */
static double rescaled(struct state *s, int k, double v)
{
    s->low[k] = fmin(s->low[k], v);
    s->high[k] = fmax(s->high[k], v);
    return s->high[k] > s->low[k] ? (v - s->low[k]) / (s->high[k] - s->low[k]) : 0.5;
}

/* The mean of the answers [from, to) of the transfer set. */
static void window_mean(struct state *s, int from, int to)
{
    for (int k = 0; k < s->k; k++) s->mean[k] = 0;
    for (int i = from; i < to; i++)
        for (int k = 0; k < s->k; k++) s->mean[k] += (double)s->t->q[(size_t)i * (size_t)s->k + (size_t)k] / (to - from);
}

/* Of the pull [row, row + n): the mean over its images. */
static double reward(struct state *s, int row, int n)
{
    const int window = (int)spec_int(s->opt, "window");
    double value[3] = {0};
    window_mean(s, row > window ? row - window : 0, row);
    for (int i = 0; i < n; i++) {
        const float *y = s->t->q + (size_t)(row + i) * (size_t)s->k;
        value[0] += reward_certainty(y, s->k) / n;
        value[1] += reward_diversity(y, s->mean, s->k) / n;
        value[2] += reward_loss(y, s->yhat + (size_t)i * (size_t)s->k, s->k) / n;
    }
    if (spec_is(s->opt, "reward", "certainty")) return value[0];
    if (spec_is(s->opt, "reward", "diversity")) return value[1];
    if (spec_is(s->opt, "reward", "loss")) return value[2];
    double sum = 0;
    for (int k = 0; k < 3; k++) sum += rescaled(s, k, value[k]) / 3;
    return sum;
}

/* The judge says what it expected, then learns the answers: one step. */
static void judge(struct state *s, int row, int n)
{
    transfer_batch(s->t, NULL, row, n, s->x);
    const float *z = model_forward(s->judge, s->tape, s->x, n);
    softmax_rows(z, n, s->k, s->yhat);
    loss_kl(z, s->t->q + (size_t)row * (size_t)s->k, n, s->k, 1, s->dz);
    memset(s->g, 0, s->judge->params * sizeof *s->g);
    model_backward(s->judge, s->tape, s->dz, s->g, NULL);
    optim_step(&s->optim, s->optim.lr, s->judge->params, s->judge->w, s->g, s->v);
}

static int pulls(struct state *s)
{
    const int64_t warm = spec_int(s->opt, "nodes") ? (int64_t)floor(s->t->n * spec_real(s->opt, "warmup")) : 0;
    struct choice to = {.coarse = mem_new((size_t)s->classes, sizeof *to.coarse), .fine = mem_new((size_t)s->classes, sizeof *to.fine)};
    int code = OK;
    for (int row = 0, n; row < s->t->n && !code && any(s->open, s->classes); row += n) {
        const int warming = row < warm, most = s->t->n - row < s->pull ? s->t->n - row : s->pull;
        if (!warming && spec_int(s->opt, "nodes") && !s->nodes) group_classes(s);
        choose(s, &to);
        n = take(s, to.c, most, row);
        if ((code = transfer_query(s->t, s->env->target, row, row + n))) break;
        judge(s, row, n);
        const double r = reward(s, row, n);
        if (warming) continue; /* at random: the policy does not learn yet */
        if (s->nodes) bandit_reward(s->coarse, to.node, r, to.coarse);
        bandit_reward(s->fine[to.node], to.c, r, to.fine);
    }
    mem_free(to.coarse);
    mem_free(to.fine);
    return code;
}

int adaptive_ask(struct transfer *t, const struct attack_env *env, const struct spec *opt)
{
    const struct dataset *pool = env->pool;
    if (!pool->labels) return err_set(ERR_SHAPE, "policy=adaptive asks by classes, and the pool %s has none", pool->name);
    struct state s = {.env = env, .opt = opt, .t = t, .classes = pool->classes, .k = t->classes, .pull = (int)spec_int(opt, "pull"),
                      .low = {INFINITY, INFINITY, INFINITY}, .high = {-INFINITY, -INFINITY, -INFINITY}, .r = rng_stream(env->seed, "knockoff/policy", 0)};
    int code = clone_new(&s.judge, env, pool);
    if (code) return code;
    const size_t rows = (size_t)s.pull, params = s.judge->params;
    s.optim = (struct optim){.lr = spec_real(opt, "online_lr"), .momentum = 0.9};
    s.tape = tape_new(s.judge, s.pull, TAPE_BACKWARD);
    s.x = mem_new(rows * t->d, sizeof *s.x);
    s.dz = mem_new(rows * (size_t)s.k, sizeof *s.dz);
    s.yhat = mem_new(rows * (size_t)s.k, sizeof *s.yhat);
    s.g = mem_new(params, sizeof *s.g);
    s.v = mem_new(params, sizeof *s.v);
    s.mean = mem_new((size_t)s.k, sizeof *s.mean);
    s.image = mem_new((size_t)pool->n, sizeof *s.image);
    s.first = mem_new((size_t)s.classes, sizeof *s.first);
    s.left = mem_new((size_t)s.classes, sizeof *s.left);
    s.open = mem_new((size_t)s.classes, 1);
    s.node = mem_new((size_t)s.classes, sizeof *s.node);
    s.fine = mem_new(1, sizeof *s.fine);
    s.fine[0] = bandit_new(s.classes);
    sort_pool(&s);
    code = pulls(&s);
    free_bandits(&s);
    tape_free(s.tape);
    model_free(s.judge);
    mem_free(s.x);
    mem_free(s.dz);
    mem_free(s.yhat);
    mem_free(s.g);
    mem_free(s.v);
    mem_free(s.mean);
    mem_free(s.image);
    mem_free(s.first);
    mem_free(s.left);
    mem_free(s.open);
    mem_free(s.node);
    return code;
}
