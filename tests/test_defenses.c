/* Defenses: one conformance test over every registry entry; InI against finite differences; MAD against the Jacobian. */
#include <omp.h>

#include "base/mem.h"
#include "base/rng.h"
#include "defenses/defense.h"
#include "defenses/ini_step.h"
#include "defenses/mad.h"
#include "nn/loss.h"
#include "nn/optim.h"
#include "tests/check.h"

/* ---- conformance: answers ------------------------------------------------------------------------- */

/* A victim with K classes on tiny images, and posteriors of every kind: random, one-hot, ties, subnormal entries. */
struct scene {
    struct model *victim;
    int n, k;
    size_t d;
    float *x, *p;
    struct optim optim;
    struct defense_env env;
};

static void hard_rows(struct scene *s)
{
    float *p = s->p;
    const int k = s->k;
    for (int j = 0; j < k; j++) {
        p[j] = j == 1 ? 1 : 0;                  /* a corner */
        p[k + j] = 1 / (float)k;                /* all tie */
        p[2 * k + j] = j < 2 ? 0.5f : 0;        /* two tie */
        p[3 * k + j] = j == 0 ? 1 : 1e-42f;     /* subnormal */
        p[4 * k + j] = j == k - 1 ? 1 : 0;
    }
}

static struct scene scene_new(int k, int n)
{
    struct scene s = {.n = n, .k = k};
    struct rng r = rng_stream(5, "scene", (uint64_t)k);
    CHECK_OK(model_parse(&s.victim, "tiny", "conv a out=3 k=3\nrelu\nflatten\nlinear b out=K\n", (struct shape){1, 6, 6, ROWS}, k));
    model_init(s.victim, 1);
    s.d = shape_size(s.victim->input);
    s.x = mem_new((size_t)n * s.d, sizeof *s.x);
    s.p = mem_new((size_t)(n * k), sizeof *s.p);
    for (size_t i = 0; i < (size_t)n * s.d; i++) s.x[i] = (float)rng_uniform(&r);
    for (int i = 0; i < n * k; i++) s.p[i] = (float)(3 * rng_normal(&r));
    softmax_rows(s.p, n, k, s.p);
    hard_rows(&s);
    s.optim = (struct optim){.epochs = 1, .batch = 16, .lr = 0.1, .gamma = 0.1, .step = 1};
    s.env = (struct defense_env){.victim = s.victim, .optim = &s.optim, .seed = 9};
    return s;
}

static void scene_free(struct scene *s)
{
    model_free(s->victim);
    mem_free(s->x);
    mem_free(s->p);
}

static void answers_of(const char *chain, const struct scene *s, int cut, float *q)
{
    struct defense *d = NULL;
    if (!CHECK_OK(defense_parse(&d, chain))) return;
    if (defense_fitter(d) == NULL || d->n > 1) CHECK_OK(defense_open(d, &s->env));
    for (int i = 0; i < s->n; i += cut) {
        const int n = s->n - i < cut ? s->n - i : cut;
        CHECK_OK(defense_answer(d, s->x + (size_t)i * s->d, s->p + i * s->k, q + i * s->k, n, s->k));
    }
    defense_free(d);
}

/* Simplex (defense_answer checks and fails), same seed same answers, however the rows are split into calls. */
static void conform(const char *chain, int k)
{
    struct scene s = scene_new(k, 150);
    const size_t size = (size_t)(s.n * k) * sizeof(float);
    float *once = mem_new(size, 1), *again = mem_new(size, 1);
    answers_of(chain, &s, s.n, once);
    const int cuts[] = {1, 7, 128, 149};
    for (int c = 0; c < 4; c++) {
        memset(again, 0, size);
        answers_of(chain, &s, cuts[c], again);
        if (!CHECK(memcmp(once, again, size) == 0)) printf("%s, K=%d, %d rows a call\n", chain, k, cuts[c]);
    }
    omp_set_num_threads(1);
    answers_of(chain, &s, s.n, again);
    omp_set_num_threads(2);
    CHECK(memcmp(once, again, size) == 0);
    mem_free(once);
    mem_free(again);
    scene_free(&s);
}

static void every_defense_conforms(void)
{
    static const int classes[] = {2, 3, 10, 11, 100, 1000};
    for (int i = 0; i < defense_count(); i++)
        for (int k = 0; k < 6; k++) conform(defense_at(i)->name, classes[k]);
}

static void chains_conform(void)
{
    static const char *const chain[] = {"mad:oracle=argmax", "mad:oracle=argmin:ball=l2", "mad:oracle=random:epsilon=0.3", "mad:objective=distance",
        "mad:epsilon=0", "mad:jacobian=1", "mad+hard", "mad:epsilon=0.5+topk:k=2", "reverse-sigmoid:beta=3:gamma=5+mad+topk:k=1",
        "reverse-sigmoid:gamma=0", "topk:k=2:renormalise=0+hard", "none+none"};
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) conform(chain[i], 10);
    conform("mad:oracle=argmax", 40);
}

static void unknown_names_and_options_are_refused(void)
{
    struct defense *d = NULL;
    CHECK_ERR(defense_parse(&d, "madd"), ERR_OPTION, "unknown defense 'madd'; did you mean 'mad'");
    CHECK_ERR(defense_parse(&d, "mad:epsilom=1"), ERR_OPTION, "did you mean 'epsilon'");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=3"), ERR_OPTION, "found 3, expected 0 to 2");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=x"), ERR_OPTION, "found 'x', expected a number");
    CHECK_ERR(defense_parse(&d, "mad:oracle=best"), ERR_OPTION, "expected one of: extreme argmax argmin random");
    CHECK_ERR(defense_parse(&d, "mad:preset=zz"), ERR_OPTION, "unknown preset 'zz'");
    CHECK_ERR(defense_parse(&d, "ini+ini"), ERR_OPTION, "both train the victim");
    CHECK_ERR(defense_parse(&d, "mad+"), ERR_OPTION, "a name is missing");
    CHECK_ERR(defense_parse(&d, "mad:epsilon"), ERR_OPTION, "expected key=value");
    CHECK_ERR(defense_parse(&d, "mad:epsilon=1:epsilon=1"), ERR_OPTION, "given twice");
    for (int i = 0; i < defense_count(); i++) {
        char *text = mem_print("%s:no_such_option=1", defense_at(i)->name);
        CHECK_ERR(defense_parse(&d, text), ERR_OPTION, "unknown option 'no_such_option'");
        mem_free(text);
    }
}

static void a_nan_is_refused(void)
{
    struct scene s = scene_new(10, 8);
    struct defense *d = NULL;
    float q[80];
    s.p[13] = NAN;
    CHECK_OK(defense_parse(&d, "topk:k=10:renormalise=0"));
    CHECK_OK(defense_open(d, &s.env));
    CHECK_ERR(defense_answer(d, s.x, s.p, q, s.n, 10), ERR_NUMERIC, "released nan");
    defense_free(d);
    scene_free(&s);
}

static void presets_set_what_they_say(void)
{
    struct defense *d = NULL;
    CHECK_OK(defense_parse(&d, "ini:preset=paper-mnist:gamma=0.7"));
    CHECK_STR(spec_string(&d->link[0].opt, "momentum"), "0.5");
    CHECK_STR(spec_string(&d->link[0].opt, "gamma"), "0.7");
    CHECK_STR(spec_string(&d->link[0].opt, "epochs"), "50");
    defense_free(d);
    CHECK_OK(defense_parse(&d, "ini"));
    CHECK_STR(spec_string(&d->link[0].opt, "epochs"), "victim");
    defense_free(d);
}

/* ---- the pieces of answers ------------------------------------------------------------------------------ */

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

/* "extreme" with the published code's default objective is "argmin", whatever the surrogate (METHODS: derived). */
static void mad_distance_extreme_is_argmin(void)
{
    struct scene s = scene_new(10, 100);
    float *a = mem_new((size_t)(s.n * s.k), sizeof *a), *b = mem_new((size_t)(s.n * s.k), sizeof *b);
    answers_of("mad:objective=distance", &s, s.n, a);
    answers_of("mad:oracle=argmin", &s, s.n, b);
    CHECK(memcmp(a + 5 * s.k, b + 5 * s.k, (size_t)((s.n - 5) * s.k) * sizeof *a) == 0);
    mem_free(a);
    mem_free(b);
    scene_free(&s);
}

/* ---- InI -------------------------------------------------------------------------------------------------- */

/* The whole loss of a step, for differences. */
static double total(struct ini_step *s, const struct ini_options *o, const float *id, const int *y, const float *ood, int n)
{
    double loss[INI_TERMS], sum = 0;
    ini_step_losses(s, id, y, ood, n, loss);
    for (int t = 0; t < INI_TERMS; t++) sum += o->weight[t] * loss[t];
    return sum;
}

static void check_ini(struct ini_options o)
{
    enum { N = 9, K = 6 };
    static const char net[] = "conv a out=4 k=3\nrelu\nmaxpool k=2\nflatten\nlinear b out=12\nrelu\nlinear c out=K\n";
    struct model *v = NULL, *st = NULL;
    CHECK_OK(model_parse(&v, "t", net, (struct shape){1, 8, 8, ROWS}, K));
    CHECK_OK(model_parse(&st, "t", net, (struct shape){1, 8, 8, ROWS}, K));
    model_init(v, 1);
    model_init(st, 2);
    struct rng r = rng_stream(1, "ini", 0);
    float id[N * 64], ood[N * 64], *g = mem_new(v->params, sizeof *g), *dir = mem_new(v->params, sizeof *dir);
    int y[N];
    for (int i = 0; i < N * 64; i++) id[i] = (float)rng_normal(&r), ood[i] = (float)rng_normal(&r);
    for (int i = 0; i < N; i++) y[i] = rng_below(&r, K);
    for (size_t i = 0; i < v->params; i++) dir[i] = (float)rng_normal(&r) * 0.05f;
    struct ini_step *s = ini_step_new(v, st, &o, N);
    total(s, &o, id, y, ood, N);
    ini_step_merge(s, &r, g); /* pcgrad = 0: the gradient of the sum */
    const double want = vector_dot(v->params, g, dir), h = 2e-3;
    double side[2];
    for (int i = 0; i < 2; i++) {
        vector_add(v->params, i ? -2 * h : h, dir, v->w);
        side[i] = total(s, &o, id, y, ood, N);
    }
    CHECK_NEAR((side[0] - side[1]) / (2 * h) / want, 1, 2e-2);
    ini_step_free(s);
    model_free(v);
    model_free(st);
    mem_free(g);
    mem_free(dir);
}

static void ini_gradient_equals_finite_differences(void)
{
    check_ini((struct ini_options){.weight = {1, 0, 0.3, 1, 100}});
    check_ini((struct ini_options){.weight = {1, 0.5, 0, 0, 0}});
    check_ini((struct ini_options){.weight = {1, 0.2, 0.3, 1, 100}, .kl = 1});
    check_ini((struct ini_options){.weight = {1, 0, 0.3, 1, 100}, .entropy = 1});
    check_ini((struct ini_options){.weight = {1, 0, 0, 1, 100}, .ce = 1});
    check_ini((struct ini_options){.weight = {1, 0, 0, 5, 0}});
    check_ini((struct ini_options){.weight = {1, 0, 0, 0, 1000}});
}

int main(void)
{
    RUN(every_defense_conforms);
    RUN(chains_conform);
    RUN(unknown_names_and_options_are_refused);
    RUN(a_nan_is_refused);
    RUN(presets_set_what_they_say);
    RUN(topk_keeps_the_largest);
    RUN(reverse_sigmoid_reduces_a_class_above_one_half);
    RUN(mad_closed_form_equals_the_jacobian);
    RUN(mad_by_the_published_way_gives_the_same_answers);
    RUN(mad_stays_in_its_ball_and_keeps_the_argmax_where_it_promises);
    RUN(mad_distance_extreme_is_argmin);
    RUN(ini_gradient_equals_finite_differences);
    return check_done();
}
