/* Defenses that change one answer at a time, each against an independent slow computation and what its paper says. */
#include "defenses/modelguard.h"
#include "defenses/noise.h"
#include "defenses/simplex.h"
#include "tests/defense_scene.h"

/* One answer [K] of a chain that needs neither network nor image. */
static void answer_of(const char *chain, const float *p, int k, float *q)
{
    struct defense *d = NULL;
    if (!CHECK_OK(defense_parse(&d, chain))) return;
    CHECK_OK(defense_open(d, &(struct defense_env){0}));
    CHECK_OK(defense_answer(d, NULL, p, q, 1, k));
    defense_free(d);
}

static void random_posterior(struct rng *r, int k, double scale, float *p)
{
    for (int j = 0; j < k; j++) p[j] = (float)(scale * rng_normal(r));
    softmax_rows(p, 1, k, p);
}

static void topk_keeps_the_largest(void)
{
    const float p[5] = {0.1f, 0.3f, 0.3f, 0.25f, 0.05f};
    float q[5];
    struct defense *d = NULL;
    CHECK_OK(defense_parse(&d, "topk:k=2"));
    CHECK_OK(defense_open(d, &(struct defense_env){0}));
    CHECK_OK(defense_answer(d, NULL, p, q, 1, 5));
    CHECK_NEAR(q[1], 0.5, 1e-6);
    CHECK_NEAR(q[2], 0.5, 1e-6);
    CHECK_NEAR(q[0] + q[3] + q[4], 0, 0);
    defense_free(d);
}

static void reverse_sigmoid_reduces_a_class_above_one_half(void)
{
    const float p[3] = {0.9f, 0.07f, 0.03f};
    float q[3];
    struct defense *d = NULL;
    CHECK_OK(defense_parse(&d, "reverse-sigmoid:beta=0.5:gamma=0.5"));
    CHECK_OK(defense_open(d, &(struct defense_env){0}));
    CHECK_OK(defense_answer(d, NULL, p, q, 1, 3));
    CHECK(q[0] < p[0]);
    CHECK(q[1] > p[1]);
    CHECK(q[2] > p[2]);
    defense_free(d);
}

/* Against the plain text of its definition, in long double, and what is said of its settings: beta 0 changes nothing, the odds'
 * clamp never reduces a class, and ModelGuard's scripts count theirs among the defenses that keep the most likely class. */
static void reverse_sigmoid_is_its_formula(void)
{
    enum { K = 10 };
    static const char *const preset[] = {"mg", "mg-cifar100", "mg-caltech256", "mg-cub200"};
    struct rng r = rng_stream(4, "rs", 0);
    for (int trial = 0; trial < 200; trial++) {
        float p[K], q[K], g[K], same[K], kept[K];
        long double z[K], sum = 0;
        random_posterior(&r, K, 3, p);
        answer_of("reverse-sigmoid:beta=0.7:gamma=0.3", p, K, q);
        for (int k = 0; k < K; k++) {
            const long double y = p[k] < 1e-7f ? 1e-7L : p[k] > 1 - 1e-7f ? 1 - 1e-7L : p[k];
            const long double odds = logl(y / (1 - y));
            z[k] = y - 0.7L * (1 / (1 + expl(-0.3L * odds)) - 0.5L);
            if (z[k] < 0) z[k] = 0;
            sum += z[k];
        }
        for (int k = 0; k < K; k++) CHECK_NEAR(q[k], (double)(z[k] / sum), 1e-6);
        answer_of("reverse-sigmoid:beta=0", p, K, same);
        for (int k = 0; k < K; k++) CHECK_NEAR(same[k], p[k], 2e-6);
        answer_of("reverse-sigmoid:beta=0.7:gamma=0.3:clamp=odds", p, K, g);
        double first = 0, mass = 0; /* undo the division: every class has gained, or where it is above 1/2 stayed */
        for (int k = 0; k < K; k++) mass += (double)p[k] <= 0.5 ? (double)p[k] - 0.7 * (1 / (1 + pow((double)p[k] / (1 - (double)p[k]), -0.3)) - 0.5) : (double)p[k];
        for (int k = 0; k < K; k++) first = fmin(first, (double)g[k] * mass - (double)p[k]);
        CHECK(first > -1e-5);
        if (p[argmax(p, K)] < 0.2f) continue;
        for (int i = 0; i < 4; i++) {
            char chain[64];
            snprintf(chain, sizeof chain, "reverse-sigmoid:preset=%s", preset[i]);
            answer_of(chain, p, K, kept);
            CHECK_INT(argmax(kept, K), argmax(p, K));
        }
    }
}

static int descending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* topk by sorting, hard labels as its k = 1, rounding by printf; and as published, without dividing by the sum. */
static void less_is_released_as_sorting_and_printing_say(void)
{
    enum { K = 12 };
    struct rng r = rng_stream(6, "less", 0);
    for (int trial = 0; trial < 300; trial++) {
        float p[K], sorted[K], q[K], hard[K];
        const int k = 1 + trial % K, digits = 1 + trial % 4;
        char chain[64], text[32];
        random_posterior(&r, K, 2, p);
        memcpy(sorted, p, sizeof p);
        qsort(sorted, K, sizeof *sorted, descending);
        snprintf(chain, sizeof chain, "topk:k=%d:preset=pp", k);
        answer_of(chain, p, K, q);
        for (int j = 0; j < K; j++) CHECK(q[j] == (p[j] >= sorted[k - 1] ? p[j] : 0));
        answer_of("topk:k=1", p, K, q);
        answer_of("hard", p, K, hard);
        CHECK(memcmp(q, hard, sizeof q) == 0);
        CHECK(hard[argmax(p, K)] == 1);
        snprintf(chain, sizeof chain, "round:digits=%d:preset=pp", digits);
        answer_of(chain, p, K, q);
        for (int j = 0; j < K; j++) {
            snprintf(text, sizeof text, "%.*f", digits, (double)p[j]);
            CHECK_NEAR(q[j], atof(text), 1e-6);
        }
    }
}

static void rounding_keeps_the_argmax_where_asked(void)
{
    const float p[4] = {0.31f, 0.34f, 0.33f, 0.02f}, tiny[3] = {0.004f, 0.003f, 0.993f};
    float q[4];
    answer_of("round:digits=1:renormalise=0:argmax=0", p, 4, q);
    CHECK_NEAR(q[0], 0.3, 1e-6);
    CHECK_NEAR(q[1], 0.3, 1e-6);
    CHECK_NEAR(q[3], 0, 0);
    answer_of("round:digits=1", p, 4, q);
    CHECK_NEAR(q[0], 2. / 7, 1e-6);
    CHECK_NEAR(q[1], 3. / 7, 1e-6);
    answer_of("round:digits=0:preset=pp", p, 4, q); /* all round to 0: one-hot */
    CHECK_NEAR(q[1], 1, 0);
    answer_of("round:digits=2:preset=pp", tiny, 3, q);
    CHECK_NEAR(q[0] + q[1], 0, 0);
    CHECK_NEAR(q[2], 0.99, 1e-6);
}

/* ---- noise ------------------------------------------------------------------------------------------ */

/* No point of the ball is nearer than the projection: checked against many. */
static void the_projection_is_the_nearest_point(void)
{
    struct rng r = rng_stream(1, "project", 0);
    for (int trial = 0; trial < 100; trial++) {
        const int norm = 1 + trial % 2;
        double v[6], p[6], size = 0, gap = 0;
        for (int i = 0; i < 6; i++) p[i] = v[i] = 2 * rng_normal(&r);
        simplex_project(6, norm, 1.5, p);
        for (int i = 0; i < 6; i++) size += norm == 1 ? fabs(p[i]) : p[i] * p[i], gap += (v[i] - p[i]) * (v[i] - p[i]);
        CHECK((norm == 1 ? size : sqrt(size)) < 1.5 + 1e-9);
        for (int other = 0; other < 2000; other++) {
            double w[6], length = 0, far = 0;
            for (int i = 0; i < 6; i++) w[i] = p[i] + 0.1 * rng_normal(&r), length += norm == 1 ? fabs(w[i]) : w[i] * w[i];
            if (norm == 2) length = sqrt(length);
            for (int i = 0; i < 6; i++) w[i] *= length > 1.5 ? 1.5 / length : 1, far += (v[i] - w[i]) * (v[i] - w[i]);
            if (!CHECK(far > gap - 1e-9)) return;
        }
    }
}

static void noise_to_a_class_moves_as_far_as_it_says(void)
{
    struct scene s = scene_new(10, 400);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q), *fresh = mem_new((size_t)(s.n * s.k), sizeof *q);
    int to[10] = {0};
    answers_of("noise:epsilon=0.5", &s, s.n, q);
    for (int i = 0; i < s.n; i++) {
        const float *y = s.p + i * s.k, *a = q + i * s.k;
        int at = -1;
        for (int k = 0; k < s.k; k++)
            if (fabs((double)a[k] - 0.75 * (double)y[k]) > 1e-6) CHECK(at < 0), at = k;
        CHECK(at >= 0 && at != argmax(y, s.k));
        CHECK_NEAR(a[at], 0.75 * (double)y[at] + 0.25, 1e-6);
        to[at]++;
    }
    for (int k = 0; k < s.k; k++) CHECK(to[k] > 15 && to[k] < 80); /* 40 expected, sd 6 */
    answers_of("noise:epsilon=0.5:fresh=1", &s, s.n, fresh);
    CHECK(memcmp(q, fresh, (size_t)(s.n * s.k) * sizeof *q) != 0);
    memcpy(s.x + s.d, s.x, s.d * sizeof *s.x); /* the same image twice, with the same posterior */
    memcpy(s.p + s.k, s.p, (size_t)s.k * sizeof *s.p);
    answers_of("noise:kind=gaussian", &s, s.n, q);
    CHECK(memcmp(q, q + s.k, (size_t)s.k * sizeof *q) == 0);
    answers_of("noise:kind=gaussian:fresh=1", &s, s.n, q);
    CHECK(memcmp(q, q + s.k, (size_t)s.k * sizeof *q) != 0);
    mem_free(q);
    mem_free(fresh);
    scene_free(&s);
}

/* ---- ModelGuard ---------------------------------------------------------------------------------------- */

static double surprise(const float *y, const double *q, int k)
{
    double sum = 0;
    for (int j = 0; j < k; j++) sum += q[j] * log((double)y[j] + 1e-6);
    return sum;
}

/* Does q satisfy every constraint, up to `slack`? */
static int feasible(const float *y, const double *q, int k, double epsilon, double margin, double slack)
{
    const int top = argmax(y, k);
    double sum = 0, gap = 0;
    for (int j = 0; j < k; j++) {
        if (q[j] < -slack || (j != top && q[top] - q[j] < margin - slack)) return 0;
        sum += q[j];
        gap += fabs(q[j] - (double)y[j]);
    }
    return fabs(sum - 1) < slack + 1e-6 && gap <= epsilon + slack;
}

/* Every vertex of the feasible set, by trying every choice of which constraints are tight: q_j = 0, q_j = q_top - margin,
 * q_j = y_j, or free, and solving for what is left. Exact, exponential, and nothing like the greedy exchange. */
static double best_vertex(const float *y, int k, double epsilon, double margin)
{
    const int top = argmax(y, k);
    double best = INFINITY;
    int state[6], choices = 1;
    for (int j = 0; j < k; j++) choices *= 4;
    for (int code = 0; code < choices; code++) {
        int free_n = 0, rest = code;
        for (int j = 0; j < k; j++, rest /= 4) free_n += (state[j] = rest % 4) == 3;
        if (state[top] == 1 || state[top] == 0) continue; /* the top is its clean value, or free */
        /* Unknowns: T = q_top and up to one free class f. Equations: the sum; and where two are unknown, the ball. */
        if (free_n > 2 || (free_n == 2 && state[top] != 3)) continue;
        for (int signs = 0; signs < 1 << (k + 1); signs++) { /* sign of q_j - y_j, where it is unknown: makes the ball linear */
            double a = 1, b = 0, g = epsilon, ga = 0; /* sum: a T + q_f + b = 1; ball: ga T + s_f q_f = g */
            int f = -1;
            double sf = 0;
            if (state[top] == 3) ga += signs & 1 ? 1 : -1, g += (signs & 1 ? 1 : -1) * (double)y[top];
            else a = 0, b = (double)y[top];
            for (int j = 0; j < k; j++) {
                const double s = signs >> (j + 1) & 1 ? 1 : -1;
                if (j == top) continue;
                if (state[j] == 0) g -= (double)y[j];
                if (state[j] == 2) b += (double)y[j];
                if (state[j] == 1) {
                    if (state[top] == 3) a += 1, b -= margin, ga += s, g += s * ((double)y[j] + margin);
                    else b += (double)y[top] - margin, g -= fabs((double)y[top] - margin - (double)y[j]);
                }
                if (state[j] == 3) f = j, sf = s, g += s * (double)y[j];
            }
            double t = (double)y[top], v = 0, q[6];
            if (state[top] == 3 && f >= 0) {
                const double det = a * sf - ga;
                if (fabs(det) < 1e-12) continue;
                t = ((1 - b) * sf - g) / det;
                v = 1 - b - a * t;
            } else if (state[top] == 3) t = (1 - b) / a;
            else if (f >= 0) v = 1 - b;
            for (int j = 0; j < k; j++) q[j] = j == top ? t : state[j] == 0 ? 0 : state[j] == 1 ? t - margin : state[j] == 2 ? (double)y[j] : v;
            if (feasible(y, q, k, epsilon, margin, 1e-9)) best = fmin(best, surprise(y, q, k));
        }
    }
    return best;
}

static void modelguard_w_is_the_best_vertex(void)
{
    struct rng r = rng_stream(3, "mg", 0);
    for (int trial = 0; trial < 120; trial++) {
        const int k = 3 + trial % 3;
        const double epsilon = trial % 7 ? rng_between(&r, 0.05, 1.9) : 2;
        float y[5], q[5];
        int order[5];
        random_posterior(&r, k, trial % 2 ? 1 : 3, y);
        double second = 0, sum = 0, wide[5];
        for (int j = 0; j < k; j++) sum += (double)y[j];
        for (int j = 0; j < k; j++)
            if (j != argmax(y, k) && (double)y[j] > second) second = (double)y[j];
        if ((double)y[argmax(y, k)] - second < 1e-3) continue;
        modelguard_w(k, y, epsilon, 1e-4, order, q);
        for (int j = 0; j < k; j++) wide[j] = (double)q[j];
        CHECK(feasible(y, wide, k, epsilon, 1e-4, 1e-6));
        if (!CHECK_NEAR(surprise(y, wide, k), best_vertex(y, k, epsilon, 1e-4), 2e-5)) printf("K %d, epsilon %g, sum %g\n", k, epsilon, sum);
    }
}

static void modelguard_s_uses_the_first_entry_in_its_ball(void)
{
    struct scene s = scene_new(10, 300);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q);
    answers_of("modelguard-s:epsilon=0.6", &s, s.n, q);
    int entries = 0, used = 0;
    for (int i = 0; i < s.n; i++) { /* the naive twin: the entries are the rows that were answered with themselves */
        int first = i;
        for (int j = 0; j < i && first == i; j++) {
            double gap = 0;
            if (argmax(s.p + j * s.k, s.k) != argmax(s.p + i * s.k, s.k) || memcmp(q + j * s.k, s.p + j * s.k, (size_t)s.k * sizeof *q)) continue;
            for (int k = 0; k < s.k; k++) gap += fabs((double)s.p[i * s.k + k] - (double)s.p[j * s.k + k]);
            if (gap <= 0.6) first = j;
        }
        CHECK(memcmp(q + i * s.k, s.p + first * s.k, (size_t)s.k * sizeof *q) == 0);
        entries += first == i;
        used += first != i;
    }
    CHECK(entries > 10 && used > 10);
    mem_free(q);
    scene_free(&s);
}

/* As its paper says: no answer is farther from its posterior than epsilon, asking again tells nothing more, so that averaging is in
 * vain, and the answers to a traffic depend on its order. */
static void modelguard_s_remembers(void)
{
    struct scene s = scene_new(10, 300);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q), *again = mem_new((size_t)(s.n * s.k), sizeof *q);
    struct defense *d = NULL;
    const struct defense_env env = scene_env(&s);
    CHECK_OK(defense_parse(&d, "modelguard-s:epsilon=0.6"));
    CHECK_OK(defense_open(d, &env));
    CHECK_OK(scene_ask(d, &s, s.n, q));
    CHECK_OK(scene_ask(d, &s, 17, again));
    CHECK(memcmp(q, again, (size_t)(s.n * s.k) * sizeof *q) == 0);
    defense_free(d);
    for (int i = 0; i < s.n; i++) {
        double gap = 0;
        for (int k = 0; k < s.k; k++) gap += fabs((double)q[i * s.k + k] - (double)s.p[i * s.k + k]);
        CHECK(gap <= 0.6 + 1e-6);
    }
    float *last = s.p + (s.n - 60) * s.k; /* the traffic's end, asked first */
    CHECK_OK(defense_parse(&d, "modelguard-s:epsilon=0.6"));
    CHECK_OK(defense_open(d, &env));
    CHECK_OK(defense_answer(d, s.x, last, again, 60, s.k));
    CHECK(memcmp(q + (s.n - 60) * s.k, again, (size_t)(60 * s.k) * sizeof *q) != 0);
    defense_free(d);
    mem_free(q);
    mem_free(again);
    scene_free(&s);
}

/* With no room to move, an answer is the posterior: every defense with a ball. */
static void a_ball_of_nothing_changes_nothing(void)
{
    static const char *const chain[] = {"mad:epsilon=0", "mad:epsilon=0:oracle=argmax", "grad2:epsilon=0:surrogate=random", "modelguard-w:epsilon=0", "modelguard-s:epsilon=0",
        "noise:epsilon=0", "noise:epsilon=0:kind=symmetric", "reverse-sigmoid:beta=0"};
    struct scene s = scene_new(10, 100);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q);
    for (size_t c = 0; c < sizeof chain / sizeof *chain; c++) {
        answers_of(chain[c], &s, s.n, q);
        for (int i = 5 * s.k; i < s.n * s.k; i++) /* after the corners */
            if (!CHECK_NEAR(q[i], s.p[i], 3e-6)) {
                printf("%s\n", chain[c]);
                break;
            }
    }
    mem_free(q);
    scene_free(&s);
}

int main(void)
{
    RUN(topk_keeps_the_largest);
    RUN(reverse_sigmoid_reduces_a_class_above_one_half);
    RUN(reverse_sigmoid_is_its_formula);
    RUN(less_is_released_as_sorting_and_printing_say);
    RUN(rounding_keeps_the_argmax_where_asked);
    RUN(the_projection_is_the_nearest_point);
    RUN(noise_to_a_class_moves_as_far_as_it_says);
    RUN(modelguard_w_is_the_best_vertex);
    RUN(modelguard_s_uses_the_first_entry_in_its_ball);
    RUN(modelguard_s_remembers);
    RUN(a_ball_of_nothing_changes_nothing);
    return check_done();
}
