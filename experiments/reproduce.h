/* Rows run again: a row of results.csv says all that is needed to compute it anew, and what should come out. */
#ifndef HEIST_EXPERIMENTS_REPRODUCE_H
#define HEIST_EXPERIMENTS_REPRODUCE_H

#include <stdio.h>

#include "experiments/cell.h"

/* The cell that a row names, resolved; cell_free frees what it holds. A row of an older version without seeds of its parts has them all
 * from `seed`. ERR_OPTION: options that this version does not know; ERR_FORMAT: the data here are not those of the row; ERR_MISSING. */
int reproduce_cell(struct cell *out, const struct table *results, int row, struct store *store);

/* How rows are run again. */
struct reproduce_options {
    const char *dir;            /* of results.csv; its curve.csv is compared too, where it has the row */
    const char *scratch;        /* a folder for what is computed */
    const char *cache;          /* of victims */
    int brief;                  /* print what differs alone */
};

/* Computes a row anew and prints it beside the old one to `out`: every number but what is measured in seconds or megabytes. What the row
 * leaves empty is not compared. *differs: how many numbers came out otherwise. ERR_*: it could not be run. */
int reproduce_row(int *differs, const struct table *results, int row, struct store *store, const struct reproduce_options *o, FILE *out);

#endif
