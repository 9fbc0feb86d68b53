/* The binary files of CIFAR-10 and CIFAR-100: records without a header, of label bytes (CIFAR-100: coarse, then fine) and 3072 bytes
 * of pixels, red, green and blue, row by row. */
#ifndef HEIST_DATA_CIFAR_H
#define HEIST_DATA_CIFAR_H

#include <stddef.h>
#include <stdint.h>

enum { CIFAR_PIXELS = 3072 };

/* Reads the records of a file, each of `labels` label bytes of which the one at `which` counts: pixels [n][3][32][32] and label [n],
 * which have room for the *n that cifar_records says. ERR_FORMAT: a label that is no class; `path` is for the message. */
int cifar_decode(uint8_t *pixels, int *label, const uint8_t *bytes, size_t size, int labels, int which, int classes, const char *path);

/* How many records a file of this size holds. ERR_FORMAT: none, or a part of one. */
int cifar_records(int *n, size_t size, int labels, const char *path);

#endif
