/* Cells side by side: worker processes, each of which runs one cell at a time into its folder (experiments/collect.h). */
#ifndef HEIST_EXPERIMENTS_JOBS_H
#define HEIST_EXPERIMENTS_JOBS_H

#include "experiments/sweep.h"

/* What is run side by side. */
struct jobs {
    const struct sweep *sweep;
    const char *dir;
    int n;                  /* workers */
    char *const *argv;      /* this program as a worker (run_worker) for this sweep and folder; ends with NULL */
    const char *todo;       /* [sweep->n] 1: to compute */

    /* A cell's rows are in its folder: called once for each, in the order in which they end. A negative status stops. */
    int (*ended)(void *ctx, int cell);
    void *ctx;
};

/* Starts workers, hands out the cells in the sweep's order, and waits. A worker that dies costs its cell only, which is tried once
 * more and then has a row that says so. The cores are divided among the workers (OMP_NUM_THREADS). Workers end with this process,
 * however it ends; their messages are in DIR/jobs.log. ERR_IO: no worker can be started. */
int jobs_run(const struct jobs *j);

/* The other side: cells whose numbers come on stdin, a line each, are run into their folders; the number goes back on stdout. */
int jobs_worker(const struct sweep *s, struct store *store, const char *dir, const char *cache);

#endif
