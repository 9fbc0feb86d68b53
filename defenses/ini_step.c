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
    struct tape *victim_id, *victim_ood, *probe[INI_STUDENTS]; /* probe: a student sees the ID batch first, then the OOD batch */
    float *dz[INI_TERMS];        /* [n][K] weight * d loss / d victim logits of each term */
    float *one;                  /* [n][K] a student's share of it */
    float *p, *r, *ju;           /* [n][K] student posteriors; cotangent of the student; J u */
    float *g1, *g2;              /* [student params] gradients of the student; g1 also holds directions */
    float *grad[INI_TERMS];      /* [victim params] gradients of the terms, for PCGrad */
};

struct ini_step *ini_step_new(struct model *victim, const struct model *const *student, int students, const struct ini_options *o, int batch)
{
    assert(students > 0 && students <= INI_STUDENTS && victim->classes == student[0]->classes);
    struct ini_step *s = mem_new(1, sizeof *s);
    const size_t rows = (size_t)batch * (size_t)victim->classes;
    *s = (struct ini_step){.victim = victim, .students = students, .o = *o, .classes = victim->classes};
    s->victim_id = tape_new(victim, batch, TAPE_BACKWARD);
    s->victim_ood = tape_beside(victim, batch, TAPE_BACKWARD, s->victim_id);
    for (int k = 0; k < students; k++) {
        assert(student[k]->params == student[0]->params);
        s->student[k] = student[k];
        s->probe[k] = tape_beside(student[k], batch, TAPE_BACKWARD, s->victim_id);
    }
    tape_train(s->victim_id, victim->stat);
    tape_train(s->victim_ood, victim->stat);
    for (int t = 0; t < INI_TERMS; t++) {
        s->dz[t] = mem_new(rows, sizeof **s->dz);
        if (o->pcgrad) s->grad[t] = mem_new(victim->params, sizeof **s->grad);
    }
    s->one = mem_new(rows, sizeof *s->one);
    s->p = mem_new(rows, sizeof *s->p);
    s->r = mem_new(rows, sizeof *s->r);
    s->ju = mem_new(rows, sizeof *s->ju);
    s->g1 = mem_new(student[0]->params, sizeof *s->g1);
    s->g2 = mem_new(student[0]->params, sizeof *s->g2);
    return s;
}

void ini_step_free(struct ini_step *s)
{
    if (!s) return;
    for (int k = 0; k < s->students; k++) tape_free(s->probe[k]);
    tape_free(s->victim_ood);
    tape_free(s->victim_id);
    for (int t = 0; t < INI_TERMS; t++) {
        mem_free(s->dz[t]);
        mem_free(s->grad[t]);
    }
    mem_free(s->one);
    mem_free(s->p);
    mem_free(s->r);
    mem_free(s->ju);
    mem_free(s->g1);
    mem_free(s->g2);
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

/* L_gid = cos(g1, g2), and its cotangent through u = g2 / (|g1||g2|) - cos g1 / |g1|^2. */
static double grad_id(struct ini_step *s, int k, const float *sz, const float *vz, const int *y)
{
    const size_t params = s->student[k]->params;
    memset(s->g1, 0, params * sizeof *s->g1);
    memset(s->g2, 0, params * sizeof *s->g2);
    loss_ce(sz, y, s->n, s->classes, 1, s->r);
    model_backward(s->student[k], s->probe[k], s->r, s->g2, NULL);
    divergence_gradient(s, sz, vz);
    model_backward(s->student[k], s->probe[k], s->r, s->g1, NULL);
    double dot[2][2];
    vector_gram(params, 2, (const float *const[]){s->g1, s->g2}, dot[0]);
    const double n1 = sqrt(dot[0][0]), n2 = sqrt(dot[1][1]);
    const double norms = n1 * n2 > 1e-8 ? n1 * n2 : 1e-8; /* PyTorch's cosine_similarity does so */
    const double cosine = dot[0][1] / norms;
    const float a = (float)(1 / norms), b = (float)(n1 > 0 ? -cosine / (n1 * n1) : 0);
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < params; i++) s->g1[i] = a * s->g2[i] + b * s->g1[i];
    model_tangent(s->student[k], s->probe[k], s->g1, NULL, s->ju);
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
    model_backward(s->student[k], s->probe[k], s->r, g3, NULL);
    const double sum = vector_signs(params, (float)(1 / (double)params), g3);
    model_tangent(s->student[k], s->probe[k], g3, NULL, s->ju);
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

void ini_step_losses(struct ini_step *s, const float *x_id, const int *y, const float *x_ood, int n, double loss[INI_TERMS])
{
    const double *w = s->o.weight;
    const int pull_ood = w[INI_OOD] != 0 && !s->o.entropy;
    s->n = n;
    memset(loss, 0, INI_TERMS * sizeof *loss);
    const float *vi = model_forward(s->victim, s->victim_id, x_id, n), *vo = model_forward(s->victim, s->victim_ood, x_ood, n);
    loss[INI_BENIGN] = loss_ce(vi, y, n, s->classes, (float)w[INI_BENIGN], s->dz[INI_BENIGN]);
    if (w[INI_OOD] != 0 && s->o.entropy) loss[INI_OOD] = -loss_entropy(vo, n, s->classes, (float)-w[INI_OOD], s->dz[INI_OOD]);
    for (int k = 0; k < s->students; k++) {
        if (w[INI_ID] != 0 || w[INI_GRAD_ID] != 0) {
            const float *si = model_forward(s->student[k], s->probe[k], x_id, n);
            if (w[INI_ID] != 0) take(s, k, INI_ID, -pull(s, vi, si, -w[INI_ID] / s->students, s->one), loss);
            if (w[INI_GRAD_ID] != 0) take(s, k, INI_GRAD_ID, grad_id(s, k, si, vi, y), loss);
        }
        if (pull_ood || w[INI_GRAD_OOD] != 0) {
            const float *so = model_forward(s->student[k], s->probe[k], x_ood, n);
            if (pull_ood) take(s, k, INI_OOD, pull(s, vo, so, w[INI_OOD] / s->students, s->one), loss);
            if (w[INI_GRAD_OOD] != 0) take(s, k, INI_GRAD_OOD, grad_ood(s, k, so, vo), loss);
        }
    }
}

/* ---- the victim's gradient ------------------------------------------------------------------------ */

static struct tape *tape_of(const struct ini_step *s, enum ini_term term)
{
    return term == INI_OOD || term == INI_GRAD_OOD ? s->victim_ood : s->victim_id;
}

void ini_step_gradient(struct ini_step *s, enum ini_term term, float *g)
{
    if (s->o.weight[term] != 0) model_backward(s->victim, tape_of(s, term), s->dz[term], g, NULL);
}

/* PCGrad: each gradient loses its component against every other one that it conflicts with (as that one came). */
static void project(struct ini_step *s, const enum ini_term *term, int terms, struct rng *r, float *g)
{
    const size_t params = s->victim->params;
    const float *grad[INI_TERMS] = {NULL}, *share[INI_TERMS * INI_TERMS];
    double dot[INI_TERMS * INI_TERMS]; /* [terms][terms] of the gradients as they came */
    double weight[INI_TERMS * INI_TERMS];
    int shares = 0;
    for (int i = 0; i < terms; i++) grad[i] = s->grad[term[i]];
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

static void add_up(struct ini_step *s, float *g)
{
    const size_t rows = (size_t)s->n * (size_t)s->classes;
    for (int t = 1; t < INI_TERMS; t++) {
        const enum ini_term into = tape_of(s, (enum ini_term)t) == s->victim_id ? INI_BENIGN : INI_OOD;
        if (t == (int)into || s->o.weight[t] == 0) continue;
        if (s->o.weight[into] == 0) memset(s->dz[into], 0, rows * sizeof **s->dz);
        vector_add(rows, 1, s->dz[t], s->dz[into]);
    }
    model_backward(s->victim, s->victim_id, s->dz[INI_BENIGN], g, NULL);
    if (s->o.weight[INI_OOD] != 0 || s->o.weight[INI_GRAD_OOD] != 0) model_backward(s->victim, s->victim_ood, s->dz[INI_OOD], g, NULL);
}

void ini_step_merge(struct ini_step *s, struct rng *r, float *g)
{
    enum ini_term term[INI_TERMS];
    int terms = 0;
    if (!s->o.pcgrad) {
        add_up(s, g);
        return;
    }
    for (int t = 0; t < INI_TERMS; t++) {
        if (s->o.weight[t] == 0) continue;
        memset(s->grad[t], 0, s->victim->params * sizeof **s->grad);
        ini_step_gradient(s, (enum ini_term)t, s->grad[t]);
        term[terms++] = (enum ini_term)t;
    }
    project(s, term, terms, r, g);
}
