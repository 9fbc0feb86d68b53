/* Sweep files: INI, a value may be a list, and the grid of cells is the product.
 *
 *     [sweep]            name, seeds, pool (default of the attacks)
 *     [victim]           dataset, model and how it is trained; ood, pool (defaults of defenses and attacks); seed.
 *                       [victim (a remark)] tells two apart
 *     [defense CHAIN]    the options of its links; ood; seed; calibrate, target (calibrate.h).      [defense ini (a remark)] tells two of a kind apart
 *     [attack NAME]      its options; pool, label, clone_model, seed */
#ifndef HEIST_EXPERIMENTS_SWEEP_H
#define HEIST_EXPERIMENTS_SWEEP_H

#include "experiments/cell.h"

struct sweep {
    char *name;
    int n;
    struct cell *cell; /* [n], each different */
};

/* Reads a file; set[0..sets) are "section.key=value" that replace or add options: the section is its whole header
 * ("attack knockoff"), its last word, or its kind for all of a kind. sweep_free frees. ERR_MISSING, ERR_OPTION, ... with the
 * section and key at fault. */
int sweep_read(struct sweep **out, const char *path, int sets, const char *const *set, struct store *store);

/* The same from text; `path` stands in messages. */
int sweep_parse(struct sweep **out, const char *path, const char *text, int sets, const char *const *set, struct store *store);

/* Is a cell the first with its victim's set, pool and OOD set? */
int sweep_first_with_data(const struct sweep *s, int cell);

void sweep_free(struct sweep *s); /* accepts NULL */

#endif
