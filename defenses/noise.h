/* Random noise: the piece that tests compare with an independent computation. */
#ifndef HEIST_DEFENSES_NOISE_H
#define HEIST_DEFENSES_NOISE_H

/* q = sigmoid(logit(y) + delta) / sum, delta [K] first projected onto the ball of this norm (1, 2) and radius. Uses up delta. */
void noise_logit(int classes, const float *y, double *delta, int norm, double radius, float *q);

#endif
