#include "data/feed.h"

#include <assert.h>

#include "base/mem.h"

struct feed {
    const struct dataset *d;
    const struct augment *augment; /* NULL: none */
    uint64_t seed, given;          /* images given so far */
    int most;
    float *x; /* [most][c][h][w] before they are augmented */
};

struct feed *feed_new(const struct dataset *d, const struct augment *augment, uint64_t seed, int most)
{
    struct feed *f = mem_new(1, sizeof *f);
    *f = (struct feed){.d = d, .augment = augment && augment_any(augment) ? augment : NULL, .seed = seed, .most = most};
    if (f->augment) f->x = mem_new((size_t)most * shape_size(d->shape), sizeof *f->x);
    return f;
}

void feed_free(struct feed *f)
{
    if (!f) return;
    mem_free(f->x);
    mem_free(f);
}

void feed_batch(struct feed *f, const int *index, int n, float *x)
{
    assert(n <= f->most);
    dataset_batch(f->d, index, 0, n, f->augment ? f->x : x);
    if (f->augment) augment_batch(f->augment, f->d->shape, f->seed, f->given, n, f->x, x);
    f->given += (uint64_t)n;
}
