/* One set's images in the shape of another's: "mnist:to=3x32x32", "cifar10:to=1x28x28:fit=pad". Any set can take them, so
 * that any pool can query any victim. An image is transformed by itself, once, when the set is opened; it stays bytes.
 *
 *   cover    (default) resized, its aspect kept, until it covers the shape; what stands out is cut off on both sides
 *   stretch  resized to the shape, whatever its aspect
 *   pad      not resized: centred on black, or the centre cut out
 *
 * Resizing: a triangle filter, as wide as one pixel of the coarser side (bilinear where it enlarges, area-like where it
 * shrinks), in double precision, rounded once. Colour to grey: 0.299 R + 0.587 G + 0.114 B; grey to colour: three times. */
#ifndef HEIST_DATA_TRANSFORM_H
#define HEIST_DATA_TRANSFORM_H

#include <stdint.h>

#include "nn/shape.h"

enum fit { FIT_COVER, FIT_STRETCH, FIT_PAD };

struct transform {
    struct shape to; /* c 0: images stay as they are */
    enum fit fit;
};

enum { TRANSFORM_SIDE = 4096 };

/* From the values of `to` and `fit`, NULL where they are not given. ERR_OPTION: not CxHxW with 1 or 3 channels and sides of
 * 1 .. TRANSFORM_SIDE, an unknown fit, a fit without to. */
int transform_read(struct transform *out, const char *to, const char *fit);

/* Does it change an image of this shape? */
int transform_changes(const struct transform *t, struct shape from);

/* pixels [c][h][w] of shape `from` (1 or 3 channels) become out [c][h][w] of shape t->to. */
void transform_image(const struct transform *t, const uint8_t *pixels, struct shape from, uint8_t *out);

#endif
