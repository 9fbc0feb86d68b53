/* Where numbers come from: manifest.json, an entry a run; and what a row of results.csv says of the machine. */
#ifndef HEIST_EXPERIMENTS_MANIFEST_H
#define HEIST_EXPERIMENTS_MANIFEST_H

#include "experiments/sweep.h"

/* Adds a run to the "runs" of DIR/manifest.json: machine, compiler, flags, libraries, the data sets of the store with their checksums, what
 * is to be said of them (data/audit.h), and the command line. ERR_IO. */
int manifest_write(const char *dir, const struct sweep *s, struct store *store, int argc, char *const *argv);

/* "AMD EPYC (2 cores)"; OpenBLAS's version and core, "0.3.21 Haswell". Both return buf. */
enum { MACHINE_TEXT = 160 };
const char *machine_name(char buf[MACHINE_TEXT]);
const char *machine_blas(char buf[MACHINE_TEXT]);

/* The processor's name, "unknown" where the system does not say; buf of at least 128. */
const char *machine_processor(char buf[128]);

#endif
