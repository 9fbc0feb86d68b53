/* The golden cases of defenses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/am.h"
#include "defenses/edm.h"
#include "defenses/grad2.h"
#include "defenses/mad.h"
#include "defenses/modelguard.h"
#include "defenses/noise.h"
#include "nn/loss.h"
#include "tests/golden.h"

static void mad_answers(struct golden *g, const char *star_name, const char *answer, enum mad_oracle oracle, const float *y, const float *p, size_t n, int k)
{
    float *star = mem_new(n * (size_t)k, sizeof *star), *q = mem_new(n * (size_t)k, sizeof *q);
    for (size_t i = 0; i < n; i++) mad_star(&(struct mad_objective){k, 0, p + i * (size_t)k, y + i * (size_t)k, NULL}, oracle, 0, star + i * (size_t)k);
    golden_compare(g, star_name, star, n * (size_t)k);
    for (int t = 0; t < g->f->n; t++) { /* expect.mad.l1.0.5: every ball and radius that the file has */
        const char *name = g->f->tensor[t].name;
        char ball[3];
        double epsilon;
        if (strncmp(name, answer, strlen(answer)) || sscanf(name + strlen(answer), ".%2[l12].%lf", ball, &epsilon) != 2) continue;
        for (size_t i = 0; i < n; i++)
            mad_mix(k, y + i * (size_t)k, star + i * (size_t)k, epsilon, strcmp(ball, "l2") ? MAD_L1 : MAD_L2, q + i * (size_t)k);
        golden_compare(g, name, q, n * (size_t)k);
    }
    mem_free(star);
    mem_free(q);
}

int golden_mad(struct golden *g)
{
    size_t count = 0;
    float *y = golden_floats(g, "posteriors", &count), *p = golden_floats(g, "proxy_posteriors", NULL);
    const int k = (int)safetensors_find(g->f, "posteriors")->dim[1];
    mad_answers(g, "expect.ystar", "expect.mad", MAD_EXTREME, y, p, count / (size_t)k, k);
    mad_answers(g, "expect.ystar_argmax", "expect.mad_argmax", MAD_ARGMAX, y, p, count / (size_t)k, k);
    mem_free(y);
    mem_free(p);
    return OK;
}

int golden_reverse_sigmoid(struct golden *g)
{
    size_t count = 0;
    float *y = golden_floats(g, "posteriors", &count), *q = mem_new(count, sizeof *q);
    const int k = (int)safetensors_find(g->f, "posteriors")->dim[1];
    int code = OK;
    for (int t = 0; t < g->f->n && !code; t++) {
        double beta, gamma;
        char chain[96];
        struct defense *d;
        if (sscanf(g->f->tensor[t].name, "expect.beta%lf.gamma%lf", &beta, &gamma) != 2) continue;
        snprintf(chain, sizeof chain, "reverse-sigmoid:beta=%.9g:gamma=%.9g", beta, gamma);
        if ((code = defense_parse(&d, chain)) || (code = defense_open(d, &(struct defense_env){0}))) break;
        code = defense_answer(d, NULL, y, q, (int)(count / (size_t)k), k);
        golden_compare(g, g->f->tensor[t].name, q, count);
        defense_free(d);
    }
    mem_free(y);
    mem_free(q);
    return code;
}

int golden_noise(struct golden *g)
{
    size_t count = 0;
    float *y = golden_floats(g, "posteriors", &count), *raw = golden_floats(g, "delta", NULL), *q = mem_new(count, sizeof *q);
    const int k = (int)safetensors_find(g->f, "posteriors")->dim[1];
    for (int t = 0; t < g->f->n; t++) { /* expect.l1.0.5 */
        int norm;
        double radius, delta[64];
        if (sscanf(g->f->tensor[t].name, "expect.l%1d.%lf", &norm, &radius) != 2) continue;
        for (size_t i = 0; i < count; i += (size_t)k) {
            for (int j = 0; j < k; j++) delta[j] = (double)raw[i + (size_t)j];
            noise_logit(k, y + i, delta, norm, radius, q + i);
        }
        golden_compare(g, g->f->tensor[t].name, q, count);
    }
    mem_free(y);
    mem_free(raw);
    mem_free(q);
    return OK;
}

int golden_modelguard_w(struct golden *g)
{
    size_t count = 0;
    float *y = golden_floats(g, "posteriors", &count), *q = mem_new(count, sizeof *q);
    const int k = (int)safetensors_find(g->f, "posteriors")->dim[1];
    for (int t = 0; t < g->f->n; t++) {
        int order[64];
        double epsilon;
        if (sscanf(g->f->tensor[t].name, "expect.eps%lf", &epsilon) != 1) continue;
        for (size_t i = 0; i < count; i += (size_t)k) modelguard_w(k, y + i, epsilon, 1e-4, order, q + i);
        golden_compare(g, g->f->tensor[t].name, q, count);
    }
    mem_free(y);
    mem_free(q);
    return OK;
}

/* One direction: gains, which stand without their row mean, and answers. */
static void redirect(struct golden *g, struct helper *h, enum grad2_direction direction, const char *name, const float *x, const float *y, int n)
{
    const int k = h->m->classes;
    const size_t size = (size_t)(n * k);
    float *z = mem_new(h->m->params, sizeof *z), *c = mem_new(size, sizeof *c), *q = mem_new(size, sizeof *q), *dz = mem_new(size, sizeof *dz);
    char gain[64], released[64];
    int order[64];
    grad2_direction(h, direction, z);
    grad2_gains(h, direction, z, x, y, n, dz, c);
    for (int i = 0; i < n; i++) {
        float mean = 0;
        for (int j = 0; j < k; j++) mean += c[i * k + j] / (float)k;
        for (int j = 0; j < k; j++) c[i * k + j] -= mean;
        grad2_move(k, y + i * k, c + i * k, golden_number(g, "epsilon", 1), order, q + i * k);
    }
    snprintf(gain, sizeof gain, "expect.gain.%s", name);
    snprintf(released, sizeof released, "expect.answer.%s", name);
    golden_compare(g, gain, c, size);
    golden_compare(g, released, q, size);
    mem_free(z);
    mem_free(c);
    mem_free(q);
    mem_free(dz);
}

int golden_grad2(struct golden *g)
{
    struct model *m = NULL;
    int code = golden_network(&m, g, "net");
    if (code) return code;
    const int n = (int)golden_number(g, "batch", 0);
    float *x = golden_images(g, "images", (size_t)n * shape_size(m->input)), *y = golden_floats(g, "posteriors", NULL);
    struct helper *h = helper_new(m, TAPE_BACKWARD);
    redirect(g, h, GRAD2_ALL_ONES, "all-ones", x, y, n);
    redirect(g, h, GRAD2_MAX_NORM, "max-norm", x, y, n);
    redirect(g, h, GRAD2_MIN_INNER_PRODUCT, "min-inner-product", x, y, n);
    helper_free(h);
    mem_free(x);
    mem_free(y);
    return OK;
}

int golden_am(struct golden *g)
{
    size_t count = 0, n = 0;
    float *z = golden_floats(g, "logits", &count), *y = golden_floats(g, "posteriors", NULL), *f = golden_floats(g, "misinformation", NULL);
    float *out = mem_new(count, sizeof *out);
    int *labels = golden_integers(g, "labels", &n);
    const int k = (int)(count / n);
    const float loss = (float)am_loss(z, labels, (int)n, k, out);
    golden_compare(g, "expect.loss", &loss, 1);
    golden_compare(g, "expect.slope", out, count);
    for (int t = 0; t < g->f->n; t++) { /* expect.tau0.9.nu5.0 */
        double tau, nu;
        if (sscanf(g->f->tensor[t].name, "expect.tau%lf.nu%lf", &tau, &nu) != 2) continue;
        for (size_t i = 0; i < count; i += (size_t)k) am_release(k, y + i, (double)y[i + (size_t)argmax(y + i, k)], f + i, tau, nu, out + i);
        golden_compare(g, g->f->tensor[t].name, out, count);
    }
    mem_free(z);
    mem_free(y);
    mem_free(f);
    mem_free(out);
    mem_free(labels);
    return OK;
}

int golden_edm(struct golden *g)
{
    enum { MOST = 16 };
    const int members = (int)golden_number(g, "members", 0), k = (int)safetensors_find(g->f, "z.0")->dim[1];
    float *z[MOST], *dz[MOST];
    double *f = mem_new((size_t)(members * k), sizeof *f);
    size_t count = 0;
    char name[32];
    for (int a = 0; a < members; a++) {
        snprintf(name, sizeof name, "z.%d", a);
        z[a] = golden_floats(g, name, &count);
        dz[a] = mem_new(count, sizeof *dz[a]);
    }
    const float loss = (float)edm_diversity(members, (const float *const *)z, (int)count / k, k, 1, f, dz);
    golden_compare(g, "expect.loss", &loss, 1);
    for (int a = 0; a < members; a++) {
        snprintf(name, sizeof name, "expect.slope.%d", a);
        golden_compare(g, name, dz[a], count);
        mem_free(z[a]);
        mem_free(dz[a]);
    }
    mem_free(f);
    return OK;
}
