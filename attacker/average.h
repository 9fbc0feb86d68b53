/* Asking more than once for an image: the piece that tests measure. */
#ifndef HEIST_ATTACKER_AVERAGE_H
#define HEIST_ATTACKER_AVERAGE_H

#include "attacker/clone.h"

/* Images that a budget pays for with n answers each; the last one may get fewer. */
int average_images(int64_t budget, int n);

/* Who answers a copy: whom the defense chooses | in an ensemble (blackbox_query_member) its members in turns, one a copy | the
 * member that answers the image as it was. */
enum average_by { AVERAGE_DEFENSE, AVERAGE_TURNS, AVERAGE_STILL };

struct averaging {
    int64_t budget;
    int copies;                  /* of an image; the last image has what is left of the budget */
    const struct augment *moves; /* of the copies, each by its own stream of the seed; NULL: none */
    enum average_by by;
    uint64_t seed;
};

/* t->q = the mean of the answers to the copies. Every copy is charged; t keeps the images as they are. */
int average_query(struct transfer *t, struct blackbox *target, const struct averaging *a);

#endif
