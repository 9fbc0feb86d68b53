/* MAD: the closed form against the Jacobian, and what it promises. */
#include "defenses/mad.h"
#include "tests/defense_scene.h"

/* The closed form is the explicit Jacobian of the last layer: rows (p - e_k) h'. */
static void mad_closed_form_equals_the_jacobian(void)
{
    enum { K = 7, D = 12 };
    struct rng r = rng_stream(3, "mad", 0);
    for (int trial = 0; trial < 50; trial++) {
        float p[K], y[K], h[D], v[K];
        double gram[K * K], hh = 0;
        for (int k = 0; k < K; k++) p[k] = (float)rng_normal(&r), y[k] = (float)(3 * rng_normal(&r)), v[k] = (float)rng_normal(&r);
        softmax_rows(p, 1, K, p);
        softmax_rows(y, 1, K, y);
        softmax_rows(v, 1, K, v);
        for (int i = 0; i < D; i++) h[i] = (float)rng_normal(&r), hh += (double)h[i] * (double)h[i];
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) {
                double dot = 0;
                for (int k = 0; k < K; k++) dot += ((double)p[k] - (k == i)) * ((double)p[k] - (k == j));
                gram[i * K + j] = dot * hh;
            }
        const struct mad_objective closed = {K, 0, p, y, NULL}, slow = {K, 0, p, y, gram};
        CHECK_NEAR(mad_value(&closed, v), mad_value(&slow, v), 1e-6);
        const struct mad_objective far = {K, 1, p, y, NULL}, far_slow = {K, 1, p, y, gram};
        CHECK_NEAR(mad_value(&far, v) * hh, mad_value(&far_slow, v), 1e-5 * hh);
    }
}

static void mad_by_the_published_way_gives_the_same_answers(void)
{
    static const char *const oracle[] = {"extreme", "argmax", "argmin"};
    struct scene s = scene_new(10, 40);
    float *fast = mem_new((size_t)(s.n * s.k), sizeof *fast), *slow = mem_new((size_t)(s.n * s.k), sizeof *slow);
    for (int i = 0; i < 6; i++) {
        char a[96], b[128];
        snprintf(a, sizeof a, "mad:epsilon=0.7:oracle=%s:objective=%s", oracle[i % 3], i < 3 ? "angle" : "distance");
        snprintf(b, sizeof b, "%s:jacobian=1", a);
        answers_of(a, &s, s.n, fast);
        answers_of(b, &s, s.n, slow);
        for (int row = 5; row < s.n; row++) /* the rows before are ties on purpose */
            for (int k = 0; k < s.k; k++) CHECK_NEAR(fast[row * s.k + k], slow[row * s.k + k], 1e-5);
    }
    mem_free(fast);
    mem_free(slow);
    scene_free(&s);
}

static void mad_stays_in_its_ball_and_keeps_the_argmax_where_it_promises(void)
{
    struct scene s = scene_new(10, 200);
    float *q = mem_new((size_t)(s.n * s.k), sizeof *q);
    for (int l2 = 0; l2 < 2; l2++) {
        answers_of(l2 ? "mad:epsilon=0.4:ball=l2:oracle=argmax" : "mad:epsilon=0.4:oracle=argmax", &s, s.n, q);
        for (int i = 0; i < s.n; i++) {
            double gap = 0;
            for (int k = 0; k < s.k; k++) gap += l2 ? pow((double)q[i * s.k + k] - (double)s.p[i * s.k + k], 2) : fabs((double)q[i * s.k + k] - (double)s.p[i * s.k + k]);
            CHECK((l2 ? sqrt(gap) : gap) < 0.4 + 1e-5);
            CHECK_INT(argmax(q + i * s.k, s.k), argmax(s.p + i * s.k, s.k));
        }
    }
    mem_free(q);
    scene_free(&s);
}

/* The vertex that "extreme" takes, in time linear in the classes, has mad_value's largest value: also where the surrogate is all but
 * sure. */
static void mad_extreme_is_the_best_vertex(void)
{
    enum { MOST = 100 };
    struct rng r = rng_stream(4, "vertices", 0);
    for (int t = 0; t < 400; t++) {
        static const int classes[] = {2, 3, 10, MOST};
        const int k = classes[t % 4];
        float p[MOST], y[MOST], v[MOST] = {0}, star[MOST];
        for (int i = 0; i < k; i++) p[i] = (float)(rng_normal(&r) * (t % 3 ? 1 : 12)), y[i] = (float)(4 * rng_normal(&r));
        softmax_rows(p, 1, k, p);
        softmax_rows(y, 1, k, y);
        const struct mad_objective o = {k, t % 5 == 0, p, y, NULL};
        double best = -1;
        for (int i = 0; i < k; i++, v[i - 1] = 0) {
            v[i] = 1;
            if (mad_value(&o, v) > best) best = mad_value(&o, v);
        }
        mad_star(&o, MAD_EXTREME, 0, star);
        CHECK_INT(argmax(star, k) >= 0 && star[argmax(star, k)] == 1, 1);
        CHECK_NEAR(mad_value(&o, star), best, 1e-12);
    }
}

/* "extreme" with the published code's default objective is "argmin", whatever the surrogate (METHODS: derived). */
static void mad_distance_extreme_is_argmin(void)
{
    struct scene s = scene_new(10, 100);
    float *a = mem_new((size_t)(s.n * s.k), sizeof *a), *b = mem_new((size_t)(s.n * s.k), sizeof *b);
    answers_of("mad:objective=distance", &s, s.n, a);
    answers_of("mad:oracle=argmin", &s, s.n, b);
    CHECK(memcmp(a, b, (size_t)(s.n * s.k) * sizeof *a) == 0);
    mem_free(a);
    mem_free(b);
    scene_free(&s);
}

int main(void)
{
    RUN(mad_closed_form_equals_the_jacobian);
    RUN(mad_by_the_published_way_gives_the_same_answers);
    RUN(mad_stays_in_its_ball_and_keeps_the_argmax_where_it_promises);
    RUN(mad_extreme_is_the_best_vertex);
    RUN(mad_distance_extreme_is_argmin);
    return check_done();
}
