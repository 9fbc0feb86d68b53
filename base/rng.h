/* Random numbers: named streams, so that no use of one shifts another.
 * splitmix64 (Steele, Lea, Flood 2014); a stream is where hash(name), seed and index put it. */
#ifndef HEIST_BASE_RNG_H
#define HEIST_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

/* The stream `name` of a seed; `index` tells apart streams of one name (an epoch, an image). */
struct rng rng_stream(uint64_t seed, const char *name, uint64_t index);

uint64_t rng_u64(struct rng *r);
double rng_uniform(struct rng *r);             /* [0,1) */
double rng_between(struct rng *r, double low, double high);
double rng_normal(struct rng *r);              /* mean 0, variance 1 (Box-Muller, one value a call) */
int rng_below(struct rng *r, int n);           /* 0 .. n-1, n > 0, unbiased */
void rng_shuffle(struct rng *r, int *v, int n); /* Fisher-Yates */

/* v = a random permutation of 0 .. n-1. */
void rng_permutation(struct rng *r, int *v, int n);

/* 64-bit FNV-1a of a string. */
uint64_t rng_hash(const char *text);

#endif
