/* Contact sheets: every pixel stands where it should, and heist peek shows sets, augmented images and an attack's queries. */
#include "base/rng.h"
#include "data/dataset.h"
#include "data/picture.h"
#include "data/sheet.h"
#include "experiments/cmd.h"
#include "tests/idx_file.h"
#include "tests/scratch.h"

enum { SIDE = 28, N = 120, K = 4, GAP = 4, SCALE = 2 };

/* A PNG file in memory: rgb [3][h][w]. */
struct picture {
    struct shape s;
    uint8_t *rgb;
};

static int read_picture(struct picture *p, const char *name)
{
    char *path = path_of(name), *bytes = NULL;
    size_t size = 0;
    int code = file_read(&bytes, &size, path);
    if (!code) code = picture_shape(&p->s, (const uint8_t *)bytes, size, path);
    if (!code) {
        p->rgb = mem_new(shape_size(p->s), 1);
        code = picture_decode(p->rgb, p->s, (const uint8_t *)bytes, size, path);
    }
    mem_free(bytes);
    mem_free(path);
    return code;
}

static int pixel(const struct picture *p, int c, int y, int x)
{
    return p->rgb[(c * p->s.h + y) * p->s.w + x];
}

/* ---- sheet_write --------------------------------------------------------------------------------- */

/* Two tiles of 3x20x30, enlarged twice, the second place empty, and no labels. */
static void pixels_stand_where_they_should(void)
{
    const struct shape s = {3, 20, 30, ROWS};
    uint8_t a[1800], b[1800];
    for (int i = 0; i < 1800; i++) a[i] = (uint8_t)(i % 251), b[i] = (uint8_t)(i % 13);
    const uint8_t *tile[4] = {a, NULL, b, a};
    const char *label[2] = {NULL, NULL};
    char *path = path_of("sheet.png");
    struct picture p = {0};
    CHECK_OK(sheet_write(path, s, 2, 2, label, tile));
    if (!CHECK_OK(read_picture(&p, "sheet.png"))) return;
    CHECK_INT(p.s.h, GAP + 2 * (20 * SCALE + GAP));
    CHECK_INT(p.s.w, GAP + 2 * (30 * SCALE + GAP));
    int wrong = 0;
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 20 * SCALE; y++)
            for (int x = 0; x < 30 * SCALE; x++) {
                const int at = (c * 20 + y / SCALE) * 30 + x / SCALE, right = 2 * GAP + 30 * SCALE + x, below = 2 * GAP + 20 * SCALE + y;
                wrong += pixel(&p, c, GAP + y, GAP + x) != a[at];
                wrong += pixel(&p, c, below, GAP + x) != b[at];
                wrong += pixel(&p, c, below, right) != a[at];
                wrong += pixel(&p, c, GAP + y, right) != pixel(&p, c, 0, 0); /* nothing: paper */
            }
    CHECK_INT(wrong, 0);
    mem_free(p.rgb);
    mem_free(path);
}

static void labels_are_letters(void)
{
    static const char *const want[5] = {"#.......", "#...###.", "#.......", "#...###.", "###....."}; /* "L=" */
    const uint8_t black[1] = {0}, *tile[1] = {black};
    struct picture p = {0};
    char *path = path_of("label.png");
    CHECK_OK(sheet_write(path, (struct shape){1, 1, 1, ROWS}, 1, 1, (const char *const[]){"l="}, tile));
    if (!CHECK_OK(read_picture(&p, "label.png"))) return;
    CHECK_INT(p.s.w, GAP + 2 * 8 + GAP + 56 + GAP); /* the tile is enlarged to 56 pixels */
    int wrong = 0;
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 8; x++) wrong += (pixel(&p, 0, GAP + 23 + 2 * y, GAP + 2 * x) < 100) != (want[y][x] == '#');
    CHECK_INT(wrong, 0);
    mem_free(p.rgb);
    mem_free(path);
}

static void impossible_sheets_are_refused(void)
{
    const uint8_t *tile[1] = {NULL};
    const char *label[1] = {NULL};
    char *path = path_of("none.png");
    CHECK_ERR(sheet_write(path, (struct shape){2, 4, 4, ROWS}, 1, 1, label, tile), ERR_SHAPE, "2 channels, expected 1 or 3");
    CHECK_ERR(sheet_write(path, (struct shape){1, 28, 28, ROWS}, 1, 1000, label, tile), ERR_SHAPE, "1 x 1000 images");
    CHECK_ERR(sheet_write("/nowhere/at/all.png", (struct shape){1, 4, 4, ROWS}, 1, 1, label, tile), ERR_IO, "/nowhere/at/all.png");
    CHECK(file_size(path) < 0);
    mem_free(path);
}

/* ---- heist peek ------------------------------------------------------------------------------------ */

static int peek(const char *out, int argc, const char *const *argv)
{
    char *path = path_of(out), *all[16] = {(char[]){"peek"}, (char[]){"--out"}, path};
    for (int i = 0; i < argc; i++) all[i + 3] = (char *)(uintptr_t)argv[i];
    const int status = cmd_peek(argc + 3, all);
    mem_free(path);
    return status;
}
#define PEEK(out, ...) peek(out, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static void write_idx(const char *name, int dims, const uint32_t *dim, const uint8_t *bytes)
{
    size_t size;
    uint8_t *b = idx_bytes(&size, dims, dim, 0);
    memcpy(b + 4 + 4 * dims, bytes, size - 4 - 4 * (size_t)dims);
    write_at(name, b, size);
    mem_free(b);
}

/* Four classes of random pictures, whose first pixel says the class. */
static void make_set(void)
{
    static uint8_t pixels[N * SIDE * SIDE], labels[N];
    struct rng r = rng_stream(3, "peek test", 0);
    for (int i = 0; i < N * SIDE * SIDE; i++) pixels[i] = (uint8_t)rng_below(&r, 256);
    for (int i = 0; i < N; i++) pixels[i * SIDE * SIDE] = labels[i] = (uint8_t)(i % K);
    write_idx("toy/train-images-idx3-ubyte", 3, (const uint32_t[]){N, SIDE, SIDE}, pixels);
    write_idx("toy/train-labels-idx1-ubyte", 1, (const uint32_t[]){N}, labels);
    write_idx("toy/t10k-images-idx3-ubyte", 3, (const uint32_t[]){N, SIDE, SIDE}, pixels);
    write_idx("toy/t10k-labels-idx1-ubyte", 1, (const uint32_t[]){N}, labels);
}

/* The image of d that stands at a place of a sheet, -1: none. */
static int image_at(const struct picture *p, const struct dataset *d, int left, int row, int column)
{
    const int y = GAP + row * (SIDE * SCALE + GAP), x = left + column * (SIDE * SCALE + GAP);
    for (int i = 0; i < d->n; i++) {
        int same = 1;
        for (int k = 0; k < SIDE * SIDE && same; k++) same = pixel(p, 0, y + k / SIDE * SCALE, x + k % SIDE * SCALE) == d->pixels[i * SIDE * SIDE + k];
        if (same) return i;
    }
    return -1;
}

static void rows_are_classes(void)
{
    struct picture p = {0};
    struct dataset *d = NULL;
    CHECK_OK(dataset_open(&d, "toy", NULL));
    CHECK_INT(PEEK("set.png", "toy", "--n", "20"), 0);
    if (!CHECK_OK(read_picture(&p, "set.png"))) return;
    const int left = p.s.w - 5 * (SIDE * SCALE + GAP);
    for (int row = 0; row < K; row++)
        for (int column = 0; column < 5; column++) {
            const int i = image_at(&p, d, left, row, column);
            if (CHECK(i >= 0)) CHECK_INT(d->labels[i], row);
        }
    mem_free(p.rgb);
    CHECK_INT(PEEK("augmented.png", "toy", "--n=8", "--augment=flip"), 0);
    if (!CHECK_OK(read_picture(&p, "augmented.png"))) return;
    for (int row = 0; row < K; row++) { /* the image, and it or its mirror */
        const int first = GAP + 8 + GAP, y = GAP + row * (SIDE * SCALE + GAP), i = image_at(&p, d, first, row, 0);
        if (!CHECK(i >= 0)) continue;
        int mirror = image_at(&p, d, first, row, 1) != i, wrong = 0;
        for (int x = 0; x < SIDE; x++) wrong += pixel(&p, 0, y, first + SIDE * SCALE + GAP + SCALE * x) != d->pixels[i * SIDE * SIDE + (mirror ? SIDE - 1 - x : x)];
        CHECK_INT(wrong, 0);
    }
    mem_free(p.rgb);
    dataset_free(d);
}

/* KnockoffNets asks images of its pool, no image twice. */
static void queries_are_shown_as_they_are_asked(void)
{
    struct picture p = {0};
    struct dataset *d = NULL;
    char *victim = path_of("v.safetensors"), seen[N] = "";
    CHECK_OK(dataset_open(&d, "toy", NULL));
    char *train[] = {(char[]){"train"}, (char[]){"--dataset=toy"}, (char[]){"--model=softmax"}, (char[]){"--epochs=1"}, (char[]){"--out"}, victim};
    CHECK_INT(cmd_train(6, train), 0);
    /* 100 queries, two a row: moments every 8 queries, after every other one went twice */
    CHECK_INT(PEEK("asked.png", "toy", "--attack", "knockoff:budget=100:epochs=1", "--victim", victim, "--n", "32"), 0);
    if (!CHECK_OK(read_picture(&p, "asked.png"))) return;
    CHECK_INT(p.s.h, GAP + 13 * (SIDE * SCALE + GAP));
    for (int i = 0; i < 26; i++) {
        const int image = image_at(&p, d, p.s.w - 2 * (SIDE * SCALE + GAP), i / 2, i % 2);
        if (!CHECK(image >= 0)) continue;
        CHECK(!seen[image]);
        seen[image] = 1;
    }
    mem_free(p.rgb);
    CHECK_INT(PEEK("seeds.png", "--attack", "jbda:seeds=8:rounds=2:epochs=1", "--victim", victim, "--n", "32"), 0);
    if (!CHECK_OK(read_picture(&p, "seeds.png"))) return;
    const int left = p.s.w - 2 * (SIDE * SCALE + GAP);
    for (int i = 0; i < 8; i++) CHECK_INT(image_at(&p, d, left, i / 2, i % 2), i); /* the seeds are the victim's own images */
    for (int i = 8; i < 16; i++) CHECK(image_at(&p, d, left, i / 2, i % 2) < 0); /* what came of them is not */
    mem_free(p.rgb);
    mem_free(victim);
    dataset_free(d);
}

static void wrong_usage_is_refused(void)
{
    CHECK_INT(PEEK("x.png", "--n", "5"), 2);
    CHECK(strstr(err_text(), "expected what to look at") != NULL);
    CHECK_INT(PEEK("x.png", "toy", "--n", "0"), 2);
    CHECK_INT(PEEK("x.png", "toy", "--augment", "flop"), 2);
    CHECK_INT(PEEK("x.png", "toy", "--attack", "jbda"), 2);
    CHECK(strstr(err_text(), "--victim must be given") != NULL);
    CHECK_INT(PEEK("x.png", "toy", "--attack", "jbda", "--victim", "v", "--augment", "flip"), 2);
    CHECK_INT(PEEK("x.png", "toys"), 2);
    char *path = path_of("x.png");
    CHECK(file_size(path) < 0);
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("HEIST_DATA", scratch, 1);
    RUN(pixels_stand_where_they_should);
    RUN(labels_are_letters);
    RUN(impossible_sheets_are_refused);
    make_set();
    RUN(rows_are_classes);
    RUN(queries_are_shown_as_they_are_asked);
    RUN(wrong_usage_is_refused);
    remove_all(scratch);
    return check_done();
}
