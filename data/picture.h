/* Pictures: JPEG (libturbojpeg) and PNG (libspng), told apart by their contents. */
#ifndef HEIST_DATA_PICTURE_H
#define HEIST_DATA_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "nn/shape.h"

/* What a picture measures: c 1 where it is stored as grey, else 3. `name` stands in messages. ERR_FORMAT: neither JPEG nor PNG,
 * broken, CMYK, or a side above TRANSFORM_SIDE. */
int picture_shape(struct shape *out, const uint8_t *bytes, size_t size, const char *name);

/* pixels [c][h][w] of the shape that picture_shape says. Transparency is left out; 16 bits become 8. ERR_FORMAT: broken or cut. */
int picture_decode(uint8_t *pixels, struct shape s, const uint8_t *bytes, size_t size, const char *name);

/* rgb [h][w][3] as a PNG; mem_free frees *bytes. ERR_IO: libspng refused. */
int picture_encode(uint8_t **bytes, size_t *size, const uint8_t *rgb, int h, int w);

#endif
