/* GRAD2: the piece that tests compare with brute force. */
#ifndef HEIST_DEFENSES_GRAD2_H
#define HEIST_DEFENSES_GRAD2_H

/* The q [K] on the simplex that maximises sum_k q_k c_k with |q - y|_1 <= epsilon: up to epsilon/2 of mass goes to the best
 * class, from the worst ones in order. order [K]: scratch. */
void grad2_move(int classes, const float *y, const float *c, double epsilon, int *order, float *q);

#endif
