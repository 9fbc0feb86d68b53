/* MATLAB's .mat files of version 5 (libmatio), as SVHN is distributed: X of h x w x c x n bytes and y of n labels 1 .. K, of which K
 * is class 0 (SVHN calls the digit 0 "10"). */
#ifndef HEIST_DATA_MAT_H
#define HEIST_DATA_MAT_H

#include <stdint.h>

#include "nn/shape.h"

struct mat {
    int n;
    struct shape shape;
    uint8_t *pixels; /* [n][c][h][w]; mem_free frees */
    int *labels;     /* [n], 0 .. classes-1; mem_free frees */
};

/* ERR_MISSING, ERR_IO; ERR_FORMAT: another kind or version, X or y missing or of another type or shape, a label out of range, cut. */
int mat_read(struct mat *out, const char *path, int classes);

#endif
