/* The data sets of a run, each opened once. */
#ifndef HEIST_EXPERIMENTS_STORE_H
#define HEIST_EXPERIMENTS_STORE_H

#include "data/dataset.h"

struct store;

struct store *store_new(void);
void store_free(struct store *s); /* and every set it holds */

/* As dataset_open; the set belongs to the store. */
int store_get(const struct dataset **out, struct store *s, const char *spec, const char *split);

/* Multiply-adds of a network with the images and classes of a set, built once; or why there is no such network. ERR_OPTION, ERR_SHAPE. */
int store_flops(double *out, struct store *s, const char *model, const struct dataset *d);

/* Networks that were built for that. */
int store_built(const struct store *s);

/* distance_between two sets of the store, computed once. */
int store_distance(double *out, struct store *s, const struct dataset *a, const struct dataset *b);

/* The i-th set that was opened, NULL past the last: for the manifest. */
const struct dataset *store_at(const struct store *s, int i);

#endif
