/* Networks on labelled data: training by cross entropy, and accuracy. */
#ifndef HEIST_DATA_SUPERVISED_H
#define HEIST_DATA_SUPERVISED_H

#include "data/augment.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "nn/optim.h"
#include "nn/train.h"

/* Trains m, from what it holds; augment and watch may be NULL. ERR_SHAPE: d does not fit m or has no labels; ERR_NUMERIC. */
int supervised_train(struct model *m, const struct dataset *d, const struct optim *o, const struct augment *augment, uint64_t seed, const char *label,
                     const struct train_watch *watch);

/* Share of images whose largest logit is their label. */
double supervised_accuracy(const struct model *m, const struct dataset *d);

/* ERR_SHAPE unless images of d are what m takes and its labels are classes of m (`labels`: it must have some). */
int supervised_fits(const struct model *m, const struct dataset *d, int labels);

#endif
