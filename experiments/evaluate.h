/* Measuring: accuracy, fidelity and the three ways to read a clone. Nothing here is seen by an attack. */
#ifndef HEIST_EXPERIMENTS_EVALUATE_H
#define HEIST_EXPERIMENTS_EVALUATE_H

#include "data/dataset.h"
#include "defenses/defense.h"

/* The most likely class of each image, top [n]: ties go to the first. */
void evaluate_classes(const struct model *m, const struct dataset *test, int *top);

/* Accuracy of the answers that `victim` releases through `defense` on a test set: nothing is charged. For a stateful
 * defense open a second instance for it. ERR_NUMERIC. */
int evaluate_released(double *accuracy, const struct model *victim, struct defense *defense, const struct dataset *test);

/* Share of equal entries. */
double evaluate_agreement(const int *a, const int *b, int n);

/* Mean over the images of KL(victim || clone), of their posteriors, in nats. */
double evaluate_kl(const struct model *victim, const struct model *clone, const struct dataset *test);

struct curve_point {
    int64_t queries;
    int epoch;
    double acc, val; /* test accuracy; the clone's held-out loss (NaN: none) */
};

/* Follows a clone through its training: pass curve_observe and the curve as an attack's observer. */
struct curve {
    const struct dataset *test;
    int n, room;
    struct curve_point *point;
};
void curve_observe(void *curve, const struct model *clone, int64_t queries, int epoch, double val);
void curve_free(struct curve *c); /* frees the points */

/* NaN where there is no point (or no held-out loss). `val`: of the points with the most queries, the one with the
 * lowest held-out loss. */
double curve_last(const struct curve *c);
double curve_val(const struct curve *c);
double curve_best(const struct curve *c);

#endif
