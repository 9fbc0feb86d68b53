/* Pictures in folders and archives. */
#include <math.h>
#include <sys/stat.h>
#include <time.h>

#include "data/dataset.h"
#include "data/entries.h"
#include "data/picture.h"
#include "tests/picture_file.h"

static const char *given; /* HEIST_DATA as it came */

static struct dataset *opens(const char *spec)
{
    struct dataset *d = NULL;
    CHECK_OK(dataset_open(&d, spec, NULL));
    return d;
}

static void decodes_what_was_encoded(void)
{
    uint8_t rgb[3 * 30], chw[3 * 30], grey[30];
    for (int i = 0; i < 90; i++) rgb[i] = (uint8_t)(i * 53 % 256);
    for (int c = 1; c <= 3; c += 2) {
        size_t size;
        struct shape s = {0};
        uint8_t *png = png_bytes(&size, rgb, c, 5, 6);
        CHECK_OK(picture_shape(&s, png, size, "p"));
        CHECK(s.c == c && s.h == 5 && s.w == 6);
        CHECK_OK(picture_decode(c == 3 ? chw : grey, s, png, size, "p"));
        for (int k = 0; k < c; k++)
            for (int i = 0; i < 30; i++) CHECK_INT((c == 3 ? chw : grey)[k * 30 + i], rgb[i * c + k]);
        free(png);
    }
    uint8_t smooth[3 * 256], out[3 * 256];
    for (int i = 0; i < 256; i++)
        for (int k = 0; k < 3; k++) smooth[3 * i + k] = (uint8_t)(40 * k + 5 * (i % 16) + 3 * (i / 16));
    for (int c = 1; c <= 3; c += 2) {
        size_t size;
        struct shape s = {0};
        uint8_t *jpeg = jpeg_bytes(&size, smooth, c, 16, 16);
        CHECK_OK(picture_shape(&s, jpeg, size, "p"));
        CHECK(s.c == c && s.h == 16 && s.w == 16);
        CHECK_OK(picture_decode(out, s, jpeg, size, "p"));
        for (int k = 0; k < c; k++)
            for (int i = 0; i < 256; i++) CHECK(abs(out[k * 256 + i] - smooth[i * c + k]) <= (c == 3 ? 3 : 1));
        tjFree(jpeg);
    }
}

/* Every cut and many a flipped byte: an error or a picture, never a fault; a cut one is always an error. */
static void broken_pictures_are_refused(void)
{
    uint8_t pixels[3 * 24 * 24], out[3 * 24 * 24];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i % 251);
    for (int kind = 0; kind < 2; kind++) {
        size_t size;
        uint8_t *bytes = kind ? jpeg_bytes(&size, pixels, 3, 24, 24) : png_bytes(&size, pixels, 3, 24, 24);
        struct shape s, whole = {3, 24, 24, ROWS};
        for (size_t n = 0; n + 12 < size; n += 1 + n / 40) { /* 12: an IEND chunk, or the marker that ends a JPEG, may be missing */
            int code = picture_shape(&s, bytes, n, "cut");
            if (!code) code = picture_decode(out, s, bytes, n, "cut");
            CHECK_INT(code, ERR_FORMAT);
            CHECK(strncmp(err_text(), "cut: ", 5) == 0);
        }
        for (size_t at = 0; at < size; at += 3) {
            bytes[at] ^= 0x55;
            int code = picture_decode(out, whole, bytes, size, "bent");
            CHECK(code == OK || code == ERR_FORMAT);
            bytes[at] ^= 0x55;
        }
        CHECK_OK(picture_decode(out, whole, bytes, size, "whole"));
        if (kind) tjFree(bytes);
        else free(bytes);
    }
    struct shape s;
    CHECK_ERR(picture_shape(&s, (const uint8_t *)"GIF89a..", 8, "x.jpg"), ERR_FORMAT, "begins with 47 49 46 38, expected a JPEG");
    CHECK_ERR(picture_shape(&s, (const uint8_t *)"", 0, "x.jpg"), ERR_FORMAT, "begins with nothing");
}

static void classes_are_folders(void)
{
    const char *const name[] = {"zebra", "ant", "bee"};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 4 + k; i++) {
            char *train = mem_print("zoo/train/%s/%d.png", name[k], i), *test = mem_print("zoo/test/%s/%d.png", name[k], i);
            write_png(train, 1, 8, 8, 10 * k + i);
            if (k) write_png(test, 1, 8, 8, 100 + 10 * k + i);
            mem_free(train);
            mem_free(test);
        }
    write_at("zoo/readme.txt", "x", 1);
    write_at("zoo/train/.hidden.png", "x", 1);
    struct dataset *d = opens("zoo"), *t = opens("zoo:split=test");
    CHECK_INT(d->n, 15);
    CHECK_INT(d->classes, 3);
    CHECK_STR(d->names, "ant\nbee\nzebra\n");
    CHECK(d->shape.c == 1 && d->shape.h == 8 && d->shape.w == 8);
    CHECK(d->labels[0] == 0 && d->pixels[0] == 10 && d->labels[14] == 2 && d->pixels[14 * 64] == 3);
    CHECK_INT(t->n, 11);
    CHECK_INT(t->classes, 3); /* as in training, though no zebra is there */
    CHECK_INT(t->pixels[0], 110);
    dataset_free(d);
    d = opens("zoo:classes=1-2");
    CHECK_INT(d->n, 10);
    CHECK_INT(d->classes, 2);
    CHECK_STR(d->names, "bee\nzebra\n");
    CHECK(d->labels[0] == 0 && d->labels[9] == 1);
    dataset_free(d);
    dataset_free(t);
}

static int looked;

static int is_deep(const char *path)
{
    looked++;
    return strstr(path, "/b/deep.png") != NULL;
}

static void looks_for_one_file(void)
{
    write_at("look/.hidden/b/deep.png", "x", 1);
    write_at("look/a/1.png", "x", 1);
    char *root = path_of("look"), *loop = path_of("look/a/loop"), *nowhere = path_of("nowhere");
    CHECK_INT(entries_any(root, is_deep), 0);
    CHECK_INT(looked, 1);
    write_at("look/a/b/deep.png", "x", 1);
    CHECK_INT(entries_any(root, is_deep), 1);
    CHECK(entries_any(nowhere, is_deep) < 0);
    char *deep = path_of("look/a/b/deep.png");
    CHECK_INT(unlink(deep), 0);
    CHECK_INT(symlink(".", loop), 0); /* a folder without end is given up */
    CHECK(entries_any(root, is_deep) < 0);
    mem_free(deep);
    mem_free(nowhere);
    mem_free(loop);
    mem_free(root);
}

static void without_classes_or_splits(void)
{
    for (int i = 0; i < 5; i++) {
        char *name = mem_print("flat/%d.png", i);
        write_png(name, 3, 6, 4, i);
        mem_free(name);
    }
    struct dataset *d = opens("flat"), *bad = NULL;
    CHECK_INT(d->n, 5);
    CHECK(d->classes == 0 && !d->labels && !d->names);
    CHECK(d->shape.c == 3 && d->shape.h == 6 && d->shape.w == 4);
    dataset_free(d);
    CHECK_ERR(dataset_open(&bad, "flat:split=test", NULL), ERR_MISSING, "no test and no val folder");
    write_png("flat/deep/x.png", 3, 6, 4, 1);
    CHECK_ERR(dataset_open(&bad, "flat", NULL), ERR_FORMAT, "deep/x.png lies in a class's folder and 4.png in none");
    write_png("other/a/x.png", 3, 6, 4, 1);
    write_at("other/a/y.bmp", "BM", 2);
    CHECK_ERR(dataset_open(&bad, "other", NULL), ERR_FORMAT, "found a/y.bmp, expected JPEG and PNG");
}

static void sizes_and_colours_may_be_mixed(void)
{
    write_png("mixed/a/1.png", 1, 8, 8, 50);
    write_png("mixed/a/2.png", 3, 8, 8, 60);
    struct dataset *d = opens("mixed"), *bad = NULL;
    CHECK(d->shape.c == 3 && d->pixels[0] == 50 && d->pixels[2 * 64 + 63] == 50); /* grey became colour */
    dataset_free(d);
    write_png("mixed/b/3.png", 3, 20, 10, 70);
    CHECK_ERR(dataset_open(&bad, "mixed", NULL), ERR_SHAPE, "mixed/b/3.png: 20x10; for pictures of many sizes say to=CxHxW");
    d = opens("mixed:to=1x5x5");
    CHECK_INT(d->n, 3);
    CHECK(d->shape.c == 1 && d->shape.h == 5 && d->pixels[0] == 50 && d->pixels[25] == 60 && d->pixels[74] == 70);
    CHECK(strstr(d->name, ":to=1x5x5") != NULL);
    dataset_free(d);
    write_at("mixed/b/4.png", "not one", 7);
    CHECK_ERR(dataset_open(&bad, "mixed:to=1x5x5", NULL), ERR_FORMAT, "mixed/b/4.png: begins with 6e 6f 74 20");
}

/* What a decoded set left behind: only file in its folder; mem_free frees. */
static char *only_decoded(int expected)
{
    char *folder = path_of("cache/heist/decoded"), *path = NULL;
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (*e->d_name == '.') continue;
        mem_free(path);
        path = mem_print("%s/%s", folder, e->d_name);
        n++;
    }
    if (d) closedir(d);
    CHECK_INT(n, expected);
    mem_free(folder);
    return path;
}

static void decoded_once(void)
{
    char *cache = path_of("cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    write_png("once/a/1.png", 1, 8, 8, 5);
    write_png("once/b/2.png", 1, 8, 8, 6);
    struct dataset *d = opens("once"), *again = opens("once");
    char *kept = only_decoded(1), *bytes = NULL;
    size_t size;
    CHECK_STR(d->hash, again->hash);
    CHECK_STR(d->names, again->names);
    CHECK(again->labels[1] == 1 && memcmp(d->pixels, again->pixels, 128) == 0 && d->mean[0] == again->mean[0]);
    dataset_free(again);
    CHECK_OK(file_read(&bytes, &size, kept)); /* it is what is read: a pixel changed there shows */
    bytes[4096]++;
    CHECK_OK(file_write(kept, bytes, size));
    again = opens("once");
    CHECK_INT(again->pixels[0], 6);
    dataset_free(again);
    const size_t cut[] = {size - 1, 4096, 100, 0};
    for (int i = 0; i < 5; i++) { /* torn, or of another version: decoded anew */
        if (i == 4) bytes[14]++;
        CHECK_OK(file_write(kept, bytes, i < 4 ? cut[i] : size));
        again = opens("once");
        CHECK(again->n == 2 && again->pixels[0] == 5);
        dataset_free(again);
    }
    write_png("once/b/2.png", 1, 8, 8, 9); /* another picture is another key, if only by its time */
    again = opens("once");
    CHECK_INT(again->pixels[64], 9);
    dataset_free(again);
    dataset_free(d);
    mem_free(only_decoded(2));
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1); /* nowhere to keep it: it opens all the same */
    again = opens("once");
    CHECK_INT(again->pixels[64], 9);
    dataset_free(again);
    setenv("XDG_CACHE_HOME", cache, 1);
    mem_free(bytes);
    mem_free(kept);
    mem_free(cache);
}

/* A tar by its layout: a header of 512 bytes a file, contents in blocks of 512. */
static void put_tar(FILE *f, const char *name, const void *bytes, size_t size)
{
    char head[512] = {0};
    snprintf(head, 100, "%s", name);
    memcpy(head + 100, "0000644", 8);
    memcpy(head + 108, "0000000", 8);
    memcpy(head + 116, "0000000", 8);
    snprintf(head + 124, 12, "%011o", (unsigned)size);
    memcpy(head + 136, "00000000000", 12);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    fwrite(head, 1, 512, f);
    fwrite(bytes, 1, size, f);
    for (size_t i = size; i % 512; i++) fputc(0, f);
}

static void archives_are_read(void)
{
    char *path = path_of("packed.tar"), *text = NULL;
    size_t size, png_size;
    uint8_t grey[16];
    FILE *f = open_memstream(&text, &size);
    for (int i = 3; i >= 0; i--) { /* not in their order */
        char *name = mem_print("./wrap/train/%s/images/%d.png", i & 1 ? "n02" : "n01", i);
        memset(grey, 40 + i, sizeof grey);
        uint8_t *png = png_bytes(&png_size, grey, 1, 4, 4);
        put_tar(f, name, png, png_size);
        free(png);
        mem_free(name);
    }
    memset(grey, 77, sizeof grey);
    uint8_t *png = png_bytes(&png_size, grey, 1, 4, 4);
    put_tar(f, "wrap/val/images/v0.png", png, png_size);
    free(png);
    const char *lines = "v0.png\tn02\t0\t0\t3\t3\nv1.png\tn01\t0\t0\t3\t3\n"; /* v1 is not here: a subset */
    put_tar(f, "wrap/val/val_annotations.txt", lines, strlen(lines));
    for (int i = 0; i < 1024; i++) fputc(0, f);
    fclose(f);
    write_at("packed.tar", text, size);
    struct dataset *d = opens("packed"), *t = opens("packed:split=test"), *bad = NULL;
    CHECK_INT(d->n, 4);
    CHECK_STR(d->names, "n01\nn02\n");
    for (int i = 0; i < 4; i++) CHECK(d->labels[i] == i / 2 && d->pixels[16 * i] == 40 + (i & 1) * 2 + i / 2);
    CHECK_INT(t->n, 1);
    CHECK(t->labels[0] == 1 && t->pixels[0] == 77 && t->classes == 2);
    dataset_free(d);
    dataset_free(t);
    for (size_t cut = 300; cut < size - 1536; cut += 1021) { /* in a header or in a picture */
        write_at("packed.tar", text, cut);
        CHECK_INT(dataset_open(&bad, "packed", NULL), ERR_FORMAT);
        CHECK(strncmp(err_text(), path, strlen(path)) == 0);
    }
    text[1] ^= 1; /* a header's check sum */
    write_at("packed.tar", text, size);
    CHECK_ERR(dataset_open(&bad, "packed", NULL), ERR_FORMAT, "expected a tar or zip archive that is whole");
    mem_free(path);
    free(text);
}

/* ---- real sets: the figures are those of an independent decoder (Pillow) ------------------------------------------------- */

static void real_set(const char *spec, int n, int classes, int side, const char *hash)
{
    struct dataset *d = NULL;
    if (given) setenv("HEIST_DATA", given, 1);
    int code = dataset_open(&d, spec, NULL);
    setenv("HEIST_DATA", scratch, 1);
    if (code == ERR_MISSING) {
        printf("skip %s: %s\n", spec, err_text());
        return;
    }
    CHECK_OK(code);
    if (d->n != n) printf("skip %s: a variant of %d images\n", spec, d->n);
    else {
        CHECK_INT(d->classes, classes);
        CHECK(d->shape.c == 3 && d->shape.h == side && d->shape.w == side);
        CHECK_STR(d->hash, hash);
    }
    dataset_free(d);
}

static void cifar10_is_itself(void)
{
    real_set("cifar10-images:split=test", 10000, 10, 32, "85b14bad477eb41f345330f3454a3ae83e353009e171381f5ad19f25d130b1cb");
    real_set("cifar10-images", 50000, 10, 32, "e61bc061abf54a846624d694db887bf7620eae03d909dd26af393bc2a440d2d7");
}

static void tiny_imagenet_is_itself(void)
{
    real_set("tiny-imagenet:split=test", 2000, 200, 64, "a780789c557dad2ea2b1e620f0159ac09d2c5915ad50f39014c542f35060fa7c");
    real_set("tiny-imagenet", 30000, 200, 64, "3c051ceb9ec71b7deac5cba01d72a532064b4eb8f6ba011b64f8e5505255a3db");
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    given = getenv("HEIST_DATA") ? mem_string(getenv("HEIST_DATA")) : NULL;
    char *cache = path_of("decoded");
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("XDG_DATA_HOME", cache, 1);
    setenv("HEIST_DATA", scratch, 1);
    RUN(decodes_what_was_encoded);
    RUN(broken_pictures_are_refused);
    RUN(classes_are_folders);
    RUN(looks_for_one_file);
    RUN(without_classes_or_splits);
    RUN(sizes_and_colours_may_be_mixed);
    RUN(decoded_once);
    RUN(archives_are_read);
    setenv("XDG_CACHE_HOME", cache, 1);
    RUN(cifar10_is_itself);
    RUN(tiny_imagenet_is_itself);
    mem_free(cache);
    mem_free((void *)(uintptr_t)given);
    remove_all(scratch);
    return check_done();
}
