/* Synthetic data sets: the same at any number of threads, different by seed, split and image, and what they should look like. */
#include <omp.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "tests/check.h"

static const char *const kinds[] = {"noise", "strokes", "leaves"}, *const shapes[] = {"1x28x28", "3x32x32"};

static struct dataset *make(const char *kind, const char *shape, int n, int seed, const char *split)
{
    char *spec = mem_print("%s:shape=%s:n=%d:seed=%d:split=%s", kind, shape, n, seed, split);
    struct dataset *d = NULL;
    CHECK_OK(dataset_open(&d, spec, "train"));
    mem_free(spec);
    return d;
}

static void synthetic_is_the_same_at_any_threads(void)
{
    int threads = omp_get_max_threads();
    for (int k = 0; k < 6; k++) {
        omp_set_num_threads(1);
        struct dataset *one = make(kinds[k / 2], shapes[k % 2], 300, 4, "train");
        omp_set_num_threads(2);
        struct dataset *two = make(kinds[k / 2], shapes[k % 2], 300, 4, "train");
        omp_set_num_threads(5);
        struct dataset *more = make(kinds[k / 2], shapes[k % 2], 500, 4, "train");
        if (one && two && more) {
            CHECK_STR(two->hash, one->hash);
            CHECK(memcmp(more->pixels, one->pixels, 300 * shape_size(one->shape)) == 0); /* a prefix of every longer one */
        }
        dataset_free(one);
        dataset_free(two);
        dataset_free(more);
    }
    omp_set_num_threads(threads);
}

/* Whole numbers alone make noise and hashes, so these stand on every machine: a change of them changes every cell's key. */
static void noise_and_hash_stay_what_they_are(void)
{
    struct dataset *d = make("noise", "1x28x28", 500, 0, "train");
    if (d) CHECK_STR(d->hash, "72439de980a7fd4cd3444e91acb489ca4339575f20874d7074d1798b67bf457b");
    dataset_free(d);
}

static void synthetic_differs_by_seed_split_and_image(void)
{
    for (int k = 0; k < 6; k++) {
        struct dataset *a = make(kinds[k / 2], shapes[k % 2], 50, 0, "train"), *b = make(kinds[k / 2], shapes[k % 2], 50, 1, "train");
        struct dataset *t = make(kinds[k / 2], shapes[k % 2], 50, 0, "test");
        if (!a || !b || !t) continue;
        size_t size = shape_size(a->shape);
        for (int i = 0; i < 50; i++) {
            const uint8_t *p = a->pixels + (size_t)i * size;
            CHECK(memcmp(p, b->pixels + (size_t)i * size, size) != 0);
            CHECK(memcmp(p, t->pixels + (size_t)i * size, size) != 0);
            if (i) CHECK(memcmp(p, p - size, size) != 0);
        }
        dataset_free(a);
        dataset_free(b);
        dataset_free(t);
    }
}

/* Nothing blank, statistics that are numbers, and strokes that lie within their image like MNIST's digits. */
static void synthetic_looks_right(void)
{
    for (int k = 0; k < 6; k++) {
        struct dataset *d = make(kinds[k / 2], shapes[k % 2], 1000, 3, "train");
        if (!d) continue;
        size_t size = shape_size(d->shape);
        CHECK_INT(d->n, 1000);
        CHECK_INT(d->classes, 0);
        CHECK(d->labels == NULL);
        for (int c = 0; c < d->shape.c; c++) CHECK(d->mean[c] > 0.05f && d->mean[c] < 0.95f && d->std[c] > 0.1f && d->std[c] < 0.5f);
        for (int i = 0; i < d->n; i++) {
            int low = 255, high = 0;
            for (size_t j = 0; j < size; j++) {
                int v = d->pixels[(size_t)i * size + j];
                low = v < low ? v : low;
                high = v > high ? v : high;
            }
            CHECK(high - low >= 60);
        }
        dataset_free(d);
    }
    struct dataset *s = make("strokes", "1x28x28", 1000, 3, "train");
    if (!s) return;
    CHECK_NEAR(s->mean[0], 0.1307, 0.03); /* MNIST's */
    CHECK_NEAR(s->std[0], 0.3081, 0.04);
    long border = 0, grey = 0, inked = 0;
    for (int i = 0; i < s->n * 784; i++) {
        int y = i % 784 / 28, x = i % 28, v = s->pixels[i];
        border += v && (x == 0 || y == 0 || x == 27 || y == 27);
        inked += v > 0;
        grey += v > 0 && v < 255;
    }
    CHECK_INT(border, 0);
    CHECK(grey > inked / 5); /* anti-aliased */
    dataset_free(s);
}

int main(void)
{
    RUN(synthetic_is_the_same_at_any_threads);
    RUN(noise_and_hash_stay_what_they_are);
    RUN(synthetic_differs_by_seed_split_and_image);
    RUN(synthetic_looks_right);
    return check_done();
}
