/* KnockoffNets' adaptive policy: which classes of the pool to ask for next. */
#ifndef HEIST_ATTACKER_ADAPTIVE_H
#define HEIST_ATTACKER_ADAPTIVE_H

#include "attacker/clone.h"

/* Chooses and asks for the t->n images of a transfer set, class by class, by a bandit whose reward is what a clone that learns on
 * the way says of the answers (Orekondy et al., section 4.2.2; options ADAPTIVE_OPTIONS). ERR_SHAPE: the pool has no classes. */
int adaptive_ask(struct transfer *t, const struct attack_env *env, const struct spec *opt);

#define ADAPTIVE_OPTIONS                                                                                                      \
    {"policy", OPTION_CHOICE, "random", 0, 0, "random adaptive", "which images are asked: any, or of the classes that pay"},      \
    {"reward", OPTION_CHOICE, "all", 0, 0, "certainty diversity loss all", "adaptive: what an answer is worth"},                  \
    {"pull", OPTION_INT, "32", 1, 100000, 0, "adaptive: images of a class that are asked at once"},                               \
    {"window", OPTION_INT, "100", 1, 1000000, 0, "adaptive: past answers that diversity looks at"},                               \
    {"nodes", OPTION_INT, "0", 0, 100000, 0, "adaptive: groups of classes (k-means of their mean features); 0: classes alone"},    \
    {"warmup", OPTION_REAL, "0.1", 0, 1, 0, "adaptive: part of the budget asked at random before groups are made"},                \
    {"online_lr", OPTION_REAL, "0.01", 0, 1000, 0, "adaptive: learning rate of the clone that judges the answers"}

/* ---- pieces that tests compare -------------------------------------------------------------------------- */

/* y [K]: certainty y_(1) - y_(2); diversity sum_k max(0, y_k - mean_k); loss -sum_k y_k log yhat_k. */
double reward_certainty(const float *y, int classes);
double reward_diversity(const float *y, const double *mean, int classes);
double reward_loss(const float *y, const float *yhat, int classes);

/* Lloyd's k-means from k-means++ seeds: group [n] of points [n][d], 0 .. k-1, no group is empty; k <= n. */
void kmeans(const double *point, int n, int d, int k, struct rng *r, int *group);

#endif
