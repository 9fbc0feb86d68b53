/* Asking more than once for an image: the piece that tests measure. */
#ifndef HEIST_ATTACKER_AVERAGE_H
#define HEIST_ATTACKER_AVERAGE_H

#include "attacker/clone.h"

/* Images that a budget pays for with n answers each; the last one may get fewer. */
int average_images(int64_t budget, int n);

/* t->q = the mean of `copies` answers an image, the last image that of what is left of the budget. Every copy is charged.
 * Copies are moved by `moves` (NULL: not), each by its own stream of the seed; t keeps the images as they are. */
int average_query(struct transfer *t, struct blackbox *target, int64_t budget, int copies, const struct augment *moves, uint64_t seed);

#endif
