/* A kind of layer: forward, backward and tangent travel together, so no derivative can be mismatched.
 *
 * To add one: nn/layers/NAME.c that ends with LAYER(NAME, ...), and a line in nn/layers/list.h. The files in
 * nn/layers are compiled once for each instruction set (nn/layers.c picks at run time) and once more as
 * the naive twin that tests compare against, so their loops are plain C over lanes. */
#ifndef HEIST_NN_LAYER_H
#define HEIST_NN_LAYER_H

#include <stddef.h>

#include "base/rng.h"
#include "base/spec.h"
#include "nn/shape.h"

enum { LAYER_INPUTS = 2, LAYER_PARAMS = 4 };

/* How a parameter or a running statistic is named and laid out: PyTorch's state_dict. */
struct param {
    const char *name; /* "weight"; its full name is LAYER.name */
    int dims, dim[4];
    size_t size, at; /* numbers; offset in the model's block, set by the model */
    int hidden;      /* not in the state_dict (normalisation: it is in the metadata) */
};

struct layer {
    const struct layer_ops *ops, *alone; /* its work shared out to all threads; in the calling thread alone */
    char name[48];
    int inputs, from[LAYER_INPUTS]; /* the layers it reads; -1: the network's input */
    struct shape in[LAYER_INPUTS], out;
    int params, stats; /* trained parameters; statistics and constants */
    struct param param[LAYER_PARAMS], stat[LAYER_PARAMS];
    int together;   /* set by shape(): the images of a batch share work, it is not cut into pieces */
    void *own;      /* ops->own bytes, zeroed; filled by shape(); flat data only */
    double flops;   /* multiply-adds an image, for `heist list models` */
};

/* One pass of one layer over n images, a batch or a piece of one. Buffers are in the layer's in[] and out layouts. Pieces
 * run at the same time: in eval mode a layer writes to y, dx, vy and scratch alone. */
struct pass {
    int n;
    int train; /* train mode: batch statistics, dropout */
    const float *x[LAYER_INPUTS];
    float *y;
    const float *w;    /* the model's block of parameters: w + param[i].at */
    const float *stat; /* the model's block of statistics */
    float *stat_out;   /* train mode: where running statistics are updated */
    float *scratch;    /* ops->scratch floats, undefined */
    float *saved;      /* ops->saved floats that forward leaves for backward and tangent; NULL: neither will be called */
};

enum { FORGETS_X = 1, FORGETS_Y = 2 };

struct layer_ops {
    const char *name, *about;
    const struct option *options; /* (optional) of a line of an architecture; "out" may be the word K: classes */
    size_t own;                   /* bytes of layer.own */
    int inputs;
    int inplace; /* y may be x and dx may be dy: element-wise layers. They keep the sign of what they overwrite (or pass no
                  * gradient there), which is all that a layer below may read of its y in backward. */
    int forgets; /* FORGETS_X, FORGETS_Y: what backward and tangent do not look at, so that it need not be kept */
    int whole;   /* in train mode an image's result depends on the batch: it is not cut into pieces (nn/tape.c) */

    /* From in[] and the resolved options: out, param[], stat[], own, flops. ERR_SHAPE, ERR_OPTION. */
    int (*shape)(struct layer *l, const struct spec *opt);
    /* (optional: no scratch) floats of scratch for a batch of n. */
    size_t (*scratch)(const struct layer *l, int n);
    /* (optional: nothing) floats that a pass over n images keeps from forward to backward and tangent. A piece that begins
     * at image i has those from saved(l, i) on; a `whole` layer's are not cut. */
    size_t (*saved)(const struct layer *l, int n);
    /* (optional: no parameters) PyTorch's default initialisation; w, stat are the model's blocks. */
    void (*init)(const struct layer *l, float *w, float *stat, struct rng *r);
    void (*forward)(const struct layer *l, const struct pass *p);
    /* dw += (block of all parameters, NULL: skip), dx[i] = (NULL: skip). p is the pass that forward made. */
    void (*backward)(const struct layer *l, const struct pass *p, const float *dy, float *dw, float *const dx[]);
    /* vy = J (vw, vx): the directional derivative in eval mode. vw or vx NULL: zero; never both, and only a layer with
     * parameters is called with vx NULL. */
    void (*tangent)(const struct layer *l, const struct pass *p, const float *vw, const float *const vx[], float *vy);
};

/* The kinds known to this build, in the order of nn/layers/list.h, for the instruction set in use. */
int layer_count(void);
const struct layer_ops *layer_at(int i);
/* NULL: unknown. *alone (may be NULL): the same layer, built to run in one thread. */
const struct layer_ops *layer_find(const char *name, const struct layer_ops **alone);

/* "avx512", "avx2", "base" or "naive": what the processor has, or what the environment's HEIST_SIMD says. A model
 * keeps the layers it was built with, so a test sets HEIST_SIMD, builds one, and sets another. */
const char *layer_simd(void);
/* Whether convolutions may go by Winograd's minimal filtering: unless the environment says HEIST_WINOGRAD=0, which is there
 * to compare with. As with HEIST_SIMD, a model keeps what it was built with. */
int layer_winograd(void);
/* ERR_OPTION where HEIST_SIMD names what this build or processor does not have, or HEIST_WINOGRAD is neither 0 nor 1. */
int layer_simd_check(void);

/* What an architecture's line may say of any layer, and helpers for shape(). */
struct param param_new(const char *name, int dims, int a, int b, int c, int d);

/* PyTorch's default for convolutions and linear layers: U(-1/sqrt(fan_in), 1/sqrt(fan_in)). */
void layer_init_uniform(float *w, size_t n, double bound, struct rng *r);

/* ---- for the files in nn/layers ------------------------------------------------------------ */

#ifndef LAYER_SIMD
#define LAYER_SIMD base
#endif
#define LAYER_JOIN2(a, b, c) a##b##_##c
#define LAYER_JOIN(a, b, c) LAYER_JOIN2(a, b, c)
#define LAYER(NAME) const struct layer_ops LAYER_JOIN(layer_, NAME, LAYER_SIMD)

#endif
