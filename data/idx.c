#include "data/idx.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/decoded.h"
#include "data/format.h"
#include "data/gz.h"
#include "data/place.h"

enum { MAGIC = 0x00000800, SIDE = 4096, CHANNELS = 4 };
static const size_t MOST = (size_t)8 << 30; /* bytes that come out of a gzip */

/* ---- one file --------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int read_magic(int *dims, struct gz *g, int least, int most)
{
    uint8_t *b = NULL;
    size_t size = 0;
    int code = gz_read(&b, &size, g, 4);
    if (code) return code;
    uint32_t magic = size == 4 ? big_endian(b) : 0;
    mem_free(b);
    if (size < 4) return err_set(ERR_FORMAT, "%s: %zu bytes, expected an IDX header", g->path, size);
    *dims = (int)(magic & 0xff);
    if (magic >> 8 == MAGIC >> 8 && *dims >= least && *dims <= most) return OK;
    char other[32] = "";
    if (most > least) snprintf(other, sizeof other, " or %08x", MAGIC | (unsigned)most);
    return err_set(ERR_FORMAT, "%s: magic %08x, expected %08x%s", g->path, magic, MAGIC | (unsigned)least, other);
}

/* "60000x28x28" */
static const char *dims_text(char *buf, size_t size, const struct idx *x)
{
    buf[0] = 0;
    for (int i = 0; i < x->dims; i++) {
        size_t at = strlen(buf);
        snprintf(buf + at, size - at, "%s%d", i ? "x" : "", x->dim[i]);
    }
    return buf;
}

static int check_dims(struct idx *x, const uint8_t *header, const char *path)
{
    x->size = 1;
    for (int i = 0; i < x->dims; i++) {
        uint32_t v = big_endian(header + 4 * i), most = i == 0 ? INT_MAX : i == 1 && x->dims == 4 ? CHANNELS : SIDE;
        if (v < 1 || v > most)
            return err_set(ERR_FORMAT, "%s: dimension %d is %u, expected 1 to %u", path, i + 1, v, most);
        x->dim[i] = (int)v;
        x->size *= v; /* below 2^31 * 4 * 2^24, so it cannot overflow */
    }
    return OK;
}

static int read_dims(struct idx *x, struct gz *g)
{
    uint8_t *header = NULL;
    size_t size = 0, want = (size_t)x->dims * 4;
    int code = gz_read(&header, &size, g, want);
    if (!code && size < want)
        code = err_set(ERR_FORMAT, "%s: %zu bytes, expected an IDX header of %zu", g->path, size + 4, want + 4);
    if (!code) code = check_dims(x, header, g->path);
    mem_free(header);
    return code;
}

static int read_header(struct idx *x, struct gz *g, int least, int most)
{
    int code = read_magic(&x->dims, g, least, most);
    return code ? code : read_dims(x, g);
}

/* Are there as many bytes of data as the header says? size: how many there are, at least. */
static int check_size(const struct idx *x, size_t size, const char *path)
{
    char text[64];
    dims_text(text, sizeof text, x);
    if (size < x->size) return err_set(ERR_FORMAT, "%s: %zu bytes of data, expected %zu (%s)", path, size, x->size, text);
    if (size > x->size) return err_set(ERR_FORMAT, "%s: bytes behind the data, expected %zu bytes (%s)", path, x->size, text);
    return OK;
}

static int check_most(const struct idx *x, const char *path)
{
    char text[64];
    if (x->size <= MOST) return OK;
    return err_set(ERR_FORMAT, "%s: the header says %s, %zu bytes; expected at most %zu", path, dims_text(text, sizeof text, x), x->size, MOST);
}

static int read_data(struct idx *x, struct gz *g)
{
    size_t size = 0;
    int code = check_most(x, g->path);
    if (!code) code = gz_read(&x->bytes, &size, g, x->size + 1);
    if (!code) code = check_size(x, size, g->path);
    if (code) mem_free(x->bytes);
    return code;
}

int idx_read(struct idx *out, const char *path, int least, int most)
{
    struct gz g = {.path = path};
    struct idx x = {0};
    int code = gz_open(&g, path);
    if (!code) code = read_header(&x, &g, least, most);
    if (!code) code = read_data(&x, &g);
    gz_close(&g);
    if (!code) *out = x;
    return code;
}

/* ---- a file of images ------------------------------------------------------------------- */

static int map_pixels(struct images *m, const struct idx *x, const char *path)
{
    const size_t head = 4 + 4 * (size_t)x->dims;
    int code = file_map(&m->map, &m->map_size, path);
    if (code) return code;
    code = check_size(x, m->map_size > head ? m->map_size - head : 0, path);
    m->fixed = 1;
    m->pixels = (uint8_t *)m->map + head;
    if (code) images_drop(m);
    return code;
}

/* The data alone, behind the header, into `pixels`; NULL: are they there? */
static int unpack(uint8_t *pixels, const struct idx *x, const char *path)
{
    struct gz g = {.path = path};
    struct idx again = {0};
    size_t size = 0;
    int code = gz_open(&g, path);
    if (!code) code = read_header(&again, &g, x->dims, x->dims);
    if (!code) code = gz_copy(pixels, &size, &g, x->size + !pixels);
    if (!code) code = check_size(x, size, path);
    gz_close(&g);
    return code;
}

/* A large one is unpacked twice: nothing is laid out for a size that only its header claims. */
static int unpack_kept(struct images *m, const struct idx *x, const char *path, int transposed)
{
    struct decoded d;
    char key[HASH_TEXT];
    int code = check_most(x, path), found = code ? 0 : decoded_find(m, key, NULL, path, transposed ? "idx transposed" : "idx");
    if (code || found) return found < 0 ? found : code;
    code = unpack(NULL, x, path);
    if (code) return code;
    if (!decoded_begin(&d, m, key)) {
        code = unpack(m->pixels, x, path);
        if (!code && transposed) images_transpose(m);
        if (code) images_drop(m);
    }
    decoded_end(&d, m, !code);
    return code;
}

int idx_images(struct images *out, const char *path, int transposed)
{
    struct gz g = {.path = path};
    struct idx x = {0};
    struct images m = {0};
    int code = gz_open(&g, path);
    if (!code) code = read_header(&x, &g, 3, 4);
    if (code) goto out;
    const int *d = x.dim + x.dims - 2;
    m = (struct images){.n = x.dim[0], .shape = {x.dims == 4 ? x.dim[1] : 1, d[0], d[1], ROWS}};
    if (g.packed && decoded_large(&m)) code = unpack_kept(&m, &x, path, transposed);
    else {
        code = g.packed ? read_data(&x, &g) : map_pixels(&m, &x, path);
        if (g.packed) m.pixels = x.bytes;
        if (!code && transposed) images_transpose(&m);
    }
    if (!code) *out = m;
out:
    gz_close(&g);
    return code;
}

/* ---- a set: images and labels of a split, by the names of MNIST's files ------------------- */

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    OPTION_END,
};

/* FOLDER/PREFIX-KIND-idxD-ubyte[.gz] in the spellings that are about; mem_free frees; NULL: there is none. */
static char *find_file(const struct dataset_info *info, const char *folder, int split, int images)
{
    static const char *const name[2][2] = {{"train", "training"}, {"t10k", "test"}};
    for (int i = 0; i < 16; i++) {
        int dims = images ? 3 + (i >> 3) : 1;
        char *path = mem_print("%s/%s%s-%s%cidx%d-ubyte%s", folder, info->prefix ? info->prefix : "", name[split][i >> 2 & 1],
                               images ? "images" : "labels", i & 2 ? '.' : '-', dims, i & 1 ? ".gz" : "");
        if (file_size(path) >= 0) return path;
        mem_free(path);
    }
    return NULL;
}

/* A split's files: the first folder of the search that has its images. ERR_MISSING: there is none. */
struct found {
    char *folder, *images, *labels; /* labels NULL: there are none */
    int own;
};

static void found_free(struct found *f)
{
    mem_free(f->folder);
    mem_free(f->images);
    mem_free(f->labels);
}

static int find_split(struct found *out, const struct dataset_info *info, int split)
{
    struct found f = {0};
    for (int i = 0; (f.folder = place_folder(info, i, &f.own)) != NULL; i++) {
        f.images = find_file(info, f.folder, split, 1);
        if (f.images) break;
        mem_free(f.folder);
    }
    if (!f.folder) return ERR_MISSING;
    f.labels = find_file(info, f.folder, split, 0);
    *out = f;
    return OK;
}

static char *where(const struct dataset_info *info, int split)
{
    struct found f = {0};
    if (find_split(&f, info, split)) return NULL;
    char *folder = mem_string(f.folder);
    found_free(&f);
    return folder;
}

static int read_images(struct images *out, const struct dataset_info *info, const struct found *f, int split)
{
    int code = idx_images(out, f->images, info->transposed);
    return code ? code : images_fit(out, info, split, f->own, f->images);
}

/* A user's own set has as many classes as the labels of all its splits say, so that train and test agree. */
static int count_classes(int *classes, const struct dataset_info *info, const char *folder)
{
    int code = OK;
    for (int split = 0; split < 2 && !code; split++) {
        char *path = find_file(info, folder, split, 0);
        struct idx x = {0};
        if (path) code = idx_read(&x, path, 1, 1);
        for (size_t i = 0; i < x.size && !code; i++)
            if (x.bytes[i] >= *classes) *classes = x.bytes[i] + 1;
        mem_free(x.bytes);
        mem_free(path);
    }
    return code;
}

static int read_labels(struct images *out, const struct dataset_info *info, const struct found *f)
{
    struct idx x = {0};
    int known = info->classes > 0, classes = info->classes;
    if (!f->labels && !known) return OK;
    if (!f->labels) return err_set(ERR_MISSING, "%s: the labels that belong to it are missing", f->images);
    int code = idx_read(&x, f->labels, 1, 1);
    if (!code && !known) code = count_classes(&classes, info, f->folder);
    if (!code && x.dim[0] != out->n)
        code = err_set(ERR_FORMAT, "%s: %d labels, expected %d, as many as images in %s", f->labels, x.dim[0], out->n,
                       f->images);
    if (!code) {
        int *value = mem_new(x.size, sizeof *value);
        for (size_t i = 0; i < x.size; i++) value[i] = x.bytes[i];
        code = images_label(out, info, value, classes, f->labels);
    }
    mem_free(x.bytes);
    return code;
}

static int idx_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    int split = spec_is(spec, "split", "test");
    struct found f = {0};
    struct images m = {0};
    if (find_split(&f, info, split)) return dataset_missing(info, split);
    int code = read_images(&m, info, &f, split);
    if (!code) code = read_labels(&m, info, &f);
    if (code) images_clear(&m);
    else *out = m;
    found_free(&f);
    return code;
}

const struct dataset_format idx_format = {.name = "idx", .options = options, .where = where, .open = idx_open, .own = 1};
