/* Augmentation: data/augment.h, data/feed.h. */
#include "data/augment.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/mem.h"
#include "data/feed.h"
#include "tests/check.h"

enum { SIDE = 9, PLANE = SIDE * SIDE };

static struct augment reads(const char *text)
{
    struct augment a;
    CHECK_OK(augment_read(&a, text));
    return a;
}

static void words_are_checked(void)
{
    struct augment a = reads("crop4,flip,rotate15,translate0.1,scale0.9,shear0.1,jitter0.2");
    CHECK(a.crop == 4 && a.flip && a.rotate == 15 && a.translate == 0.1 && a.scale == 0.9 && a.shear == 0.1 && a.jitter == 0.2);
    a = reads("none");
    CHECK(!augment_any(&a));
    CHECK_ERR(augment_read(&a, "crp4"), ERR_OPTION, "did you mean 'crop'");
    CHECK_ERR(augment_read(&a, "crop"), ERR_OPTION, "expected 'crop' and a number of 1 to 64");
    CHECK_ERR(augment_read(&a, "crop4.5"), ERR_OPTION, "expected 'crop' and a number");
    CHECK_ERR(augment_read(&a, "flip2"), ERR_OPTION, "without a number");
    CHECK_ERR(augment_read(&a, "flip,flip"), ERR_OPTION, "stands there twice");
    CHECK_ERR(augment_read(&a, "jitternan"), ERR_OPTION, "jitternan");
    CHECK_ERR(augment_read(&a, "rotate200"), ERR_OPTION, "0 to 180");
    CHECK_ERR(augment_read(&a, ""), ERR_OPTION, "expected words");
    CHECK_ERR(augment_read(&a, "flip,"), ERR_OPTION, "expected words");
}

/* Output i of n draws. */
static void draw(const struct augment *a, int c, uint64_t i, const float *x, float *out)
{
    struct rng r = rng_stream(7, "test", i);
    augment_image(a, (struct shape){c, SIDE, SIDE, ROWS}, &r, x, out);
}

/* Each output is the image shifted by at most 2 either way, mirrored or not, black outside; all of these come about. */
static void crops_and_mirrors(void)
{
    enum { DRAWS = 2000 };
    const struct augment a = reads("crop2,flip");
    float x[PLANE], out[PLANE];
    int seen[5][5][2] = {{{0}}};
    for (int i = 0; i < PLANE; i++) x[i] = (float)(i + 1) / PLANE;
    for (int k = 0; k < DRAWS; k++) {
        int found = 0;
        draw(&a, 1, (uint64_t)k, x, out);
        for (int dy = -2; dy <= 2; dy++)
            for (int dx = -2; dx <= 2; dx++)
                for (int m = 0; m < 2; m++) {
                    int same = 1;
                    for (int i = 0; i < SIDE && same; i++)
                        for (int j = 0; j < SIDE && same; j++) {
                            const int y = i + dy, z = (m ? SIDE - 1 - j : j) + dx;
                            same = out[i * SIDE + j] == (y >= 0 && y < SIDE && z >= 0 && z < SIDE ? x[y * SIDE + z] : 0);
                        }
                    found += same;
                    seen[dy + 2][dx + 2][m] += same;
                }
        CHECK_INT(found, 1);
    }
    for (int i = 0; i < 50; i++) CHECK(seen[i / 10][i / 2 % 5][i % 2] > DRAWS / 50 / 3);
}

/* A smooth picture: where the map looks is known, so the angle, shift and size of a draw show in its moments. */
static void affine_moves_as_it_says(void)
{
    float x[PLANE], out[PLANE];
    for (int i = 0; i < PLANE; i++) x[i] = 0.5f;
    struct augment a = reads("rotate180");
    for (uint64_t k = 0; k < 50; k++) { /* what lies inside the circle keeps its colour, whatever the angle */
        draw(&a, 1, k, x, out);
        for (int i = 2; i < SIDE - 2; i++)
            for (int j = 2; j < SIDE - 2; j++) CHECK_NEAR(out[i * SIDE + j], 0.5, 1e-6);
    }
    memset(x, 0, sizeof x);
    x[4 * SIDE + 4] = 1; /* one point in the middle stays there under rotation, shear and scale, and moves under translation */
    a = reads("rotate90,shear0.5");
    draw(&a, 1, 1, x, out);
    CHECK_NEAR(out[4 * SIDE + 4], 1, 1e-6);
    a = reads("translate0.3");
    double most = 0;
    for (uint64_t k = 0; k < 200; k++) {
        draw(&a, 1, k, x, out);
        double mass = 0, y = 0;
        for (int i = 0; i < PLANE; i++) mass += (double)out[i], y += (double)out[i] * (i / SIDE - 4);
        CHECK_NEAR(mass, 1, 1e-5);
        CHECK(fabs(y) <= 0.3 * SIDE + 1e-6);
        most = fabs(y) > most ? fabs(y) : most;
    }
    CHECK(most > 0.28 * SIDE);
    a = reads("scale0.5"); /* smaller: a quarter of the mass at least, all of it at most */
    for (int i = 0; i < PLANE; i++) x[i] = 1;
    for (uint64_t k = 0; k < 50; k++) {
        draw(&a, 1, k, x, out);
        double mass = 0;
        for (int i = 0; i < PLANE; i++) mass += (double)out[i] / PLANE;
        CHECK(mass > 0.2 && mass <= 1);
    }
}

/* A quarter turn by hand: of the two ways, both come about. */
static void rotation_turns_the_picture(void)
{
    float x[PLANE], out[PLANE];
    for (int i = 0; i < PLANE; i++) x[i] = (float)(i / SIDE) / SIDE; /* brighter below */
    const struct augment a = reads("rotate90");
    int left = 0, right = 0;
    for (uint64_t k = 0; k < 100; k++) {
        draw(&a, 1, k, x, out);
        const float slope = out[4 * SIDE + 6] - out[4 * SIDE + 2], fall = out[6 * SIDE + 4] - out[2 * SIDE + 4];
        CHECK_NEAR((double)slope * (double)slope + (double)fall * (double)fall, 16.0 / PLANE, 1e-3); /* its length stays */
        left += slope < -0.2f;
        right += slope > 0.2f;
    }
    CHECK(left > 10 && right > 10);
}

static void colours_stay_within(void)
{
    float x[3 * PLANE], out[3 * PLANE];
    int moved = 0;
    const struct augment a = reads("jitter0.4");
    for (int i = 0; i < 3 * PLANE; i++) x[i] = (float)(i % 11) / 10;
    for (uint64_t k = 0; k < 50; k++) {
        draw(&a, 3, k, x, out);
        for (int i = 0; i < 3 * PLANE; i++) CHECK(out[i] >= 0 && out[i] <= 1);
        moved += memcmp(x, out, sizeof x) != 0;
    }
    CHECK_INT(moved, 50);
}

static void a_feed_is_the_same_at_any_threads(void)
{
    struct dataset *d = NULL;
    if (!CHECK_OK(dataset_open(&d, "strokes:n=64", NULL))) return;
    const struct augment a = reads("crop4,flip,rotate15,jitter0.1");
    const size_t size = 64 * shape_size(d->shape);
    float *x[3];
    for (int k = 0; k < 3; k++) {
        x[k] = mem_new(size, sizeof **x);
        omp_set_num_threads(k == 1 ? 2 : 1);
        struct feed *f = feed_new(d, k < 2 ? &a : NULL, 3, 64);
        for (int i = 0, n = 0; i < 64; i += n) { /* however it is cut into batches */
            int index[64];
            n = k == 1 ? 64 : 16;
            for (int j = 0; j < n; j++) index[j] = i + j;
            feed_batch(f, index, n, x[k] + (size_t)i * shape_size(d->shape));
        }
        feed_free(f);
    }
    CHECK(memcmp(x[0], x[1], size * sizeof **x) == 0);
    CHECK(memcmp(x[0], x[2], size * sizeof **x) != 0);
    float *plain = mem_new(size, sizeof *plain);
    dataset_batch(d, NULL, 0, 64, plain);
    CHECK(memcmp(plain, x[2], size * sizeof **x) == 0);
    for (int k = 0; k < 3; k++) mem_free(x[k]);
    mem_free(plain);
    dataset_free(d);
}

int main(void)
{
    RUN(words_are_checked);
    RUN(crops_and_mirrors);
    RUN(affine_moves_as_it_says);
    RUN(rotation_turns_the_picture);
    RUN(colours_stay_within);
    RUN(a_feed_is_the_same_at_any_threads);
    return check_done();
}
