/* Batches of outliers for defenses that train on them: the set in a random order, drawn anew when it is through. */
#ifndef HEIST_DEFENSES_OUTLIERS_H
#define HEIST_DEFENSES_OUTLIERS_H

#include "defenses/defense.h"

struct outliers;

/* env->ood, from the stream of this name, augmented as env says; batches of up to env->optim->batch. ERR_OPTION: there is no
 * OOD set; ERR_SHAPE: its images are not of this shape. env must outlive it; outliers_free frees. */
int outliers_new(struct outliers **out, const struct defense_env *env, struct shape image, const char *stream);
void outliers_free(struct outliers *o); /* accepts NULL */

/* The next n images as rows x [n][c][h][w]. */
void outliers_batch(struct outliers *o, int n, float *x);

#endif
