/* Tables of numbers (libcsv): an image a row, its label first, as Kaggle has MNIST; with a line of names above them or without. */
#ifndef HEIST_DATA_CSV_H
#define HEIST_DATA_CSV_H

#include "data/format.h"

/* Reads a file, gzipped or not: n, shape, pixels [n][c][h][w] or as the file has them, labels as in the file (NULL: its rows have none);
 * images_clear frees. want: the images' shape; c 0: by the number of columns, 784, 1024 or 3072 (shape_of_row). A row of one
 * number more has its label first. key (data/decoded.h): what it is kept by, where it is large; it is then read twice, and not grown in memory;
 * NULL: it is not. ERR_MISSING, ERR_IO; ERR_FORMAT: columns that are no image, rows of another length, a pixel that is
 * no whole number of 0 to 255, a label of 0 to 65535, broken quotes, no row. */
int csv_images_read(struct images *out, const char *path, struct shape want, const char *key);

#endif
