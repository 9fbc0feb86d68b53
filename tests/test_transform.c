/* Shapes and classes: data/transform.h, data/classes.h. */
#include "data/transform.h"

#include <string.h>

#include "base/mem.h"
#include "data/classes.h"
#include "data/dataset.h"
#include "tests/check.h"

static struct transform reads(const char *to, const char *fit)
{
    struct transform t = {0};
    CHECK_OK(transform_read(&t, to, fit));
    return t;
}

static void options_are_checked(void)
{
    struct transform t;
    const char *const bad[] = {"", "3", "3x32", "3x32x32x1", "2x8x8", "3x0x8", "3x8x-1", "3x8x4097", "axbxc", "3x8x8 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_ERR(transform_read(&t, bad[i], NULL), ERR_OPTION, "expected CxHxW");
    CHECK_ERR(transform_read(&t, "3x8x8", "strech"), ERR_OPTION, "did you mean 'stretch'");
    CHECK_ERR(transform_read(&t, NULL, "pad"), ERR_OPTION, "without to=");
    CHECK_INT(reads(NULL, NULL).to.c, 0);
    CHECK(!transform_changes(&(struct transform){0}, (struct shape){1, 28, 28, ROWS}));
    t = reads("1x28x28", NULL);
    CHECK(!transform_changes(&t, (struct shape){1, 28, 28, ROWS}));
    CHECK(transform_changes(&t, (struct shape){3, 28, 28, ROWS}));
}

static void pads_and_cuts_the_centre(void)
{
    const uint8_t in[6] = {1, 2, 3, 4, 5, 6}; /* 2x3 */
    uint8_t out[16];
    struct transform t = reads("1x4x4", "pad");
    transform_image(&t, in, (struct shape){1, 2, 3, ROWS}, out);
    CHECK(memcmp(out, (const uint8_t[16]){0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0}, 16) == 0);
    t = reads("1x1x1", "pad");
    transform_image(&t, in, (struct shape){1, 2, 3, ROWS}, out);
    CHECK_INT(out[0], 2);
}

static void grey_and_colour(void)
{
    uint8_t grey[3], rgb[9];
    struct transform t = reads("3x1x3", NULL);
    transform_image(&t, (const uint8_t[3]){0, 7, 255}, (struct shape){1, 1, 3, ROWS}, rgb);
    CHECK(memcmp(rgb, (const uint8_t[9]){0, 7, 255, 0, 7, 255, 0, 7, 255}, 9) == 0);
    t = reads("1x1x3", NULL);
    transform_image(&t, rgb, (struct shape){3, 1, 3, ROWS}, grey);
    CHECK(memcmp(grey, (const uint8_t[3]){0, 7, 255}, 3) == 0); /* and back */
    transform_image(&t, (const uint8_t[9]){255, 0, 0, 0, 255, 0, 0, 0, 255}, (struct shape){3, 1, 3, ROWS}, grey);
    CHECK(memcmp(grey, (const uint8_t[3]){76, 150, 29}, 3) == 0);
}

/* By hand: halving, the triangle is two outputs wide, so an inner output weighs four inputs 1 3 3 1; at the edge 3 3 1. */
static void resizes_as_the_formula_says(void)
{
    uint8_t out[4];
    struct transform t = reads("1x1x4", "stretch");
    transform_image(&t, (const uint8_t[8]){80, 0, 0, 0, 0, 160, 0, 0}, (struct shape){1, 1, 8, ROWS}, out);
    CHECK(memcmp(out, (const uint8_t[4]){34, 0, 60, 23}, 4) == 0); /* 80*3/7; 0: the 80 is out of reach; 160*3/8; 160/7 */
    t = reads("1x1x4", "stretch"); /* twice as wide: 3/4 of the nearer, 1/4 of the other */
    transform_image(&t, (const uint8_t[2]){0, 200}, (struct shape){1, 1, 2, ROWS}, out);
    CHECK(memcmp(out, (const uint8_t[4]){0, 50, 150, 200}, 4) == 0);
}

static void constants_stay(void)
{
    static const int side[][4] = {{28, 28, 32, 32}, {64, 64, 32, 32}, {32, 32, 28, 28}, {17, 90, 33, 5}, {1, 1, 9, 7}, {300, 200, 1, 1}};
    for (size_t i = 0; i < sizeof side / sizeof *side; i++)
        for (int stretch = 0; stretch < 2; stretch++) {
            const struct transform t = {{1, side[i][2], side[i][3], ROWS}, stretch ? FIT_STRETCH : FIT_COVER};
            const size_t from = (size_t)side[i][0] * (size_t)side[i][1], to = shape_size(t.to);
            uint8_t *in = mem_new(from, 1), *out = mem_new(to, 1);
            for (int v = 0; v <= 255; v += 85) {
                memset(in, v, from);
                transform_image(&t, in, (struct shape){1, side[i][0], side[i][1], ROWS}, out);
                for (size_t k = 0; k < to; k++) CHECK_INT(out[k], v);
            }
            mem_free(in);
            mem_free(out);
        }
}

/* A wide picture: cover shows its middle, at its aspect; stretch shows all of it. */
static void cover_keeps_the_aspect(void)
{
    uint8_t in[2 * 6], out[4];
    for (int i = 0; i < 12; i++) in[i] = (uint8_t)(i % 6 < 2 ? 0 : i % 6 < 4 ? 120 : 240);
    struct transform t = reads("1x2x2", NULL);
    transform_image(&t, in, (struct shape){1, 2, 6, ROWS}, out);
    for (int i = 0; i < 4; i++) CHECK_INT(out[i], 120);
    t = reads("1x2x2", "stretch");
    transform_image(&t, in, (struct shape){1, 2, 6, ROWS}, out);
    CHECK(out[0] < 80 && out[1] > 160 && out[0] == out[2] && out[1] == out[3]);
}

static void sets_take_shapes(void)
{
    struct dataset *plain = NULL, *same = NULL, *wide = NULL, *mix = NULL;
    CHECK_OK(dataset_open(&plain, "strokes:n=30", NULL));
    CHECK_OK(dataset_open(&same, "strokes:n=30:to=1x28x28", NULL));
    CHECK_OK(dataset_open(&wide, "strokes:n=30:fit=pad:to=3x32x32", NULL));
    CHECK_STR(same->name, plain->name); /* it changes nothing, so it is the same set */
    CHECK_STR(same->hash, plain->hash);
    CHECK(strstr(wide->name, ":to=3x32x32:fit=pad") != NULL);
    CHECK(wide->shape.c == 3 && wide->shape.h == 32 && wide->shape.w == 32);
    const size_t plane = 32 * 32;
    for (int i = 0; i < 30; i++)
        for (int c = 0; c < 3; c++)
            for (int r = 0; r < 28; r++)
                CHECK(memcmp(wide->pixels + ((size_t)i * 3 + (size_t)c) * plane + (size_t)(r + 2) * 32 + 2, plain->pixels + (size_t)i * 784 + (size_t)r * 28, 28) == 0);
    CHECK_NEAR(wide->mean[0], (double)plain->mean[0] * 784 / 1024, 1e-6); /* measured anew */
    CHECK_OK(dataset_open(&mix, "strokes:n=30:to=3x32x32+leaves:n=30:shape=3x32x32", NULL));
    CHECK_INT(mix->n, 60);
    struct dataset *again = NULL; /* a resolved name opens the same set */
    CHECK_OK(dataset_open(&again, wide->name, NULL));
    CHECK_STR(again->hash, wide->hash);
    CHECK_STR(again->name, wide->name);
    dataset_free(again);
    dataset_free(plain);
    dataset_free(same);
    dataset_free(wide);
    dataset_free(mix);
    CHECK_ERR(dataset_open(&mix, "noise:n=3:classes=1", NULL), ERR_OPTION, "has no labels");
}

static void ranges_are_read(void)
{
    char keep[10], *text = NULL;
    CHECK_OK(classes_read(keep, &text, 10, "7,0-2,1-3"));
    CHECK_STR(text, "0-3,7");
    CHECK(memcmp(keep, (const char[10]){1, 1, 1, 1, 0, 0, 0, 1, 0, 0}, 10) == 0);
    mem_free(text);
    CHECK_OK(classes_read(keep, &text, 10, "5-9,0-4"));
    CHECK(text == NULL);
    const char *const bad[] = {"", ",", "1,", "a", "3-1", "-1", "1-", "1 2", "1--2", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_ERR(classes_read(keep, &text, 10, bad[i]), ERR_OPTION, "found classes=");
    CHECK_ERR(classes_read(keep, &text, 10, "3-10"), ERR_OPTION, "expected classes of 0 to 9");
}

static void sets_that_share_images(void)
{
    CHECK(classes_shared("mnist", "mnist:n=5", 0));
    CHECK(!classes_shared("mnist", "fashion-mnist", 0));
    CHECK(classes_shared("cifar10", "cifar10-images:to=1x28x28", 0));
    CHECK(classes_shared("noise+mnist:split=test", "strokes+mnist:split=train", 0));
    CHECK(!classes_shared("noise+mnist:split=test", "strokes+mnist:split=train", 1));
    CHECK(!classes_shared("tiny-imagenet:classes=0-99", "tiny-imagenet:classes=100-199", 0));
    CHECK(classes_shared("tiny-imagenet:classes=0-99", "tiny-imagenet:classes=50,150-199,99", 0));
    CHECK(classes_shared("tiny-imagenet:classes=0-99", "tiny-imagenet", 0));
    CHECK(!classes_shared("", "mnist", 0) && !classes_shared("mnist", "", 0));
}

int main(void)
{
    RUN(options_are_checked);
    RUN(pads_and_cuts_the_centre);
    RUN(grey_and_colour);
    RUN(resizes_as_the_formula_says);
    RUN(constants_stay);
    RUN(cover_keeps_the_aspect);
    RUN(sets_take_shapes);
    RUN(ranges_are_read);
    RUN(sets_that_share_images);
    return check_done();
}
