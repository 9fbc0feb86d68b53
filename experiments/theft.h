/* One attack on one victim's checkpoint: what `heist steal` and `heist peek` do. */
#ifndef HEIST_EXPERIMENTS_THEFT_H
#define HEIST_EXPERIMENTS_THEFT_H

#include "attacker/attack.h"
#include "experiments/evaluate.h"
#include "nn/safetensors.h"
#include "victim/serve.h"

struct theft_options {
    const char *victim;                   /* a checkpoint's path */
    const char *attack, *defense, *label; /* specs; label: soft, or the link that releases less */
    const char *pool, *ood, *dataset, *clone_model; /* NULL: none; as the checkpoint says; the victim's */
    uint64_t seed;
    void (*tap)(void *ctx, const float *x, int n); /* (optional) sees the queries as they are asked (victim/serve.h) */
    void *tap_ctx;
};

struct theft {
    const struct attack_ops *ops;
    struct model *victim, *clone;
    struct safetensors *file;
    struct dataset *train, *test, *pool, *ood;
    struct defense *chain;
    struct blackbox *box;
    struct spec attack; /* resolved */
    struct curve curve;
    double defended;               /* accuracy of what is released */
    int *victim_top, *clone_top;   /* [test->n] */
};

/* Reads the victim and the data. ERR_OPTION, ERR_MISSING, ERR_FORMAT, ERR_SHAPE, ERR_IO. theft_free frees, whatever it returned. */
int theft_open(struct theft *t, const struct theft_options *o);

/* Runs the attack, and measures victim and clone. */
int theft_commit(struct theft *t, const struct theft_options *o);
void theft_free(struct theft *t);

#endif
