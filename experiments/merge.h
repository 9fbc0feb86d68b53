/* Several results folders as one. */
#ifndef HEIST_EXPERIMENTS_MERGE_H
#define HEIST_EXPERIMENTS_MERGE_H

#include "experiments/table.h"

/* Writes OUT/results.csv and OUT/curve.csv with the rows of n folders, in their order, and every column that any has; of a key that
 * stands in several folders the last one's row counts, as in any report. OUT may be one of them. ERR_OPTION: OUT holds rows that none
 * of them has, which stay. ERR_MISSING, ERR_FORMAT, ERR_IO. */
int merge_results(const char *out, int n, const char *const *dir);

#endif
