/* Greedy k-center (farthest first): Sener and Savarese, Active Learning for CNNs: A Core-Set Approach, ICLR 2018. */
#ifndef HEIST_ATTACKER_KCENTER_H
#define HEIST_ATTACKER_KCENTER_H

/* Picks k of n points [n][d], each the one farthest (L2) from the centres [centres][d] and those picked before; of equals the
 * first. chosen [k]: their places; k <= n. Costs n (centres + k) d. */
void kcenter(const float *point, int n, int d, const float *centre, int centres, int k, int *chosen);

#endif
