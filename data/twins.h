/* The images that two sets share: the same, or nearly the same.
 *
 *   the same   byte for byte
 *   nearly     brightness, contrast, a shift of one pixel, light compression: a perceptual hash of 63 bits differs in at most
 *              TWINS_BITS of them, and the grey images, without their outermost pixels, correlate by at least TWINS_LIKENESS
 *
 * The hash: is each of an image's 63 lowest DCT coefficients (8 x 8 without the mean), over their norm, above the median that it has in
 * set a? So each bit halves the set, whatever the set, and buckets of 16 bits stay small: of two hashes that differ in 3 bits, one of
 * four such parts is the same. An image of b is hashed at its 9 shifts by up to a pixel. 60,000 against
 * 60,000 images of 28x28 take some seconds. Images of one colour have only equals. */
#ifndef HEIST_DATA_TWINS_H
#define HEIST_DATA_TWINS_H

#include "data/dataset.h"

enum { TWINS_BITS = 3, TWINS_SHOWN = 8 };
#define TWINS_LIKENESS 0.99

struct twin {
    int a, b;        /* images of the sets */
    double likeness; /* their correlation; 1: the same bytes */
};

struct twins {
    int same, nearly;                /* images of b that have such a twin in a; who has a same one counts there only */
    int shown;
    struct twin twin[TWINS_SHOWN];   /* the first of them, in b's order */
};

/* Both sets have one shape of 1 or 3 channels (assert). The same at any number of threads. */
void twins_find(struct twins *out, const struct dataset *a, const struct dataset *b);

#endif
