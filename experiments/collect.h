/* Cells that were run on their own: DIR/cells/KEY holds a cell's rows until they are merged into DIR's tables. */
#ifndef HEIST_EXPERIMENTS_COLLECT_H
#define HEIST_EXPERIMENTS_COLLECT_H

#include "experiments/cell.h"

/* DIR/cells/KEY; mem_free frees. */
char *collect_folder(const char *dir, const char *key);

/* Runs a cell into its folder, unless its row is there: whatever happens on the way, the row is there or not. Where another process
 * runs it, waits for that. ERR_IO, ERR_FORMAT. */
int collect_run(const struct cell *c, struct store *store, const char *cache, const char *dir);

/* The cell's one whole row in its folder, NULL where there is none; table_free frees. */
struct table *collect_row(const char *dir, const char *key);

/* Is there one? */
int collect_has(const char *dir, const char *key);

/* Does a process run the cell now? */
int collect_runs(const char *dir, const char *key);

/* A row that says why there is none: `text`, for a cell whose process died. */
int collect_failed(const struct cell *c, const char *text, const char *dir);

/* Appends the cell's rows to the tables of DIR (to->dir) and removes its folder. `out` has what the row says of its status,
 * error, accuracies, fidelity and queries. ERR_FORMAT, ERR_IO: the folder stays. */
int collect_merge(struct tables *to, const char *key, struct cell_result *out);

/* Removes the cell's folder, where there is one. */
void collect_drop(const char *dir, const char *key);

#endif
