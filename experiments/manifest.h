/* manifest.json: where a folder's numbers come from. */
#ifndef HEIST_EXPERIMENTS_MANIFEST_H
#define HEIST_EXPERIMENTS_MANIFEST_H

#include "experiments/store.h"

/* Writes DIR/manifest.json: machine, compiler, flags, libraries, the data sets of the store with their checksums, and the
 * command line. ERR_IO. */
int manifest_write(const char *dir, const struct store *store, int argc, char *const *argv);

/* The processor's name, "unknown" where the system does not say; buf of at least 128. */
const char *machine_processor(char buf[128]);

#endif
