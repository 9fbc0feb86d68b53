#include "base/rng.h"

#include <math.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t rng_hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h;
}

struct rng rng_stream(uint64_t seed, const char *name, uint64_t index)
{
    return (struct rng){mix(mix(rng_hash(name) + seed) ^ mix(index + 0x9E3779B97F4A7C15u))};
}

uint64_t rng_u64(struct rng *r)
{
    r->state += 0x9E3779B97F4A7C15u;
    return mix(r->state);
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

double rng_normal(struct rng *r)
{
    double u = 1 - rng_uniform(r), v = rng_uniform(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

int rng_below(struct rng *r, int n)
{
    uint64_t range = (uint64_t)n, limit = UINT64_MAX - UINT64_MAX % range, u;
    do u = rng_u64(r);
    while (u >= limit);
    return (int)(u % range);
}

void rng_shuffle(struct rng *r, int *v, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int j = rng_below(r, i + 1), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

void rng_permutation(struct rng *r, int *v, int n)
{
    for (int i = 0; i < n; i++) v[i] = i;
    rng_shuffle(r, v, n);
}
