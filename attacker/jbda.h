/* Jacobian-based data augmentation: the step that tests compare with PyTorch. */
#ifndef HEIST_ATTACKER_JBDA_H
#define HEIST_ATTACKER_JBDA_H

#include "nn/model.h"

/* What is followed: up the logit of a class, up or down the cross entropy of a class. */
enum jbda_slope { JBDA_LOGIT_UP, JBDA_CE_UP, JBDA_CE_DOWN };

/* One step: y = x + step[c] sign(slope), kept within total[c] of `from` (NULL: not) and within low[c] .. high[c] (NULL:
 * not); c is the channel. x, from, y [n][c][h][w], y may be x; target [n] classes; the tape must be of m, with
 * TAPE_BACKWARD and room for n, in eval mode; dz [n][K] and dx [n][c][h][w] are scratch, and dx ends as the gradient. */
void jbda_step(const struct model *m, struct tape *t, enum jbda_slope slope, const float *x, const int *target, int n,
               const float *step, const float *from, const float *total, const float *low, const float *high, float *dz,
               float *dx, float *y);

#endif
