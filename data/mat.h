/* MATLAB's .mat files of version 5 (libmatio), as SVHN is distributed: X of h x w x c x n bytes and y of n labels 1 .. K, of which K
 * is class 0 (SVHN calls the digit 0 "10"). */
#ifndef HEIST_DATA_MAT_H
#define HEIST_DATA_MAT_H

#include "data/format.h"

/* n, shape, classes, pixels and labels; images_clear frees. key (data/decoded.h; NULL: none): what it is kept by, where it is large.
 * ERR_MISSING, ERR_IO; ERR_FORMAT: another kind or version, X or y missing or of another type or shape, a label out of range, cut. */
int mat_read(struct images *out, const char *path, int classes, const char *key);

#endif
