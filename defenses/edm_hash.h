/* EDM's hash: a small network that says which member answers. */
#ifndef HEIST_DEFENSES_EDM_HASH_H
#define HEIST_DEFENSES_EDM_HASH_H

#include "defenses/defense.h"

enum { EDM_CLUSTERS = 10 }; /* classes of a hash network that learns clusters */

/* The member that answers: bucket (m class + floor((M conf - 1) m / (M - 1))) mod members, of the hash network's posterior
 * p [M], M = m_classes. */
int edm_member(const float *p, int m_classes, int m, int members);

/* The trained hash network, by the options hash_* of `opt`; model_free frees. ERR_OPTION: no such network, or no labels. */
int edm_hash_new(struct model **out, const struct defense_env *env, const struct spec *opt);

/* label[i] of images index[i] of d, i < n: the nearest of k centres that k-means found among them (pixels, ten rounds). The
 * same seed gives the same labels. n >= k. */
void edm_clusters(int *label, const struct dataset *d, const int *index, int n, int k, uint64_t seed);

/* Adds its training. */
void edm_hash_work(struct work *out, const struct spec *opt, const struct defense_env *env);

#endif
