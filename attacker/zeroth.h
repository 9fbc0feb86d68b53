/* Zeroth-order gradients through a black box, by forward differences: what a data-free attack trains its generator with. */
#ifndef HEIST_ATTACKER_ZEROTH_H
#define HEIST_ATTACKER_ZEROTH_H

#include "base/rng.h"
#include "nn/model.h"
#include "victim/blackbox.h"

enum disagreement { DISAGREE_L1, DISAGREE_KL };

/* v [n][K] = log q - its row's mean: the logits, up to the constant that posteriors do not tell (DFME, section 4.3). An answer of
 * 0 (hard, top-k, rounded labels) counts as 1e-7. */
void recover_logits(const float *q, int n, int classes, float *v);

/* out [n]: how far the clone's logits z [n][K] are from the answers q [n][K]: the mean over classes of |v - centred z| (DFME), or
 * KL(q || softmax z) (MAZE). */
void disagreement_rows(enum disagreement kind, const float *z, const float *q, int n, int classes, double *out);

struct zeroth {
    struct blackbox *target;
    const struct model *clone;
    struct tape *tape; /* of the clone, in eval mode, for n images */
    enum disagreement kind;
    int directions; /* m */
    double mu;      /* length of a step, in the space before the tanh */
};

/* Gradient of the batch's mean disagreement in the images before their tanh: pre, dpre [n][d];
 *     dpre_i = d / (m mu n) sum_j (D(pre_i + mu u_ij) - D(pre_i)) u_ij,  u_ij uniform on the unit sphere.
 * Asks exactly n (m + 1) rows. Errors as blackbox_query. */
int zeroth_gradient(const struct zeroth *z, const float *pre, int n, struct rng *r, float *dpre);

#endif
