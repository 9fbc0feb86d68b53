/* What a defense costs: measured, in the same run as the victim without it. */
#ifndef HEIST_EXPERIMENTS_COST_H
#define HEIST_EXPERIMENTS_COST_H

#include "experiments/cell.h"

enum { COST_QUERIES = 1000 }; /* over which passes and state are counted */
enum { COST_ONE, COST_MANY, COST_SIZES };
extern const int cost_batch[COST_SIZES]; /* images a call: 1, 128 */

struct latency {
    double p50, p95; /* microseconds a call */
};

struct cost {
    double forwards, backwards, tangents; /* passes a query beside the victim's own; -1 forward where that is not needed */
    double params;                        /* of the defense's networks */
    double memory_mb, state_kb;           /* held when opened; grown over COST_QUERIES queries */
    struct latency plain[COST_SIZES], defended[COST_SIZES];
    double plain_train_s, train_s, open_s; /* training: the undefended victim, this one, and the defense's networks */
};

/* Trains or reads the cell's victim and the undefended one, opens the defense (its networks are trained, from no cache),
 * and asks for COST_QUERIES test images and then for batches, the plain victim and the defended one in turns. */
int cost_measure(struct cost *out, const struct cell *c, struct store *store, const char *cache);

#endif
