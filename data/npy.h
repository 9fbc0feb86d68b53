/* NumPy's .npy files, versions 1 to 3: "\x93NUMPY", a version, the length of a header, a Python dictionary of dtype, order and shape, the data. */
#ifndef HEIST_DATA_NPY_H
#define HEIST_DATA_NPY_H

#include <stddef.h>
#include <stdint.h>

enum { NPY_DIMS = 4 };

struct npy {
    int dims, dim[NPY_DIMS];
    size_t count;        /* the product of the dimensions */
    char kind;           /* 'u': whole numbers from 0, 'i': whole numbers */
    int width;           /* bytes of each: 1, 2, 4, 8; little-endian */
    const uint8_t *data; /* [count * width], in the bytes that were read */
};

/* Reads a whole file's bytes; `name` is for messages. ERR_FORMAT: broken, cut, something behind the data; other than whole numbers of
 * little-endian bytes in C order with 1 to NPY_DIMS dimensions of 1 and more. */
int npy_read(struct npy *out, const uint8_t *bytes, size_t size, const char *name);

/* Number i, i < count. One of 8 bytes that an int64_t cannot hold becomes negative. */
int64_t npy_number(const struct npy *a, size_t i);

#endif
