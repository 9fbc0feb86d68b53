/* All that an attacker can see of a victim. One query is one image. Only blackbox.c counts, and nothing goes round it. */
#ifndef HEIST_VICTIM_BLACKBOX_H
#define HEIST_VICTIM_BLACKBOX_H

#include <stdint.h>

#include "nn/shape.h"

struct blackbox;

/* x [n][c][h][w] in [0,1] -> released answers q [n][K]. ERR_BUDGET: fewer than n queries are left; then nothing is
 * answered and nothing charged. ERR_NUMERIC: the defense released what is no answer. */
int blackbox_query(struct blackbox *b, const float *x, int n, float *q);

/* The same, but an ensemble's member is the one that the attacker says (member [n], modulo the members) or that the hash of
 * the images hashed [n][c][h][w] gives; the other is NULL. An oracle: ERR_OPTION, unless the owner granted it (serve.h) and the
 * defense is an ensemble. */
int blackbox_query_member(struct blackbox *b, const float *x, const int *member, const float *hashed, int n, float *q);

int64_t blackbox_left(const struct blackbox *b);
int64_t blackbox_asked(const struct blackbox *b); /* rows charged so far */

struct shape blackbox_input(const struct blackbox *b); /* the shape of an image */
int blackbox_classes(const struct blackbox *b);

#endif
