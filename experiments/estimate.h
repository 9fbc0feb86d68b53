/* How long cells will take: what they say they do (base/work.h), times what each thing takes on this machine, measured when it is
 * first asked for, with as many threads as there are now. */
#ifndef HEIST_EXPERIMENTS_ESTIMATE_H
#define HEIST_EXPERIMENTS_ESTIMATE_H

#include "experiments/cell.h"

struct estimate;

/* `store` outlives it; estimate_free frees. */
struct estimate *estimate_new(struct store *store);
void estimate_free(struct estimate *e);

/* Seconds of a resolved cell after those that were asked for before: a victim, or a network beside it, that one of them trains
 * costs nothing. Errors as cell_run has them; NaN: as for a cell before. */
int estimate_cell(double *seconds, struct estimate *e, const struct cell *c);

#endif
