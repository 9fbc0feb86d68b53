#include "defenses/ini_step.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "nn/loss.h"
#include "nn/optim.h"

struct ini_step {
    struct model *victim;
    const struct model *student[INI_STUDENTS];
    int students;
    struct ini_options o;
    int classes, n;
    struct tape *pass, *probe;   /* the victim's; the students', in turn. They see the ID batch first, then the OOD batch */
    float *dz[INI_TERMS];        /* [n][K] weight * d loss / d victim logits of each term */
    float *one;                  /* [n][K] a student's share of it */
    float *p, *r, *ju;           /* [n][K] student posteriors; cotangent of the student; J u */
    float *grad[INI_TERMS];      /* [victim params] gradients of the terms, for PCGrad */
    float *g1, *g2;              /* [student params] gradients of the student; g1 also holds directions */
};

/* A student's gradients are done with before the victim's of the same batch are taken: they share memory with those two of the
 * victim's that are taken last. */
static void new_gradients(struct ini_step *s)
{
    const size_t victim = s->victim->params, student = s->student[0]->params;
    for (int t = 0; t < INI_TERMS; t++)
        if (t == INI_OOD || t == INI_GRAD_OOD || (s->o.pcgrad && s->o.weight[t] != 0))
            s->grad[t] = mem_new(victim > student ? victim : student, sizeof **s->grad);
    s->g1 = s->grad[INI_GRAD_OOD];
    s->g2 = s->grad[INI_OOD];
}

struct ini_step *ini_step_new(struct model *victim, const struct model *const *student, int students, const struct ini_options *o, int batch)
{
    assert(students > 0 && students <= INI_STUDENTS && victim->classes == student[0]->classes);
    struct ini_step *s = mem_new(1, sizeof *s);
    const size_t rows = (size_t)batch * (size_t)victim->classes;
    *s = (struct ini_step){.victim = victim, .students = students, .o = *o, .classes = victim->classes};
    memcpy(s->student, student, (size_t)students * sizeof *student);
    s->pass = tape_new(victim, batch, TAPE_BACKWARD);
    s->probe = tape_beside(student[0], batch, TAPE_BACKWARD, s->pass);
    tape_train(s->pass, victim->stat);
    for (int t = 0; t < INI_TERMS; t++) s->dz[t] = mem_new(rows, sizeof **s->dz);
    s->one = mem_new(rows, sizeof *s->one);
    s->p = mem_new(rows, sizeof *s->p);
    s->r = mem_new(rows, sizeof *s->r);
    s->ju = mem_new(rows, sizeof *s->ju);
    new_gradients(s);
    return s;
}

void ini_step_free(struct ini_step *s)
{
    if (!s) return;
    tape_free(s->probe);
    tape_free(s->pass);
    for (int t = 0; t < INI_TERMS; t++) {
        mem_free(s->dz[t]);
        mem_free(s->grad[t]);
    }
    mem_free(s->one);
    mem_free(s->p);
    mem_free(s->r);
    mem_free(s->ju);
    mem_free(s);
}

/* ---- the student's side ------------------------------------------------------------------------- */

/* r [n][K] = d D / d s: (1/n) (diag(p) - p p') (log p - log q) for KL, (1/n) (diag(p) - p p') (- log q) for CE. */
static void divergence_gradient(const struct ini_step *s, const float *sz, const float *vz)
{
    const int classes = s->classes, n = s->n;
    softmax_rows(sz, n, classes, s->p);
    for (int i = 0; i < n; i++) {
        const float *p = s->p + i * classes, *a = sz + i * classes, *v = vz + i * classes;
        float *r = s->r + i * classes;
        double mean = 0; /* of the gap under p; constants drop out */
        for (int k = 0; k < classes; k++) mean += (double)p[k] * ((s->o.ce ? 0 : (double)a[k]) - (double)v[k]);
        for (int k = 0; k < classes; k++) r[k] = (float)((double)p[k] * ((s->o.ce ? 0 : (double)a[k]) - (double)v[k] - mean) / n);
    }
}

/* dz [n][K] = - scale/n (diag(p) - p p') J u: what a function of the student's gradient sends to the victim. */
static void to_victim(const struct ini_step *s, double scale, float *dz)
{
    const int classes = s->classes, n = s->n;
    for (int i = 0; i < n; i++) {
        const float *p = s->p + i * classes, *ju = s->ju + i * classes;
        double mean = 0;
        for (int k = 0; k < classes; k++) mean += (double)p[k] * (double)ju[k];
        for (int k = 0; k < classes; k++) dz[i * classes + k] = (float)(-scale / n * (double)p[k] * ((double)ju[k] - mean));
    }
}

/* The logits of student k. */
static const float *ask(struct ini_step *s, int k, const float *x)
{
    tape_turn_to(s->probe, s->student[k]);
    return model_forward(s->student[k], s->probe, x, s->n);
}

/* L_gid = cos(g1, g2), and its cotangent through u = g2 / (|g1||g2|) - cos g1 / |g1|^2. */
static double grad_id(struct ini_step *s, int k, const float *sz, const float *vz, const int *y)
{
    const size_t params = s->student[k]->params;
    memset(s->g1, 0, params * sizeof *s->g1);
    memset(s->g2, 0, params * sizeof *s->g2);
    loss_ce(sz, y, s->n, s->classes, 1, s->r);
    model_backward(s->student[k], s->probe, s->r, s->g2, NULL);
    divergence_gradient(s, sz, vz);
    model_backward(s->student[k], s->probe, s->r, s->g1, NULL);
    double dot[2][2];
    vector_gram(params, 2, (const float *const[]){s->g1, s->g2}, dot[0]);
    const double n1 = sqrt(dot[0][0]), n2 = sqrt(dot[1][1]);
    const double norms = n1 * n2 > 1e-8 ? n1 * n2 : 1e-8; /* PyTorch's cosine_similarity does so */
    const double cosine = dot[0][1] / norms;
    const float a = (float)(1 / norms), b = (float)(n1 > 0 ? -cosine / (n1 * n1) : 0);
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < params; i++) s->g1[i] = a * s->g2[i] + b * s->g1[i];
    model_tangent(s->student[k], s->probe, s->g1, NULL, s->ju);
    to_victim(s, s->o.weight[INI_GRAD_ID] / s->students, s->one);
    return cosine;
}

/* L_good = mean |g3|, and its cotangent through u = sign(g3) / P. */
static double grad_ood(struct ini_step *s, int k, const float *sz, const float *vz)
{
    const size_t params = s->student[k]->params;
    float *g3 = s->g1;
    memset(g3, 0, params * sizeof *g3);
    divergence_gradient(s, sz, vz);
    model_backward(s->student[k], s->probe, s->r, g3, NULL);
    const double sum = vector_signs(params, (float)(1 / (double)params), g3);
    model_tangent(s->student[k], s->probe, g3, NULL, s->ju);
    to_victim(s, s->o.weight[INI_GRAD_OOD] / s->students, s->one);
    return sum / (double)params;
}

/* ---- the losses ---------------------------------------------------------------------------------- */

static double pull(const struct ini_step *s, const float *vz, const float *sz, double scale, float *dz)
{
    return s->o.kl ? loss_kl_logits(vz, sz, s->n, s->classes, (float)scale, dz) : loss_l1(vz, sz, s->n, s->classes, (float)scale, dz);
}

/* Adds student k's loss and its share of dz, s->one. */
static void take(struct ini_step *s, int k, enum ini_term term, double value, double loss[INI_TERMS])
{
    const size_t rows = (size_t)s->n * (size_t)s->classes;
    loss[term] += value / s->students;
    if (k == 0) memcpy(s->dz[term], s->one, rows * sizeof *s->one);
    else vector_add(rows, 1, s->one, s->dz[term]);
}

/* The losses of the ID batch, given the victim's logits; dz of each. */
static void losses_id(struct ini_step *s, const float *x, const int *y, const float *vz, double loss[INI_TERMS])
{
    const double *w = s->o.weight;
    if (w[INI_BENIGN] != 0) loss[INI_BENIGN] = loss_ce(vz, y, s->n, s->classes, (float)w[INI_BENIGN], s->dz[INI_BENIGN]);
    for (int k = 0; k < s->students && (w[INI_ID] != 0 || w[INI_GRAD_ID] != 0); k++) {
        const float *sz = ask(s, k, x);
        if (w[INI_ID] != 0) take(s, k, INI_ID, -pull(s, vz, sz, -w[INI_ID] / s->students, s->one), loss);
        if (w[INI_GRAD_ID] != 0) take(s, k, INI_GRAD_ID, grad_id(s, k, sz, vz, y), loss);
    }
}

/* The same of the OOD batch. */
static void losses_ood(struct ini_step *s, const float *x, const float *vz, double loss[INI_TERMS])
{
    const double *w = s->o.weight;
    const int pulled = w[INI_OOD] != 0 && !s->o.entropy;
    if (w[INI_OOD] != 0 && s->o.entropy) loss[INI_OOD] = -loss_entropy(vz, s->n, s->classes, (float)-w[INI_OOD], s->dz[INI_OOD]);
    for (int k = 0; k < s->students && (pulled || w[INI_GRAD_OOD] != 0); k++) {
        const float *sz = ask(s, k, x);
        if (pulled) take(s, k, INI_OOD, pull(s, vz, sz, w[INI_OOD] / s->students, s->one), loss);
        if (w[INI_GRAD_OOD] != 0) take(s, k, INI_GRAD_OOD, grad_ood(s, k, sz, vz), loss);
    }
}

/* ---- the victim's gradient ------------------------------------------------------------------------ */

/* Of the terms of the batch that the victim's tape holds: each by itself for PCGrad, else their sum into g. */
static void victim_gradient(struct ini_step *s, int terms, const enum ini_term *term, float *g)
{
    float *sum = NULL;
    for (int i = 0; i < terms; i++) {
        float *dz = s->dz[term[i]], *grad = s->grad[term[i]];
        if (s->o.weight[term[i]] == 0) continue;
        if (s->o.pcgrad) {
            memset(grad, 0, s->victim->params * sizeof *grad);
            model_backward(s->victim, s->pass, dz, grad, NULL);
        } else if (sum) vector_add((size_t)s->n * (size_t)s->classes, 1, dz, sum);
        else sum = dz;
    }
    if (sum) model_backward(s->victim, s->pass, sum, g, NULL);
}

/* PCGrad: each gradient loses its component against every other one that it conflicts with (as that one came). */
static void project(struct ini_step *s, struct rng *r, float *g)
{
    const size_t params = s->victim->params;
    const float *grad[INI_TERMS] = {NULL}, *share[INI_TERMS * INI_TERMS];
    double dot[INI_TERMS * INI_TERMS]; /* [terms][terms] of the gradients as they came */
    double weight[INI_TERMS * INI_TERMS];
    int terms = 0, shares = 0;
    for (int t = 0; t < INI_TERMS; t++)
        if (s->o.weight[t] != 0) grad[terms++] = s->grad[t];
    vector_gram(params, terms, grad, dot);
    for (int i = 0; i < terms; i++) {
        int order[INI_TERMS];
        double part[INI_TERMS] = {0}; /* the projected gradient is sum part[j] grad[j]: its dot products follow from dot */
        for (int j = 0; j < terms; j++) order[j] = j;
        if (s->o.shuffle) rng_shuffle(r, order, terms);
        part[i] = 1;
        for (int a = 0; a < terms; a++) {
            const int j = order[a];
            double d = 0;
            for (int b = 0; b < terms; b++) d += part[b] * dot[b * terms + j];
            if (d < 0 && dot[j * terms + j] > 0) part[j] -= d / dot[j * terms + j];
        }
        for (int j = 0; j < terms; j++) {
            if (part[j] == 0) continue;
            weight[shares] = s->o.merge_sum ? part[j] : part[j] / terms;
            share[shares++] = grad[j];
        }
    }
    vector_mix(params, shares, weight, share, g);
}

/* One batch is done with before the other begins: the same two tapes serve both. */
void ini_step_gradient(struct ini_step *s, const float *x_id, const int *y, const float *x_ood, int n, struct rng *r, double loss[INI_TERMS], float *g)
{
    s->n = n;
    memset(loss, 0, INI_TERMS * sizeof *loss);
    losses_id(s, x_id, y, model_forward(s->victim, s->pass, x_id, n), loss);
    victim_gradient(s, 3, (const enum ini_term[]){INI_BENIGN, INI_ID, INI_GRAD_ID}, g);
    losses_ood(s, x_ood, model_forward(s->victim, s->pass, x_ood, n), loss);
    victim_gradient(s, 2, (const enum ini_term[]){INI_OOD, INI_GRAD_OOD}, g);
    if (s->o.pcgrad) project(s, r, g);
}
