/* What defenses do to one row on the simplex. */
#ifndef HEIST_DEFENSES_SIMPLEX_H
#define HEIST_DEFENSES_SIMPLEX_H

/* q = (1 - a) p + a q with the largest a in [0,1] that leaves p's most likely class (of equals the first) on top. */
void simplex_keep_top(int classes, const float *p, float *q);

/* v [n] to the nearest point (Euclidean) of the ball |v| <= radius in the L1 (norm 1) or L2 norm. L1: Duchi et al.,
 * Efficient Projections onto the l1-Ball, ICML 2008. */
void simplex_project(int n, int norm, double radius, double *v);

#endif
