/* DIR/plan.csv: the cells that a run is to compute, so that others can see how far it is (heist status). */
#ifndef HEIST_EXPERIMENTS_PLAN_H
#define HEIST_EXPERIMENTS_PLAN_H

#include "experiments/sweep.h"

/* Columns: key; victim_work and attack_work, multiply-adds (cell_work; the victim's at its first cell, 0 at the others); cell, for people. */
enum { PLAN_key, PLAN_victim_work, PLAN_attack_work, PLAN_cell, PLAN_COLUMNS };
extern const char *const plan_column[PLAN_COLUMNS];

/* Writes it, where it is not there as it is to be. ERR_IO. */
int plan_write(const struct sweep *s, struct store *store, const char *dir);

#endif
