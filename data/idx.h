/* IDX, the files of MNIST and its family: magic 0 0 TYPE DIMS, the dimensions as big-endian 32-bit numbers, the data. */
#ifndef HEIST_DATA_IDX_H
#define HEIST_DATA_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "data/format.h"

enum { IDX_DIMS = 4 };

struct idx {
    int dims, dim[IDX_DIMS];
    size_t size;    /* the product of the dimensions */
    uint8_t *bytes; /* [size]; mem_free frees */
};

/* Reads a file of bytes (type 08) with least..most dimensions, gzipped or not. ERR_MISSING, ERR_IO; ERR_FORMAT for
 * everything in it that does not hold: magic, dimensions, too little data or too much, a broken gzip. */
int idx_read(struct idx *out, const char *path, int least, int most);

/* Reads n x h x w or n x c x h x w of them as images: n, shape, pixels. A file that is not gzipped is mapped; what comes out of a gzip is kept
 * where it is large (data/decoded.h). transposed: the file has them column by column. Errors as above. */
int idx_images(struct images *out, const char *path, int transposed);

#endif
