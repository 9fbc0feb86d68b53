/* Batches of outliers for defenses that train on them: the set in a random order, drawn anew when it is through. */
#ifndef HEIST_DEFENSES_OUTLIERS_H
#define HEIST_DEFENSES_OUTLIERS_H

#include "data/dataset.h"
#include "nn/shape.h"

struct outliers {
    const struct dataset *set;
    uint64_t seed, round;
    const char *stream;
    int *order, at;
};

/* The set must outlive it. ERR_OPTION: NULL; ERR_SHAPE: its images are not of this shape. outliers_free frees. */
int outliers_new(struct outliers **out, const struct dataset *set, struct shape image, uint64_t seed, const char *stream);
void outliers_free(struct outliers *o); /* accepts NULL */

/* The next n: their places index [n] in the set. */
void outliers_next(struct outliers *o, int n, int *index);

#endif
