/* Synthetic sets: unlabelled images made from a seed, needing no files. What a defender trains on who has no outliers.
 * Each painter makes one image [c][h][w] of bytes from its own stream, so a set is a prefix of every longer one. */
#ifndef HEIST_DATA_SYNTHETIC_H
#define HEIST_DATA_SYNTHETIC_H

#include <stdint.h>

#include "base/rng.h"
#include "nn/shape.h"

void noise_paint(uint8_t *pixels, struct shape s, struct rng *r);   /* every byte uniform */
void strokes_paint(uint8_t *pixels, struct shape s, struct rng *r); /* pen strokes, like handwriting */
void leaves_paint(uint8_t *pixels, struct shape s, struct rng *r);  /* dead leaves: shapes over shapes, small ones many */

/* The most pixels that an image may have: painters keep one on the stack. */
enum { PAINT_CHANNELS = 3, PAINT_SIDE = 32 };

#endif
