/* What changed between two results folders. */
#ifndef HEIST_EXPERIMENTS_DIFF_H
#define HEIST_EXPERIMENTS_DIFF_H

#include <stdio.h>

struct diff_count {
    int cells;         /* that both folders have: a victim, a defense, an attack */
    int only[2];       /* in A alone, in B alone */
    int failed;        /* without numbers on one side alone */
    int same;          /* every number to the last digit */
    int within;        /* differ, but not by more than the seeds' interval */
    int outside;       /* by more, or with one seed, which has no interval */
};

/* Compares two results folders cell by cell, seeds taken together, and prints what differs to `f`. A number is outside the seeds'
 * interval where the two means are further apart than sqrt(a^2 + b^2), a and b being half their 95 % intervals. ERR_MISSING,
 * ERR_FORMAT. */
int diff_results(struct diff_count *out, const char *a, const char *b, FILE *f);

#endif
