#include "data/npy.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/decoded.h"
#include "data/entries.h"
#include "data/format.h"
#include "data/place.h"

/* ---- the header ----------------------------------------------------------------------------------------------------------- */

enum { MAGIC = 6, HEADER_MOST = 65536, CLASSES_MOST = 65536 };

/* What is being read: a Python dictionary, one line of ASCII. */
struct reader {
    const char *at, *end;
    const char *begin, *name; /* of the file: for messages */
};

static int bad(const struct reader *r, const char *expected)
{
    char found[13];
    int n = 0;
    for (const char *p = r->at; p < r->end && n < 12 && *p >= ' ' && *p <= '~'; p++) found[n++] = *p;
    found[n] = 0;
    return err_set(ERR_FORMAT, "%s: offset %zu: found '%s', expected %s", r->name, (size_t)(r->at - r->begin), found, expected);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) r->at++;
}

/* Steps over `text` where it comes next. */
static int take(struct reader *r, const char *text)
{
    const size_t n = strlen(text);
    skip_space(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0) return 0;
    r->at += n;
    return 1;
}

/* '<i8', '|u1' */
static int read_type(struct npy *a, struct reader *r)
{
    const char *expected = "a dtype of whole numbers: '|u1', '<i8' and their like";
    const char *begin;
    if (!take(r, "'")) return bad(r, expected);
    begin = r->at;
    const size_t left = (size_t)(r->end - begin);
    if (left < 4 || begin[3] != '\'' || !memchr("|<", begin[0], 2) || !memchr("ui", begin[1], 2) || !memchr("1248", begin[2], 4) || (begin[0] == '|' && begin[2] != '1')) {
        r->at--;
        return bad(r, expected);
    }
    a->kind = begin[1];
    a->width = begin[2] - '0';
    r->at += 4;
    return OK;
}

/* (60000, 28, 28) */
static int read_shape(struct npy *a, struct reader *r)
{
    if (!take(r, "(")) return bad(r, "a shape");
    a->count = 1;
    for (a->dims = 0; !take(r, ")"); a->dims++) {
        int64_t v = 0;
        skip_space(r);
        const char *digits = r->at;
        while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && v <= INT_MAX) v = 10 * v + (*r->at++ - '0');
        if (r->at == digits || v < 1 || v > INT_MAX || a->dims == NPY_DIMS || a->count > SIZE_MAX / 16 / (size_t)v) {
            r->at = digits;
            return bad(r, "one to four sizes of 1 to 2147483647");
        }
        a->dim[a->dims] = (int)v;
        a->count *= (size_t)v;
        if (take(r, ",")) continue;
        skip_space(r);
        if (r->at == r->end || *r->at != ')') return bad(r, "',' or ')'");
    }
    return a->dims ? OK : bad(r, "at least one dimension in the shape");
}

static int read_dictionary(struct npy *a, struct reader *r)
{
    enum { TYPE = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0, code = take(r, "{") ? OK : bad(r, "a dictionary: '{'");
    while (!code && !take(r, "}")) {
        const char *key = r->at;
        const int now = take(r, "'descr':") ? TYPE : take(r, "'fortran_order':") ? ORDER : take(r, "'shape':") ? SHAPE : 0;
        if (!now || seen & now) {
            r->at = key;
            return bad(r, "'descr', 'fortran_order' and 'shape', each once");
        }
        seen |= now;
        if (now == TYPE) code = read_type(a, r);
        else if (now == SHAPE) code = read_shape(a, r);
        else if (!take(r, "False")) code = bad(r, "False: an array in C order (numpy.ascontiguousarray makes one)");
        skip_space(r);
        if (!code && !take(r, ",") && (r->at == r->end || *r->at != '}')) code = bad(r, "',' or '}'");
    }
    skip_space(r);
    if (!code && r->at != r->end) code = bad(r, "nothing behind the dictionary");
    return code ? code : seen == (TYPE | ORDER | SHAPE) ? OK : bad(r, "'descr', 'fortran_order' and 'shape', each once");
}

int npy_read(struct npy *out, const uint8_t *bytes, size_t size, const char *name)
{
    struct npy a = {0};
    if (size < MAGIC + 4 || memcmp(bytes, "\x93NUMPY", MAGIC) != 0) return err_set(ERR_FORMAT, "%s: offset 0: no NumPy header (93 4e 55 4d 50 59), in %zu bytes", name, size);
    const int version = bytes[6], wide = version > 1 ? 4 : 2;
    if (version < 1 || version > 3) return err_set(ERR_FORMAT, "%s: offset 6: version %d, expected 1 to 3", name, version);
    const size_t begin = (size_t)(MAGIC + 2 + wide);
    size_t length = 0;
    for (int i = wide - 1; i >= 0 && begin <= size; i--) length = length << 8 | bytes[MAGIC + 2 + i];
    if (begin > size || length > HEADER_MOST || length > size - begin)
        return err_set(ERR_FORMAT, "%s: offset 8: a header of %zu bytes, expected at most %d and at most the %zu that follow", name, length, HEADER_MOST, begin > size ? 0 : size - begin);
    const char *text = (const char *)bytes;
    struct reader r = {text + begin, text + begin + length, text, name};
    int code = read_dictionary(&a, &r);
    if (code) return code;
    assert(a.width > 0); /* read_dictionary refuses a header without a type */
    const size_t left = size - begin - length;
    if (left % (size_t)a.width || left / (size_t)a.width != a.count)
        return err_set(ERR_FORMAT, "%s: offset %zu: %zu bytes of data, expected %zu, %zu numbers of %d", name, begin + length, left, a.count * (size_t)a.width, a.count, a.width);
    a.data = bytes + begin + length;
    *out = a;
    return OK;
}

int64_t npy_number(const struct npy *a, size_t i)
{
    const uint8_t *p = a->data + i * (size_t)a->width;
    uint64_t v = 0;
    for (int k = a->width - 1; k >= 0; k--) v = v << 8 | p[k];
    switch (a->kind == 'i' ? a->width : 0) {
    case 1: return (int8_t)v;
    case 2: return (int16_t)v;
    case 4: return (int32_t)v;
    default: return (int64_t)v;
    }
}

/* ---- a file: .npy, mapped; or .npz, a zip of them --------------------------------------------------------------------------- */

struct file {
    struct npy array;
    char *path;
    void *map; /* of a .npy */
    size_t size;
    struct entries zip; /* of a .npz */
};

static void file_close(struct file *f)
{
    if (f->map) munmap(f->map, f->size);
    entries_free(&f->zip);
    mem_free(f->path);
    *f = (struct file){0};
}

static int map(struct file *f)
{
    int code = file_map(&f->map, &f->size, f->path);
    return code ? code : npy_read(&f->array, f->map, f->size, f->path);
}

/* The array of a .npz: arr_0, as numpy.savez calls the first, or its only one. */
static int unzip(struct file *f)
{
    int code = entries_list(&f->zip, f->path), at = 0, own;
    if (code) return code;
    while (at < f->zip.n && strcmp(f->zip.entry[at].path, "arr_0.npy") != 0) at++;
    if (at == f->zip.n && f->zip.n != 1) return err_set(ERR_FORMAT, "%s: %d arrays and none of them arr_0, expected that, or one", f->path, f->zip.n);
    if (at == f->zip.n) at = 0;
    const uint8_t *bytes;
    size_t size;
    char *name = mem_print("%s/%s", f->path, f->zip.entry[at].path);
    code = entry_read(&bytes, &size, &own, &f->zip, at);
    if (!code) code = npy_read(&f->array, bytes, size, name);
    mem_free(name);
    return code;
}

static int is_zip(const char *path)
{
    return path[strlen(path) - 1] == 'z';
}

/* Takes the path, also where it fails: file_close frees. */
static int file_open(struct file *f, char *path)
{
    *f = (struct file){.path = path};
    return is_zip(path) ? unzip(f) : map(f);
}

/* ---- a set ------------------------------------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    OPTION_END,
};

/* FOLDER/[NAME-]SPLIT-imgs.npz as KMNIST has them, and other spellings; mem_free frees; NULL: there is none. */
static char *find_in(const struct dataset_info *info, const char *folder, int split, int images)
{
    const char *which = split ? "test" : "train";
    for (int i = 0; i < 12; i++) {
        const char *end = i & 1 ? "npy" : "npz", *dash = i & 2 ? "-" : "", *before = i & 2 ? info->name : "";
        const char *what = images ? i / 4 ? "images" : "imgs" : "labels";
        char *path = i / 4 < 2 ? mem_print("%s/%s%s%s-%s.%s", folder, before, dash, which, what, end) : mem_print("%s/%s%s%s_%s.%s", folder, before, dash, images ? "x" : "y", which, end);
        if (file_size(path) >= 0) return path;
        mem_free(path);
    }
    return NULL;
}

/* The images' file of a split, and its folder; both mem_free's. */
static char *find_images(char **folder, const struct dataset_info *info, int split, int *own)
{
    for (int i = 0; (*folder = place_folder(info, i, own)) != NULL; i++) {
        char *path = find_in(info, *folder, split, 1);
        if (path) return path;
        mem_free(*folder);
    }
    return NULL;
}

static char *where(const struct dataset_info *info, int split)
{
    char *folder = NULL;
    mem_free(find_images(&folder, info, split, NULL));
    return folder;
}

/* The images' shape, and whether their channels come last. */
static int shape_of(struct shape *s, int *last, const struct npy *a, const char *path)
{
    const int *d = a->dim;
    *last = a->dims == 4 && (d[3] == 1 || d[3] == 3);
    *s = (struct shape){.lanes = ROWS};
    if (a->dims == 2 && !shape_of_row(s, (size_t)d[1])) return err_set(ERR_FORMAT, "%s: rows of %d numbers, expected 784, 1024 or 3072, or dimensions of images", path, d[1]);
    if (a->dims == 3) *s = (struct shape){1, d[1], d[2], ROWS};
    if (a->dims == 4) *s = *last ? (struct shape){d[3], d[1], d[2], ROWS} : (struct shape){d[1], d[2], d[3], ROWS};
    if ((s->c != 1 && s->c != 3) || s->h > TRANSFORM_SIDE || s->w > TRANSFORM_SIDE)
        return err_set(ERR_FORMAT, "%s: %d dimensions, the last three %dx%dx%d; expected images n x h x w, n x h x w x 1 or 3, or n x 1 or 3 x h x w, sides up to %d", path,
                       a->dims, d[a->dims > 2 ? a->dims - 3 : 0], d[a->dims > 1 ? a->dims - 2 : 0], d[a->dims - 1], TRANSFORM_SIDE);
    return OK;
}

/* key: what a .npz is kept by, where it is large. */
static int read_pixels(struct images *m, struct file *f, const char *key)
{
    const struct npy *a = &f->array;
    int last = 0;
    if (a->kind != 'u' || a->width != 1) return err_set(ERR_FORMAT, "%s: pixels of dtype %c%d, expected u1: bytes", f->path, a->kind, a->width);
    int code = shape_of(&m->shape, &last, a, f->path);
    if (code) return code;
    m->n = a->dim[0];
    if (f->map) {
        m->pixels = (uint8_t *)(uintptr_t)a->data;
        m->map = f->map;
        m->map_size = f->size;
        m->fixed = 1;
        f->map = NULL; /* m's from here on */
        if (last) images_planes(m);
        return OK;
    }
    struct decoded d;
    if (!decoded_begin(&d, m, decoded_large(m) ? key : NULL)) {
        memcpy(m->pixels, a->data, a->count);
        if (last) images_planes(m);
    }
    decoded_end(&d, m, 1);
    return OK;
}

/* Takes the path. */
static int open_pixels(struct images *m, struct file *f, char *path)
{
    char key[HASH_TEXT] = "";
    *f = (struct file){.path = path};
    const int found = is_zip(path) ? decoded_find(m, key, NULL, path, "npz") : 0;
    if (found) return found < 0 ? found : OK;
    int code = file_open(f, path);
    return code ? code : read_pixels(m, f, key);
}

static int read_labels(int **value, const struct file *f, int n)
{
    const struct npy *a = &f->array;
    if (a->dims != 1 || (n && a->dim[0] != n)) return err_set(ERR_FORMAT, "%s: %d dimensions, the first of %d; expected one of %d labels, as many as images", f->path, a->dims, a->dim[0], n);
    *value = mem_new(a->count, sizeof **value);
    for (size_t i = 0; i < a->count; i++) {
        const int64_t v = npy_number(a, i);
        if (v < 0 || v >= CLASSES_MOST) return err_set(ERR_FORMAT, "%s: label %zu is %lld, expected 0 to %d", f->path, i, (long long)v, CLASSES_MOST - 1);
        (*value)[i] = (int)v;
    }
    return OK;
}

/* A user's own set has as many classes as the labels of all its splits say, so that train and test agree. */
static int count_classes(int *classes, const struct dataset_info *info, const char *folder)
{
    int code = OK;
    for (int split = 0; split < 2 && !code; split++) {
        char *path = find_in(info, folder, split, 0);
        struct file f = {0};
        int *value = NULL;
        if (path && !(code = file_open(&f, path))) code = read_labels(&value, &f, 0);
        for (size_t i = 0; i < f.array.count && !code && value; i++)
            if (value[i] >= *classes) *classes = value[i] + 1;
        mem_free(value);
        file_close(&f);
    }
    return code;
}

static int add_labels(struct images *m, const struct dataset_info *info, const char *folder, int split)
{
    char *path = find_in(info, folder, split, 0);
    int classes = info->classes, *value = NULL, code = OK;
    struct file f = {0};
    if (!path) return classes ? err_set(ERR_MISSING, "%s: the labels of its images are missing", folder) : OK;
    if (!classes) code = count_classes(&classes, info, folder);
    int opened = code ? code : file_open(&f, path);
    if (code) mem_free(path);
    code = opened;
    if (!code) code = read_labels(&value, &f, m->n);
    if (!code) code = images_label(m, info, value, classes, f.path);
    else mem_free(value);
    file_close(&f);
    return code;
}

static int npy_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    const int split = spec_is(spec, "split", "test");
    int own = 0;
    char *folder = NULL, *path = find_images(&folder, info, split, &own);
    struct file f = {0};
    struct images m = {0};
    if (!path) return dataset_missing(info, split);
    int code = open_pixels(&m, &f, path);
    if (!code) code = images_fit(&m, info, split, own, f.path);
    if (!code && info->transposed) images_transpose(&m);
    if (!code) code = add_labels(&m, info, folder, split);
    if (code) images_clear(&m);
    else *out = m;
    file_close(&f);
    mem_free(folder);
    return code;
}

const struct dataset_format npy_format = {.name = "npy", .options = options, .where = where, .open = npy_open, .own = 1};
