/* The IDX reader against every way a file can be wrong. */
#include "data/gz.h"
#include "data/idx.h"
#include "tests/idx_file.h"

/* As images, a plain file is mapped; turned, they are those of the file column by column. */
static void same_images(const struct idx *x, const char *path, int plain)
{
    struct images m = {0}, turned = {0};
    const int *d = x->dim + x->dims - 2, c = x->dims == 4 ? x->dim[1] : 1, w = d[1], h = d[0];
    if (!CHECK_OK(idx_images(&m, path, 0)) || !CHECK_OK(idx_images(&turned, path, 1))) return;
    CHECK(m.n == x->dim[0] && m.shape.c == c && m.shape.h == h && m.shape.w == w && shape_size(turned.shape) == (size_t)c * (size_t)h * (size_t)w);
    CHECK_INT(m.fixed, plain);
    CHECK_INT(m.map != NULL, plain);
    CHECK(memcmp(m.pixels, x->bytes, x->size) == 0);
    for (int p = 0; p < m.n * c; p++)
        for (int i = 0; i < h * w; i++) CHECK_INT(turned.pixels[p * h * w + i], x->bytes[p * h * w + i % w * h + i / w]);
    images_clear(&m);
    images_clear(&turned);
}

static void reads_plain_and_gzipped(void)
{
    size_t size;
    for (int dims = 1; dims <= 4; dims++) {
        const uint32_t dim[4] = {5, dims == 4 ? 3 : 4, 7, 2};
        uint8_t *b = idx_bytes(&size, dims, dim, 9);
        write_at("round", b, size);
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
            if (dims > 2) same_images(&x, path, k == 0);
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
    write_at("large", b, size);
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
        (packed ? write_gz : write_at)("bad", bytes, size);
        struct idx x = {0};
        char *path = path_of("bad");
        CHECK_ERR(idx_read(&x, path, least, most), ERR_FORMAT, part);
        CHECK(strncmp(err_text(), path, strlen(path)) == 0);
        CHECK(x.bytes == NULL);
        struct images m = {0};
        if (least == 3 && most == 4) { /* what idx_images expects */
            CHECK_ERR(idx_images(&m, path, 0), ERR_FORMAT, part);
            CHECK(!m.pixels && !m.map && strncmp(err_text(), path, strlen(path)) == 0);
        }
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
    expect_bad((const uint8_t *)"", 0, 3, 4, "0 bytes, expected an IDX header");
    BAD(3, 4, "3 bytes, expected an IDX header", 0, 0, 8);
    BAD(3, 3, "magic 00000802, expected 00000803", 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 4, "magic 00000801, expected 00000803 or 00000804", 0, 0, 8, 1, 0, 0, 0, 1, 7);
    BAD(1, 1, "magic 00000803, expected 00000801", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 3, "magic 00000d03, expected 00000803", 0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7);
    BAD(3, 3, "magic 00000805, expected 00000803", 0, 0, 8, 5, 0, 0, 0, 1);
    BAD(3, 3, "magic 89504e47", 0x89, 'P', 'N', 'G', 13, 10, 26, 10);
    BAD(3, 4, "10 bytes, expected an IDX header of 16", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0);
    BAD(3, 4, "dimension 1 is 0, expected 1 to", 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 4, "dimension 3 is 0, expected 1 to 4096", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0);
    BAD(3, 4, "dimension 1 is 4294967295, expected", 0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 4, "dimension 2 is 65536, expected 1 to 4096", 0, 0, 8, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1);
    BAD(3, 4, "dimension 2 is 5, expected 1 to 4", 0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1);
    BAD(3, 3, "the header says 2147483647x4096x4096", 0, 0, 8, 3, 127, 255, 255, 255, 0, 0, 16, 0, 0, 0, 16, 0);
    BAD(3, 4, "1 bytes of data, expected 2 (1x1x2)", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7);
    BAD(3, 4, "bytes behind the data, expected 1 bytes (1x1x1)", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7, 7);
}

/* 8 GiB claimed and 4 bytes there: memory follows the bytes. */
static void believes_no_claim(void)
{
    const uint8_t liar[] = {0, 0, 8, 3, 0, 7, 255, 255, 0, 0, 0, 128, 0, 0, 0, 128, 1, 2, 3, 4};
    mem_peak_reset();
    double before = mem_peak_mb();
    expect_bad(liar, sizeof liar, 3, 4, "4 bytes of data, expected 8589918208 (524287x128x128)");
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
        write_at("cut", b, cut);
        struct images m = {0};
        CHECK_ERR(idx_read(&x, to, 3, 3), ERR_FORMAT, "expected");
        CHECK_ERR(idx_images(&m, to, 0), ERR_FORMAT, "expected");
        mem_free(to);
    }
    for (size_t cut = 0; cut < packed_size; cut++) {
        struct idx x = {0};
        char *to = path_of("cut.gz");
        write_at("cut.gz", (const uint8_t *)packed, cut);
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
        write_at("flip.gz", packed, packed_size);
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
    struct images m = {0};
    CHECK_ERR(idx_images(&m, path, 0), ERR_MISSING, "nowhere: No such file");
    CHECK_INT(idx_images(&m, scratch, 0), ERR_IO);
    mem_free(path);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    RUN(reads_plain_and_gzipped);
    RUN(reads_large);
    RUN(refuses_bad_headers);
    RUN(believes_no_claim);
    RUN(refuses_every_cut);
    RUN(gzip_damage_shows);
    RUN(refuses_what_is_no_file);
    remove_all(scratch);
    return check_done();
}
