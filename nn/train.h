/* The one training loop: victims, helper networks and clones. */
#ifndef HEIST_NN_TRAIN_H
#define HEIST_NN_TRAIN_H

#include <stdint.h>

#include "nn/model.h"
#include "nn/optim.h"

/* Who watches a training: called after each epoch (1, 2, ...). A negative status ends it. */
struct train_watch {
    int (*epoch)(void *ctx, const struct model *m, int epoch, double loss);
    void *ctx;
};

struct train_task {
    struct model *model; /* trained in place, from what it holds */
    int n;               /* examples an epoch; they come in a new random order each epoch */
    uint64_t seed;       /* of the order */
    const char *label;   /* what the progress bar says */

    /* One batch of examples index[0..n): the loss, and its gradient into g [params] (zeroed). A step may change the
     * model's statistics; the loop steps the parameters. A negative status ends the training. */
    int (*step)(void *ctx, const int *index, int n, float *g, double *loss);
    /* (optional) After each epoch (1, 2, ...). A negative status ends the training. */
    int (*epoch)(void *ctx, int epoch, double loss);
    void *ctx;
};

/* ERR_NUMERIC: the loss was not finite. */
int train_run(const struct optim *o, const struct train_task *task);

#endif
