/* Running a sweep into a folder: resumes, records each cell as it ends, and reports. */
#ifndef HEIST_EXPERIMENTS_RUN_H
#define HEIST_EXPERIMENTS_RUN_H

#include <stdio.h>

#include "experiments/sweep.h"

/* How a sweep is run. */
struct run_options {
    const char *dir, *cache; /* results; trained victims */
    int retry;               /* failed cells are computed again */
    int jobs;                /* cells at once: above 1, worker processes of `worker` (experiments/jobs.h) */
    char *const *worker;
};

/* Computes what DIR/results.csv does not hold yet, under the folder's lock; rows stand in the sweep's order. *failed: cells of this
 * sweep whose last row is an error; *computed: run now. ERR_LOCKED, ERR_IO, ERR_FORMAT (a results.csv that is none): what was
 * recorded stays. */
int run_sweep(const struct sweep *s, struct store *store, const struct run_options *o, int *computed, int *failed);

/* todo[i] = 1 where cell i has to run: DIR has neither its row (with o->retry: one that is ok) nor its own folder's. */
int run_todo(char *todo, const struct sweep *s, const struct run_options *o);

/* Runs the one cell of this key into its folder of DIR (experiments/collect.h), unless its rows are there: for launchers that start
 * each cell by itself. ERR_OPTION: no cell has the key. */
int run_one(const struct sweep *s, struct store *store, const struct run_options *o, const char *key);

/* Trains the victim of this key's cell into the cache. ERR_OPTION: no cell has the key. */
int run_victim(const struct sweep *s, struct store *store, const char *cache, const char *key);

/* A shell command a line, `command` and --cell KEY, for each cell that DIR does not hold. */
int run_commands(const struct sweep *s, struct store *store, const struct run_options *o, const char *command, FILE *out);

/* Takes the rows of cells that were run by themselves into DIR's tables, in the order of their keys; *taken: how many. Again, it takes
 * what has come since. Errors as run_sweep. */
int run_collect(const char *dir, int *taken);

/* Prints the cells, their keys and an estimate of the time to `out` (experiments/estimate.h), in all with o->jobs at once; those that
 * DIR holds are marked done. */
int run_list(const struct sweep *s, struct store *store, const struct run_options *o, FILE *out);

#endif
