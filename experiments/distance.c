#include "experiments/distance.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/supervised.h"

enum { EACH = 500 }; /* images of each set to learn from, and as many to tell apart */

/* n images of each set in turns, from place `at` of each one's own order, labelled by the set. */
static struct dataset *both(const struct dataset *a, const struct dataset *b, const int *order_a, const int *order_b, int at, int n)
{
    const struct dataset *set[] = {a, b};
    const int *order[] = {order_a, order_b};
    const size_t size = shape_size(a->shape);
    uint8_t *pixels = mem_new(2 * (size_t)n, size);
    int *labels = mem_new(2 * (size_t)n, sizeof *labels);
    struct dataset *d = mem_new(1, sizeof *d);
    for (int i = 0; i < 2 * n; i++) {
        memcpy(pixels + (size_t)i * size, set[i % 2]->pixels + (size_t)order[i % 2][at + i / 2] * size, size);
        labels[i] = i % 2;
    }
    *d = (struct dataset){.name = mem_string("two sets"), .n = 2 * n, .shape = a->shape, .classes = 2, .pixels = pixels, .labels = labels};
    return d;
}

static void both_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free((void *)(uintptr_t)d->labels);
    mem_free(d);
}

int distance_between(double *out, const struct dataset *a, const struct dataset *b)
{
    const struct shape s = a->shape, t = b->shape;
    const struct optim o = {.epochs = 10, .batch = 32, .lr = 0.05, .momentum = 0.9, .schedule = SCHEDULE_COSINE};
    if (s.c != t.c || s.h != t.h || s.w != t.w)
        return err_set(ERR_SHAPE, "%s has images of %dx%dx%d, %s of %dx%dx%d", a->name, s.c, s.h, s.w, b->name, t.c, t.h, t.w);
    const int fewer = a->n < b->n ? a->n : b->n, n = fewer / 2 < EACH ? fewer / 2 : EACH;
    if (n < 1) return err_set(ERR_SHAPE, "%s and %s: found fewer than two images, expected more", a->name, b->name);
    int *order_a = mem_new((size_t)a->n, sizeof *order_a), *order_b = mem_new((size_t)b->n, sizeof *order_b);
    struct rng r = rng_stream(1, "distance", 0), q = rng_stream(1, "distance", strcmp(a->hash, b->hash) ? 1 : 0);
    rng_permutation(&r, order_a, a->n);
    rng_permutation(&q, order_b, b->n);
    struct dataset *learn = both(a, b, order_a, order_b, 0, n), *tell = both(a, b, order_a, order_b, n, n);
    struct model *m = NULL;
    int code = model_new(&m, "mlp", s, 2);
    if (!code) {
        model_normalise(m, a->mean, a->std);
        model_init(m, 1);
        code = supervised_train(m, learn, &o, NULL, 1, "distance", NULL);
    }
    if (!code) *out = supervised_accuracy(m, tell);
    model_free(m);
    both_free(learn);
    both_free(tell);
    mem_free(order_a);
    mem_free(order_b);
    return code;
}
