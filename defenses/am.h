/* Adaptive Misinformation: the pieces that tests compare with an independent computation. */
#ifndef HEIST_DEFENSES_AM_H
#define HEIST_DEFENSES_AM_H

/* Mean over rows of -log(1 - softmax(z)_y + 1e-7), z [n][K], and its gradient dz [n][K] (NULL: not). */
double am_loss(const float *z, const int *y, int n, int classes, float *dz);

/* q = (1 - a) y + a f, a = 1 / (1 + exp(nu (sure - tau))), f [K] the misinformation, sure in [0,1]: max y. */
void am_release(int classes, const float *y, double sure, const float *f, double tau, double nu, float *q);

#endif
