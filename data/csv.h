/* Tables of numbers (libcsv): an image a row, its label first, as Kaggle has MNIST; with a line of names above them or without. */
#ifndef HEIST_DATA_CSV_H
#define HEIST_DATA_CSV_H

#include <stdint.h>

#include "nn/shape.h"

struct csv_images {
    int n;
    struct shape shape;
    uint8_t *pixels; /* [n][c][h][w], or as the file has them; mem_free frees */
    int *labels;     /* [n], as in the file; NULL: its rows have none; mem_free frees */
};

/* Reads a file, gzipped or not. want: the images' shape; c 0: by the number of columns, 784, 1024 or 3072 (shape_of_row). A row of one
 * number more has its label first. ERR_MISSING, ERR_IO; ERR_FORMAT: columns that are no image, rows of another length, a pixel that is
 * no whole number of 0 to 255, a label of 0 to 65535, broken quotes, no row. */
int csv_images_read(struct csv_images *out, const char *path, struct shape want);

#endif
