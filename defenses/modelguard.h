/* ModelGuard-W: the piece that tests compare with brute force. */
#ifndef HEIST_DEFENSES_MODELGUARD_H
#define HEIST_DEFENSES_MODELGUARD_H

/* The q [K] on the simplex that minimises sum_k q_k log(y_k + 1e-6) with |q - y|_1 <= epsilon and q_top - q_k >= margin for
 * the others, top = argmax y; where y itself leads by less than margin, its own lead is the margin. order [K]: scratch. */
void modelguard_w(int classes, const float *y, double epsilon, double margin, int *order, float *q);

#endif
