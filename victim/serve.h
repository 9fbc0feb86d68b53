/* The owner's view of a black box: setting it up, and reading its ledger. */
#ifndef HEIST_VICTIM_SERVE_H
#define HEIST_VICTIM_SERVE_H

#include "defenses/defense.h"
#include "victim/blackbox.h"

struct ledger {
    int64_t total;    /* rows answered and charged */
    int64_t distinct; /* of them, by their bytes */
    int64_t calls;
    int64_t flips;    /* rows whose released argmax is not the victim's */
    double l1;        /* sum over rows of the L1 distance between released and clean posterior */
    double seconds;   /* spent answering */
};

/* Serves `victim` through `defense` (opened; both must outlive the box) for `budget` rows. blackbox_close frees. */
int blackbox_open(struct blackbox **out, const struct model *victim, struct defense *defense, int64_t budget);
void blackbox_close(struct blackbox *b); /* accepts NULL */

/* From now on blackbox_query_member answers: for an attack whose option `knowledge` says so. */
void blackbox_grant_members(struct blackbox *b);

struct ledger blackbox_ledger(const struct blackbox *b);

/* Shows every charged call's images x [n][c][h][w] to `tap` (NULL: to none), in order; it only looks. */
void blackbox_tap(struct blackbox *b, void (*tap)(void *ctx, const float *x, int n), void *ctx);

#endif
