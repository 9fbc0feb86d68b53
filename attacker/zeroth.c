#include "attacker/zeroth.h"

#include <math.h>
#include <string.h>

#include "attacker/generator.h"
#include "base/mem.h"
#include "nn/loss.h"

static const float LEAST = 1e-7f; /* an answer below is taken for this: float's resolution at 1 */

void recover_logits(const float *q, int n, int classes, float *v)
{
    for (int i = 0; i < n; i++, q += classes, v += classes) {
        double mean = 0;
        for (int k = 0; k < classes; k++) mean += (double)(v[k] = logf(q[k] > LEAST ? q[k] : LEAST));
        mean /= classes;
        for (int k = 0; k < classes; k++) v[k] = (float)((double)v[k] - mean);
    }
}

void disagreement_rows(enum disagreement kind, const float *z, const float *q, int n, int classes, double *out)
{
    float v[classes];
    for (int i = 0; i < n; i++, z += classes, q += classes) {
        if (kind == DISAGREE_L1) {
            recover_logits(q, 1, classes, v);
            out[i] = loss_l1(z, v, 1, classes, 1, NULL);
        } else out[i] = loss_kl(z, q, 1, classes, 1, NULL);
    }
}

/* u [d] uniform on the unit sphere. */
static void direction(struct rng *r, size_t d, float *u)
{
    double norm = 0;
    for (size_t i = 0; i < d; i++) {
        u[i] = (float)rng_normal(r);
        norm += (double)u[i] * (double)u[i];
    }
    for (size_t i = 0; i < d; i++) u[i] = (float)((double)u[i] / sqrt(norm));
}

/* Asks for the images before their tanh: how far the clone is from each. */
static int ask(const struct zeroth *s, const float *pre, int n, float *x, float *q, double *out)
{
    generator_pixels(pre, (size_t)n * shape_size(s->clone->input), x);
    const int code = blackbox_query(s->target, x, n, q);
    if (!code) disagreement_rows(s->kind, model_forward(s->clone, s->tape, x, n), q, n, s->clone->classes, out);
    return code;
}

int zeroth_gradient(const struct zeroth *s, const float *pre, int n, struct rng *r, float *dpre)
{
    const size_t d = shape_size(s->clone->input), all = (size_t)n * d;
    float *u = mem_new(all, sizeof *u), *x = mem_new(all, sizeof *x), *q = mem_new((size_t)n * (size_t)s->clone->classes, sizeof *q);
    double *base = mem_new((size_t)n, sizeof *base), *moved = mem_new((size_t)n, sizeof *moved);
    memset(dpre, 0, all * sizeof *dpre);
    int code = ask(s, pre, n, x, q, base);
    for (int j = 0; j < s->directions && !code; j++) {
        for (int i = 0; i < n; i++) direction(r, d, u + (size_t)i * d);
        for (size_t i = 0; i < all; i++) x[i] = pre[i] + (float)s->mu * u[i];
        if ((code = ask(s, x, n, x, q, moved))) break;
        for (int i = 0; i < n; i++) {
            const double slope = (double)d / (s->directions * s->mu * n) * (moved[i] - base[i]);
            for (size_t p = 0; p < d; p++) dpre[(size_t)i * d + p] += (float)(slope * (double)u[(size_t)i * d + p]);
        }
    }
    mem_free(u);
    mem_free(x);
    mem_free(q);
    mem_free(base);
    mem_free(moved);
    return code;
}
