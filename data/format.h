/* What a data format does: one file each, and a line in list.h. */
#ifndef HEIST_DATA_FORMAT_H
#define HEIST_DATA_FORMAT_H

#include <stdint.h>

#include "base/spec.h"
#include "data/catalogue.h"
#include "nn/shape.h"

/* The images of one split, as a format reads them. */
struct images {
    int n;
    struct shape shape;    /* lanes = ROWS */
    int classes;           /* 0: unlabelled */
    uint8_t *pixels;       /* [n][c][h][w]; mem_free frees */
    int *labels;           /* [n], 0 .. classes-1; NULL: unlabelled; mem_free frees */
    float mean[4], std[4]; /* per channel, of pixels in [0,1] */
};

struct dataset_format {
    const char *name;
    const struct option *options; /* with `split`, whose default is replaced by the caller's, `n` and `seed` */

    /* (optional) The folder where a split (0 train, 1 test) lies, mem_free frees; NULL: not on this machine. */
    char *(*where)(const struct dataset_info *info, int split);

    /* Reads or makes the images that a resolved spec asks for, all checked; out is filled only on success.
     * An `n` below the number of images there is left to dataset_open unless makes_n is set. */
    int (*open)(struct images *out, const struct dataset_info *info, const struct spec *spec);
    int makes_n;
};

/* The format of a set; an unknown name is a programming error (assert). */
const struct dataset_format *dataset_format(const struct dataset_info *info);

#endif
