/* How far two data sets are from one another. */
#ifndef HEIST_EXPERIMENTS_DISTANCE_H
#define HEIST_EXPERIMENTS_DISTANCE_H

#include "data/dataset.h"

/* How well a small network that has seen 500 images of each tells others of the two sets apart: accuracy, 0.5 (the same
 * set) to 1. ERR_SHAPE: images of two shapes. */
int distance_between(double *out, const struct dataset *a, const struct dataset *b);

#endif
