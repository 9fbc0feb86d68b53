/* One training step of InI ("Isolation and Induction", Guo et al., ACM MM 2023), without second-order differentiation.
 *
 * With victim logits v, student logits s (frozen, eval mode), p = softmax(s), an in-distribution batch (x, y) and an
 * out-of-distribution one:
 *
 *   L = CE(v_id, y) + beta L_id + gamma L_ood + delta L_gid + epsilon L_good
 *   L_ood  = mean over n K of |s_ood - centre(v_ood)|            L_id = - the same on the ID batch
 *            (kl: KL(softmax(s) || softmax(v)); entropy: -H(softmax(v_ood)))
 *   L_gid  = cos(g1, g2)         g1 = grad_S D(s_id, v_id), g2 = grad_S CE(s_id, y), constant
 *   L_good = mean over the P student parameters of |g3|,  g3 = grad_S D(s_ood, v_ood)
 *            D = KL(softmax(s) || softmax(v)), or (ce) - sum_k softmax(s)_k log softmax(v)_k; means over rows
 *
 * g = J' r with r affine in v, so a loss f(g) with u = df/dg sends the victim, row by row,
 *   df/dv = -(1/n) (diag(p) - p p') (J u):   one forward-mode pass of the student, no graph of a gradient. */
#ifndef HEIST_DEFENSES_INI_STEP_H
#define HEIST_DEFENSES_INI_STEP_H

#include "nn/model.h"

enum ini_term { INI_BENIGN, INI_ID, INI_OOD, INI_GRAD_ID, INI_GRAD_OOD, INI_TERMS };

struct ini_options {
    double weight[INI_TERMS]; /* 1, beta, gamma, delta, epsilon; a term of weight 0 is not computed */
    int kl;                   /* L_id, L_ood: 0 centred l1, 1 KL */
    int entropy;              /* L_ood: minus the entropy of the victim's posteriors, whatever kl says */
    int ce;                   /* D: 0 KL, 1 cross entropy */
    int pcgrad;               /* project conflicting gradients (Yu et al. 2020) before they are merged */
    int merge_sum;            /* merge by sum; 0: mean */
    int shuffle;              /* visit the other gradients in random order; 0: in the order of the terms */
};

struct ini_step;

enum { INI_STUDENTS = 16 };

/* Memory for steps of up to `batch` images of each kind. The victim's statistics are updated by each step (train mode);
 * the students, up to INI_STUDENTS of one architecture, are in eval mode: a term is its mean over them. All outlive it.
 * ini_step_free frees (accepts NULL). */
struct ini_step *ini_step_new(struct model *victim, const struct model *const *student, int students, const struct ini_options *o, int batch);
void ini_step_free(struct ini_step *s);

/* The losses and the gradient of a step. Rows x [n][c][h][w], labels y [n]; r shuffles PCGrad's order. loss[term] is the bare
 * loss (0 where its weight is 0); to g [params] (zeroed by the caller) the merged gradient of weight * loss is added. */
void ini_step_gradient(struct ini_step *s, const float *x_id, const int *y, const float *x_ood, int n, struct rng *r, double loss[INI_TERMS], float *g);

#endif
