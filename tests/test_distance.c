/* How far two data sets are from one another. */
#include "experiments/distance.h"
#include "tests/check.h"

static double between(const char *one, const char *other)
{
    struct dataset *a = NULL, *b = NULL;
    double out = NAN;
    CHECK_OK(dataset_open(&a, one, NULL));
    CHECK_OK(dataset_open(&b, other, NULL));
    CHECK_OK(distance_between(&out, a, b));
    dataset_free(a);
    dataset_free(b);
    return out;
}

static void alike_is_one_half_and_unlike_is_one(void)
{
    CHECK_NEAR(between("noise:n=2000", "noise:n=2000"), 0.5, 0);
    CHECK_NEAR(between("strokes:n=2000", "strokes:n=2000:seed=3"), 0.5, 0.06); /* 1000 images told apart: sd 0.016 */
    CHECK(between("noise:n=2000", "strokes:n=2000") > 0.97);
    const double mixed = between("noise:n=2000+strokes:n=2000", "strokes:n=2000");
    CHECK(mixed > 0.6 && mixed < 0.95); /* half of the mixture is alike */
}

static void what_cannot_be_compared_is_refused(void)
{
    struct dataset *a = NULL, *b = NULL;
    double out;
    CHECK_OK(dataset_open(&a, "noise:n=20", NULL));
    CHECK_OK(dataset_open(&b, "noise:n=20:shape=3x32x32", NULL));
    CHECK_ERR(distance_between(&out, a, b), ERR_SHAPE, "has images of 1x28x28");
    dataset_free(a);
    dataset_free(b);
}

int main(void)
{
    RUN(alike_is_one_half_and_unlike_is_one);
    RUN(what_cannot_be_compared_is_refused);
    return check_done();
}
