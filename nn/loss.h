/* Losses on logits z [n][K], each with its gradient; sums are in double and in the order of the rows.
 * dz may be NULL. `scale` multiplies the gradient (not the value that is returned). */
#ifndef HEIST_NN_LOSS_H
#define HEIST_NN_LOSS_H

/* p [n][K] = softmax(z) row by row; p may be z. */
void softmax_rows(const float *z, int n, int classes, float *p);

/* Cross entropy: mean over rows of -log softmax(z)[y]. */
double loss_ce(const float *z, const int *y, int n, int classes, float scale, float *dz);

/* KL(q || softmax(z)), batch mean: the clone's loss on released posteriors q [n][K] (rows need not sum to 1). */
double loss_kl(const float *z, const float *q, int n, int classes, float scale, float *dz);

/* Mean over n*K of |s - c(z)|, c(z) = log softmax(z) - its row mean = z - row mean: InI's l1 term. s [n][K] constant. */
double loss_l1(const float *z, const float *s, int n, int classes, float scale, float *dz);

/* KL(softmax(s) || softmax(z)), batch mean: InI's `kl` term. s [n][K] constant logits. */
double loss_kl_logits(const float *z, const float *s, int n, int classes, float scale, float *dz);

/* Mean over rows of sum_k |softmax(z)_k - q_k|: D-DAE's loss. q [n][K] constant. */
double loss_posterior_l1(const float *z, const float *q, int n, int classes, float scale, float *dz);

/* Entropy of softmax(z), mean over rows. */
double loss_entropy(const float *z, int n, int classes, float scale, float *dz);

/* The row's largest entry; the first of equals. */
int argmax(const float *v, int n);

#endif
