/* safetensors files: named tensors and string metadata (the format of huggingface/safetensors), and checkpoints:
 * a network as PyTorch's state_dict with what is needed to build it again in the metadata. */
#ifndef HEIST_NN_SAFETENSORS_H
#define HEIST_NN_SAFETENSORS_H

#include <stdint.h>

#include "nn/model.h"

enum tensor_type { TENSOR_F32, TENSOR_F64, TENSOR_I64, TENSOR_OTHER };

struct tensor {
    char *name;
    enum tensor_type type;
    int dims;
    int64_t dim[8];
    size_t count;      /* numbers */
    const void *bytes; /* inside the file's memory; 4- or 8-byte numbers that may be unaligned */
};

struct safetensors {
    int n, entries;
    struct tensor *tensor;
    char **key, **value; /* metadata */
    char *memory;
};

/* Reads a whole file; safetensors_free frees. ERR_FORMAT: anything in it that does not hold (sizes, offsets, overlaps). */
int safetensors_read(struct safetensors **out, const char *path);
void safetensors_free(struct safetensors *f);

const struct tensor *safetensors_find(const struct safetensors *f, const char *name); /* NULL: none */
const char *safetensors_meta(const struct safetensors *f, const char *key);           /* NULL: none */

/* A tensor's numbers as floats into out [count]; double and integer ones are converted. ERR_FORMAT: other types. */
int tensor_floats(const struct tensor *t, float *out);

/* For writing: fill the fields (bytes: TENSOR_F32 or TENSOR_I64), then write atomically. ERR_IO. */
int safetensors_write(const char *path, int n, const struct tensor *tensor, int entries, const char *const *key,
                      const char *const *value);

/* Writes m with metadata arch, classes, input, mean, std and these more. ERR_IO. */
int checkpoint_write(const char *path, const struct model *m, int entries, const char *const *key, const char *const *value);

/* Builds the network that the metadata names and fills it; file (may be NULL) gives the metadata to the caller, who
 * frees it. Tensors that PyTorch adds (num_batches_tracked) are passed over; a missing, unknown or misshapen one is
 * ERR_FORMAT. arch may be given for files that do not say it (PyTorch's own), else NULL. */
int checkpoint_read(struct model **out, struct safetensors **file, const char *path, const char *arch);

/* Fills a network from the tensors PREFIX + its names. ERR_FORMAT. */
int checkpoint_fill(struct model *m, const struct safetensors *f, const char *prefix, const char *path);

#endif
