/* Augmentation: images moved a little, each by its own random stream, so that the numbers are the same at any thread count.
 *
 *   "crop4,flip"                                the CIFAR standard: padded by 4 and cut at random, mirrored half the time
 *   "rotate15,translate0.1,scale0.9,shear0.1"   one affine map, bilinear, black around (the averaging attack's; EDM's supplement)
 *   "jitter0.1"                                 brightness, contrast and, of colour images, saturation, each by 1 +- 0.1 */
#ifndef HEIST_DATA_AUGMENT_H
#define HEIST_DATA_AUGMENT_H

#include <stdint.h>

#include "base/rng.h"
#include "nn/shape.h"

struct augment {
    int crop, flip;   /* pixels; 1: mirrored half the time */
    double rotate;    /* degrees, either way */
    double translate; /* part of the side, either way */
    double scale;     /* uniform between this and 1; 0: not scaled */
    double shear;     /* tangent, either way */
    double jitter;    /* part, either way */
};

#define AUGMENT_OPTION(DEFAULT) {"augment", OPTION_TEXT, DEFAULT, 0, 0, 0, "augmentation of its images: none, or some of crop4,flip,rotate15,translate0.1,scale0.9,shear0.1,jitter0.1"}

/* "none" is all zero. ERR_OPTION: an unknown word, a number out of range, a word twice. */
int augment_read(struct augment *out, const char *text);
int augment_any(const struct augment *a);

/* x [c][h][w] in [0,1] to out (not x). */
void augment_image(const struct augment *a, struct shape s, struct rng *r, const float *x, float *out);

/* Rows x [n][c][h][w] to out; image i draws from stream (seed, "augment", first + i). */
void augment_batch(const struct augment *a, struct shape s, uint64_t seed, uint64_t first, int n, const float *x, float *out);

#endif
