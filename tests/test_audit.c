/* The audit: planted duplicates and near duplicates are found, all of them and no other; what else may be wrong has its word. */
#include <omp.h>

#include "base/rng.h"
#include "data/audit.h"
#include "data/format.h"
#include "data/synthetic.h"
#include "data/twins.h"
#include "tests/scratch.h"

static const struct shape GREY = {1, 28, 28, ROWS}, COLOUR = {3, 32, 32, ROWS};

/* A set of n painted images; set_free frees. */
static struct dataset *set_new(const char *name, void (*paint)(uint8_t *, struct shape, struct rng *), int n, struct shape s, uint64_t seed)
{
    struct dataset *d = mem_new(1, sizeof *d);
    uint8_t *pixels = mem_new((size_t)n, shape_size(s));
    for (int i = 0; i < n; i++) {
        struct rng r = rng_stream(seed, "audit test", (uint64_t)i);
        paint(pixels + (size_t)i * shape_size(s), s, &r);
    }
    *d = (struct dataset){.name = mem_string(name), .n = n, .shape = s, .pixels = pixels};
    return d;
}

/* What the pixels say, after they were changed. */
static void measure(struct dataset *d)
{
    struct images m = {.n = d->n, .shape = d->shape, .pixels = (uint8_t *)(uintptr_t)d->pixels};
    images_measure(&m);
    images_hash(d->hash, &m);
    memcpy(d->mean, m.mean, sizeof d->mean);
    memcpy(d->std, m.std, sizeof d->std);
}

static void set_free(struct dataset *d)
{
    mem_free(d->name);
    mem_free((void *)(uintptr_t)d->pixels);
    mem_free(d);
}

static uint8_t *image(struct dataset *d, int i)
{
    return (uint8_t *)(uintptr_t)d->pixels + (size_t)i * shape_size(d->shape);
}

/* Image i of `to` becomes image j of `from`, its contrast by `gain` and its brightness by `more`, moved down and right, the edge repeated. */
static void plant(struct dataset *to, int i, struct dataset *from, int j, double gain, double more, int down, int right)
{
    const struct shape s = to->shape;
    for (int c = 0; c < s.c; c++)
        for (int y = 0; y < s.h; y++)
            for (int x = 0; x < s.w; x++) {
                const int v = y - down < 0 ? 0 : y - down >= s.h ? s.h - 1 : y - down, u = x - right < 0 ? 0 : x - right >= s.w ? s.w - 1 : x - right;
                const double value = gain * image(from, j)[(c * s.h + v) * s.w + u] + more;
                image(to, i)[(c * s.h + y) * s.w + x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
            }
}

/* ---- twins ---------------------------------------------------------------------------------------- */

static void planted_twins_are_found(void)
{
    static void (*const paint[])(uint8_t *, struct shape, struct rng *) = {leaves_paint, strokes_paint, noise_paint};
    for (int k = 0; k < 3; k++)
        for (int colour = 0; colour < 2; colour++) {
            struct dataset *a = set_new("a", paint[k], 500, colour ? COLOUR : GREY, 1), *b = set_new("b", paint[k], 300, colour ? COLOUR : GREY, 2);
            struct twins t;
            twins_find(&t, a, b);
            CHECK_INT(t.same, 0);
            CHECK_INT(t.nearly, 0);
            for (int i = 0; i < 5; i++) {
                plant(b, 10 + i, a, 100 + 7 * i, 1, 0, 0, 0);
                plant(b, 100 + i, a, 200 + i, 0.7, 30, 0, 0);
                plant(b, 120 + i, a, 210 + i, 1, 0, 0, 1);
                plant(b, 140 + i, a, 220 + i, 0.9, 0, -1, 1);
            }
            twins_find(&t, a, b);
            CHECK_INT(t.same, 5);
            CHECK_INT(t.nearly, 15);
            CHECK_INT(t.shown, TWINS_SHOWN);
            for (int i = 0; i < 5; i++) {
                CHECK_INT(t.twin[i].b, 10 + i);
                CHECK_INT(t.twin[i].a, 100 + 7 * i);
                CHECK_NEAR(t.twin[i].likeness, 1, 0);
            }
            CHECK_INT(t.twin[5].b, 100);
            CHECK_INT(t.twin[5].a, 200);
            CHECK(t.twin[5].likeness > TWINS_LIKENESS && t.twin[5].likeness < 1);
            set_free(a);
            set_free(b);
        }
}

/* Two pixels are too far, and an image of one colour is like no other but itself. */
static void others_are_not(void)
{
    struct dataset *a = set_new("a", leaves_paint, 200, GREY, 1), *b = set_new("b", leaves_paint, 100, GREY, 2);
    struct twins t;
    for (int i = 0; i < 10; i++) plant(b, i, a, i, 1, 0, 0, 4);
    memset(image(a, 50), 9, shape_size(GREY));
    memset(image(b, 50), 9, shape_size(GREY));
    memset(image(b, 51), 10, shape_size(GREY));
    twins_find(&t, a, b);
    CHECK_INT(t.same, 1);
    CHECK_INT(t.nearly, 0);
    CHECK_INT(t.twin[0].b, 50);
    set_free(a);
    set_free(b);
}

static void threads_find_the_same(void)
{
    struct dataset *a = set_new("a", strokes_paint, 400, GREY, 1), *b = set_new("b", strokes_paint, 400, GREY, 1);
    struct twins one, many;
    for (int i = 0; i < 400; i++) plant(b, i, a, i % 40, 1 - 0.001 * (i % 100), 0, i % 3 - 1, 0);
    const int threads = omp_get_max_threads();
    memset(&one, 0, sizeof one);
    memset(&many, 0, sizeof many);
    omp_set_num_threads(1);
    twins_find(&one, a, b);
    omp_set_num_threads(4);
    twins_find(&many, a, b);
    omp_set_num_threads(threads);
    CHECK_INT(one.same + one.nearly, 400);
    CHECK(memcmp(&one, &many, sizeof one) == 0);
    set_free(a);
    set_free(b);
}

/* ---- words ------------------------------------------------------------------------------------------ */

struct scene {
    struct dataset *train, *test, *pool, *ood;
};

static struct scene scene_new(void)
{
    return (struct scene){set_new("own:split=train", strokes_paint, 200, GREY, 1), set_new("own:split=test", strokes_paint, 100, GREY, 2),
                          set_new("leaves", leaves_paint, 150, GREY, 3), set_new("noise", noise_paint, 120, GREY, 4)};
}

static void scene_free(struct scene *s)
{
    set_free(s->train);
    set_free(s->test);
    set_free(s->pool);
    set_free(s->ood);
}

static void says(struct scene *s, const char *words, const char *part, const char *cache)
{
    struct audit a;
    struct dataset *const all[] = {s->train, s->test, s->pool, s->ood};
    for (int i = 0; i < 4; i++) measure(all[i]);
    if (!CHECK_OK(audit_run(&a, &(struct audit_sets){s->train, s->test, s->pool, s->ood}, cache))) return;
    CHECK_STR(a.words, words);
    if (!CHECK(strstr(a.text, part) != NULL)) printf("%s\n", a.text);
    audit_free(&a);
}

static void each_fault_has_its_word(void)
{
    struct scene s = scene_new();
    says(&s, "clean", "nothing was found", NULL);
    plant(s.test, 3, s.train, 30, 1, 0, 0, 0);
    plant(s.test, 4, s.train, 31, 0.8, 10, 0, 0);
    struct dataset *small = s.pool; /* one image of very many is told, and no cause for doubt */
    s.pool = set_new("leaves", leaves_paint, 2000, GREY, 3);
    plant(s.pool, 7, s.train, 60, 1, 0, 0, 0);
    says(&s, "test~train:2 pool~train:1", "1 are in", NULL);
    set_free(s.pool);
    s.pool = small;
    says(&s, "test~train:2", "of 100 images of own:split=test, 1 are in own:split=train too, and 1 nearly: 3-30 (1.000), 4-31 (", NULL);
    plant(s.pool, 0, s.train, 60, 1, 0, 0, 0);
    plant(s.pool, 1, s.train, 61, 1, 0, 1, 0);
    plant(s.pool, 2, s.test, 62, 1, 0, 0, 0);
    plant(s.ood, 9, s.pool, 90, 0.9, 0, 0, 0);
    says(&s, "test~train:2 pool~train:2! pool~test:1! ood~pool:1!", "ood~pool: of 120 images of noise, 0 are in leaves too, and 1 nearly: 9-90 (", NULL);
    scene_free(&s);
    s = scene_new();
    s.train->names = "cat\ndog, hound\nT-shirt/top\n";
    s.pool->names = "Hound\nship\nt shirt top\n";
    s.ood->names = "ship\n";
    says(&s, "pool-classes:2!", "leaves has 2 classes of own:split=train: hound, tshirttop", NULL);
    mem_free(s.ood->name);
    s.ood->name = mem_string("leaves:split=train:n=10:seed=3");
    s.pool->names = NULL;
    says(&s, "pool=ood!", "one set, or parts of one", NULL);
    mem_free(s.train->name);
    mem_free(s.ood->name);
    s.train->name = mem_string("cifar10-images:split=train:n=200");
    s.ood->name = mem_string("noise");
    says(&s, "lossy:cifar10-images", "a lossy copy of cifar10", NULL);
    scene_free(&s);
}

static void pixels_of_another_range_are_told(void)
{
    struct scene s = scene_new();
    for (size_t i = 0; i < (size_t)s.ood->n * shape_size(GREY); i++) image(s.ood, 0)[i] = image(s.ood, 0)[i] > 127;
    for (int i = 0; i < s.pool->n; i++) plant(s.pool, i, s.test, i % 100, -1, 255, 0, 0);
    says(&s, "pool-brightness! ood-range!", "the brightest pixel of noise is 1, expected 255", NULL);
    scene_free(&s);
}

static void a_wrong_normalisation_is_told(void)
{
    struct scene s = scene_new();
    struct audit a;
    measure(s.train);
    measure(s.test);
    s.train->mean[0] += 0.2f;
    CHECK_OK(audit_run(&a, &(struct audit_sets){s.train, s.test, NULL, NULL}, NULL));
    CHECK_STR(a.words, "normalisation!");
    audit_free(&a);
    s.train->mean[0] -= 0.2f;
    s.train->std[0] *= 2;
    CHECK_OK(audit_run(&a, &(struct audit_sets){s.train, s.test, NULL, NULL}, NULL));
    CHECK_STR(a.words, "normalisation!");
    audit_free(&a);
    scene_free(&s);
}

/* The victim's images in colour and two pixels wider on each side are its images. */
static void another_shape_is_brought_to_the_victims(void)
{
    struct scene s = scene_new();
    set_free(s.pool);
    s.pool = set_new("wide", noise_paint, 40, (struct shape){3, 28, 32, ROWS}, 5);
    for (int i = 0; i < 40; i++)
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 28; y++) memcpy(image(s.pool, i) + (c * 28 + y) * 32 + 2, image(s.train, i) + y * 28, 28);
    says(&s, "pool~train:40!", "of 40 images of wide, 40 are in own:split=train too", NULL);
    scene_free(&s);
}

static void what_was_compared_is_kept(void)
{
    struct scene s = scene_new();
    struct audit a;
    plant(s.test, 3, s.train, 30, 1, 0, 0, 0);
    says(&s, "test~train:1", "1 are in", scratch);
    char hash[HASH_TEXT];
    memcpy(hash, s.test->hash, sizeof hash);
    plant(s.test, 3, s.pool, 0, 1, 0, 0, 0); /* the pixels change and the hash does not: nothing is compared again */
    CHECK_OK(audit_run(&a, &(struct audit_sets){s.train, s.test, NULL, NULL}, scratch));
    CHECK_STR(a.words, "test~train:1");
    CHECK(strstr(a.text, "3-30 (1.000)") != NULL);
    audit_free(&a);
    says(&s, "pool~test:1!", "pool~test: of 150", scratch); /* with its own hash it is */
    char *audit = path_of("audit");
    DIR *d = opendir(audit);
    int files = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) { /* torn files are no answers */
        if (!strstr(e->d_name, ".txt") || strstr(e->d_name, ".lock")) continue;
        char *name = mem_print("audit/%s", e->d_name);
        write_at(name, "7 7 9\n", 6);
        mem_free(name);
        files++;
    }
    if (d) closedir(d);
    CHECK(files > 5);
    says(&s, "pool~test:1!", "pool~test: of 150", scratch);
    mem_free(audit);
    scene_free(&s);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    RUN(planted_twins_are_found);
    RUN(others_are_not);
    RUN(threads_find_the_same);
    RUN(each_fault_has_its_word);
    RUN(pixels_of_another_range_are_told);
    RUN(a_wrong_normalisation_is_told);
    RUN(another_shape_is_brought_to_the_victims);
    RUN(what_was_compared_is_kept);
    remove_all(scratch);
    return check_done();
}
