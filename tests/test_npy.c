/* NumPy's arrays: those of NumPy, other layouts, and broken ones. */
#include "data/npy.h"

#include "data/dataset.h"
#include "tests/made_files.h"

static void kmnist_is_read(void)
{
    const char *folder;
    for (int f = 0; (folder = made_files(f)) != NULL; f++)
        for (int split = 0; split < 2; split++) {
            struct dataset *d = NULL;
            setenv("HEIST_DATA", folder, 1);
            if (!CHECK_OK(dataset_open(&d, "kmnist", split ? "test" : "train"))) continue;
            CHECK_INT(d->n, split ? 3 : 12);
            CHECK(d->shape.c == 1 && d->shape.h == 28 && d->shape.w == 28 && d->classes == 10);
            for (int i = 0; i < d->n; i++) {
                CHECK_INT(d->labels[i], i % 10);
                for (int y = 0; y < 28; y++)
                    for (int x = 0; x < 28; x++) CHECK_INT(d->pixels[(i * 28 + y) * 28 + x], made_pixel(i, 0, y, x));
            }
            CHECK_NEAR(d->std[0], 0.3483, 1e-6);
            dataset_free(d);
        }
}

/* ---- files of our own -------------------------------------------------------------------------------------------------------- */

/* An array as numpy.save would write it; mem_free frees. */
static uint8_t *array(size_t *size, int version, const char *type, const char *order, const char *shape, const void *data, size_t bytes)
{
    char *head = mem_print("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type, order, shape);
    const size_t before = version > 1 ? 12 : 10, text = (strlen(head) + 1 + before + 63) / 64 * 64 - before;
    uint8_t *b = mem_new(before + text + bytes, 1);
    memcpy(b, "\x93NUMPY", 6);
    b[6] = (uint8_t)version;
    b[8] = (uint8_t)text;
    b[9] = (uint8_t)(text >> 8);
    memset(b + before, ' ', text);
    memcpy(b + before, head, strlen(head));
    b[before + text - 1] = '\n';
    memcpy(b + before + text, data, bytes);
    *size = before + text + bytes;
    mem_free(head);
    return b;
}

static void put(const char *name, const char *type, const char *shape, const void *data, size_t bytes)
{
    size_t size;
    uint8_t *b = array(&size, 1, type, "False", shape, data, bytes);
    write_at(name, b, size);
    mem_free(b);
}

static void every_kind_of_number(void)
{
    const uint8_t bytes[16] = {1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255};
    const struct {
        const char *type, *shape;
        size_t bytes;
        int64_t last;
    } kind[] = {{"|u1", "(9,)", 9, 254}, {"|i1", "(9,)", 9, -2}, {"<u2", "(5,)", 10, 65534}, {"<i2", "(5,)", 10, -2}, {"<u4", "(3,)", 12, 4294967294},
                {"<i4", "(3,)", 12, -2}, {"<i8", "(2,)", 16, -2}, {"<u8", "(2,)", 16, -2}, {"<u1", "(3,3)", 9, 254}, {"|u1", "(1, 3 ,1, 3)", 9, 254}};
    for (int version = 1; version <= 3; version++)
        for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
            size_t size;
            struct npy a = {0};
            uint8_t *b = array(&size, version, kind[k].type, "False", kind[k].shape, bytes, kind[k].bytes);
            if (CHECK_OK(npy_read(&a, b, size, "a"))) {
                CHECK_INT(npy_number(&a, 0), 1);
                CHECK_INT(npy_number(&a, a.count - 1), kind[k].last);
            }
            for (size_t cut = 0; cut < size; cut++) CHECK_INT(npy_read(&a, b, cut, "a"), ERR_FORMAT);
            mem_free(b);
        }
}

static void broken_headers_are_refused(void)
{
    const struct {
        int version;
        const char *type, *order, *shape, *part;
    } bad[] = {
        {4, "|u1", "False", "(4,)", "a: offset 6: version 4, expected 1 to 3"},
        {1, "<f4", "False", "(1,)", "offset 20: found ''<f4', 'fort', expected a dtype"},
        {1, ">i2", "False", "(2,)", "expected a dtype of whole numbers: '|u1', '<i8'"},
        {1, "|u2", "False", "(2,)", "expected a dtype of whole numbers"},
        {1, "|O", "False", "(4,)", "expected a dtype of whole numbers"},
        {1, "|u1", "True", "(4,)", "found 'True, 'shape', expected False: an array in C order (numpy.ascontiguousarray makes one)"},
        {1, "|u1", "False", "()", "expected at least one dimension"},
        {1, "|u1", "False", "(0,)", "found '0,), }      ', expected one to four sizes of 1 to 2147483647"},
        {1, "|u1", "False", "(-4,)", "expected one to four sizes"},
        {1, "|u1", "False", "(4,1,1,1,1)", "expected one to four sizes"},
        {1, "|u1", "False", "(99999999999999999999,)", "expected one to four sizes"},
        {1, "|u1", "False", "(2147483647,2147483647,2147483647)", "expected one to four sizes"},
        {1, "|u1", "False", "(2147483647,268435456)", "4 bytes of data, expected 576460752034988032"},
        {1, "|u1", "False", "(4 4)", "found '4), }       ', expected ',' or ')'"},
        {1, "|u1", "False", "(4,), 'shape': (4,)", "expected 'descr', 'fortran_order' and 'shape', each once"},
        {1, "|u1", "False", "(4,), 'extra': 1", "found ''extra': 1, ', expected 'descr'"},
        {1, "|u1", "False", "(4,)} x{", "expected nothing behind the dictionary"},
        {1, "|u1", "False", "(3,)", "4 bytes of data, expected 3, 3 numbers of 1"},
        {1, "<u8", "False", "(4,)", "4 bytes of data, expected 32, 4 numbers of 8"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        size_t size;
        struct npy a = {0};
        uint8_t *b = array(&size, bad[k].version, bad[k].type, bad[k].order, bad[k].shape, "abcd", 4);
        CHECK_ERR(npy_read(&a, b, size, "a"), ERR_FORMAT, bad[k].part);
        CHECK(!a.data);
        mem_free(b);
    }
    size_t size;
    struct npy a = {0};
    uint8_t *b = array(&size, 2, "|u1", "False", "(4,)", "abcd", 4);
    CHECK_ERR(npy_read(&a, (const uint8_t *)"PK\3\4.......", 11, "a"), ERR_FORMAT, "a: offset 0: no NumPy header");
    b[11] = 127;
    CHECK_ERR(npy_read(&a, b, size, "a"), ERR_FORMAT, "a: offset 8: a header of 2130706548 bytes, expected at most 65536");
    b[11] = 0;
    memcpy(b + 12, "{'descr': '|u1'}", 16);
    memset(b + 28, ' ', size - 33);
    CHECK_ERR(npy_read(&a, b, size, "a"), ERR_FORMAT, "expected 'descr', 'fortran_order' and 'shape', each once");
    mem_free(b);
}

/* ---- sets --------------------------------------------------------------------------------------------------------------------- */

static void own_sets_and_layouts(void)
{
    uint8_t x[2 * 2 * 3 * 3], rows[2 * 784] = {0}, labels[2] = {0, 4}, test[1] = {6};
    for (int i = 0; i < 36; i++) x[i] = (uint8_t)i;
    rows[784 + 28] = 77;
    setenv("HEIST_DATA", scratch, 1);
    put("last/x_train.npy", "|u1", "(2, 2, 3, 3)", x, 36); /* n x h x w x c */
    put("last/y_train.npy", "|u1", "(2,)", labels, 2);
    put("last/y_test.npy", "|u1", "(1,)", test, 1);
    put("first/first-train-images.npy", "|u1", "(2, 3, 3, 2)", x, 36);
    put("rows/train-imgs.npy", "|u1", "(2, 784)", rows, sizeof rows);
    struct dataset *d = NULL;
    if (CHECK_OK(dataset_open(&d, "last", NULL))) {
        CHECK(d->shape.c == 3 && d->shape.h == 2 && d->shape.w == 3 && d->n == 2);
        CHECK_INT(d->classes, 7); /* as the other split says */
        CHECK_INT(d->labels[1], 4);
        for (int i = 0; i < 2; i++)
            for (int c = 0; c < 3; c++)
                for (int p = 0; p < 6; p++) CHECK_INT(d->pixels[(i * 3 + c) * 6 + p], i * 18 + p * 3 + c);
        dataset_free(d);
    }
    if (CHECK_OK(dataset_open(&d, "first", NULL))) {
        CHECK(d->shape.c == 3 && d->shape.h == 3 && d->shape.w == 2 && !d->labels && !memcmp(d->pixels, x, 36));
        dataset_free(d);
    }
    if (CHECK_OK(dataset_open(&d, "rows", NULL))) {
        CHECK(d->shape.c == 1 && d->shape.h == 28 && d->pixels[784 + 28] == 77);
        dataset_free(d);
    }
    if (CHECK_OK(dataset_open(&d, "rows:n=1:seed=3", NULL))) dataset_free(d); /* a subset of a mapped file */
    CHECK_ERR(dataset_open(&d, "last", "test"), ERR_MISSING, "has no split 'test'");
}

static void sets_that_do_not_fit(void)
{
    uint8_t x[60] = {0}, many[3] = {0};
    struct dataset *d = NULL;
    put("odd/train-imgs.npy", "|u1", "(2, 30)", x, 60);
    CHECK_ERR(dataset_open(&d, "odd", NULL), ERR_FORMAT, "train-imgs.npy: rows of 30 numbers, expected 784, 1024 or 3072");
    put("odd/train-imgs.npy", "|u1", "(2, 2, 3, 5)", x, 60);
    CHECK_ERR(dataset_open(&d, "odd", NULL), ERR_FORMAT, "4 dimensions, the last three 2x3x5; expected images");
    put("odd/train-imgs.npy", "<u2", "(2, 3, 5)", x, 60);
    CHECK_ERR(dataset_open(&d, "odd", NULL), ERR_FORMAT, "pixels of dtype u2, expected u1: bytes");
    put("odd/train-imgs.npy", "|u1", "(2, 6, 5)", x, 60);
    put("odd/train-labels.npy", "|u1", "(3,)", many, 3);
    CHECK_ERR(dataset_open(&d, "odd", NULL), ERR_FORMAT, "train-labels.npy: 1 dimensions, the first of 3; expected one of 2 labels");
    put("odd/train-labels.npy", "<i4", "(2,)", "\377\377\377\377\0\0\0\0", 8);
    CHECK_ERR(dataset_open(&d, "odd", NULL), ERR_FORMAT, "label 0 is -1, expected 0 to 65535");
    put("kmnist/kmnist-train-imgs.npy", "|u1", "(2, 6, 5)", x, 60);
    CHECK_ERR(dataset_open(&d, "kmnist", NULL), ERR_FORMAT, "images of 1x6x5, expected 1x28x28 (kmnist)");
    write_at("kmnist/kmnist-train-imgs.npz", "PK\3\4", 4);
    CHECK_ERR(dataset_open(&d, "kmnist", NULL), ERR_FORMAT, "kmnist-train-imgs.npz: ");
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("XDG_DATA_HOME", scratch, 1);
    RUN(kmnist_is_read);
    RUN(every_kind_of_number);
    RUN(broken_headers_are_refused);
    RUN(own_sets_and_layouts);
    RUN(sets_that_do_not_fit);
    remove_all(scratch);
    return check_done();
}
