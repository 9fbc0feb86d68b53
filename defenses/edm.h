/* EDM: the pieces that tests compare with an independent computation. */
#ifndef HEIST_DEFENSES_EDM_H
#define HEIST_DEFENSES_EDM_H

/* Diversity loss: mean over rows of log sum_{a<b} exp(cos(f_a, f_b)), f_a = softmax(z_a); z[a] and dz[a] [n][K] of each of
 * the members. `scale` multiplies the gradient (not the value). f: scratch [members][K]. */
double edm_diversity(int members, const float *const *z, int n, int classes, double scale, double *f, float *const *dz);

/* The member that answers: bucket (m class + floor((M conf - 1) m / (M - 1))) mod members, of the hash network's posterior
 * p [M]. */
int edm_member(const float *p, int m_classes, int m, int members);

#endif
