/* The generator of data-free attacks: noise -> images. As DFME's (Truong et al., CVPR 2021): a linear layer to maps of a quarter
 * of the image's side, two upsampling convolutions, and a last batch norm, whose output is the image before its tanh. */
#ifndef HEIST_ATTACKER_GENERATOR_H
#define HEIST_ATTACKER_GENERATOR_H

#include <stdint.h>

#include "nn/model.h"

struct generator {
    struct model *net;
    struct tape *tape; /* train mode: it always normalises by the batch, as published */
    struct shape image;
    int latent, batch;
    float *z, *dout; /* [batch][latent], [batch][c][h4][w4]: sides rounded up to multiples of 4; the image is the middle */
};

/* width: maps of the widest convolution (128 as published); affine: the last batch norm's. generator_free frees (accepts NULL). */
int generator_new(struct generator **out, struct shape image, int latent, int width, int affine, int batch, uint64_t seed);
void generator_free(struct generator *g);

/* Images before tanh g [n][c][h][w] of noise drawn from the stream "generator/z" `index` of the seed; n <= batch. */
void generator_make(struct generator *g, uint64_t seed, uint64_t index, int n, float *pre);

/* After generator_make: gradient `dpre` [n][c][h][w] -> dparams [net->params] += */
void generator_backward(struct generator *g, int n, const float *dpre, float *dparams);

/* Pixels in [0,1] of n numbers before tanh: (tanh(v) + 1) / 2. x may be pre. */
void generator_pixels(const float *pre, size_t n, float *x);

#endif
