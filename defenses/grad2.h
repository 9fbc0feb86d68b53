/* GRAD2: the piece that tests compare with brute force. */
#ifndef HEIST_DEFENSES_GRAD2_H
#define HEIST_DEFENSES_GRAD2_H

#include "defenses/helper.h"

enum grad2_direction { GRAD2_ALL_ONES, GRAD2_MIN_INNER_PRODUCT, GRAD2_MAX_NORM };

/* z [params] of a direction that is the same for all images; zeros for GRAD2_MIN_INNER_PRODUCT, which makes its own. */
void grad2_direction(const struct helper *surrogate, enum grad2_direction direction, float *z);

/* c [n][K] = <grad log p_k, z> of n <= HELPER_BATCH images with posteriors y, up to a constant a row. dz [K]: scratch;
 * GRAD2_MIN_INNER_PRODUCT overwrites z. */
void grad2_gains(struct helper *surrogate, enum grad2_direction direction, float *z, const float *x, const float *y, int n, float *dz, float *c);

/* The q [K] on the simplex that maximises sum_k q_k c_k with |q - y|_1 <= epsilon: up to epsilon/2 of mass goes to the best
 * class, from the worst ones in order. order [K]: scratch. */
void grad2_move(int classes, const float *y, const float *c, double epsilon, int *order, float *q);

#endif
