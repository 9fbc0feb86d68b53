/* Data sets: the IDX reader against every way a file can be wrong, splits and subsets, synthetic sets, real sets. */
#include <dirent.h>
#include <omp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/catalogue.h"
#include "data/dataset.h"
#include "data/fetch.h"
#include "data/gz.h"
#include "data/idx.h"
#include "tests/check.h"

static char scratch[] = "/tmp/heist-test-data-XXXXXX";
static char *user_data; /* HEIST_DATA as it was given; NULL: none */

/* ---- files to read ---------------------------------------------------------------------- */

static char *path_of(const char *name)
{
    return mem_print("%s/%s", scratch, name);
}

static void write_plain(const char *name, const uint8_t *bytes, size_t size)
{
    char *path = path_of(name), *slash = strrchr(path, '/');
    *slash = 0;
    CHECK_OK(file_folder(path));
    *slash = '/';
    CHECK_OK(file_write(path, bytes, size));
    mem_free(path);
}

static void write_gz(const char *name, const uint8_t *bytes, size_t size)
{
    write_plain(name, (const uint8_t *)"", 0);
    char *path = path_of(name);
    gzFile f = gzopen(path, "wb9");
    CHECK(f != NULL);
    CHECK_INT(gzwrite(f, bytes, (unsigned)size), size);
    CHECK_INT(gzclose(f), Z_OK);
    mem_free(path);
}

/* An IDX file in memory; bytes behind the header are `first`, first + 1, ... modulo 251. mem_free frees. */
static uint8_t *idx_bytes(size_t *size, int dims, const uint32_t *dim, int first)
{
    size_t n = 1, head = 4 + 4 * (size_t)dims;
    for (int i = 0; i < dims; i++) n *= dim[i];
    uint8_t *b = mem_new(head + n, 1);
    b[2] = 8;
    b[3] = (uint8_t)dims;
    for (int i = 0; i < dims; i++)
        for (int k = 0; k < 4; k++) b[4 + 4 * i + k] = (uint8_t)(dim[i] >> (24 - 8 * k));
    for (size_t i = 0; i < n; i++) b[head + i] = (uint8_t)(((size_t)first + i) % 251);
    *size = head + n;
    return b;
}

/* Images n x c x 28 x 28 (c 1: idx3) and n labels i % classes in FOLDER, split "train" or "t10k". */
static void write_set(const char *folder, const char *split, uint32_t n, uint32_t c, uint32_t side, int classes, int packed)
{
    size_t size;
    uint8_t *b = c == 1 ? idx_bytes(&size, 3, (uint32_t[]){n, side, side}, 3) : idx_bytes(&size, 4, (uint32_t[]){n, c, side, side}, 3);
    char *name = mem_print("%s/%s-images-idx%d-ubyte%s", folder, split, c == 1 ? 3 : 4, packed ? ".gz" : "");
    (packed ? write_gz : write_plain)(name, b, size);
    mem_free(b);
    mem_free(name);
    if (!classes) return;
    b = idx_bytes(&size, 1, &n, 0);
    for (uint32_t i = 0; i < n; i++) b[8 + i] = (uint8_t)((int)i % classes);
    name = mem_print("%s/%s-labels-idx1-ubyte%s", folder, split, packed ? ".gz" : "");
    (packed ? write_gz : write_plain)(name, b, size);
    mem_free(b);
    mem_free(name);
}

static int remove_all(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char *path = mem_print("%s/%s", folder, e->d_name);
        if (unlink(path)) remove_all(path);
        mem_free(path);
    }
    if (d) closedir(d);
    return rmdir(folder);
}

/* HEIST_DATA and the user's data folder become empty ones of this test. */
static void fresh_place(const char *name)
{
    char *given = mem_print("%s/%s", scratch, name), *home = mem_print("%s/%s-home", scratch, name);
    remove_all(given);
    remove_all(home);
    setenv("HEIST_DATA", given, 1);
    setenv("XDG_DATA_HOME", home, 1);
    mem_free(given);
    mem_free(home);
}

/* ---- the reader ------------------------------------------------------------------------- */

static void reads_plain_and_gzipped(void)
{
    size_t size;
    for (int dims = 1; dims <= 4; dims++) {
        const uint32_t dim[4] = {5, dims == 4 ? 3 : 4, 7, 2};
        uint8_t *b = idx_bytes(&size, dims, dim, 9);
        write_plain("round", b, size);
        write_gz("round.gz", b, size);
        write_gz("misnamed", b, size); /* contents decide, not names */
        const char *name[] = {"round", "round.gz", "misnamed"};
        for (int k = 0; k < 3; k++) {
            struct idx x = {0};
            char *path = path_of(name[k]);
            CHECK_OK(idx_read(&x, path, dims, dims));
            CHECK_INT(x.dims, dims);
            CHECK_INT(x.size, size - 4 - 4 * (size_t)dims);
            for (int i = 0; i < dims; i++) CHECK_INT(x.dim[i], dim[i]);
            CHECK(x.bytes && memcmp(x.bytes, b + 4 + 4 * dims, x.size) == 0);
            mem_free(x.bytes);
            mem_free(path);
        }
        mem_free(b);
    }
}

/* More than one step of the growing buffer, and a size that is no power of two. */
static void reads_large(void)
{
    const uint32_t dim[3] = {3001, 28, 33};
    size_t size;
    uint8_t *b = idx_bytes(&size, 3, dim, 1);
    write_plain("large", b, size);
    write_gz("large.gz", b, size);
    for (int k = 0; k < 2; k++) {
        struct idx x = {0};
        char *path = path_of(k ? "large.gz" : "large");
        CHECK_OK(idx_read(&x, path, 3, 4));
        CHECK(x.bytes && x.size == size - 16 && memcmp(x.bytes, b + 16, x.size) == 0);
        mem_free(x.bytes);
        mem_free(path);
    }
    mem_free(b);
}

static void expect_bad(const uint8_t *bytes, size_t size, int least, int most, const char *part)
{
    for (int packed = 0; packed < 2; packed++) {
        (packed ? write_gz : write_plain)("bad", bytes, size);
        struct idx x = {0};
        char *path = path_of("bad");
        CHECK_ERR(idx_read(&x, path, least, most), ERR_FORMAT, part);
        CHECK(strncmp(err_text(), path, strlen(path)) == 0);
        CHECK(x.bytes == NULL);
        mem_free(path);
    }
}
#define BAD(least, most, part, ...)                                    \
    do {                                                               \
        const uint8_t bytes[] = {__VA_ARGS__};                         \
        expect_bad(bytes, sizeof bytes, (least), (most), (part));      \
    } while (0)

static void refuses_bad_headers(void)
{
    expect_bad((const uint8_t *)"", 0, 3, 3, "0 bytes, expected an IDX header");
    BAD(3, 3, "3 bytes, expected an IDX header", 0, 0, 8);
    BAD(3, 3, "magic 00000802, expected 00000803", 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 4, "magic 00000801, expected 00000803 or 00000804", 0, 0, 8, 1, 0, 0, 0, 1, 7);
    BAD(1, 1, "magic 00000803, expected 00000801", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 3, "magic 00000d03, expected 00000803", 0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 3, "magic 00000805, expected 00000803", 0, 0, 8, 5, 0, 0, 0, 1);
    BAD(3, 3, "magic 89504e47", 0x89, 'P', 'N', 'G', 13, 10, 26, 10);
    BAD(3, 3, "10 bytes, expected an IDX header of 16", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0);
    BAD(3, 3, "dimension 1 is 0, expected 1 to", 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 3, "dimension 3 is 0, expected 1 to 4096", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0);
    BAD(3, 3, "dimension 1 is 4294967295, expected", 0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 3, "dimension 2 is 65536, expected 1 to 4096", 0, 0, 8, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1);
    BAD(4, 4, "dimension 2 is 5, expected 1 to 4", 0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 3, "the header says 2147483647x4096x4096", 0, 0, 8, 3, 127, 255, 255, 255, 0, 0, 16, 0, 0, 0, 16, 0);
    BAD(3, 3, "1 bytes of data, expected 2 (1x1x2)", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7);
    BAD(3, 3, "bytes behind the data, expected 1 bytes (1x1x1)", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7, 7);
}

/* 8 GiB claimed and 4 bytes there: memory follows the bytes. */
static void believes_no_claim(void)
{
    const uint8_t liar[] = {0, 0, 8, 3, 0, 7, 255, 255, 0, 0, 0, 128, 0, 0, 0, 128, 1, 2, 3, 4};
    mem_peak_reset();
    double before = mem_peak_mb();
    expect_bad(liar, sizeof liar, 3, 3, "4 bytes of data, expected 8589918208 (524287x128x128)");
    CHECK(mem_peak_mb() < before + 64);
}

/* Cut at every byte, plain and gzipped: always one clear error. */
static void refuses_every_cut(void)
{
    size_t size, packed_size;
    char *path = path_of("whole.gz"), *packed = NULL;
    uint8_t *b = idx_bytes(&size, 3, (const uint32_t[]){3, 5, 4}, 0);
    write_gz("whole.gz", b, size);
    CHECK_OK(file_read(&packed, &packed_size, path));
    for (size_t cut = 0; cut < size; cut++) {
        struct idx x = {0};
        char *to = path_of("cut");
        write_plain("cut", b, cut);
        CHECK_ERR(idx_read(&x, to, 3, 3), ERR_FORMAT, "expected");
        mem_free(to);
    }
    for (size_t cut = 0; cut < packed_size; cut++) {
        struct idx x = {0};
        char *to = path_of("cut.gz");
        write_plain("cut.gz", (const uint8_t *)packed, cut);
        CHECK_INT(idx_read(&x, to, 3, 3), ERR_FORMAT);
        if (cut > 18) CHECK(strstr(err_text(), "broken gzip") != NULL);
        mem_free(to);
    }
    mem_free(packed);
    mem_free(path);
    mem_free(b);
}

/* Each byte of a gzip changed in turn: an error, or (in its name and times) the right data. Never other data. */
static void gzip_damage_shows(void)
{
    size_t size, packed_size;
    char *path = path_of("flip.gz"), *packed = NULL;
    uint8_t *b = idx_bytes(&size, 3, (const uint32_t[]){3, 5, 4}, 0);
    write_gz("flip.gz", b, size);
    CHECK_OK(file_read(&packed, &packed_size, path));
    for (size_t i = 0; i < packed_size; i++) {
        struct idx x = {0};
        packed[i] ^= 0x55;
        write_plain("flip.gz", (const uint8_t *)packed, packed_size);
        int code = idx_read(&x, path, 3, 3);
        if (code) CHECK_INT(code, ERR_FORMAT);
        else CHECK(x.size == size - 16 && memcmp(x.bytes, b + 16, x.size) == 0);
        mem_free(x.bytes);
        packed[i] ^= 0x55;
    }
    mem_free(packed);
    mem_free(path);
    mem_free(b);
}

static void refuses_what_is_no_file(void)
{
    struct idx x = {0};
    char *path = path_of("nowhere");
    CHECK_ERR(idx_read(&x, path, 3, 3), ERR_MISSING, "nowhere: No such file");
    CHECK_INT(idx_read(&x, scratch, 3, 3), ERR_IO);
    mem_free(path);
}

/* ---- sets ------------------------------------------------------------------------------- */

static void own_set_is_measured(void)
{
    fresh_place("own");
    write_set("own/mine", "train", 40, 3, 8, 4, 0);
    write_set("own/mine", "t10k", 20, 3, 8, 7, 1);
    struct dataset *d = NULL, *t = NULL;
    if (!CHECK_OK(dataset_open(&d, "mine", "train")) || !CHECK_OK(dataset_open(&t, "mine", "test"))) return;
    CHECK_STR(d->name, "mine:split=train:n=all:seed=0");
    CHECK_STR(t->name, "mine:split=test:n=all:seed=0");
    CHECK_INT(d->n, 40);
    CHECK_INT(t->n, 20);
    CHECK_INT(d->shape.c, 3);
    CHECK_INT(d->shape.h, 8);
    CHECK_INT(d->shape.lanes, ROWS);
    CHECK_INT(d->classes, 7); /* as many as in the split that has most: both agree */
    CHECK_INT(t->classes, 7);
    CHECK_INT(d->labels[5], 1);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < d->n; i++)
            for (int k = 0; k < 64; k++) {
                double v = d->pixels[(i * 3 + c) * 64 + k] / 255.0;
                sum += v;
                squares += v * v;
            }
        double mean = sum / (40 * 64);
        CHECK_NEAR(d->mean[c], mean, 1e-6);
        CHECK_NEAR(d->std[c], sqrt(squares / (40 * 64) - mean * mean), 1e-6);
    }
    dataset_free(d);
    dataset_free(t);
}

static void own_set_may_lack_labels_or_a_split(void)
{
    fresh_place("bare");
    write_set("bare/pool", "train", 10, 1, 12, 0, 1);
    struct dataset *d = NULL;
    if (CHECK_OK(dataset_open(&d, "pool", NULL))) {
        CHECK_INT(d->classes, 0);
        CHECK(d->labels == NULL);
        dataset_free(d);
    }
    CHECK_ERR(dataset_open(&d, "pool", "test"), ERR_MISSING, "has no split 'test'");
    CHECK_ERR(dataset_open(&d, "pool/../pool", "train"), ERR_OPTION, "unknown data set");
}

/* HEIST_DATA may hold a variant of a known set, but it must be of the set's kind. */
static void variants_are_checked(void)
{
    struct dataset *d = NULL;
    fresh_place("variant");
    write_set("variant/mnist", "train", 50, 1, 28, 10, 0);
    if (CHECK_OK(dataset_open(&d, "mnist", "train"))) {
        CHECK_INT(d->n, 50);
        CHECK_NEAR(d->mean[0], 0.1307, 1e-6); /* the catalogue's */
        dataset_free(d);
    }
    write_set("variant/mnist", "train", 50, 1, 28, 13, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "train-labels-idx1-ubyte: label 10 is 10, expected 0 to 9 (mnist)");
    write_set("variant/mnist", "train", 50, 1, 32, 10, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "train-images-idx3-ubyte: images of 1x32x32, expected 1x28x28 (mnist)");
    write_set("variant/mnist", "train", 51, 1, 28, 0, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "50 labels, expected 51, as many as images in ");
    char *labels = path_of("variant/mnist/train-labels-idx1-ubyte");
    CHECK_INT(unlink(labels), 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_MISSING, "the labels that belong to it are missing");
    mem_free(labels);
}

/* What heist itself puts there must be the set: as many images as it has. */
static void installed_sets_are_whole(void)
{
    struct dataset *d = NULL;
    fresh_place("part");
    write_set("part-home/heist/data/mnist", "train", 50, 1, 28, 10, 0);
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_FORMAT, "50 images, expected 60000 (mnist)");
    fresh_place("part");
    CHECK_ERR(dataset_open(&d, "mnist", "train"), ERR_MISSING, "mnist: not on this machine; get it by: heist data mnist");
    CHECK_ERR(dataset_open(&d, "omniglot", "train"), ERR_MISSING, "into FOLDER/omniglot and set HEIST_DATA=FOLDER");
}

static void searches_in_order(void)
{
    struct dataset *d = NULL;
    fresh_place("order");
    write_set("order/one/mnist", "t10k", 5, 1, 28, 5, 0);
    write_set("order/two/mnist", "train", 6, 1, 28, 6, 1);
    write_set("order/two/mnist", "t10k", 7, 1, 28, 7, 1);
    char *paths = mem_print("::%s/nowhere:%s/order/one:%s/order/two:", scratch, scratch, scratch);
    setenv("HEIST_DATA", paths, 1);
    mem_free(paths);
    if (CHECK_OK(dataset_open(&d, "mnist", "test"))) CHECK_INT(d->n, 5);
    dataset_free(d);
    d = NULL;
    if (CHECK_OK(dataset_open(&d, "mnist", "train"))) CHECK_INT(d->n, 6);
    dataset_free(d);
}

static void knows_other_spellings(void)
{
    static const char *const spelling[][2] = {
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
        {"train-images.idx3-ubyte.gz", "train-labels-idx1-ubyte"},
        {"training-images-idx3-ubyte", "training-labels.idx1-ubyte"},
    };
    for (int k = 0; k < 3; k++) {
        fresh_place("spell");
        struct dataset *d = NULL;
        size_t size;
        for (int i = 0; i < 2; i++) {
            uint8_t *b = i ? idx_bytes(&size, 1, (const uint32_t[]){4}, 0) : idx_bytes(&size, 3, (const uint32_t[]){4, 28, 28}, 0);
            char *name = mem_print("spell/mnist/%s", spelling[k][i]);
            write_plain(name, b, size);
            mem_free(name);
            mem_free(b);
        }
        if (CHECK_OK(dataset_open(&d, "mnist", "train"))) CHECK_INT(d->labels[3], 3);
        dataset_free(d);
    }
}

static void specs_are_checked(void)
{
    struct dataset *d = NULL;
    fresh_place("specs");
    write_set("specs/mnist", "train", 30, 1, 28, 10, 0);
    write_set("specs/omniglot", "train", 30, 1, 28, 10, 0);
    CHECK_ERR(dataset_open(&d, "minst", "train"), ERR_OPTION, "unknown data set 'minst'; did you mean 'mnist'?");
    CHECK_ERR(dataset_open(&d, "stroke", "train"), ERR_OPTION, "did you mean 'strokes'?");
    CHECK_ERR(dataset_open(&d, "mnist:cnt=3", "train"), ERR_OPTION, "data set mnist: unknown option 'cnt'");
    CHECK_ERR(dataset_open(&d, "mnist:n=31", "train"), ERR_OPTION, "found n=31, expected at most the 30 images of split=train");
    CHECK_ERR(dataset_open(&d, "mnist:n=0", "train"), ERR_OPTION, "option 'n': found 0, expected 1 to");
    CHECK_ERR(dataset_open(&d, "mnist:n=2.5", "train"), ERR_OPTION, "expected a whole number");
    CHECK_ERR(dataset_open(&d, "mnist:split=tset", "train"), ERR_OPTION, "expected one of: train test; did you mean 'test'?");
    CHECK_ERR(dataset_open(&d, "mnist:shape=3x32x32", "train"), ERR_OPTION, "unknown option 'shape'");
    CHECK_ERR(dataset_open(&d, "omniglot:split=test", "train"), ERR_OPTION, "has one split: split=train is all of it");
    CHECK_ERR(dataset_open(&d, "omniglot", "test"), ERR_OPTION, "has one split");
    CHECK_ERR(dataset_open(&d, "strokes:shape=28", "train"), ERR_OPTION, "expected one of: 1x28x28 3x32x32");
    CHECK_ERR(dataset_open(&d, "strokes:n=1e9", "train"), ERR_OPTION, "expected 1 to 1e+06");
    CHECK_ERR(dataset_open(&d, "", "train"), ERR_OPTION, "a name is missing");
    CHECK(d == NULL);
    if (CHECK_OK(dataset_open(&d, "mnist:n=30:seed=5", "train"))) CHECK_STR(d->name, "mnist:split=train:n=all:seed=0");
    dataset_free(d);
    d = NULL;
    if (CHECK_OK(dataset_open(&d, "mnist:seed=7:n=1e1", "train"))) CHECK_STR(d->name, "mnist:split=train:n=10:seed=7");
    dataset_free(d);
}

/* Every pixel of image i is i (below 250), its label i % 10: a subset shows which images it holds. */
static void write_numbered(const char *folder, uint32_t n)
{
    size_t size;
    uint8_t *b = idx_bytes(&size, 3, (const uint32_t[]){n, 28, 28}, 0);
    for (uint32_t i = 0; i < n; i++) memset(b + 16 + (size_t)i * 784, (int)i, 784);
    char *name = mem_print("%s/train-images-idx3-ubyte", folder);
    write_plain(name, b, size);
    mem_free(b);
    mem_free(name);
    b = idx_bytes(&size, 1, &n, 0);
    for (uint32_t i = 0; i < n; i++) b[8 + i] = (uint8_t)(i % 10);
    name = mem_print("%s/train-labels-idx1-ubyte", folder);
    write_plain(name, b, size);
    mem_free(b);
    mem_free(name);
}

static struct dataset *open_or_null(const char *spec)
{
    struct dataset *d = NULL;
    CHECK_OK(dataset_open(&d, spec, "train"));
    return d;
}

static void subsets_are_seeded(void)
{
    fresh_place("subset");
    write_numbered("subset/mnist", 200);
    struct dataset *a = open_or_null("mnist:n=50:seed=1"), *same = open_or_null("mnist:n=50:seed=1");
    struct dataset *other = open_or_null("mnist:n=50:seed=2"), *more = open_or_null("mnist:n=120:seed=1");
    if (!a || !same || !other || !more) return;
    CHECK_STR(same->hash, a->hash);
    CHECK(strcmp(other->hash, a->hash) != 0);
    int in_other = 0, seen[256] = {0}, in_more[256] = {0};
    for (int i = 0; i < 120; i++) in_more[more->pixels[i * 784]] = 1;
    for (int i = 0; i < 50; i++) {
        int image = a->pixels[i * 784];
        CHECK_INT(seen[image]++, 0); /* no image twice */
        CHECK_INT(a->labels[i], image % 10);
        CHECK(in_more[image]); /* a larger subset of one seed contains the smaller */
        if (i) CHECK(image > a->pixels[(i - 1) * 784]); /* the set's own order */
        for (int k = 0; k < 50; k++) in_other += other->pixels[k * 784] == image;
    }
    CHECK(in_other > 0 && in_other < 30); /* 12.5 of 50 by chance */
    CHECK_NEAR(a->mean[0], 0.1307, 1e-6);
    dataset_free(a);
    dataset_free(same);
    dataset_free(other);
    dataset_free(more);
}

static void batches_are_rows(void)
{
    fresh_place("batch");
    write_numbered("batch/mnist", 20);
    struct dataset *d = open_or_null("mnist");
    if (!d) return;
    float *x = mem_new(3 * 784, sizeof *x);
    const int index[3] = {19, 0, 7};
    dataset_batch(d, index, 5, 3, x);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 784; k += 783) CHECK_NEAR(x[i * 784 + k], index[i] / 255.0, 1e-7);
    dataset_batch(d, NULL, 17, 3, x);
    for (int i = 0; i < 3; i++) CHECK_NEAR(x[i * 784 + 100], (17 + i) / 255.0, 1e-7);
    CHECK(x[0] == 17 / 255.0f);
    mem_free(x);
    dataset_free(d);
}

/* The hash tells sets apart by one pixel, by one label, and by their shape. */
static void hash_sees_everything(void)
{
    fresh_place("hash");
    write_numbered("hash/mine", 20);
    struct dataset *d = open_or_null("mine");
    char *images = path_of("hash/mine/train-images-idx3-ubyte"), *labels = path_of("hash/mine/train-labels-idx1-ubyte"), *b = NULL;
    size_t size = 0;
    CHECK_OK(file_read(&b, &size, images));
    b[size - 1] ^= 1;
    CHECK_OK(file_write(images, b, size));
    struct dataset *pixel = open_or_null("mine");
    b[size - 1] ^= 1;
    b[11] = 14, b[15] = 56; /* 28x28 becomes 14x56 */
    CHECK_OK(file_write(images, b, size));
    struct dataset *shape = open_or_null("mine");
    b[11] = b[15] = 28;
    CHECK_OK(file_write(images, b, size));
    mem_free(b);
    CHECK_OK(file_read(&b, &size, labels));
    b[8] = 3;
    CHECK_OK(file_write(labels, b, size));
    struct dataset *label = open_or_null("mine"), *all[] = {d, pixel, shape, label};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++) CHECK(all[i] && all[k] && strcmp(all[i]->hash, all[k]->hash) != 0);
    for (int i = 0; i < 4; i++) dataset_free(all[i]);
    mem_free(b);
    mem_free(images);
    mem_free(labels);
}

/* ---- synthetic sets --------------------------------------------------------------------- */

static const char *const kinds[] = {"noise", "strokes", "leaves"}, *const shapes[] = {"1x28x28", "3x32x32"};

static struct dataset *make(const char *kind, const char *shape, int n, int seed, const char *split)
{
    char *spec = mem_print("%s:shape=%s:n=%d:seed=%d:split=%s", kind, shape, n, seed, split);
    struct dataset *d = open_or_null(spec);
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

/* ---- real sets -------------------------------------------------------------------------- */

/* Measures what a set really is against what the catalogue says; 0 where it is not on this machine. */
static int real_set(const char *name, const char *split, int n, int classes)
{
    const struct dataset_info *info = dataset_find(name);
    struct dataset *d = NULL;
    if (user_data) setenv("HEIST_DATA", user_data, 1);
    else unsetenv("HEIST_DATA");
    unsetenv("XDG_DATA_HOME");
    int code = dataset_open(&d, name, split);
    if (code == ERR_MISSING) {
        printf("skip %s: %s\n", name, err_text());
        return 0;
    }
    if (!CHECK_OK(code) || !info) return 1;
    CHECK_INT(d->classes, classes);
    if (d->n != n) printf("skip %s: a variant of %d images\n", name, d->n); /* HEIST_DATA may hold one */
    double sum = 0, squares = 0, count = (double)d->n * (double)shape_size(d->shape);
    for (size_t i = 0; i < (size_t)count; i++) {
        double v = d->pixels[i] / 255.0;
        sum += v;
        squares += v * v;
    }
    int *per_class = mem_new((size_t)classes, sizeof *per_class);
    for (int i = 0; i < d->n; i++) per_class[d->labels[i]]++;
    for (int c = 0; c < classes && d->n == n; c++) CHECK(per_class[c] > 0);
    if (d->n == n && strcmp(split, "train") == 0) {
        CHECK_NEAR(info->mean[0], sum / count, 5.1e-5); /* the catalogue's four digits */
        CHECK_NEAR(info->std[0], sqrt(squares / count - sum / count * (sum / count)), 5.1e-5);
    }
    mem_free(per_class);
    dataset_free(d);
    return 1;
}

static void fashion_mnist_is_itself(void)
{
    if (!real_set("fashion-mnist", "train", 60000, 10)) return;
    real_set("fashion-mnist", "test", 10000, 10);
    const struct dataset_info *info = dataset_find("fashion-mnist");
    if (info && file_exists("/usr/share/datasets/fashion-mnist")) CHECK_OK(fetch_verify(info, "/usr/share/datasets/fashion-mnist"));
}

static void mnist_is_itself(void)
{
    if (real_set("mnist", "train", 60000, 10)) real_set("mnist", "test", 10000, 10);
}

static void omniglot_is_itself(void)
{
    real_set("omniglot", "train", 4840, 242);
}

static void catalogue_is_whole(void)
{
    CHECK(dataset_count() >= 6);
    for (int i = 0; i < dataset_count(); i++) {
        const struct dataset_info *info = dataset_at(i);
        CHECK(dataset_find(info->name) == info);
        CHECK(info->name && info->about && info->format && (info->paint != NULL) == (info->n[0] == 0));
        for (int f = 0; f < DATASET_FILES && info->file[f].name; f++) CHECK_INT(strlen(info->file[f].sha256), HASH_TEXT - 1);
        if (info->class_name) CHECK(info->class_name[info->classes - 1] != NULL);
        if (info->n[0]) CHECK(info->std[0] > 0);
    }
    CHECK(dataset_find("imagenet") == NULL);
}

static void list_says_where(void)
{
    fresh_place("list");
    write_set("list/mnist", "train", 5, 1, 28, 5, 0);
    write_set("list/mnist", "t10k", 5, 1, 28, 5, 0);
    write_set("list/mine", "train", 5, 1, 28, 5, 0);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    data_list(f);
    fclose(f);
    char *where = mem_print("in %s/list/mnist\n", scratch), *mine = mem_print("in %s/list/mine\n", scratch);
    CHECK(strstr(text, where) != NULL);
    CHECK(strstr(text, mine) != NULL);
    CHECK(strstr(text, "made from a seed") != NULL);
    CHECK(strstr(text, "set HEIST_DATA=FOLDER") != NULL); /* omniglot is not here */
    mem_free(where);
    mem_free(mine);
    free(text);
}

static void a_mixture_takes_as_many_of_each(void)
{
    struct dataset *mix = NULL, *noise = NULL, *strokes = NULL;
    CHECK_OK(dataset_open(&mix, "strokes:n=40+noise:n=100", NULL));
    CHECK_OK(dataset_open(&noise, "noise:n=100", NULL));
    CHECK_OK(dataset_open(&strokes, "strokes:n=40", NULL));
    const size_t size = shape_size(mix->shape);
    CHECK_INT(mix->n, 80);
    CHECK_INT(mix->classes, 0);
    for (int j = 0; j < 40; j++) {
        CHECK(memcmp(mix->pixels + (size_t)(2 * j) * size, strokes->pixels + (size_t)j * size, size) == 0);
        CHECK(memcmp(mix->pixels + (size_t)(2 * j + 1) * size, noise->pixels + (size_t)(j * 100 / 40) * size, size) == 0);
    }
    CHECK(strstr(mix->name, "strokes:") && strstr(mix->name, "+noise:"));
    CHECK(strcmp(mix->hash, noise->hash) != 0);
    dataset_free(mix);
    CHECK_OK(dataset_open(&mix, "noise:n=100+strokes:n=40", NULL)); /* another order is another set */
    CHECK_INT(mix->n, 80);
    dataset_free(mix);
    dataset_free(noise);
    dataset_free(strokes);
    CHECK_ERR(dataset_open(&mix, "strokes+", NULL), ERR_OPTION, "a data set is missing");
    CHECK_ERR(dataset_open(&mix, "+strokes", NULL), ERR_OPTION, "a data set is missing");
    CHECK_ERR(dataset_open(&mix, "strokes+stroke", NULL), ERR_OPTION, "did you mean 'strokes'");
    CHECK_ERR(dataset_open(&mix, "strokes:n=4+noise:shape=3x32x32:n=4", NULL), ERR_SHAPE, "a mixture expects one shape");
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    user_data = getenv("HEIST_DATA") ? mem_string(getenv("HEIST_DATA")) : NULL;
    RUN(reads_plain_and_gzipped);
    RUN(reads_large);
    RUN(refuses_bad_headers);
    RUN(believes_no_claim);
    RUN(refuses_every_cut);
    RUN(gzip_damage_shows);
    RUN(refuses_what_is_no_file);
    RUN(own_set_is_measured);
    RUN(own_set_may_lack_labels_or_a_split);
    RUN(variants_are_checked);
    RUN(installed_sets_are_whole);
    RUN(searches_in_order);
    RUN(knows_other_spellings);
    RUN(specs_are_checked);
    RUN(subsets_are_seeded);
    RUN(batches_are_rows);
    RUN(hash_sees_everything);
    RUN(synthetic_is_the_same_at_any_threads);
    RUN(noise_and_hash_stay_what_they_are);
    RUN(synthetic_differs_by_seed_split_and_image);
    RUN(synthetic_looks_right);
    RUN(catalogue_is_whole);
    RUN(list_says_where);
    if (user_data) setenv("HEIST_DATA", user_data, 1);
    RUN(fashion_mnist_is_itself);
    RUN(mnist_is_itself);
    RUN(omniglot_is_itself);
    mem_free(user_data);
    remove_all(scratch);
    RUN(a_mixture_takes_as_many_of_each);
    return check_done();
}
