/* SVHN's .mat files: those of SciPy, of libmatio itself, and broken ones. */
#include <matio.h>

#include "data/dataset.h"
#include "data/mat.h"
#include "tests/made_files.h"

static void svhn_is_read(void)
{
    const char *folder;
    for (int f = 0; (folder = made_files(f)) != NULL; f++)
        for (int split = 0; split < 2; split++) {
            struct dataset *d = NULL;
            setenv("HEIST_DATA", folder, 1);
            if (!CHECK_OK(dataset_open(&d, "svhn", split ? "test" : "train"))) continue;
            CHECK_INT(d->n, split ? 3 : 12);
            CHECK(d->shape.c == 3 && d->shape.h == 32 && d->shape.w == 32 && d->classes == 10);
            for (int i = 0; i < d->n; i++) {
                CHECK_INT(d->labels[i], (1 + i) % 10); /* 10 is the digit 0 */
                for (int c = 0; c < 3; c++)
                    for (int y = 0; y < 32; y++)
                        for (int x = 0; x < 32; x++) CHECK_INT(d->pixels[((i * 3 + c) * 32 + y) * 32 + x], made_pixel(i, c, y, x));
            }
            CHECK_NEAR(d->std[0], 0.1980, 1e-6);
            CHECK(strncmp(d->names, "0\n1\n", 4) == 0);
            dataset_free(d);
        }
}

static void svhn_may_be_elsewhere(void)
{
    struct dataset *d = NULL;
    setenv("HEIST_DATA", scratch, 1);
    CHECK_ERR(dataset_open(&d, "svhn", "train"), ERR_MISSING, "put train_32x32.mat and test_32x32.mat into FOLDER/svhn");
    char *home = path_of("home");
    setenv("XDG_DATA_HOME", home, 1);
    char *bytes = NULL;
    size_t size;
    CHECK_OK(file_read(&bytes, &size, "tests/files/svhn/train_32x32.mat"));
    write_at("home/heist/data/svhn/train_32x32.mat", bytes, size);
    CHECK_ERR(dataset_open(&d, "svhn", "train"), ERR_FORMAT, "12 images, expected 73257 (svhn)");
    CHECK_ERR(dataset_open(&d, "svhn", "test"), ERR_MISSING, "has no split 'test'");
    mem_free(bytes);
    mem_free(home);
}

/* ---- files by libmatio ------------------------------------------------------------------------------------------------------- */

static void put(mat_t *m, const char *name, enum matio_classes type, enum matio_types as, int rank, size_t *dims, void *data, enum matio_compression packed)
{
    matvar_t *v = Mat_VarCreate(name, type, as, rank, dims, data, 0);
    CHECK(v && Mat_VarWrite(m, v, packed) == 0);
    Mat_VarFree(v);
}

static mat_t *create(const char *name)
{
    char *path = path_of(name);
    mat_t *m = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    CHECK(m != NULL);
    mem_free(path);
    return m;
}

/* X of bytes h x w x c x n, all 9, and y of n labels: 1 but for the last. */
static void write_mat(size_t *dims, int rank, double last, int packed)
{
    const size_t n = rank == 4 ? dims[3] : 1, size = n * dims[0] * dims[1] * dims[2];
    uint8_t *x = mem_new(size, 1);
    double *y = mem_new(n, sizeof *y);
    memset(x, 9, size);
    for (size_t i = 0; i < n; i++) y[i] = i + 1 < n ? 1 : last;
    mat_t *m = create("x.mat");
    put(m, "X", MAT_C_UINT8, MAT_T_UINT8, rank, dims, x, packed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE);
    put(m, "y", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, (size_t[]){1, n}, y, packed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE);
    Mat_Close(m);
    mem_free(x);
    mem_free(y);
}

static int reads(struct images *out)
{
    char *path = path_of("x.mat");
    int code = mat_read(out, path, 10, NULL);
    if (code) CHECK(strncmp(err_text(), path, strlen(path)) == 0 && !strchr(err_text(), '\n'));
    mem_free(path);
    return code;
}

static void other_shapes_and_labels(void)
{
    struct images m = {0};
    for (int packed = 0; packed < 2; packed++) {
        write_mat((size_t[]){5, 7, 1, 4}, 4, 10, packed);
        if (CHECK_OK(reads(&m))) CHECK(m.n == 4 && m.shape.h == 5 && m.shape.w == 7 && m.shape.c == 1 && m.labels[3] == 0 && m.labels[2] == 1 && m.pixels[139] == 9);
        images_clear(&m);
        write_mat((size_t[]){5, 7, 3}, 3, 2, packed); /* MATLAB drops a last dimension of 1 */
        if (CHECK_OK(reads(&m))) CHECK(m.n == 1 && m.shape.c == 3 && m.labels[0] == 2);
        images_clear(&m);
        const double bad[] = {0, 11, 1.5, -1, 1e300, NAN};
        for (int k = 0; k < 6; k++) {
            write_mat((size_t[]){2, 2, 1, 3}, 4, bad[k], packed);
            CHECK_ERR(reads(&m), ERR_FORMAT, "label 2 is ");
        }
        write_mat((size_t[]){2, 2, 2, 3}, 4, 1, packed);
        CHECK_ERR(reads(&m), ERR_FORMAT, "X is 2x2x2x3 of class 9, expected height x width x 1 or 3 x images of bytes");
    }
}

static void other_variables(void)
{
    struct images m = {0};
    size_t four[] = {2, 2, 1, 2}, two[] = {1, 2}, three[] = {1, 3}, one[] = {1, 1};
    double y[8] = {1, 1, 1}, x[8] = {0};
    for (int kind = 0; kind < 5; kind++) {
        mat_t *f = create("x.mat");
        if (kind != 1) put(f, "y", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, kind == 2 ? three : two, y, MAT_COMPRESSION_ZLIB);
        if (kind == 3) put(f, "X", MAT_C_DOUBLE, MAT_T_DOUBLE, 4, four, x, MAT_COMPRESSION_ZLIB);
        else if (kind) put(f, "X", MAT_C_UINT8, MAT_T_UINT8, 4, four, x, MAT_COMPRESSION_NONE);
        if (kind == 4) { /* a cell is kept from libmatio, whatever its name */
            matvar_t *in[2] = {Mat_VarCreate(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, one, y, 0), NULL}, *cell = Mat_VarCreate("z", MAT_C_CELL, MAT_T_CELL, 2, one, in, 0);
            CHECK(cell && Mat_VarWrite(f, cell, MAT_COMPRESSION_ZLIB) == 0);
            Mat_VarFree(cell);
        }
        Mat_Close(f);
        const char *part[] = {"no variable X", "no variable y", "y is 1x3 of class 6, expected 2x1", "X is 2x2x1x2 of class 6, expected", "type 14 and class 1, expected an array of numbers"};
        CHECK_ERR(reads(&m), ERR_FORMAT, part[kind]);
    }
}

/* ---- broken files ------------------------------------------------------------------------------------------------------------ */

/* Every cut: an error. Every byte changed: an error, or (in its text, in what is not compressed) a set of as many images. */
static void cuts_and_changes_show(void)
{
    for (int packed = 0; packed < 2; packed++) {
        char *bytes = NULL, *path = path_of("x.mat");
        size_t size;
        struct images m = {0}, whole = {0};
        write_mat((size_t[]){3, 4, 3, 2}, 4, 10, packed);
        CHECK_OK(reads(&whole));
        CHECK_OK(file_read(&bytes, &size, path));
        for (size_t cut = 0; cut < size; cut++) {
            write_at("x.mat", bytes, cut);
            CHECK_INT(reads(&m), ERR_FORMAT);
        }
        for (size_t at = 0; at < size; at++) {
            bytes[at] ^= 0x55;
            write_at("x.mat", bytes, size);
            int code = reads(&m);
            bytes[at] ^= 0x55;
            if (code) CHECK_INT(code, ERR_FORMAT);
            else if (packed) CHECK(memcmp(m.pixels, whole.pixels, 72) == 0);
            if (!code) images_clear(&m);
        }
        images_clear(&whole);
        mem_free(bytes);
        mem_free(path);
    }
}

static void believes_no_claim(void)
{
    char *bytes = NULL, *path = path_of("x.mat");
    size_t size;
    struct images m = {0};
    write_mat((size_t[]){3, 4, 3, 2}, 4, 10, 0);
    CHECK_OK(file_read(&bytes, &size, path));
    const struct {
        size_t at;
        uint8_t to[4];
        const char *part;
    } lie[] = {
        {124, {0, 2, 'I', 'M'}, "offset 124: 00 02 49 4d, expected 00 01 49 4d (MAT version 5"},
        {128, {3, 0, 0, 0}, "offset 128: element type 3, expected 14 or 15"},
        {132, {255, 255, 255, 127}, "offset 128: an element of 2147483647 bytes, but the file has"},
        {144, {1, 0, 0, 0}, "offset 128: an element of 136 bytes, type 14 and class 1, expected an array of numbers"},
        {156, {0, 0, 0, 127}, "offset 128: dimensions of type 5 and 2130706432 bytes, expected 5 and 8 to 16"},
        {172, {255, 255, 255, 127}, "X is 3x4x3x2147483647, expected at most the 136 bytes that the file has for it"},
        {160, {0, 0, 1, 0}, "X is 65536x4x3x2 of class 9, expected height"},
        {178, {255, 255, 0, 0}, "offset 128: a name of type"},
    };
    mem_peak_reset();
    const double before = mem_peak_mb();
    for (size_t k = 0; k < sizeof lie / sizeof *lie; k++) {
        char keep[4];
        memcpy(keep, bytes + lie[k].at, 4);
        memcpy(bytes + lie[k].at, lie[k].to, 4);
        write_at("x.mat", bytes, size);
        CHECK_ERR(reads(&m), ERR_FORMAT, lie[k].part);
        memcpy(bytes + lie[k].at, keep, 4);
    }
    CHECK(mem_peak_mb() < before + 64);
    mem_free(bytes);
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("XDG_DATA_HOME", scratch, 1);
    RUN(svhn_is_read);
    RUN(svhn_may_be_elsewhere);
    RUN(other_shapes_and_labels);
    RUN(other_variables);
    RUN(cuts_and_changes_show);
    RUN(believes_no_claim);
    remove_all(scratch);
    return check_done();
}
