#include "data/csv.h"

#include <csv.h>
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

enum { STEP = 1 << 16, LABEL_MOST = 65535 };
static const size_t MOST = (size_t)8 << 30; /* bytes of pixels */

/* ---- a file ------------------------------------------------------------------------------------------------------------------- */

/* Rows as they come. The first row that counts says how many columns there are. */
struct reading {
    const char *path;
    struct images *out;
    int kept;                 /* 1: from DECODED_LARGE bytes on, rows are only counted, to be read again into a file */
    enum { GROW, COUNT, FILL } how; /* room grows with the rows; nothing is stored; there is room for as many as were counted */
    int row, column, columns; /* row: of the file, from 1; column: fields of it so far; columns 0: not known yet */
    int header;               /* the first row was of names */
    size_t size, room;        /* pixels of an image; images that there is room for */
    int *first, firsts;       /* the fields of the first row, before it is known what they are: [firsts] */
    int code;                 /* the first fault: nothing is read behind it */
};

static void grow(struct reading *r)
{
    const size_t room = r->room ? 2 * r->room : 64;
    uint8_t *pixels = mem_new(room, r->size);
    int *labels = r->out->labels ? mem_new(room, sizeof *labels) : NULL;
    memcpy(pixels, r->out->pixels, r->room * r->size);
    if (labels) memcpy(labels, r->out->labels, r->room * sizeof *labels);
    mem_free(r->out->pixels);
    mem_free(r->out->labels);
    r->out->pixels = pixels;
    r->out->labels = labels;
    r->room = room;
}

/* A whole number of up to six digits; -1: it is none. */
static int number(const char *text, size_t n)
{
    int v = 0;
    if (n < 1 || n > 6) return -1;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        v = 10 * v + (text[i] - '0');
    }
    return v;
}

static void fail(struct reading *r, const char *text, size_t n, int most)
{
    r->code = err_set(ERR_FORMAT, "%s: row %d, column %d: found '%.*s', expected a whole number of 0 to %d", r->path, r->row, r->column + 1, (int)(n < 24 ? n : 24), text, most);
}

/* The first row is kept aside until its end says what its columns are. */
static void keep_first(struct reading *r, const char *text, size_t n)
{
    enum { COLUMNS = (1 << 20) + 1 };
    const int v = number(text, n);
    if (r->row == 1 && r->column == 0) r->header = v < 0;
    if (v < 0 && !(r->row == 1 && r->header)) fail(r, text, n, r->column ? 255 : LABEL_MOST);
    if (r->column == COLUMNS && !r->code) r->code = err_set(ERR_FORMAT, "%s: row %d: more than %d columns", r->path, r->row, COLUMNS);
    if (r->code) return;
    if (r->column == r->firsts) {
        int *more = mem_new((size_t)(r->firsts = 2 * r->firsts + 1024), sizeof *more);
        if (r->first) memcpy(more, r->first, (size_t)r->column * sizeof *more);
        mem_free(r->first);
        r->first = more;
    }
    r->first[r->column] = v;
}

static void changed(struct reading *r)
{
    r->code = err_set(ERR_FORMAT, "%s: row %d: the file changed while it was read", r->path, r->row);
}

static void put(struct reading *r, int v, const char *text, size_t n)
{
    struct images *m = r->out;
    const int pixel = r->column - (m->labels != NULL);
    if (v < 0 || v > (pixel < 0 ? LABEL_MOST : 255)) fail(r, text, n, pixel < 0 ? LABEL_MOST : 255);
    else if (r->how == COUNT) return;
    else if (r->how == FILL && (size_t)m->n == r->room) changed(r);
    else if (pixel < 0) m->labels[m->n] = v;
    else m->pixels[(size_t)m->n * r->size + (size_t)pixel] = (uint8_t)v;
}

static void on_field(void *field, size_t n, void *context)
{
    struct reading *r = context;
    if (r->code) return;
    if (!r->columns) keep_first(r, field, n);
    else if (r->column < r->columns) put(r, number(field, n), field, n);
    if (r->column < INT_MAX) r->column++;
}

/* The columns are those of the first row: what is an image? */
static void begin(struct reading *r)
{
    struct images *m = r->out;
    const size_t columns = (size_t)r->column, known = m->shape.c ? shape_size(m->shape) : 0;
    struct shape s = m->shape;
    const int bare = known ? columns == known : shape_of_row(&s, columns);
    const int labelled = !bare && (known ? columns == known + 1 : columns > 0 && shape_of_row(&s, columns - 1));
    if (!bare && !labelled) {
        if (known) r->code = err_set(ERR_FORMAT, "%s: row %d: %zu columns, expected %zu pixels (%dx%dx%d), or a label before them", r->path, r->row, columns, known, s.c, s.h, s.w);
        else r->code = err_set(ERR_FORMAT, "%s: row %d: %zu columns, expected 784, 1024 or 3072 pixels, or a label before them; for other sizes say shape=CxHxW", r->path, r->row, columns);
        return;
    }
    m->shape = s;
    r->columns = r->column;
    r->size = shape_size(s);
    if (r->how == FILL) {
        if (labelled != (m->labels != NULL)) changed(r);
        return;
    }
    if (labelled) m->labels = mem_new(1, sizeof *m->labels);
    m->pixels = mem_new(1, 1);
    grow(r);
}

/* For one more row. */
static void make_room(struct reading *r)
{
    const size_t n = (size_t)r->out->n;
    if (r->how == FILL || (r->how == GROW && n < r->room)) return;
    if (n * r->size > MOST / 2 || n > INT_MAX / 2) r->code = err_set(ERR_FORMAT, "%s: row %d: more than %zu bytes of pixels", r->path, r->row, MOST / 2);
    else if (r->how == GROW && r->kept && 2 * n * r->size > DECODED_LARGE) r->how = COUNT;
    else if (r->how == GROW) grow(r);
}

/* The numbers of the first row, that were kept aside. */
static void put_first(struct reading *r)
{
    char text[16];
    for (r->column = 0; r->column < r->columns && !r->code; r->column++) {
        snprintf(text, sizeof text, "%d", r->first[r->column]);
        put(r, r->first[r->column], text, strlen(text));
    }
}

static void on_row(int end, void *context)
{
    struct reading *r = context;
    (void)end;
    if (!r->code && !r->columns) {
        begin(r);
        if (!r->code && !(r->header && r->row == 1)) put_first(r);
    }
    if (!r->code && r->column != r->columns) r->code = err_set(ERR_FORMAT, "%s: row %d: %d columns, expected %d as above", r->path, r->row, r->column, r->columns);
    if (!r->code && !(r->header && r->row == 1)) r->out->n++;
    if (!r->code) make_room(r);
    r->row++;
    r->column = 0;
}

static int parse(struct reading *r, struct gz *g)
{
    struct csv_parser p;
    uint8_t *bytes = NULL;
    size_t n = 1;
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI)) return err_set(ERR_IO, "libcsv cannot begin");
    while (n && !r->code) {
        r->code = gz_read(&bytes, &n, g, STEP);
        if (!r->code && csv_parse(&p, bytes, n, on_field, on_row, r) != n && !r->code)
            r->code = err_set(ERR_FORMAT, "%s: row %d: %s, expected numbers between commas", r->path, r->row, csv_strerror(csv_error(&p)));
        mem_free(bytes);
        bytes = NULL;
    }
    if (!r->code && csv_fini(&p, on_field, on_row, r) && !r->code) r->code = err_set(ERR_FORMAT, "%s: row %d: a quote that does not end", r->path, r->row);
    csv_free(&p);
    return r->code;
}

static int read_file(struct reading *r)
{
    struct gz g = {.path = r->path};
    int code = gz_open(&g, r->path);
    if (!code) code = parse(r, &g);
    if (!code && !r->out->n) code = err_set(ERR_FORMAT, "%s: no row of numbers in it", r->path);
    gz_close(&g);
    mem_free(r->first);
    return code;
}

/* The rows that were counted, into room for them. */
static int fill(struct images *m, const char *path, const char *key)
{
    const int n = m->n;
    struct reading r = {.path = path, .out = m, .row = 1, .how = FILL, .room = (size_t)n};
    struct decoded d;
    int code = OK;
    mem_free(m->pixels);
    if (m->labels) {
        mem_free(m->labels);
        m->labels = mem_new((size_t)n, sizeof *m->labels);
        m->classes = LABEL_MOST + 1; /* as they stand in the file */
    }
    if (!decoded_begin(&d, m, decoded_large(m) ? key : NULL)) {
        m->n = 0;
        code = read_file(&r);
        if (!code && m->n != n) code = err_set(ERR_FORMAT, "%s: %d rows, then %d: the file changed while it was read", path, n, m->n);
        if (code) images_clear(m);
    }
    decoded_end(&d, m, !code);
    return code;
}

int csv_images_read(struct images *out, const char *path, struct shape want, const char *key)
{
    want.lanes = ROWS;
    struct images m = {.shape = want};
    struct reading r = {.path = path, .out = &m, .row = 1, .kept = key != NULL};
    int code = read_file(&r);
    if (!code && r.how == COUNT) code = fill(&m, path, key);
    if (code) images_clear(&m);
    else *out = m;
    return code;
}

/* ---- a set -------------------------------------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    {"shape", OPTION_TEXT, "auto", 0, 0, NULL, "of an image, CxHxW; auto: as the set has it, or by the number of columns (784, 1024, 3072)"},
    {"order", OPTION_CHOICE, "planes", 0, 0, "planes pixels", "of the numbers of a colour image: all red ones first, or red, green and blue of each pixel"},
    OPTION_END,
};

/* FOLDER/train.csv, NAME_train.csv and NAME-train.csv, plain or gzipped; mem_free frees; NULL: there is none. */
static char *find_in(const struct dataset_info *info, const char *folder, int split)
{
    static const char *const join[] = {"", "_", "-"};
    for (int i = 0; i < 6; i++) {
        char *path = mem_print("%s/%s%s%s.csv%s", folder, i / 2 ? info->name : "", join[i / 2], split ? "test" : "train", i & 1 ? ".gz" : "");
        if (file_size(path) >= 0) return path;
        mem_free(path);
    }
    return NULL;
}

/* The file of a split, and its folder; both mem_free's. */
static char *find_file(char **folder, const struct dataset_info *info, int split, int *own)
{
    for (int i = 0; (*folder = place_folder(info, i, own)) != NULL; i++) {
        char *path = find_in(info, *folder, split);
        if (path) return path;
        mem_free(*folder);
    }
    return NULL;
}

static char *where(const struct dataset_info *info, int split)
{
    char *folder = NULL;
    mem_free(find_file(&folder, info, split, NULL));
    return folder;
}

static int read_shape(struct shape *s, const struct dataset_info *info, const struct spec *spec)
{
    struct transform t;
    *s = info->shape;
    if (spec_is(spec, "shape", "auto")) return OK;
    int code = transform_read(&t, spec_string(spec, "shape"), NULL);
    if (code) return err_set(ERR_OPTION, "data set %s: found shape=%s, expected CxHxW with 1 or 3 channels, as 1x28x28", info->name, spec_string(spec, "shape"));
    *s = t.to;
    return OK;
}

/* A file's images, as they were kept or as they are read. */
static int read_kept(struct images *out, const char *path, struct shape want)
{
    /* A pixel takes two characters at least, and no gzip has more than 1032 of them in a byte. */
    const int64_t size = file_size(path), least = strcmp(path + strlen(path) - 3, ".gz") ? 2 * (int64_t)DECODED_LARGE : DECODED_LARGE / 516;
    char key[HASH_TEXT], *how = mem_print("csv %dx%dx%d", want.c, want.h, want.w);
    const int found = size < least ? 0 : decoded_find(out, key, NULL, path, how);
    mem_free(how);
    if (found) return found < 0 ? found : OK;
    return csv_images_read(out, path, want, size < least ? NULL : key);
}

/* A user's own set has as many classes as the labels of all its splits say, so that train and test agree. */
static int count_classes(int *classes, const struct images *m, const struct dataset_info *info, const char *folder, int split, struct shape want)
{
    char *path = find_in(info, folder, !split);
    struct images other = {0};
    int code = path ? read_kept(&other, path, want) : OK;
    for (int i = 0; i < m->n; i++)
        if (m->labels[i] >= *classes) *classes = m->labels[i] + 1;
    for (int i = 0; i < other.n && other.labels; i++)
        if (other.labels[i] >= *classes) *classes = other.labels[i] + 1;
    images_clear(&other);
    mem_free(path);
    return code;
}

static int add_labels(struct images *m, const struct dataset_info *info, const char *folder, int split, struct shape want, const char *path)
{
    int classes = info->classes, code = OK;
    if (!m->labels) return classes ? err_set(ERR_FORMAT, "%s: rows of pixels alone, expected a label before them (%s)", path, info->name) : OK;
    if (!classes) code = count_classes(&classes, m, info, folder, split, want);
    return code ? code : images_label(m, info, m->labels, classes, path);
}

static int csv_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    const int split = spec_is(spec, "split", "test");
    int own = 0;
    char *folder = NULL, *path = find_file(&folder, info, split, &own);
    struct shape want = {0};
    struct images m = {0};
    if (!path) return dataset_missing(info, split);
    int code = read_shape(&want, info, spec);
    if (!code) code = read_kept(&m, path, want);
    if (code) goto out;
    if (spec_is(spec, "order", "pixels")) images_planes(&m);
    code = images_fit(&m, info, split, own, path);
    if (!code && info->transposed) images_transpose(&m);
    if (!code) code = add_labels(&m, info, folder, split, want, path);
    if (code) images_clear(&m);
    else *out = m;
out:
    mem_free(folder);
    mem_free(path);
    return code;
}

const struct dataset_format csv_format = {.name = "csv", .options = options, .where = where, .open = csv_open, .own = 1};
