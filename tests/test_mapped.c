/* Sets that are not held in memory: mapped files, and what large files were decoded to. Each is the same set, bit for bit, as in memory.
 * Files are as small as DECODED_LARGE allows, or sparse. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <matio.h>
#include <sys/resource.h>

#include "data/dataset.h"
#include "data/decoded.h"
#include "data/idx.h"
#include "data/mat.h"
#include "tests/idx_file.h"

enum { N = 90000, SIDE = 28, IMAGE = SIDE * SIDE }; /* 70.6 MB of pixels */
static const size_t margin = 40 << 20;              /* bytes that opening one may take */
_Static_assert((size_t)N * IMAGE > DECODED_LARGE, "large");

/* Few pixels are not black, so that files pack well. */
static uint8_t pixel(size_t at)
{
    return at % 997 ? 0 : (uint8_t)(at / 997 % 255 + 1);
}

static uint8_t *pixels_new(void)
{
    uint8_t *p = mem_new(N, IMAGE);
    for (size_t i = 0; i < (size_t)N * IMAGE; i++) p[i] = pixel(i);
    return p;
}

static void caches_in(const char *name)
{
    char *path = path_of(name);
    setenv("XDG_CACHE_HOME", path, 1);
    mem_free(path);
}

/* Private memory that may be written to, in bytes: RLIMIT_DATA counts it. */
static size_t data_now(void)
{
    char line[256];
    size_t kb = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "VmData: %zu", &kb);
    if (f) fclose(f);
    CHECK(kb > 0);
    return kb << 10;
}

/* Opens where there is too little memory to hold the pixels. */
static struct dataset *opens_mapped(const char *spec, size_t room)
{
    struct dataset *d = NULL;
    struct rlimit old, tight;
    CHECK_INT(getrlimit(RLIMIT_DATA, &old), 0);
    tight = (struct rlimit){data_now() + room, old.rlim_max};
#ifndef __SANITIZE_ADDRESS__
    CHECK_INT(setrlimit(RLIMIT_DATA, &tight), 0);
#endif
    CHECK_OK(dataset_open(&d, spec, NULL));
    CHECK_INT(setrlimit(RLIMIT_DATA, &old), 0);
    if (d) CHECK_INT(((const struct images *)d->memory)->fixed, 1);
    return d;
}

static void same(const struct dataset *a, const struct dataset *b)
{
    enum { ROWS_ASKED = 3 };
    if (!CHECK(a && b && a->n == b->n && shape_size(a->shape) == shape_size(b->shape) && !a->labels == !b->labels)) return;
    const size_t size = shape_size(a->shape);
    const int index[ROWS_ASKED] = {a->n - 1, 0, a->n / 2};
    float *x = mem_new(ROWS_ASKED, size * sizeof *x), *y = mem_new(ROWS_ASKED, size * sizeof *y);
    CHECK(a->shape.c == b->shape.c && a->shape.h == b->shape.h);
    CHECK_INT(a->classes, b->classes);
    CHECK_STR(a->hash, b->hash);
    CHECK_STR(a->name, b->name);
    CHECK(memcmp(a->mean, b->mean, sizeof a->mean) == 0 && memcmp(a->std, b->std, sizeof a->std) == 0);
    CHECK(memcmp(a->pixels, b->pixels, (size_t)a->n * size) == 0);
    CHECK(!a->labels || memcmp(a->labels, b->labels, (size_t)a->n * sizeof *a->labels) == 0);
    dataset_batch(a, index, 0, ROWS_ASKED, x);
    dataset_batch(b, index, 0, ROWS_ASKED, y);
    CHECK(memcmp(x, y, ROWS_ASKED * size * sizeof *x) == 0);
    mem_free(x);
    mem_free(y);
}

/* Files that were decoded to, in the cache. */
static int kept(const char *cache)
{
    char *folder = mem_print("%s/%s/heist/decoded", scratch, cache);
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) n += *e->d_name != '.';
    if (d) closedir(d);
    mem_free(folder);
    return n;
}

/* In memory, where there is no place to keep it; decoded into the cache; found there. */
static void thrice(const char *spec, size_t room)
{
    struct dataset *in_memory = NULL;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    if (!CHECK_OK(dataset_open(&in_memory, spec, NULL))) return;
    CHECK_INT(((const struct images *)in_memory->memory)->fixed, 0);
    for (size_t i = 0; i < (size_t)N * IMAGE; i += 331) CHECK_INT(in_memory->pixels[i], pixel(i));
    caches_in("cache");
    const int before = kept("cache");
    for (int again = 0; again < 2; again++) {
        struct dataset *d = opens_mapped(spec, room);
        same(in_memory, d);
        dataset_free(d);
        CHECK_INT(kept("cache"), before + 1);
    }
    dataset_free(in_memory);
}

/* ---- mapped as they are ---------------------------------------------------------------------------------------------------- */

/* A sparse file: a head, n images of which the last has two pixels: its last, and one of its middle. */
enum { MIDDLE = 13 };
static void put_sparse(const char *name, const void *head, size_t size, size_t n)
{
    write_at(name, head, size);
    char *path = path_of(name);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_INT(ftruncate(file, (off_t)(size + n * IMAGE)), 0);
    CHECK_INT(pwrite(file, "\x4d", 1, (off_t)(size + n * IMAGE - 1)), 1);
    CHECK_INT(pwrite(file, "\x64", 1, (off_t)(size + (n - 1) * IMAGE + MIDDLE * SIDE + MIDDLE)), 1);
    CHECK_INT(close(file), 0);
    mem_free(path);
}

static void plain_files_are_mapped(void)
{
    enum { MANY = 200000, INNER = 20, CUT = (SIDE - INNER) / 2 }; /* 157 MB */
    const uint8_t idx[16] = {0, 0, 8, 3, MANY >> 24, MANY >> 16 & 255, MANY >> 8 & 255, MANY & 255, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    char npy[128] = "\x93NUMPY\x01\x00\x76\x00";
    memset(npy + 10, ' ', 117);
    const char *text = "{'descr': '|u1', 'fortran_order': False, 'shape': (200000, 28, 28), }";
    memcpy(npy + 10, text, strlen(text));
    npy[127] = '\n';
    put_sparse("sparse/train-images-idx3-ubyte", idx, sizeof idx, MANY);
    put_sparse("sparse-npy/train-images.npy", npy, sizeof npy, MANY);
    caches_in("plain");
    struct dataset *d = opens_mapped("sparse", margin), *e = opens_mapped("sparse-npy", margin);
    if (!CHECK(d && e)) return;
    CHECK_STR(d->hash, e->hash);
    for (int k = 0; k < 2; k++) {
        const struct dataset *one = k ? e : d;
        float x[IMAGE];
        CHECK_INT(one->n, MANY);
        dataset_batch(one, NULL, MANY - 1, 1, x);
        CHECK(x[IMAGE - 1] == 77 / 255.0f && x[0] == 0);
        CHECK_NEAR(one->mean[0] * 255 * MANY * IMAGE, 177, 1e-3);
    }
    CHECK_INT(kept("plain"), 0);
    dataset_free(e);
    dataset_free(d);
    for (int again = 0; again < 2; again++) { /* another shape of it is kept: 80 MB */
        d = opens_mapped("sparse:to=1x20x20:fit=pad", margin);
        if (CHECK(d)) {
            const uint8_t *last = d->pixels + ((size_t)MANY - 1) * INNER * INNER;
            CHECK(d->n == MANY && d->shape.h == INNER);
            for (int i = 0; i < INNER * INNER; i++) CHECK_INT(last[i], i == (MIDDLE - CUT) * INNER + MIDDLE - CUT ? 100 : 0);
        }
        dataset_free(d);
        CHECK_INT(kept("plain"), 1);
    }
    char *path = path_of("sparse/train-images-idx3-ubyte");
    CHECK_INT(truncate(path, 16 + (off_t)MANY * IMAGE - 1), 0);
    CHECK_ERR(dataset_open(&d, "sparse", NULL), ERR_FORMAT, "-ubyte: 156799999 bytes of data, expected 156800000 (200000x28x28)");
    CHECK_INT(truncate(path, 16 + (off_t)MANY * IMAGE + 1), 0);
    CHECK_ERR(dataset_open(&d, "sparse", NULL), ERR_FORMAT, "-ubyte: bytes behind the data, expected 156800000 bytes (200000x28x28)");
    CHECK_INT(truncate(path, 11), 0);
    CHECK_ERR(dataset_open(&d, "sparse", NULL), ERR_FORMAT, "-ubyte: 11 bytes, expected an IDX header of 16");
    mem_free(path);
}

/* ---- decoded into the cache ------------------------------------------------------------------------------------------------ */

static void put_idx(const char *folder, size_t claimed, int packed)
{
    char *images = mem_print("%s/train-images-idx3-ubyte", folder), *labels = mem_print("%s/train-labels-idx1-ubyte", folder);
    uint8_t *b = mem_new(16 + (size_t)N * IMAGE, 1), *pixels = pixels_new();
    const uint8_t head[16] = {0, 0, 8, 3, (uint8_t)(claimed >> 24), (uint8_t)(claimed >> 16), (uint8_t)(claimed >> 8), (uint8_t)claimed, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    memcpy(b, head, 16);
    memcpy(b + 16, pixels, (size_t)N * IMAGE);
    (packed ? write_gz : write_at)(images, b, 16 + (size_t)N * IMAGE);
    memcpy(b, (const uint8_t[8]){0, 0, 8, 1, N >> 24, N >> 16 & 255, N >> 8 & 255, N & 255}, 8);
    for (int i = 0; i < N; i++) b[8 + i] = (uint8_t)(i % 7);
    write_at(labels, b, 8 + N);
    mem_free(pixels);
    mem_free(b);
    mem_free(images);
    mem_free(labels);
}

static void gzipped_idx_is_kept(void)
{
    struct dataset *d = NULL, *plain = NULL;
    put_idx("packed", N, 1);
    thrice("packed", margin);
    put_idx("unpacked", N, 0);
    plain = opens_mapped("unpacked", margin);
    d = opens_mapped("packed", margin);
    if (CHECK(d && plain)) {
        CHECK_STR(plain->hash, d->hash);
        CHECK(d->classes == 7 && d->labels[N - 1] == (N - 1) % 7);
    }
    dataset_free(d);
    dataset_free(plain);
    const int before = kept("cache");
    put_idx("packed", (size_t)N + 1, 1); /* one image more than there is; and one less */
    CHECK_ERR(dataset_open(&d, "packed", NULL), ERR_FORMAT, "-ubyte: 70560000 bytes of data, expected 70560784 (90001x28x28)");
    put_idx("packed", (size_t)N - 1, 1);
    CHECK_ERR(dataset_open(&d, "packed", NULL), ERR_FORMAT, "-ubyte: bytes behind the data, expected 70559216 bytes (89999x28x28)");
    CHECK_INT(kept("cache"), before);
}

/* EMNIST's are gzipped, turned, and large. */
static void turned_while_it_is_decoded(void)
{
    struct images plain = {0}, first = {0}, again = {0};
    char *gz = path_of("packed/train-images-idx3-ubyte"), *raw = path_of("unpacked/train-images-idx3-ubyte");
    put_idx("packed", N, 1);
    const int before = kept("cache");
    if (CHECK_OK(idx_images(&plain, raw, 0)) && CHECK_OK(idx_images(&first, gz, 1)) && CHECK_OK(idx_images(&again, gz, 1))) {
        for (size_t i = 0; i < (size_t)N * IMAGE; i += 31) {
            const size_t at = i % IMAGE;
            CHECK_INT(first.pixels[i], plain.pixels[i - at + at % SIDE * SIDE + at / SIDE]);
        }
        CHECK(memcmp(first.pixels, again.pixels, (size_t)N * IMAGE) == 0);
        images_transpose(&first); /* of pixels that cannot be written to */
        CHECK(memcmp(first.pixels, plain.pixels, (size_t)N * IMAGE) == 0);
        CHECK_INT(kept("cache"), before + 2);
    }
    images_clear(&plain);
    images_clear(&first);
    images_clear(&again);
    mem_free(gz);
    mem_free(raw);
}

/* A .npz that is stored, not deflated. */
static void npz_is_kept(void)
{
    const size_t size = 128 + (size_t)N * IMAGE;
    uint8_t *b = mem_new(size, 1), *pixels = pixels_new();
    char *path = path_of("zipped/train-images.npz");
    memset(b + 10, ' ', 117);
    memcpy(b, "\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (90000, 28, 28), }", 10 + 68);
    b[127] = '\n';
    memcpy(b + 128, pixels, size - 128);
    write_at("zipped/train-images.npz", "", 0);
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    CHECK(archive_write_set_format_zip(a) == ARCHIVE_OK && archive_write_set_options(a, "zip:compression=store") == ARCHIVE_OK && archive_write_open_filename(a, path) == ARCHIVE_OK);
    archive_entry_set_pathname(e, "arr_0.npy");
    archive_entry_set_size(e, (la_int64_t)size);
    archive_entry_set_filetype(e, AE_IFREG);
    CHECK_INT(archive_write_header(a, e), ARCHIVE_OK);
    CHECK_INT(archive_write_data(a, b, size), size);
    archive_entry_free(e);
    CHECK_INT(archive_write_free(a), ARCHIVE_OK);
    struct dataset *in_memory = NULL, *d = NULL;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    CHECK_OK(dataset_open(&in_memory, "zipped", NULL));
    caches_in("cache");
    CHECK_OK(dataset_open(&d, "zipped", NULL)); /* an archive's entry is unpacked in memory, once */
    same(in_memory, d);
    dataset_free(d);
    d = opens_mapped("zipped", margin);
    same(in_memory, d);
    dataset_free(d);
    dataset_free(in_memory);
    mem_free(path);
    mem_free(pixels);
    mem_free(b);
}

/* SVHN's: 3x32x32, [h][w][c][n] in MATLAB's order, labels 1 to 10. */
static void mat_is_kept(void)
{
    enum { IMAGES = 23000, SIZE = 3 * 32 * 32 };
    uint8_t *x = mem_new(IMAGES, SIZE), *y = mem_new(IMAGES, 1);
    for (size_t i = 0; i < (size_t)IMAGES * SIZE; i++) x[i] = pixel(i);
    for (int i = 0; i < IMAGES; i++) y[i] = (uint8_t)(i % 10 + 1);
    char *path = path_of("x.mat");
    mat_t *m = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    matvar_t *vx = Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, (size_t[]){32, 32, 3, IMAGES}, x, 0), *vy = Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, (size_t[]){IMAGES, 1}, y, 0);
    CHECK(m && vx && vy && !Mat_VarWrite(m, vx, MAT_COMPRESSION_ZLIB) && !Mat_VarWrite(m, vy, MAT_COMPRESSION_NONE));
    Mat_VarFree(vx);
    Mat_VarFree(vy);
    Mat_Close(m);
    struct images in_memory = {0}, first = {0}, again = {0};
    char key[HASH_TEXT];
    caches_in("cache");
    CHECK_INT(decoded_find(&again, key, NULL, path, "mat"), 0);
    CHECK_OK(mat_read(&in_memory, path, 10, NULL));
    CHECK_OK(mat_read(&first, path, 10, key));
    if (CHECK_INT(decoded_find(&again, key, NULL, path, "mat"), 1)) {
        const size_t bytes = (size_t)IMAGES * SIZE, labels = IMAGES * sizeof *again.labels;
        CHECK(!in_memory.map && first.fixed && again.fixed && again.n == IMAGES && again.classes == 10 && again.shape.c == 3);
        CHECK(!memcmp(in_memory.pixels, first.pixels, bytes) && !memcmp(in_memory.pixels, again.pixels, bytes));
        CHECK(!memcmp(in_memory.labels, first.labels, labels) && !memcmp(in_memory.labels, again.labels, labels));
        for (size_t i = 0; i < bytes; i += 331) CHECK_INT(again.pixels[i], pixel(i / 1024 * 1024 + i % 32 * 32 + i / 32 % 32));
    }
    images_clear(&in_memory);
    images_clear(&first);
    images_clear(&again);
    mem_free(path);
    mem_free(x);
    mem_free(y);
}

static void csv_is_kept(void)
{
    write_at("table/train.csv.gz", "", 0);
    char *path = path_of("table/train.csv.gz"), line[8 + 4 * IMAGE];
    gzFile f = gzopen(path, "wb1");
    for (size_t i = 0, at = 0; i < N; i++) {
        char *to = line + sprintf(line, "%zu", i % 300);
        for (int p = 0; p < IMAGE; p++, at++)
            if (pixel(at)) to += sprintf(to, ",%d", pixel(at));
            else *to++ = ',', *to++ = '0';
        *to++ = '\n';
        CHECK_INT(gzwrite(f, line, (unsigned)(to - line)), to - line);
    }
    CHECK_INT(gzclose(f), Z_OK);
    mem_free(path);
    thrice("table", 100 << 20); /* up to DECODED_LARGE its rows grow in memory, which copies them; all of them would take 150 MB */
    struct dataset *d = opens_mapped("table", margin);
    if (d) CHECK(d->classes == 300 && d->labels[N - 1] == (N - 1) % 300);
    dataset_free(d);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("HEIST_DATA", scratch, 1);
    setenv("XDG_DATA_HOME", scratch, 1);
    RUN(plain_files_are_mapped);
    RUN(gzipped_idx_is_kept);
    RUN(turned_while_it_is_decoded);
    RUN(npz_is_kept);
    RUN(mat_is_kept);
    RUN(csv_is_kept);
    remove_all(scratch);
    return check_done();
}
