/* Shapes, and how a batch lies in memory.
 *
 * Inside a network the images of a batch lie side by side in the lanes of a vector: a buffer is
 * [groups][c][h][w][lanes], groups = ceil(n / lanes); image i is lane i % lanes of group i / lanes, and lanes
 * past n are padding. So every layer vectorises over images, whatever its kernel, stride or border.
 *
 *     ROWS     1   plain rows, [n][c][h][w]: a network's input and its logits
 *     MAPS    16   feature maps: one AVX-512 register of floats a pixel
 *     VECTORS 64   feature vectors (h = w = 1): blocks wide enough for a matrix product
 *
 * A result never depends on the lane or the group an image falls in, nor on its neighbours. */
#ifndef HEIST_NN_SHAPE_H
#define HEIST_NN_SHAPE_H

#include <stddef.h>

enum { ROWS = 1, MAPS = 16, VECTORS = 64 };

struct shape {
    int c, h, w;
    int lanes;
};

static inline size_t shape_size(struct shape s) /* numbers an image */
{
    return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

static inline int shape_groups(struct shape s, int n)
{
    return (n + s.lanes - 1) / s.lanes;
}

static inline size_t shape_floats(struct shape s, int n) /* a buffer for n images, padding included */
{
    return (size_t)shape_groups(s, n) * shape_size(s) * (size_t)s.lanes;
}

#endif
