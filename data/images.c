/* Pictures in folders: train/CLASS and test/CLASS with JPEG and PNG files, CLASS folders alone, or pictures without classes; the same in an
 * archive; and Tiny ImageNet's own layout (train/CLASS/images, val/images with val/val_annotations.txt). Classes are numbered
 * in the order of their names. The first opening decodes; the next ones map what it left (data/decoded.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/decoded.h"
#include "data/entries.h"
#include "data/format.h"
#include "data/picture.h"
#include "data/place.h"

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set; val counts as test where there is none"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    OPTION_END,
};

/* ---- where it lies ------------------------------------------------------------------------ */

static int ends_with(const char *path, const char *const *ending)
{
    const char *dot = strrchr(path, '.');
    for (; dot && *ending; ending++)
        if (strcasecmp(dot, *ending) == 0) return 1;
    return 0;
}

static int is_picture(const char *path)
{
    return ends_with(path, (const char *const[]){".jpg", ".jpeg", ".png", NULL});
}

static int is_other_picture(const char *path)
{
    return ends_with(path, (const char *const[]){".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", NULL});
}

static int holds_pictures(const char *folder)
{
    return entries_any(folder, is_picture) > 0;
}

static char *where(const struct dataset_info *info, int split)
{
    (void)split; /* one folder or archive has them all */
    return place_stem(info, holds_pictures);
}

/* ---- the layout --------------------------------------------------------------------------- */

/* Which entries are images of the split, and of which class. */
struct layout {
    int n, *entry, *label, classes, room;
    char **name; /* [classes] sorted */
};

static void layout_free(struct layout *l)
{
    for (int i = 0; i < l->classes; i++) mem_free(l->name[i]);
    mem_free(l->name);
    mem_free(l->entry);
    mem_free(l->label);
}

static int find_entry(const struct entries *s, const char *path)
{
    int lo = 0, hi = s->n;
    while (lo < hi) {
        const int mid = (lo + hi) / 2, order = strcmp(s->entry[mid].path, path);
        if (order == 0) return mid;
        if (order < 0) lo = mid + 1;
        else hi = mid;
    }
    return -1;
}

static int has_folder(const struct entries *s, const char *folder)
{
    const size_t n = strlen(folder);
    for (int i = 0; i < s->n; i++)
        if (strncmp(s->entry[i].path, folder, n) == 0 && s->entry[i].path[n] == '/') return 1;
    return 0;
}

/* What stands before the paths of a split: "" where the set has none. NULL: it has no such split. */
static const char *split_folder(const struct entries *s, int split)
{
    if (!has_folder(s, "train")) return split ? NULL : "";
    if (!split) return "train/";
    return has_folder(s, "test") && find_entry(s, "val/val_annotations.txt") < 0 ? "test/" : has_folder(s, "val") ? "val/" : NULL;
}

static int class_at(const struct layout *l, const char *name, size_t n)
{
    int lo = 0, hi = l->classes;
    while (lo < hi) {
        const int mid = (lo + hi) / 2;
        int order = strncmp(l->name[mid], name, n);
        if (order == 0 && l->name[mid][n]) order = 1;
        if (order == 0) return mid;
        if (order < 0) lo = mid + 1;
        else hi = mid;
    }
    return -1;
}

/* Adds the classes of the paths under `folder`; they come sorted but for names of which one begins the other. */
static void add_classes(struct layout *l, const struct entries *s, const char *folder)
{
    const size_t skip = strlen(folder);
    for (int i = 0; i < s->n; i++) {
        const char *path = s->entry[i].path + skip, *slash;
        if (strncmp(s->entry[i].path, folder, skip) != 0 || !is_picture(path) || (slash = strchr(path, '/')) == NULL) continue;
        const size_t n = (size_t)(slash - path);
        if (class_at(l, path, n) >= 0) continue;
        if (l->classes == l->room) {
            char **more = mem_new((size_t)(l->room = 2 * l->room + 16), sizeof *more);
            if (l->classes) memcpy(more, l->name, (size_t)l->classes * sizeof *more);
            mem_free(l->name);
            l->name = more;
        }
        char *name = mem_print("%.*s", (int)n, path);
        int at = l->classes++;
        for (; at > 0 && strcmp(l->name[at - 1], name) > 0; at--) l->name[at] = l->name[at - 1];
        l->name[at] = name;
    }
}

static void take(struct layout *l, int entry, int label)
{
    l->entry[l->n] = entry;
    l->label[l->n++] = label;
}

/* Tiny ImageNet's validation images: "FILE<tab>CLASS<tab>box" lines say their classes. */
static int annotated(struct layout *l, const struct entries *s, int annotations)
{
    const uint8_t *text;
    size_t size, n;
    int own, code = entry_read(&text, &size, &own, s, annotations);
    if (code) return code;
    const char *at = (const char *)text, *end = at + size;
    for (int line = 1; at < end && !code; line++, at += n + 1) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        n = (size_t)((newline ? newline : end) - at);
        const char *tab = memchr(at, '\t', n), *second = tab ? memchr(tab + 1, '\t', n - (size_t)(tab + 1 - at)) : NULL;
        if (n == 0) continue;
        if (!second) {
            code = err_set(ERR_FORMAT, "%s: val/val_annotations.txt, line %d: expected FILE, CLASS and a box between tabs", s->root, line);
            break;
        }
        char *path = mem_print("val/images/%.*s", (int)(tab - at), at);
        const int entry = find_entry(s, path), label = class_at(l, tab + 1, (size_t)(second - tab - 1));
        if (label < 0) code = err_set(ERR_FORMAT, "%s: val/val_annotations.txt, line %d: class '%.*s' has no training images", s->root, line,
                                      (int)(second - tab - 1), tab + 1);
        else if (entry >= 0 && l->n == s->n) code = err_set(ERR_FORMAT, "%s: val/val_annotations.txt, line %d: more lines than images", s->root, line);
        else if (entry >= 0) take(l, entry, label); /* a subset has fewer images than lines */
        mem_free(path);
    }
    if (own) mem_free((void *)(uintptr_t)text);
    return code;
}

static int in_folders(struct layout *l, const struct entries *s, const char *folder)
{
    const size_t skip = strlen(folder);
    int flat = -1, deep = -1;
    for (int i = 0; i < s->n; i++) {
        const char *whole = s->entry[i].path, *path = whole + skip, *slash;
        if (strncmp(whole, folder, skip) != 0) continue;
        if (is_other_picture(whole)) return err_set(ERR_FORMAT, "%s: found %s, expected JPEG and PNG pictures alone", s->root, whole);
        if (!is_picture(whole)) continue;
        slash = strchr(path, '/');
        *(slash ? &deep : &flat) = i;
        if (flat >= 0 && deep >= 0)
            return err_set(ERR_FORMAT, "%s: %s lies in a class's folder and %s in none, expected one or the other", s->root, s->entry[deep].path, s->entry[flat].path);
        take(l, i, slash ? class_at(l, path, (size_t)(slash - path)) : -1);
    }
    return OK;
}

static int by_label(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return x[1] != y[1] ? (x[1] > y[1]) - (x[1] < y[1]) : (x[0] > y[0]) - (x[0] < y[0]);
}

/* Annotated images come in the file's order; all sets have the order of classes, then paths. */
static void sort_layout(struct layout *l)
{
    int *pair = mem_new(2 * (size_t)l->n + 1, sizeof *pair);
    for (int i = 0; i < l->n; i++) pair[2 * i] = l->entry[i], pair[2 * i + 1] = l->label[i];
    if (l->n) qsort(pair, (size_t)l->n, 2 * sizeof *pair, by_label);
    for (int i = 0; i < l->n; i++) l->entry[i] = pair[2 * i], l->label[i] = pair[2 * i + 1];
    mem_free(pair);
}

static int lay_out(struct layout *l, const struct entries *s, int split)
{
    const char *train = split_folder(s, 0), *test = split_folder(s, 1), *folder = split ? test : train;
    const int annotations = split ? find_entry(s, "val/val_annotations.txt") : -1;
    *l = (struct layout){.entry = mem_new((size_t)s->n + 1, sizeof *l->entry), .label = mem_new((size_t)s->n + 1, sizeof *l->label)};
    if (!folder) return err_set(ERR_MISSING, "%s: it has no test and no val folder beside its training images", s->root);
    add_classes(l, s, train);
    if (test && find_entry(s, "val/val_annotations.txt") < 0) add_classes(l, s, test);
    int code = annotations >= 0 ? annotated(l, s, annotations) : in_folders(l, s, folder);
    if (!code && !l->n) code = err_set(ERR_FORMAT, "%s: no JPEG or PNG picture in %s", s->root, *folder ? folder : "it");
    sort_layout(l);
    return code;
}

/* ---- decoding ----------------------------------------------------------------------------- */

struct job {
    const struct entries *s;
    const struct layout *l;
    const struct transform *t;
    struct shape *shape; /* [n] */
};

static char *name_of(const struct job *j, int i)
{
    return mem_print("%s/%s", j->s->root, j->s->entry[j->l->entry[i]].path);
}

static int measure_one(const struct job *j, int i)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int own = 0;
    char *name = name_of(j, i);
    int code = entry_read(&bytes, &size, &own, j->s, j->l->entry[i]);
    if (!code) code = picture_shape(&j->shape[i], bytes, size, name);
    if (own) mem_free((void *)(uintptr_t)bytes);
    mem_free(name);
    return code;
}

static int decode_one(const struct job *j, int i, const struct images *m)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int own = 0;
    char *name = name_of(j, i);
    uint8_t *pixels = mem_new(1, shape_size(j->shape[i]));
    const struct transform t = {m->shape, j->t->fit};
    int code = entry_read(&bytes, &size, &own, j->s, j->l->entry[i]);
    if (!code) code = picture_decode(pixels, j->shape[i], bytes, size, name);
    if (!code) transform_image(&t, pixels, j->shape[i], m->pixels + (size_t)i * shape_size(m->shape));
    if (own) mem_free((void *)(uintptr_t)bytes);
    mem_free(pixels);
    mem_free(name);
    return code;
}

/* The first image that fails, in their order, speaks for all: error texts belong to threads. */
static int measure_all(const struct job *j)
{
    int bad = j->l->n;
#pragma omp parallel for schedule(dynamic, 64) reduction(min : bad)
    for (int i = 0; i < j->l->n; i++)
        if (measure_one(j, i) && i < bad) bad = i;
    return bad < j->l->n ? measure_one(j, bad) : OK;
}

static int decode_all(const struct job *j, const struct images *m)
{
    int bad = m->n;
#pragma omp parallel for schedule(dynamic, 16) reduction(min : bad)
    for (int i = 0; i < m->n; i++)
        if (decode_one(j, i, m) && i < bad) bad = i;
    return bad < m->n ? decode_one(j, bad, m) : OK;
}

/* The shape that all images have, or will have. Grey pictures among coloured ones become coloured. */
static int one_shape(struct images *m, const struct job *j)
{
    struct shape s = j->t->to;
    if (!s.c) {
        s = j->shape[0];
        for (int i = 1; i < j->l->n; i++) {
            const struct shape a = j->shape[i];
            if (a.c > s.c) s.c = a.c;
            if (a.h == s.h && a.w == s.w) continue;
            char *first = name_of(j, 0), *other = name_of(j, i);
            int code = err_set(ERR_SHAPE, "%s: %dx%d pixels, %s: %dx%d; for pictures of many sizes say to=CxHxW behind the set's name, as to=3x32x32", first,
                               s.h, s.w, other, a.h, a.w);
            mem_free(first);
            mem_free(other);
            return code;
        }
    }
    for (int i = 0; i < j->l->n && j->t->to.c; i++) m->transformed |= transform_changes(j->t, j->shape[i]);
    s.lanes = ROWS;
    m->shape = s;
    return OK;
}

static char *names_text(const struct layout *l)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    for (int i = 0; i < l->classes; i++) fprintf(f, "%s\n", l->name[i]);
    fclose(f);
    char *names = mem_string(text);
    free(text);
    return names;
}

static int decode(struct images *out, const struct entries *s, const struct layout *l, const struct transform *t, const char *key, const char *name)
{
    struct job j = {s, l, t, mem_new((size_t)l->n, sizeof *j.shape)};
    struct images m = {.n = l->n};
    struct decoded d;
    int code = measure_all(&j);
    if (!code) code = one_shape(&m, &j);
    if (code) goto out;
    if (l->label[0] >= 0) {
        m.classes = l->classes;
        m.labels = mem_new((size_t)l->n, sizeof *m.labels);
        memcpy(m.labels, l->label, (size_t)l->n * sizeof *m.labels);
        m.names = names_text(l);
    }
    if (!decoded_begin(&d, &m, key)) {
        progress_say("%s: decoding %d pictures of %s", name, m.n, s->root);
        code = decode_all(&j, &m);
        if (!code) images_measure(&m);
        if (!code) images_hash(m.hash, &m);
        if (code) images_clear(&m);
    }
    decoded_end(&d, &m, !code);
    if (!code) *out = m;
out:
    mem_free(j.shape);
    return code;
}

/* ---- opening ------------------------------------------------------------------------------ */

static int images_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    const int split = spec_is(spec, "split", "test");
    char key[HASH_TEXT], *root = where(info, split);
    struct entries s = {0};
    struct layout l = {0};
    if (!root) {
        char *advice = dataset_advice(info);
        int code = err_set(ERR_MISSING, "%s: not on this machine; %s", info->name, advice);
        mem_free(advice);
        return code;
    }
    char *how = mem_print("split %d to %dx%dx%d fit %d", split, t->to.c, t->to.h, t->to.w, (int)t->fit);
    const int found = decoded_find(out, key, &s, root, how);
    int code = found < 0 ? found : OK;
    if (!found) {
        if (!s.root) code = entries_list(&s, root);
        if (!code) code = lay_out(&l, &s, split);
        if (!code) code = decode(out, &s, &l, t, key, info->name);
    }
    layout_free(&l);
    entries_free(&s);
    mem_free(how);
    mem_free(root);
    return code;
}

const struct dataset_format images_format = {.name = "images", .options = options, .where = where, .open = images_open, .transforms = 1, .own = 1};
