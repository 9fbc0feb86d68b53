#include "data/mat.h"

#include <assert.h>
#include <limits.h>
#include <matio.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/decoded.h"
#include "data/format.h"
#include "data/place.h"

enum { HEADER = 128, SIDE = 4096, TYPE_INT8 = 1, TYPE_INT32 = 5, TYPE_UINT32 = 6, TYPE_DOUBLE = 9, TYPE_MATRIX = 14, TYPE_COMPRESSED = 15 };
/* An array: its tag, flags (a tag, the class, 7 bytes), dimensions, name and numbers; a tag is a type and how many bytes follow. */
enum { CLASS_AT = 16, DIMS_AT = 24, NAME_MOST = 63, BEGINNING = 128 };

/* ---- the gate ---------------------------------------------------------------------------------------------------------------
 * libmatio has had its troubles with broken cells, structures and function handles, allocates what a header claims, and checks no sums.
 * Before it sees a file, this walks over its elements: each must lie in the file, whole, and be an array of numbers. */

struct gate {
    const uint8_t *bytes;
    size_t size, largest; /* bytes of the file; of its largest element, inflated */
    const char *path;
};

static uint32_t little_endian(const uint8_t *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static int check_header(const struct gate *g)
{
    const uint8_t *b = g->bytes;
    if (g->size < HEADER) return err_set(ERR_FORMAT, "%s: %zu bytes, expected a MAT header of %d", g->path, g->size, HEADER);
    if (memcmp(b + 124, "\0\1IM", 4) != 0)
        return err_set(ERR_FORMAT, "%s: offset 124: %02x %02x %02x %02x, expected 00 01 49 4d (MAT version 5, little-endian, as SVHN's files are)",
                       g->path, b[124], b[125], b[126], b[127]);
    return OK;
}

/* Inflates all of an element, to keep its first bytes and to see that it is whole. *total: how many came. */
static int inflate_all(uint8_t head[BEGINNING], size_t *total, const struct gate *g, size_t at, size_t size)
{
    uint8_t piece[16384] = {0};
    z_stream z = {.next_in = (Bytef *)(uintptr_t)(g->bytes + at), .avail_in = (uInt)size};
    int how = inflateInit(&z);
    *total = 0;
    while (how == Z_OK) {
        z.next_out = piece;
        z.avail_out = sizeof piece;
        how = inflate(&z, Z_NO_FLUSH);
        const size_t n = sizeof piece - z.avail_out;
        if (*total < BEGINNING) memcpy(head + *total, piece, n < BEGINNING - *total ? n : BEGINNING - *total);
        *total += n;
    }
    inflateEnd(&z);
    if (how != Z_STREAM_END || z.avail_in)
        return err_set(ERR_FORMAT, "%s: offset %zu: a broken deflate stream after %zu bytes, expected a whole one", g->path, at, *total);
    return OK;
}

/* The tag at head[at]: its type (0: none), its bytes, and how many it takes with them. Up to 4 bytes may stand in the tag itself. */
static void read_tag(uint32_t *type, uint32_t *size, size_t *all, const uint8_t *head, size_t at)
{
    const uint32_t word = little_endian(head + at);
    const int small = word >> 16 != 0;
    *type = !small ? word : word >> 16 <= 4 ? word & 0xffff : 0;
    *size = small ? word >> 16 : little_endian(head + at + 4);
    *all = small ? 8 : 8 + ((size_t)*size + 7) / 8 * 8;
}

/* The array of numbers that begins with head[0..BEGINNING) and has `total` bytes: does it add up? */
static int check_array(const uint8_t *head, size_t total, size_t at, const char *path)
{
    uint32_t type, size;
    size_t all, next = DIMS_AT;
    if (total < 56 || little_endian(head) != TYPE_MATRIX || head[CLASS_AT] < MAT_C_DOUBLE || head[CLASS_AT] > MAT_C_UINT64)
        return err_set(ERR_FORMAT, "%s: offset %zu: an element of %zu bytes, type %u and class %d, expected an array of numbers (type 14, class 6 to 15)", path, at,
                       total, little_endian(head), head[CLASS_AT]);
    if (little_endian(head + 4) != total - 8)
        return err_set(ERR_FORMAT, "%s: offset %zu: an array of %u bytes, expected %zu, which its element has", path, at, little_endian(head + 4), total - 8);
    if (little_endian(head + 8) != TYPE_UINT32 || little_endian(head + 12) != 8)
        return err_set(ERR_FORMAT, "%s: offset %zu: array flags of type %u and %u bytes, expected 6 and 8", path, at, little_endian(head + 8), little_endian(head + 12));
    read_tag(&type, &size, &all, head, next);
    if (type != TYPE_INT32 || (size != 8 && size != 12 && size != 16))
        return err_set(ERR_FORMAT, "%s: offset %zu: dimensions of type %u and %u bytes, expected 5 and 8 to 16 (2 to 4 of them)", path, at, type, size);
    read_tag(&type, &size, &all, head, next += all);
    if (type != TYPE_INT8 || size < 1 || size > NAME_MOST) return err_set(ERR_FORMAT, "%s: offset %zu: a name of type %u and %u bytes, expected 1 and 1 to %d", path, at, type, size, NAME_MOST);
    if ((next += all) + 8 > total) return err_set(ERR_FORMAT, "%s: offset %zu: an array of %zu bytes without numbers", path, at, total);
    read_tag(&type, &size, &all, head, next);
    if (type < TYPE_INT8 || type > TYPE_DOUBLE || size > total - next - (size > 4 ? 8 : 4))
        return err_set(ERR_FORMAT, "%s: offset %zu: numbers of type %u and %u bytes, expected 1 to 9 and at most %zu", path, at, type, size, total - next - 8);
    return OK;
}

static int check_element(struct gate *g, size_t at, uint32_t type, size_t size)
{
    uint8_t head[BEGINNING + 16] = {0};
    size_t total = size + 8;
    int code = OK;
    if (type == TYPE_COMPRESSED) code = inflate_all(head, &total, g, at + 8, size);
    else memcpy(head, g->bytes + at, total < BEGINNING ? total : BEGINNING);
    if (!code) code = check_array(head, total, at, g->path);
    if (total > g->largest) g->largest = total;
    return code;
}

static int check_elements(struct gate *g)
{
    int code = check_header(g);
    for (size_t at = HEADER; at < g->size && !code;) {
        const size_t left = g->size - at;
        if (left < 8) return err_set(ERR_FORMAT, "%s: offset %zu: %zu bytes, expected an element's tag of 8", g->path, at, left);
        const uint32_t type = little_endian(g->bytes + at), size = little_endian(g->bytes + at + 4);
        if (type != TYPE_MATRIX && type != TYPE_COMPRESSED)
            return err_set(ERR_FORMAT, "%s: offset %zu: element type %u, expected 14 or 15", g->path, at, type);
        if (size > left - 8) return err_set(ERR_FORMAT, "%s: offset %zu: an element of %u bytes, but the file has %zu more", g->path, at, size, left - 8);
        code = check_element(g, at, type, size);
        at += 8 + (size_t)size;
    }
    return code;
}

/* ---- the variables --------------------------------------------------------------------------------------------------------- */

static void silent(int level, char *message)
{
    (void)level, (void)message;
}

/* "32x32x3x73257" */
static const char *dims_text(char *text, size_t size, const matvar_t *v)
{
    text[0] = 0;
    for (int i = 0; i < v->rank; i++) {
        const size_t n = strlen(text);
        snprintf(text + n, size - n, "%s%zu", i ? "x" : "", v->dims[i]);
    }
    return text;
}

static int find(matvar_t **out, mat_t *m, const char *name, const char *path)
{
    *out = Mat_VarReadInfo(m, name);
    if (!*out) return err_set(ERR_FORMAT, "%s: no variable %s that can be read, expected X and y", path, name);
    if ((*out)->isComplex) return err_set(ERR_FORMAT, "%s: %s is complex, expected whole numbers", path, name);
    return OK;
}

/* What X says of the images, before there is room for them. */
static int read_shape(struct images *out, matvar_t **x, mat_t *m, size_t largest, const char *path)
{
    char text[128];
    int code = find(x, m, "X", path);
    if (code) return code;
    const matvar_t *v = *x;
    assert(v); /* find's */
    const int rank = v->rank;
    const size_t *d = v->dims;
    if (v->class_type != MAT_C_UINT8 || (rank != 3 && rank != 4) || d[0] < 1 || d[0] > SIDE || d[1] < 1 || d[1] > SIDE || (d[2] != 1 && d[2] != 3) ||
        (rank == 4 && (d[3] < 1 || d[3] > INT_MAX)))
        return err_set(ERR_FORMAT, "%s: X is %s of class %d, expected height x width x 1 or 3 x images of bytes (class 9)", path, dims_text(text, sizeof text, v),
                       (int)v->class_type);
    const size_t n = rank == 4 ? d[3] : 1, each = d[0] * d[1] * d[2]; /* 2^31 x 2^26: no overflow */
    if (n * each > largest || n * each > INT_MAX)
        return err_set(ERR_FORMAT, "%s: X is %s, expected at most the %zu bytes that the file has for it, and %d", path, dims_text(text, sizeof text, v), largest,
                       INT_MAX);
    *out = (struct images){.n = (int)n, .shape = {(int)d[2], (int)d[0], (int)d[1], ROWS}};
    return OK;
}

static int read_pixels(struct images *out, mat_t *m, matvar_t *x, const char *path)
{
    const size_t size = (size_t)out->n * shape_size(out->shape);
    if (Mat_VarReadDataLinear(m, x, out->pixels, 0, 1, (int)size)) return err_set(ERR_FORMAT, "%s: X: its %zu bytes are not all there, or broken", path, size);
    images_transpose(out); /* MATLAB's order: the row runs first */
    return OK;
}

/* libmatio gives a variable's numbers in its class. */
static double number(const void *data, enum matio_classes type, size_t i)
{
    return type == MAT_C_UINT8 ? ((const uint8_t *)data)[i] : ((const double *)data)[i];
}

static int read_labels(struct images *out, mat_t *m, int classes, const char *path)
{
    matvar_t *y = NULL;
    void *data = NULL;
    char text[128];
    int code = find(&y, m, "y", path);
    if (code) goto out;
    const size_t n = (size_t)out->n;
    if ((y->class_type != MAT_C_UINT8 && y->class_type != MAT_C_DOUBLE) || y->rank != 2 || (y->dims[0] != 1 && y->dims[1] != 1) || y->dims[y->dims[0] == 1] != n) {
        code = err_set(ERR_FORMAT, "%s: y is %s of class %d, expected %zux1 of bytes or doubles (class 9 or 6)", path, dims_text(text, sizeof text, y), (int)y->class_type, n);
        goto out;
    }
    data = mem_new(n, sizeof(double));
    if (Mat_VarReadDataLinear(m, y, data, 0, 1, out->n)) code = err_set(ERR_FORMAT, "%s: y: its %zu labels are not all there, or broken", path, n);
    out->labels = mem_new(n, sizeof *out->labels);
    for (size_t i = 0; i < n && !code; i++) {
        const double v = number(data, y->class_type, i);
        if (!(v >= 1 && v <= classes && v == (int)v)) code = err_set(ERR_FORMAT, "%s: label %zu is %g, expected 1 to %d", path, i, v, classes);
        else out->labels[i] = (int)v % classes;
    }
out:
    mem_free(data);
    Mat_VarFree(y);
    return code;
}

static int gate_file(size_t *largest, const char *path)
{
    char *bytes = NULL;
    struct gate g = {.path = path};
    int code = file_read(&bytes, &g.size, path);
    g.bytes = (const uint8_t *)bytes;
    if (!code) code = check_elements(&g);
    mem_free(bytes);
    *largest = g.largest;
    return code;
}

static int read_all(struct images *out, mat_t *m, size_t largest, const char *path, int classes, const char *key)
{
    matvar_t *x = NULL;
    struct decoded d;
    int code = read_shape(out, &x, m, largest, path);
    if (code) goto out;
    out->classes = classes;
    if (!decoded_begin(&d, out, decoded_large(out) ? key : NULL)) {
        code = read_pixels(out, m, x, path);
        if (!code) code = read_labels(out, m, classes, path);
        if (code) images_clear(out);
    }
    decoded_end(&d, out, !code);
out:
    Mat_VarFree(x);
    return code;
}

int mat_read(struct images *out, const char *path, int classes, const char *key)
{
    struct images r = {0};
    size_t largest;
    int code = gate_file(&largest, path);
    if (code) return code;
    Mat_LogInitFunc("heist", silent);
    mat_t *m = Mat_Open(path, MAT_ACC_RDONLY);
    if (!m) return err_set(ERR_FORMAT, "%s: libmatio cannot open it, expected a MAT file of version 5", path);
    code = read_all(&r, m, largest, path, classes, key);
    Mat_Close(m);
    if (!code) *out = r;
    return code;
}

/* ---- a set ----------------------------------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    OPTION_END,
};

static char *find_file(const struct dataset_info *info, int split, int *own)
{
    char *folder;
    for (int i = 0; (folder = place_folder(info, i, own)) != NULL; i++) {
        char *path = mem_print("%s/%s_32x32.mat", folder, split ? "test" : "train");
        mem_free(folder);
        if (file_size(path) >= 0) return path;
        mem_free(path);
    }
    return NULL;
}

static char *where(const struct dataset_info *info, int split)
{
    char *path = find_file(info, split, NULL);
    if (path) *strrchr(path, '/') = 0;
    return path;
}

static int mat_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    const int split = spec_is(spec, "split", "test");
    int own = 0;
    char *path = find_file(info, split, &own), key[HASH_TEXT];
    if (!path) return dataset_missing(info, split);
    const int found = decoded_find(out, key, NULL, path, "mat");
    int code = found < 0 ? found : OK;
    if (!found) code = mat_read(out, path, info->classes, key);
    if (!code) code = images_fit(out, info, split, own, path);
    if (code) images_clear(out);
    mem_free(path);
    return code;
}

const struct dataset_format mat_format = {.name = "mat", .options = options, .where = where, .open = mat_open};
