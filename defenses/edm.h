/* EDM: the pieces that tests compare with an independent computation. */
#ifndef HEIST_DEFENSES_EDM_H
#define HEIST_DEFENSES_EDM_H

/* Diversity loss: mean over rows of log sum_{a<b} exp(cos(f_a, f_b)), f_a = softmax(z_a); z[a] and dz[a] [n][K] of each of
 * the members. `scale` multiplies the gradient (not the value). f: scratch [members][K]. */
double edm_diversity(int members, const float *const *z, int n, int classes, double scale, double *f, float *const *dz);

#endif
