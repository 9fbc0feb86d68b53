/* InI: its gradient against finite differences. */
#include "base/mem.h"
#include "base/rng.h"
#include "defenses/ini_step.h"
#include "nn/optim.h"
#include "tests/check.h"

/* The whole loss of a step, for differences; g [params] += its gradient (pcgrad = 0). */
static double total(struct ini_step *s, const struct ini_options *o, const float *id, const int *y, const float *ood, int n, float *g)
{
    double loss[INI_TERMS], sum = 0;
    ini_step_gradient(s, id, y, ood, n, NULL, loss, g);
    for (int t = 0; t < INI_TERMS; t++) sum += o->weight[t] * loss[t];
    return sum;
}

static void check_ini(struct ini_options o, int students)
{
    enum { N = 9, K = 6 };
    static const char net[] = "conv a out=4 k=3\nrelu\nmaxpool k=2\nflatten\nlinear b out=12\nrelu\nlinear c out=K\n";
    struct model *v = NULL, *st[3] = {NULL};
    const struct model *all[3];
    CHECK_OK(model_parse(&v, "t", net, (struct shape){1, 8, 8, ROWS}, K));
    model_init(v, 1);
    for (int k = 0; k < students; k++) {
        CHECK_OK(model_parse(&st[k], "t", net, (struct shape){1, 8, 8, ROWS}, K));
        model_init(st[k], (uint64_t)(2 + k));
        all[k] = st[k];
    }
    struct rng r = rng_stream(1, "ini", 0);
    float id[N * 64], ood[N * 64], *g = mem_new(v->params, sizeof *g), *dir = mem_new(v->params, sizeof *dir);
    int y[N];
    for (int i = 0; i < N * 64; i++) id[i] = (float)rng_normal(&r), ood[i] = (float)rng_normal(&r);
    for (int i = 0; i < N; i++) y[i] = rng_below(&r, K);
    for (size_t i = 0; i < v->params; i++) dir[i] = (float)rng_normal(&r) * 0.05f;
    struct ini_step *s = ini_step_new(v, all, students, &o, N);
    total(s, &o, id, y, ood, N, g);
    const double want = vector_dot(v->params, g, dir), h = 2e-3;
    double side[2];
    for (int i = 0; i < 2; i++) {
        vector_add(v->params, i ? -2 * h : h, dir, v->w);
        side[i] = total(s, &o, id, y, ood, N, g);
    }
    CHECK_NEAR((side[0] - side[1]) / (2 * h) / want, 1, 2e-2);
    ini_step_free(s);
    model_free(v);
    for (int k = 0; k < students; k++) model_free(st[k]);
    mem_free(g);
    mem_free(dir);
}

static void ini_gradient_equals_finite_differences(void)
{
    check_ini((struct ini_options){.weight = {1, 0, 0.3, 1, 100}}, 1);
    check_ini((struct ini_options){.weight = {1, 0.5, 0, 0, 0}}, 1);
    check_ini((struct ini_options){.weight = {1, 0.2, 0.3, 1, 100}, .kl = 1}, 1);
    check_ini((struct ini_options){.weight = {1, 0, 0.3, 1, 100}, .entropy = 1}, 1);
    check_ini((struct ini_options){.weight = {1, 0, 0, 1, 100}, .ce = 1}, 1);
    check_ini((struct ini_options){.weight = {1, 0, 0, 5, 0}}, 1);
    check_ini((struct ini_options){.weight = {1, 0, 0, 0, 1000}}, 1);
    check_ini((struct ini_options){.weight = {1, 0.2, 0.3, 1, 100}}, 3);
    check_ini((struct ini_options){.weight = {1, 0, 0.3, 1, 100}, .entropy = 1}, 3);
}

int main(void)
{
    RUN(ini_gradient_equals_finite_differences);
    return check_done();
}
