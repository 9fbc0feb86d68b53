/* MAD, maximising angular deviation: the answer moves, inside a ball of radius epsilon around the clean posterior y, to
 * where the gradient that a clone learns from it points elsewhere.
 *
 * The clone's gradient for an answer v is taken in the last linear layer of a surrogate: G'v with row k of G the gradient of
 * -log p_k. Those rows are (p - e_k) h' (p the surrogate's posterior, h its last features), and sum v = 1, so
 *
 *     G'v = (p - v) h'        angle(v) = 2 - 2 cos(p - v, p - y)       distance(v) = |v - y|^2 |h|^2
 *
 * h cancels: one forward pass of the surrogate is enough. jacobian=1 does it the published way, one backward pass a class
 * and image, as the reference and to measure what that costs. */
#include "defenses/mad.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "defenses/helper.h"
#include "nn/loss.h"

enum { EXHAUSTIVE = 10, CLASSES = 1024 }; /* argmax oracle: subsets up to this many classes are all tried; classes on the stack */
static const float TIE = 1e-5f;           /* the argmax oracle's extra on the class that must stay on top */

static const struct option options[] = {
    {"epsilon", OPTION_REAL, "1", 0, 2, 0, "radius of the ball around the clean posterior"},
    {"oracle", OPTION_CHOICE, "extreme", 0, 0, "extreme argmax argmin random",
     "where to move: best one-hot vector | best uniform one that keeps the argmax | least likely class | random class"},
    {"objective", OPTION_CHOICE, "angle", 0, 0, "angle distance", "what the oracle maximises: of the clone's gradients"},
    {"ball", OPTION_CHOICE, "l1", 0, 0, "l1 l2", "norm of the ball"},
    {"surrogate", OPTION_CHOICE, "random", 0, 0, "random trained", "the clone that the defender imagines, of the victim's architecture"},
    {"surrogate_epochs", OPTION_INT, "10", 1, 1000, 0, "surrogate=trained: epochs on the victim's training set"},
    {"jacobian", OPTION_INT, "0", 0, 1, 0, "1: the published way, one backward pass a class and image"}, OPTION_END};

static const struct preset presets[] = {
    {"pp", "epsilon=0.5:oracle=extreme:objective=angle", "Prediction Poisoning's README"},
    {"pp-code", "epsilon=0.5:oracle=extreme:objective=distance", "Prediction Poisoning's code default (objmax=False): the same as argmin"},
    {"mad-argmax", "epsilon=0.5:oracle=argmax", "MAD-argmax of the paper"},
    {"mg", "epsilon=1:oracle=argmax", "ModelGuard's scripts"},
    {"g2", "epsilon=1:oracle=extreme:objective=angle", "GRAD2's code (epsilon there: 0, 0.1, ... 1; past a vertex nearer than epsilon it leaves the simplex, here it stops)"},
    {"hz", "epsilon=1.1", "On Optimal Disruption"}, PRESET_END};

/* ---- the objective -------------------------------------------------------------------------------- */

static double quadratic(const struct mad_objective *o, const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < o->classes; i++) {
        double row = 0;
        for (int j = 0; j < o->classes; j++) row += o->gram[i * o->classes + j] * (double)b[j];
        sum += (double)a[i] * row;
    }
    return sum;
}

static double value_gram(const struct mad_objective *o, const float *v)
{
    const double vv = quadratic(o, v, v), vy = quadratic(o, v, o->y), yy = quadratic(o, o->y, o->y);
    if (o->distance) return vv - 2 * vy + yy;
    return vv > 0 && yy > 0 ? 2 - 2 * vy / sqrt(vv * yy) : 0;
}

double mad_value(const struct mad_objective *o, const float *v)
{
    if (o->gram) return value_gram(o, v);
    double vv = 0, vy = 0, yy = 0;
    for (int k = 0; k < o->classes; k++) {
        const double a = o->distance ? (double)v[k] - (double)o->y[k] : (double)o->p[k] - (double)v[k];
        const double b = (double)o->p[k] - (double)o->y[k];
        vv += a * a;
        vy += a * b;
        yy += b * b;
    }
    if (o->distance) return vv;
    return vv > 0 && yy > 0 ? 2 - 2 * vy / sqrt(vv * yy) : 0;
}

/* ---- oracles --------------------------------------------------------------------------------------- */

static void one_hot(float *v, int classes, int k)
{
    for (int j = 0; j < classes; j++) v[j] = j == k ? 1 : 0;
}

/* Candidates are valued a lot at a time, side by side: each sum is mad_value's, number for number. */
enum { LOT = 16 };

struct search {
    const struct mad_objective *o;
    float *star; /* [K] the first of the best so far */
    double best;
    int n;
    float v[CLASSES][LOT]; /* the candidates that wait: [k][i], i < n */
};

static void values(const struct mad_objective *o, const float (*v)[LOT], double h[LOT])
{
    double vv[LOT] = {0}, vy[LOT] = {0}, yy = 0;
    for (int k = 0; k < o->classes; k++) {
        const double b = (double)o->p[k] - (double)o->y[k];
        for (int i = 0; i < LOT; i++) {
            const double a = o->distance ? (double)v[k][i] - (double)o->y[k] : (double)o->p[k] - (double)v[k][i];
            vv[i] += a * a;
            vy[i] += a * b;
        }
        yy += b * b;
    }
    for (int i = 0; i < LOT; i++) h[i] = o->distance ? vv[i] : vv[i] > 0 && yy > 0 ? 2 - 2 * vy[i] / sqrt(vv[i] * yy) : 0;
}

/* Those that wait are valued. */
static void search_end(struct search *s)
{
    const int classes = s->o->classes;
    double h[LOT];
    float v[CLASSES];
    if (!s->o->gram) values(s->o, (const float(*)[LOT])s->v, h);
    for (int i = 0; i < s->n; i++) {
        if (s->o->gram) {
            for (int k = 0; k < classes; k++) v[k] = s->v[k][i];
            h[i] = mad_value(s->o, v);
        }
        if (!(h[i] > s->best)) continue;
        s->best = h[i];
        for (int k = 0; k < classes; k++) s->star[k] = s->v[k][i];
    }
    s->n = 0;
}

static void search_begin(struct search *s, const struct mad_objective *o, float *star)
{
    s->o = o;
    s->star = star;
    s->best = -1;
    s->n = 0;
    memset(s->v, 0, (size_t)o->classes * sizeof *s->v); /* a lot need not be full */
}

/* h[k] = the angle of vertex k, of all in time linear in the classes: with v = e_k and b = p - y
 *
 *     |p - v|^2 = R_k + (1 - p_k)^2          R_k = sum of p_j^2 over j != k
 *     <p - v, b> = S_k - (1 - p_k) b_k       S_k = sum of p_j b_j over j != k
 *
 * R and S come from the sums before k and behind it: nothing cancels where p is all but a vertex. */
static void vertex_angles(const struct mad_objective *o, double *h)
{
    double r = 0, s = 0, yy = 0, vy[CLASSES];
    for (int k = 0; k < o->classes; k++) { /* the sums before k */
        const double p = (double)o->p[k], b = p - (double)o->y[k];
        h[k] = r + (1 - p) * (1 - p);
        vy[k] = s - (1 - p) * b;
        r += p * p, s += p * b, yy += b * b;
    }
    r = s = 0;
    for (int k = o->classes - 1; k >= 0; k--) { /* those behind it */
        const double p = (double)o->p[k], b = p - (double)o->y[k];
        h[k] += r;
        vy[k] += s;
        r += p * p, s += p * b;
    }
    for (int k = 0; k < o->classes; k++) h[k] = h[k] > 0 && yy > 0 ? 2 - 2 * vy[k] / sqrt(h[k] * yy) : 0;
}

static int least(const float *y, int classes)
{
    int low = 0;
    for (int k = 1; k < classes; k++)
        if (y[k] < y[low]) low = k;
    return low;
}

static void extreme(const struct mad_objective *o, float *star)
{
    double h[CLASSES];
    int best = 0;
    if (o->gram) {
        for (int k = 0; k < o->classes; k++) {
            one_hot(star, o->classes, k);
            h[k] = mad_value(o, star);
        }
    } else if (o->distance) { /* |e_k - y|^2 = |y|^2 + 1 - 2 y_k */
        one_hot(star, o->classes, least(o->y, o->classes));
        return;
    } else vertex_angles(o, h);
    for (int k = 1; k < o->classes; k++)
        if (h[k] > h[best]) best = k;
    one_hot(star, o->classes, best);
}

/* What a subset's weights sum to before they are divided by it: in the order of uniform(), so that the bits are the same. */
static float sum_of(int size)
{
    float sum = TIE;
    for (int i = 0; i < size; i++) sum += 1;
    return sum;
}

/* v = uniform over the members, with TIE more on the top class */
static void uniform(const unsigned char *member, int classes, int top, float *v)
{
    float sum = TIE;
    for (int k = 0; k < classes; k++) sum += (float)member[k];
    for (int k = 0; k < classes; k++) v[k] = ((float)member[k] + (k == top ? TIE : 0)) / sum;
}

/* Every subset that contains the top class. */
static void argmax_all(const struct mad_objective *o, int top, float *star)
{
    const int classes = o->classes;
    struct search s;
    float share[EXHAUSTIVE + 1][2]; /* of a member, of the top class, by the size of the subset */
    for (int size = 1; size <= classes; size++)
        for (int is_top = 0; is_top < 2; is_top++) share[size][is_top] = (1 + (is_top ? TIE : 0)) / sum_of(size);
    search_begin(&s, o, star);
    for (unsigned bits = 0; bits < 1u << classes; bits++) {
        if (!(bits >> (classes - 1 - top) & 1)) continue;
        const float *of = share[__builtin_popcount(bits)];
        for (int k = 0; k < classes; k++) s.v[k][s.n] = bits >> (classes - 1 - k) & 1 ? of[k == top] : 0;
        if (++s.n == LOT) search_end(&s);
    }
    search_end(&s);
}

/* Grows the subset by the class that helps most, as long as one is left; the best subset on the way wins. */
static void argmax_greedy(const struct mad_objective *o, int top, float *star)
{
    unsigned char member[CLASSES] = {0};
    float v[CLASSES];
    member[top] = 1;
    uniform(member, o->classes, top, star);
    double best = mad_value(o, star);
    for (int size = 2; size <= o->classes; size++) {
        double most = -1;
        int at = -1;
        for (int k = 0; k < o->classes; k++) {
            if (member[k]) continue;
            member[k] = 1;
            uniform(member, o->classes, top, v);
            const double h = mad_value(o, v);
            if (h > most) {
                most = h;
                at = k;
            }
            member[k] = 0;
        }
        if (most <= best) return;
        member[at] = 1;
        best = most;
        uniform(member, o->classes, top, star);
    }
}

void mad_star(const struct mad_objective *o, enum mad_oracle oracle, double u, float *star)
{
    const int classes = o->classes, top = argmax(o->y, classes);
    if (oracle == MAD_EXTREME) extreme(o, star);
    else if (oracle == MAD_ARGMIN) one_hot(star, classes, least(o->y, classes));
    else if (oracle == MAD_RANDOM) one_hot(star, classes, (int)(u * classes));
    else if (classes <= EXHAUSTIVE) argmax_all(o, top, star);
    else argmax_greedy(o, top, star);
}

void mad_mix(int classes, const float *y, const float *star, double epsilon, enum mad_ball ball, float *q)
{
    double norm = 0;
    for (int k = 0; k < classes; k++) {
        const double gap = (double)star[k] - (double)y[k];
        norm += ball == MAD_L1 ? fabs(gap) : gap * gap;
    }
    if (ball == MAD_L2) norm = sqrt(norm);
    const double a = norm > epsilon ? epsilon / norm : 1;
    for (int k = 0; k < classes; k++) q[k] = (float)((1 - a) * (double)y[k] + a * (double)star[k]);
}

/* ---- the defense ----------------------------------------------------------------------------------- */

struct state {
    struct helper *surrogate;
    float *p;     /* [HELPER_BATCH][K] the surrogate's posteriors */
    float *dz, *g; /* jacobian: one cotangent [HELPER_BATCH][K], one gradient of all parameters */
    float *rows;   /* jacobian: G [K][D] of one image */
    size_t last, size; /* where the last weight matrix lies among the parameters */
    uint64_t seed;
    double epsilon;
    enum mad_oracle oracle;
    enum mad_ball ball;
    int distance, jacobian;
};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    out->norm = spec_is(opt, "ball", "l2") ? 2 : 1;
    out->radius = spec_real(opt, "epsilon");
    out->argmax = spec_is(opt, "oracle", "argmax");
}

/* The last weight matrix of a network. */
static void last_weight(const struct model *m, size_t *at, size_t *size)
{
    for (int i = 0; i < m->layers; i++) {
        if (!m->layer[i].params) continue;
        *at = m->layer[i].param[0].at;
        *size = m->layer[i].param[0].size;
    }
}

static void close(void *state)
{
    struct state *s = state;
    if (!s) return;
    helper_free(s->surrogate);
    mem_free(s->p);
    mem_free(s->dz);
    mem_free(s->g);
    mem_free(s->rows);
    mem_free(s);
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    static const char *const oracle[] = {"extreme", "argmax", "argmin", "random"};
    const struct model *v = env->victim;
    if (v->classes > CLASSES) return err_set(ERR_SHAPE, "mad: found %d classes, expected up to %d", v->classes, CLASSES);
    struct state *s = mem_new(1, sizeof *s);
    s->epsilon = spec_real(opt, "epsilon");
    for (int i = 0; i < 4; i++)
        if (spec_is(opt, "oracle", oracle[i])) s->oracle = (enum mad_oracle)i;
    s->ball = spec_is(opt, "ball", "l2") ? MAD_L2 : MAD_L1;
    s->distance = spec_is(opt, "objective", "distance");
    s->jacobian = (int)spec_int(opt, "jacobian");
    s->seed = env->seed;
    struct model *m = helper_model(env, "mad/surrogate");
    struct optim training = *env->optim;
    training.epochs = (int)spec_int(opt, "surrogate_epochs");
    int code = spec_is(opt, "surrogate", "trained") ? helper_supervised(m, env->train, env, &training, "surrogate (mad)") : OK;
    s->surrogate = helper_new(m, s->jacobian ? TAPE_BACKWARD : TAPE_FORWARD);
    s->p = mem_new((size_t)(HELPER_BATCH * v->classes), sizeof *s->p);
    last_weight(m, &s->last, &s->size);
    if (s->jacobian) {
        s->dz = mem_new((size_t)v->classes, sizeof *s->dz);
        s->g = mem_new(m->params, sizeof *s->g);
        s->rows = mem_new((size_t)v->classes * s->size, sizeof *s->rows);
    }
    if (code) close(s);
    else *out = s;
    return code;
}

static void trains(struct work *fit, struct work *at_open, const struct spec *opt, const struct defense_env *env)
{
    (void)fit;
    if (spec_is(opt, "surrogate", "trained")) at_open->own.train += spec_real(opt, "surrogate_epochs") * env->train->n;
}

/* gram [K][K] = G G' for one image that is on the tape alone: row k of G is the gradient of -log p_k. */
static void jacobian(struct state *s, const float *p, int classes, double *gram)
{
    for (int k = 0; k < classes; k++) {
        for (int j = 0; j < classes; j++) s->dz[j] = p[j] - (j == k ? 1 : 0);
        memset(s->g, 0, s->surrogate->m->params * sizeof *s->g);
        helper_backward(s->surrogate, 1, s->dz, s->g);
        memcpy(s->rows + (size_t)k * s->size, s->g + s->last, s->size * sizeof *s->g);
    }
    for (int i = 0; i < classes; i++)
        for (int j = 0; j <= i; j++) gram[i * classes + j] = gram[j * classes + i] = vector_dot(s->size, s->rows + (size_t)i * s->size, s->rows + (size_t)j * s->size);
}

static void answer_one(const struct state *s, const float *x, const float *y, const float *p, const double *gram, float *q, int classes)
{
    const struct mad_objective o = {classes, s->distance, p, y, gram};
    double u = 0;
    if (s->oracle == MAD_RANDOM) { /* fixed by the image's bytes: asking again tells nothing more */
        struct rng r = rng_stream(s->seed, "mad/random", hash_row(x, shape_size(s->surrogate->m->input) * sizeof *x));
        u = rng_uniform(&r);
    }
    mad_star(&o, s->oracle, u, q);
    mad_mix(classes, y, q, s->epsilon, s->ball, q);
}

static int answer_closed(struct state *s, const float *x, const float *y, float *q, int n, int classes)
{
    const size_t d = shape_size(s->surrogate->m->input);
    const float *z = helper_forward(s->surrogate, x, n);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        softmax_rows(z + i * classes, 1, classes, s->p + i * classes);
        answer_one(s, x + (size_t)i * d, y + i * classes, s->p + i * classes, NULL, q + i * classes, classes);
    }
    return OK;
}

static int answer_published(struct state *s, const float *x, const float *y, float *q, int n, int classes)
{
    const size_t d = shape_size(s->surrogate->m->input);
    double *gram = mem_new((size_t)(classes * classes), sizeof *gram);
    for (int i = 0; i < n; i++) {
        softmax_rows(helper_forward(s->surrogate, x + (size_t)i * d, 1), 1, classes, s->p);
        jacobian(s, s->p, classes, gram);
        answer_one(s, x + (size_t)i * d, y + i * classes, s->p, gram, q + i * classes, classes);
    }
    mem_free(gram);
    return OK;
}

static int answer(void *state, const float *x, const float *y, float *q, int n, int classes)
{
    struct state *s = state;
    const size_t d = shape_size(s->surrogate->m->input);
    int code = OK;
    for (int i = 0; i < n && !code; i += HELPER_BATCH) {
        const int count = n - i < HELPER_BATCH ? n - i : HELPER_BATCH;
        const float *xi = x + (size_t)i * d, *yi = y + i * classes;
        code = s->jacobian ? answer_published(s, xi, yi, q + i * classes, count, classes)
                           : answer_closed(s, xi, yi, q + i * classes, count, classes);
    }
    return code;
}

static void cost(const void *state, struct defense_cost *out)
{
    helper_cost(((const struct state *)state)->surrogate, out);
}

extern const struct defense_ops defense_mad;
const struct defense_ops defense_mad = {.name = "mad", .about = "Prediction Poisoning: answers that turn the clone's gradient away",
    .formula = "q = (1 - a) y + a y*, |q - y| <= epsilon;  y* = argmax_v 2 - 2 cos(p - v, p - y), p the surrogate's posterior",
    .paper = "Orekondy, Schiele, Fritz, Prediction Poisoning, ICLR 2020", .options = options, .presets = presets,
    .work = "one forward pass of a surrogate a query (jacobian=1: a backward pass a class too, image by image)",
    .traits = traits, .open = open, .answer = answer, .cost = cost, .close = close, .trains = trains};
