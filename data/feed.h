/* What a training reads: batches of a data set, augmented. */
#ifndef HEIST_DATA_FEED_H
#define HEIST_DATA_FEED_H

#include "data/augment.h"
#include "data/dataset.h"

/* Batches of up to `most` images of d; `augment` NULL or all zero: as they are. d and augment outlive it; feed_free frees. */
struct feed *feed_new(const struct dataset *d, const struct augment *augment, uint64_t seed, int most);
void feed_free(struct feed *f); /* accepts NULL */

/* Images index[0..n) as rows x [n][c][h][w] in [0,1]. Each image that a feed gives has a random stream of its own, in order. */
void feed_batch(struct feed *f, const int *index, int n, float *x);

#endif
