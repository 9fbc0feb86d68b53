/* Contact sheets: rows of images with a label before each, as a PNG to look at. */
#ifndef HEIST_DATA_SHEET_H
#define HEIST_DATA_SHEET_H

#include <stdint.h>

#include "nn/shape.h"

/* Writes rows x columns images of one shape: tile [rows][columns] of pixels [c][h][w] (NULL: an empty place), label [rows] (NULL:
 * none; A-Z without case, digits and some signs). Small images are enlarged by a whole number, pixel by pixel, so that what is
 * seen is what there is. ERR_SHAPE: neither 1 nor 3 channels, or too large for a picture; ERR_IO. */
int sheet_write(const char *path, struct shape s, int rows, int columns, const char *const *label, const uint8_t *const *tile);

#endif
