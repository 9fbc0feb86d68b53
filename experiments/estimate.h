/* How long a sweep's cells take, from small pieces of their own work that are done now: epochs of the victim and of the defense's
 * training, answers, an attack of a part of the budget. Whatever a method does is in it, without being told of here. */
#ifndef HEIST_EXPERIMENTS_ESTIMATE_H
#define HEIST_EXPERIMENTS_ESTIMATE_H

#include "experiments/sweep.h"

struct estimate;

/* threads: of the process that runs a cell. estimate_free frees (accepts NULL). */
struct estimate *estimate_new(struct store *store, int threads);
void estimate_free(struct estimate *e);

/* Seconds of a cell after those that were asked for before: what it shares with one of them, a victim or a defense's networks, is not
 * counted again. Pieces are timed when they are met first, a fraction of a second each; their messages go nowhere. Errors as cell_run. */
int estimate_cell(double *seconds, struct estimate *e, const struct cell *c);

/* Seconds until n cells are done, `jobs` at a time, each begun in its order when a worker is free. */
double estimate_span(const double *seconds, int n, int jobs);

#endif
