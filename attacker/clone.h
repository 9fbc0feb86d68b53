/* Training a clone on a transfer set: the part that all attacks share. */
#ifndef HEIST_ATTACKER_CLONE_H
#define HEIST_ATTACKER_CLONE_H

#include "attacker/attack.h"
#include "data/augment.h"
#include "nn/optim.h"

/* Images with the victim's answers. The images are either rows of a pool or the attacker's own. */
struct transfer {
    int n, classes;
    size_t d;                   /* numbers an image */
    const struct dataset *pool; /* images index[0..n) of it; or NULL: */
    int *index;
    float *x; /* [n][c][h][w] in [0,1] */
    float *q; /* [n][K] */
    int *family; /* [n] (own images) made from one seed, 0 .. families - 1: held out together or not at all */
    int families;
};

/* Room for n images of `pool` (index, q), or of the attacker's own with d numbers an image (x, q). transfer_free. */
struct transfer *transfer_new(int n, int classes, const struct dataset *pool, size_t d);
void transfer_free(struct transfer *t); /* accepts NULL */

/* Asks the black box for rows [from, to) of the transfer set, in calls of limited size. ERR_BUDGET as blackbox_query. */
int transfer_query(struct transfer *t, struct blackbox *target, int from, int to);

/* Rows index[0..n) of the set (index NULL: first, first + 1, ...) as x [n][c][h][w]. */
void transfer_batch(const struct transfer *t, const int *index, int first, int n, float *x);

/* A new clone of env->clone_model for the target, initialised by env->seed, normalised by these statistics; NULL: to [-1,1],
 * for an attacker without images. ERR_SHAPE: the images are not of the victim's shape. */
int clone_new(struct model **out, const struct attack_env *env, const struct dataset *statistics);

/* How a clone is trained; CLONE_OPTIONS has the rows of the option table. */
struct clone_options {
    struct optim optim;
    struct augment augment;
    double val; /* share of the transfer set that is held out to choose an epoch */
    double rotation; /* weight of the loss of rotations (attacker/rotation.h), of images of the pool; 0: none */
    int asked_alone; /* 1: of those that were asked and train the clone; 0: of all but the held-out ones */
};
#define CLONE_OPTIONS(EPOCHS, LR, MOMENTUM, DECAY, SCHEDULE, STEP)                                                     \
    OPTIM_OPTIONS(EPOCHS, LR, MOMENTUM, DECAY, SCHEDULE, STEP),                                                       \
    AUGMENT_OPTION("none"),                                                                                           \
    {"val", OPTION_REAL, "0.1", 0, 0.9, 0, "share of the transfer set held out to choose the `val` epoch"}
/* (optional) For a transfer set of images of a pool. */
#define ROTATION_OPTIONS(WEIGHT)                                                                                       \
    {"rotation", OPTION_REAL, WEIGHT, 0, 1e6, 0, "weight of the loss of rotations; 0: knockoff"},                       \
    {"unlabelled", OPTION_CHOICE, "pool", 0, 0, "pool asked", "images whose rotations are learned: the whole pool | those that were asked"}
int clone_options_read(struct clone_options *out, const struct spec *s);

/* order [n]: the rows to train on, then those that are held out by this seed; returns how many those are: floor(val n), or
 * that part of the families with all their rows. At least one where there are two, never all. */
int clone_split(const struct transfer *t, double val, uint64_t seed, int *order);

/* Trains `clone`, from what it holds, on the transfer set with KL to the answers (of the images as they were asked, however
 * they are augmented). The rows that are held out are the same in
 * every training of one attack, so that `val` never looks at what a clone was trained on. epoch: epochs the attack has
 * trained before (observe counts on from there); `part` tells the order of the batches of several trainings apart. */
int clone_train(struct model *clone, const struct attack_env *env, const struct transfer *t, const struct clone_options *o,
                int epoch, int part);

/* Adds what clone_train does with n images for so many epochs. */
void clone_work(struct work *out, const struct spec *opt, int64_t n, int64_t epochs);

/* An attack that asks once and trains once: n images of the pool, drawn without replacement in an order that the seed gives
 * (fewer: a prefix of more), whose answers `ask` writes into t->q, and a new clone trained on them by opt's CLONE_OPTIONS.
 * *clone as in attack_ops.run. ERR_SHAPE: the pool holds fewer images. */
int clone_from_pool(struct model **clone, const struct attack_env *env, const struct spec *opt, int n,
                    int (*ask)(struct transfer *t, const struct attack_env *env, const struct spec *opt));

#endif
