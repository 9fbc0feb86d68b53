/* Tables of images: Kaggle's layouts, and broken ones. */
#include "data/csv.h"

#include "data/dataset.h"
#include "tests/idx_file.h"

/* A value of a table's row. */
static int value(int row, int k)
{
    return (row * 37 + k * 11) % 256;
}

/* n rows of numbers, a label row % classes before them (classes 0: none); mem_free frees. */
static char *table(int n, int columns, int classes, int header, const char *newline)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (header && classes) fprintf(f, "label,");
    for (int k = 0; k < columns && header; k++) fprintf(f, "pixel%d%s", k, k + 1 < columns ? "," : newline);
    for (int i = 0; i < n; i++) {
        if (classes) fprintf(f, "%d,", i % classes);
        for (int k = 0; k < columns; k++) fprintf(f, "%d%s", value(i, k), k + 1 < columns ? "," : i + 1 < n ? newline : "");
    }
    fclose(f);
    return text;
}

static void put_table(const char *name, int n, int columns, int classes, int header, int packed)
{
    char *text = table(n, columns, classes, header, packed ? "\r\n" : "\n");
    (packed ? write_gz : write_at)(name, text, strlen(text));
    free(text);
}

static void layouts_are_read(void)
{
    static const struct {
        int columns, c, side;
    } size[] = {{784, 1, 28}, {1024, 1, 32}, {3072, 3, 32}};
    for (int k = 0; k < 3; k++)
        for (int how = 0; how < 8; how++) { /* a header or none, labels or none, gzipped or not */
            struct images m = {0};
            const int classes = how & 2 ? 7 : 0;
            char *path = path_of("t.csv");
            put_table("t.csv", 70, size[k].columns, classes, how & 1, how & 4);
            if (CHECK_OK(csv_images_read(&m, path, (struct shape){0}, NULL))) {
                CHECK_INT(m.n, 70);
                CHECK(m.shape.c == size[k].c && m.shape.h == size[k].side && m.shape.w == size[k].side && (m.labels != NULL) == (classes > 0));
                for (int i = 0; i < m.n; i++) {
                    if (classes) CHECK_INT(m.labels[i], i % classes);
                    for (int p = 0; p < size[k].columns; p += 97) CHECK_INT(m.pixels[i * size[k].columns + p], value(i, p));
                }
            }
            images_clear(&m);
            mem_free(path);
        }
}

static void sets_are_found(void)
{
    struct dataset *d = NULL;
    setenv("HEIST_DATA", scratch, 1);
    put_table("mnist/mnist_train.csv", 30, 784, 10, 1, 0);
    put_table("mnist/mnist_test.csv", 20, 784, 10, 0, 1);
    if (CHECK_OK(dataset_open(&d, "mnist", "test"))) {
        CHECK(d->n == 20 && d->classes == 10 && d->labels[13] == 3 && d->pixels[784 + 5] == value(1, 5));
        CHECK_NEAR(d->mean[0], 0.1307, 1e-6);
        dataset_free(d);
    }
    put_table("mine/train.csv", 12, 3 * 4 * 5, 3, 1, 0);
    put_table("mine/test.csv", 12, 3 * 4 * 5, 5, 1, 0);
    CHECK_ERR(dataset_open(&d, "mine", NULL), ERR_FORMAT, "mine/train.csv: row 1: 61 columns, expected 784, 1024 or 3072 pixels, or a label before them; for other sizes say shape=CxHxW");
    if (CHECK_OK(dataset_open(&d, "mine:shape=3x4x5", NULL))) {
        CHECK(d->shape.c == 3 && d->shape.h == 4 && d->shape.w == 5 && d->classes == 5); /* as the other split says */
        CHECK_INT(d->pixels[20], value(0, 20));
        dataset_free(d);
    }
    if (CHECK_OK(dataset_open(&d, "mine:shape=3x4x5:order=pixels", NULL))) {
        CHECK_INT(d->pixels[20], value(0, 1)); /* the first pixel's green */
        CHECK_INT(d->pixels[60 + 2 * 20 + 7], value(1, 7 * 3 + 2));
        dataset_free(d);
    }
    CHECK_ERR(dataset_open(&d, "mine:shape=28", NULL), ERR_OPTION, "found shape=28, expected CxHxW with 1 or 3 channels");
    CHECK_ERR(dataset_open(&d, "mine:shape=1x4x5", NULL), ERR_FORMAT, "61 columns, expected 20 pixels (1x4x5), or a label before them");
    put_table("pool/pool-train.csv", 4, 784, 0, 0, 0);
    if (CHECK_OK(dataset_open(&d, "pool", NULL))) {
        CHECK(!d->labels && d->n == 4);
        dataset_free(d);
    }
    put_table("fashion-mnist/train.csv", 4, 784, 0, 0, 0);
    CHECK_ERR(dataset_open(&d, "fashion-mnist", NULL), ERR_FORMAT, "rows of pixels alone, expected a label before them (fashion-mnist)");
    put_table("fashion-mnist/train.csv", 40, 784, 10, 0, 0); /* though a package may have the IDX files: HEIST_DATA is first */
    if (CHECK_OK(dataset_open(&d, "fashion-mnist", NULL))) {
        CHECK_INT(d->n, 40);
        dataset_free(d);
    }
    put_table("fashion-mnist/train.csv", 40, 784, 11, 0, 0);
    CHECK_ERR(dataset_open(&d, "fashion-mnist", NULL), ERR_FORMAT, "label 10 is 10, expected 0 to 9 (fashion-mnist)");
}

/* Kaggle's EMNIST is transposed as the IDX files are, and its letters begin with 1. */
static void emnist_is_turned(void)
{
    struct dataset *d = NULL;
    put_table("emnist/emnist-letters-train.csv", 5, 784, 27, 0, 0);
    CHECK_ERR(dataset_open(&d, "emnist-letters", NULL), ERR_FORMAT, "label 0 is 0, expected 1 to 26");
    char *text = table(1, 784, 27, 0, "\n");
    *text = '2';
    write_at("emnist/emnist-letters-train.csv", text, strlen(text));
    if (CHECK_OK(dataset_open(&d, "emnist-letters", NULL))) {
        CHECK_INT(d->labels[0], 1);
        CHECK_INT(d->pixels[3 * 28 + 9], value(0, 9 * 28 + 3));
        dataset_free(d);
    }
    free(text);
}

static void what_is_broken_is_refused(void)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"", "no row of numbers in it"},
        {"label,a,b,c,d\n", "no row of numbers in it"},
        {"1,2,3,4,256\n", "row 1, column 5: found '256', expected a whole number of 0 to 255"},
        {"1,2,3,x,4\n", "row 1, column 4: found 'x', expected a whole number of 0 to 255"},
        {"1,2,3,,4\n", "row 1, column 4: found '', expected"},
        {"l,a,b,c,d\n1,2,3,4,5\n1,2,3.5,4,5\n", "row 3, column 3: found '3.5', expected a whole number of 0 to 255"},
        {"1,2,3,4,5\n-1,2,3,4,5\n", "row 2, column 1: found '-1', expected a whole number of 0 to 65535"},
        {"1,2,3,4,5\n65536,2,3,4,5\n", "row 2, column 1: found '65536'"},
        {"1,2,3,4,5\n99999999999999,2,3,4,5\n", "row 2, column 1: found '99999999999999'"},
        {"1,2,3,4,5\n1,2,3,4\n", "row 2: 4 columns, expected 5 as above"},
        {"1,2,3,4,5\n1,2,3,4,5,6\n", "row 2: 6 columns, expected 5 as above"},
        {"1,2,3\n", "row 1: 3 columns, expected 4 pixels (1x2x2), or a label before them"},
        {"1,2,3,4,\"5\n", "row 1: a quote that does not end"},
        {"1,2,3,4,\"5\"6\n", "row 1: "},
        {"\x1f\x8b\x08\x01", "broken gzip"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct images m = {0};
        char *path = path_of("bad.csv");
        write_at("bad.csv", bad[k].text, strlen(bad[k].text));
        CHECK_ERR(csv_images_read(&m, path, (struct shape){1, 2, 2, ROWS}, NULL), ERR_FORMAT, bad[k].part);
        CHECK(strncmp(err_text(), path, strlen(path)) == 0 && !m.pixels);
        mem_free(path);
    }
    struct images m = {0};
    CHECK_ERR(csv_images_read(&m, "/nowhere.csv", (struct shape){0}, NULL), ERR_MISSING, "/nowhere.csv: No such file");
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("XDG_DATA_HOME", scratch, 1);
    RUN(layouts_are_read);
    RUN(sets_are_found);
    RUN(emnist_is_turned);
    RUN(what_is_broken_is_refused);
    remove_all(scratch);
    return check_done();
}
