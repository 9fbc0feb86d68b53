/* Points in space, asked for what lies near: a k-d tree for L1, whose nodes hold the sum of a value over their points. */
#ifndef HEIST_ATTACKER_NEARBY_H
#define HEIST_ATTACKER_NEARBY_H

struct nearby;

/* point [n][d], value [n][d]: both must outlive it; n > 0. nearby_free frees (accepts NULL). */
struct nearby *nearby_new(const float *point, const float *value, int n, int d);
void nearby_free(struct nearby *t);

/* L1 distance of the nearest point to q [d]. */
double nearby_least(const struct nearby *t, const float *q);

/* How many points lie within `radius` of q, and sum [d] += of their values. */
int nearby_sum(const struct nearby *t, const float *q, double radius, double *sum);

#endif
