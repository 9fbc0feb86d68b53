/* ModelGuard-W: the answer inside an L1 ball that is least likely under the clean one, with the same most likely class:
 *
 *     min_q  sum_k q_k log(y_k + 1e-6)    q on the simplex,  |q - y|_1 <= epsilon,  q_top - q_k >= margin
 *
 * The paper's code gives each query to a linear-programming solver. Here: the best value f(T) for a fixed q_top = T is
 * convex in T, and for a fixed T the rest is a greedy exchange: at most epsilon/2 of mass moves, out of the entries above
 * the cap T - margin, then from the likely entries to the unlikely ones, up to the cap. T is found by golden section. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "defenses/modelguard.h"
#include "defenses/simplex.h"
#include "nn/loss.h"

static const double FLOOR = 1e-6; /* inside the logarithm, as published */

struct state {
    double epsilon, margin;
};

static const struct option options[] = {{"epsilon", OPTION_REAL, "1", 0, 2, 0, "radius of the L1 ball around the clean posterior"},
    {"margin", OPTION_REAL, "0.0001", 0, 1, 0, "by which the most likely class must lead"}, OPTION_END};

static const struct preset presets[] = {{"mg", "epsilon=1", "ModelGuard's scripts"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    *out = (struct defense_traits){.argmax = 1, .norm = 1, .radius = spec_real(opt, "epsilon")};
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    (void)env;
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){spec_real(opt, "epsilon"), spec_real(opt, "margin")};
    return OK;
}

/* ---- the linear programme for a fixed T ------------------------------------------------------------ */

struct programme {
    int n;            /* the others, all but the top class */
    const int *order; /* [n] from the least likely to the most likely */
    const float *y;
    double top, half, margin; /* y_top; the most mass that may move; the lead */
};

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* The exchange as it goes: the least likely entry with room, the most likely one that still gives. */
struct exchange {
    int low, high;
    double filled, taken, value; /* of entry low, of entry high; sum so far of log y times the mass moved */
};

static double cost(const struct programme *m, int i)
{
    return log((double)m->y[m->order[i]] + FLOOR);
}

static double base(const struct programme *m, int i, double cap)
{
    return least((double)m->y[m->order[i]], cap);
}

/* Moves `mass` into the low entries (sign 1), out of the high ones (sign -1), or from high to low (0), as far as it goes and
 * (0) as it pays; q (may be NULL) [K] goes along. Returns what could not be moved. */
static double move(const struct programme *m, struct exchange *e, double cap, double mass, int sign, float *q)
{
    while (mass > 0 && e->low <= e->high && !(sign == 0 && e->low == e->high)) {
        const double into = cap - base(m, e->low, cap) - e->filled, from = base(m, e->high, cap) - e->taken;
        if (sign >= 0 && into <= 0) {
            e->low++;
            e->filled = 0;
            continue;
        }
        if (sign <= 0 && from <= 0) {
            e->high--;
            e->taken = 0;
            continue;
        }
        if (sign == 0 && cost(m, e->low) >= cost(m, e->high)) break;
        double step = mass;
        if (sign >= 0) step = least(step, into);
        if (sign <= 0) step = least(step, from);
        if (sign >= 0) {
            e->filled += step;
            e->value += step * cost(m, e->low);
            if (q) q[m->order[e->low]] += (float)step;
        }
        if (sign <= 0) {
            e->taken += step;
            e->value -= step * cost(m, e->high);
            if (q) q[m->order[e->high]] -= (float)step;
        }
        mass -= step;
    }
    return mass;
}

/* f(T), infinite where no answer has q_top = T. q (may be NULL) [K]: the answer. */
static double solve(const struct programme *m, double t, float *q, int top)
{
    const double cap = t - m->margin, rise = m->top - t; /* rise: what the others gain together */
    double excess = 0, value = t * log(m->top + FLOOR);
    if (cap < 0) return INFINITY;
    for (int i = m->n - 1; i >= 0 && (double)m->y[m->order[i]] > cap; i--) excess += (double)m->y[m->order[i]] - cap;
    const double spare = m->half - (rise >= 0 ? excess + rise : fmax(excess, -rise));
    if (spare < -1e-12) return INFINITY;
    for (int i = 0; i < m->n; i++) {
        value += base(m, i, cap) * cost(m, i);
        if (q) q[m->order[i]] = (float)base(m, i, cap);
    }
    if (q) q[top] = (float)t;
    struct exchange e = {.high = m->n - 1, .value = value};
    const double add = excess + rise;
    if (move(m, &e, cap, fabs(add), add >= 0 ? 1 : -1, q) > 1e-12) return INFINITY;
    move(m, &e, cap, spare, 0, q);
    return e.value;
}

/* ---- the search for T -------------------------------------------------------------------------------- */

/* The last T between a feasible and an infeasible one that is feasible. */
static double edge(const struct programme *m, double in, double out)
{
    if (isfinite(solve(m, out, NULL, 0))) return out;
    for (int i = 0; i < 45; i++) {
        const double middle = (in + out) / 2;
        *(isfinite(solve(m, middle, NULL, 0)) ? &in : &out) = middle;
    }
    return in;
}

/* Golden section on a convex function; the ends themselves are tried too. */
static double search(const struct programme *m, double low, double high)
{
    const double ratio = 0.6180339887498949;
    double best = low, value = solve(m, low, NULL, 0);
    const double at_high = solve(m, high, NULL, 0), at_y = solve(m, m->top, NULL, 0);
    if (at_high < value) best = high, value = at_high;
    if (at_y < value) best = m->top, value = at_y;
    double a = high - ratio * (high - low), b = low + ratio * (high - low), fa = solve(m, a, NULL, 0), fb = solve(m, b, NULL, 0);
    for (int i = 0; i < 45; i++) {
        if (fa <= fb) {
            high = b, b = a, fb = fa;
            a = high - ratio * (high - low);
            fa = solve(m, a, NULL, 0);
        } else {
            low = a, a = b, fa = fb;
            b = low + ratio * (high - low);
            fb = solve(m, b, NULL, 0);
        }
    }
    return least(fa, fb) < value ? (fa <= fb ? a : b) : best;
}

static int by_likelihood(const void *a, const void *b, void *ctx)
{
    const float *y = ctx;
    const int i = *(const int *)a, j = *(const int *)b;
    return y[i] != y[j] ? (y[i] > y[j]) - (y[i] < y[j]) : i - j;
}

void modelguard_w(int classes, const float *y, double epsilon, double margin, int *order, float *q)
{
    const int top = argmax(y, classes);
    int n = 0;
    for (int k = 0; k < classes; k++)
        if (k != top) order[n++] = k;
    qsort_r(order, (size_t)n, sizeof *order, by_likelihood, (void *)(uintptr_t)y);
    double sum = 0;
    for (int k = 0; k < classes; k++) sum += (double)y[k];
    const double lead = (double)y[top] - (double)y[order[n - 1]];
    const struct programme m = {.n = n, .order = order, .y = y, .top = (double)y[top], .half = epsilon / 2, .margin = least(margin, lead)};
    const double low = edge(&m, m.top, fmax(0, m.top - m.half)), high = edge(&m, m.top, least(sum, m.top + m.half));
    solve(&m, search(&m, low, high), q, top);
    for (int k = 0; k < classes; k++) q[k] = q[k] > 0 ? q[k] : 0; /* what rounding left below 0 */
    simplex_keep_top(classes, y, q);
}

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    const struct state *s = state;
    (void)x;
    int *order = mem_new((size_t)(n * classes), sizeof *order);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) modelguard_w(classes, p + i * classes, s->epsilon, s->margin, order + i * classes, q + i * classes);
    mem_free(order);
    return OK;
}

extern const struct defense_ops defense_modelguard_w;
const struct defense_ops defense_modelguard_w = {.name = "modelguard-w", .about = "ModelGuard-W: the least likely answer in a ball that keeps the argmax",
    .formula = "q = argmin_q sum_k q_k log(y_k + 1e-6),  |q - y|_1 <= epsilon,  q_top - q_k >= margin",
    .paper = "Tang et al., ModelGuard: Information-Theoretic Defense Against Model Extraction Attacks, USENIX Security 2024",
    .work = "a search of some microseconds", .options = options, .presets = presets, .traits = traits, .open = open, .answer = answer, .close = mem_free};
