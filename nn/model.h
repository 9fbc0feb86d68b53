/* A network: a graph of layers over ONE flat block of parameters. A tape holds one pass over one batch.
 * The model is const while it is queried; several tapes of one model live at once. */
#ifndef HEIST_NN_MODEL_H
#define HEIST_NN_MODEL_H

#include <stdint.h>

#include "nn/layer.h"

struct model {
    char arch[32];
    struct shape input; /* one image, [c][h][w] in [0,1]; lanes = ROWS */
    int classes;
    int layers;
    struct layer *layer; /* [layers], in the order of evaluation; the last gives the logits */
    size_t params, stats;
    float *w;    /* [params] trained parameters */
    float *stat; /* [stats] running statistics and the constants of normalisation */
};

/* Builds `arch` (nn/arch.h) for images c x h x w and K classes; parameters are zero, normalisation is mean 0,
 * std 1. model_free frees. ERR_OPTION: unknown architecture; ERR_SHAPE: images too small for it. */
int model_new(struct model **out, const char *arch, struct shape input, int classes);

/* The same from a text in the language of nn/arch.h; `name` is what model.arch will say. */
int model_parse(struct model **out, const char *name, const char *text, struct shape input, int classes);

/* A copy with its own parameters. */
struct model *model_copy(const struct model *m);
void model_free(struct model *m);

/* PyTorch's default initialisation from the streams "init/LAYER" of this seed. */
void model_init(struct model *m, uint64_t seed);

/* mean, std: [c], of pixels in [0,1]; the first layer computes (x - mean) / std. */
void model_normalise(struct model *m, const float *mean, const float *std);
void model_normalisation(const struct model *m, const float **mean, const float **std);

/* Finds "conv1.weight"; *stat says in which block. NULL: no such tensor. */
const struct param *model_param(const struct model *m, const char *name, int *stat);

/* Calls `visit` for each tensor of the state_dict in PyTorch's order, with its full name and its numbers. */
void model_visit(const struct model *m, void *ctx,
                 void (*visit)(void *ctx, const char *name, const struct param *p, float *values));

double model_flops(const struct model *m); /* multiply-adds of one forward pass of one image */

struct tape;
enum { TAPE_FORWARD = 0, TAPE_BACKWARD = 1 }; /* TAPE_BACKWARD: backward and tangent will be called */

/* Memory for passes over up to `batch` images; tape_free frees (accepts NULL). The model must outlive it. */
struct tape *tape_new(const struct model *m, int batch, int flags);
void tape_free(struct tape *t);

/* The same, with the working memory of another tape (what a pass uses and does not leave behind) where
 * that is large enough. The two never run at the same time, and the lender is freed last. */
struct tape *tape_beside(const struct model *m, int batch, int flags, const struct tape *lender);

/* From now on it serves another model of the same architecture, built alike. */
void tape_turn_to(struct tape *t, const struct model *m);

/* Numbers an image that the last layer with parameters reads: its features. */
int model_features(const struct model *m);

/* After model_forward, of a tape with TAPE_BACKWARD: the features of the n images, [n][model_features]. */
void tape_features(const struct tape *t, float *features);

/* Train mode: batch statistics, and running ones updated in `stat` (the model's own block, or a copy of it).
 * NULL (at first): eval mode. */
void tape_train(struct tape *t, float *stat);

/* x [n][c][h][w] -> logits [n][K], which stay in the tape until its next forward pass. */
const float *model_forward(const struct model *m, struct tape *t, const float *x, int n);

/* After model_forward on this tape, any number of times: dlogits [n][K]; dparams [params] += ; dx [n][c][h][w] = .
 * Either may be NULL. */
void model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx);

/* After model_forward in eval mode: vlogits [n][K] = J (vparams, vx), forward mode. Either may be NULL: zero. */
void model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits);

/* Posteriors of any number of images, in batches of its own: p [n][K]. Eval mode. */
void model_predict(const struct model *m, const float *x, int n, float *p);

#endif
