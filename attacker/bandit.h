/* A gradient bandit over actions (Sutton and Barto, section 2.8; KnockoffNets, CVPR 2019, section 4.2.2). */
#ifndef HEIST_ATTACKER_BANDIT_H
#define HEIST_ATTACKER_BANDIT_H

#include "base/rng.h"

struct bandit;

struct bandit *bandit_new(int actions);
void bandit_free(struct bandit *b); /* accepts NULL */

/* pi [actions]: softmax of the preferences over the actions that are open (open[a] != 0; at least one). */
void bandit_policy(const struct bandit *b, const char *open, double *pi);

/* An action by the policy. */
int bandit_draw(const struct bandit *b, const char *open, struct rng *r);

/* The reward r of action z, drawn by pi: H_z += alpha (r - mean) (1 - pi_z), H_a -= alpha (r - mean) pi_a; alpha = 1 / N(z) with
 * N(z) the times that z was drawn, this one among them; mean: of all rewards so far, this one among them. */
void bandit_reward(struct bandit *b, int z, double r, const double *pi);

#endif
