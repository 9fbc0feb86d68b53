#include "data/cifar.h"

#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/decoded.h"
#include "data/entries.h"
#include "data/format.h"
#include "data/place.h"

static const struct option options[] = {
    {"split", OPTION_CHOICE, "train", 0, 0, "train test", "which part of the set"},
    {"labels", OPTION_CHOICE, "fine", 0, 0, "fine coarse", "CIFAR-100: its 100 classes, or the 20 above them"},
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "keep this many images, drawn at random"},
    {"seed", OPTION_INT, "0", 0, 9007199254740992.0, NULL, "seed of the draw"},
    OPTION_END,
};

int cifar_records(int *n, size_t size, int labels, const char *path)
{
    const size_t record = (size_t)labels + CIFAR_PIXELS;
    if (!size || size % record) return err_set(ERR_FORMAT, "%s: %zu bytes, expected a multiple of %zu (%d label bytes and 3x32x32 pixels)", path, size, record, labels);
    if (size / record > INT_MAX) return err_set(ERR_FORMAT, "%s: %zu images, expected at most %d", path, size / record, INT_MAX);
    *n = (int)(size / record);
    return OK;
}

int cifar_decode(uint8_t *pixels, int *label, const uint8_t *bytes, size_t size, int labels, int which, int classes, const char *path)
{
    const size_t record = (size_t)labels + CIFAR_PIXELS;
    for (size_t i = 0; i < size / record; i++, bytes += record) {
        label[i] = bytes[which];
        if (label[i] >= classes) return err_set(ERR_FORMAT, "%s: offset %zu: label %d, expected 0 to %d", path, i * record + (size_t)which, label[i], classes - 1);
        memcpy(pixels + i * CIFAR_PIXELS, bytes + labels, CIFAR_PIXELS);
    }
    return OK;
}

/* ---- a set: the files of a split ---------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_split(const char *path, int hundred, int test)
{
    const char *name = base_name(path);
    if (hundred) return strcmp(name, test ? "test.bin" : "train.bin") == 0;
    if (test) return strcmp(name, "test_batch.bin") == 0;
    return strncmp(name, "data_batch_", 11) == 0 && strlen(name) == 16 && name[11] >= '1' && name[11] <= '5' && strcmp(name + 12, ".bin") == 0;
}

static int is_batch(const char *path)
{
    return is_split(path, 0, 0) || is_split(path, 0, 1) || is_split(path, 1, 0) || is_split(path, 1, 1);
}

static int holds_batches(const char *folder)
{
    return entries_any(folder, is_batch) > 0;
}

static char *where(const struct dataset_info *info, int split)
{
    (void)split; /* one folder or archive has them all */
    return place_stem(info, holds_batches);
}

/* What is read, of which set. */
struct reading {
    const struct dataset_info *info;
    const struct entries *files;
    int hundred, test, coarse, classes;
};

/* Appends one file's records. */
static int add_file(struct images *m, const struct reading *r, int entry)
{
    const uint8_t *bytes = NULL;
    size_t size;
    int own = 0, n = 0;
    const int labels = r->hundred ? 2 : 1, which = r->hundred && !r->coarse;
    char *path = mem_print("%s/%s", r->files->root, r->files->entry[entry].path);
    int code = entry_read(&bytes, &size, &own, r->files, entry);
    if (!code) code = cifar_records(&n, size, labels, path);
    if (!code && n > r->info->n[r->test] - m->n) code = err_set(ERR_FORMAT, "%s: %d images after %d, expected %d in all (%s)", path, n, m->n, r->info->n[r->test], r->info->name);
    if (!code) code = cifar_decode(m->pixels + (size_t)m->n * CIFAR_PIXELS, m->labels + m->n, bytes, size, labels, which, r->classes, path);
    if (!code) m->n += n;
    if (own) mem_free((void *)(uintptr_t)bytes);
    mem_free(path);
    return code;
}

/* The classes' names where the files have them: m->names. */
static int add_names(struct images *m, const struct reading *r)
{
    const char *want = r->hundred ? r->coarse ? "coarse_label_names.txt" : "fine_label_names.txt" : "batches.meta.txt";
    int code = OK;
    for (int i = 0; i < r->files->n && !code && !m->names; i++) {
        const uint8_t *bytes = NULL;
        size_t size;
        int own = 0, lines = 0;
        if (strcmp(base_name(r->files->entry[i].path), want)) continue;
        code = entry_read(&bytes, &size, &own, r->files, i);
        char *text = code ? NULL : mem_print("%.*s", (int)(size < 65536 ? size : 65536), (const char *)bytes);
        size_t n = text ? strlen(text) : 0;
        while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) text[--n] = 0; /* CIFAR-10's ends with an empty line */
        for (size_t k = 0; k < n; k++) lines += text[k] == '\n';
        if (n && lines + 1 == r->classes) m->names = mem_print("%s\n", text);
        mem_free(text);
        if (own) mem_free((void *)(uintptr_t)bytes);
    }
    return code;
}

/* Into the pixels and labels that there is room for. */
static int read_files(struct images *m, const struct reading *r)
{
    const int most = r->info->n[r->test];
    int code = OK;
    m->n = 0;
    for (int i = 0; i < r->files->n && !code; i++)
        if (is_split(r->files->entry[i].path, r->hundred, r->test)) code = add_file(m, r, i);
    if (!code && m->n != most) code = err_set(ERR_FORMAT, "%s: %d %s images, expected %d (%s)", r->files->root, m->n, r->test ? "test" : "training", most, r->info->name);
    return code ? code : add_names(m, r);
}

/* Labels stand between the pixels, so that the files themselves cannot be mapped. key NULL: it is not kept. */
static int read_split(struct images *out, const struct reading *r, const char *key)
{
    struct images m = {.n = r->info->n[r->test], .shape = {3, 32, 32, ROWS}, .classes = r->classes, .labels = mem_new((size_t)r->info->n[r->test], sizeof *m.labels)};
    struct decoded d;
    int code = OK;
    if (!decoded_begin(&d, &m, key)) {
        code = read_files(&m, r);
        if (!code && key) images_measure(&m);
        if (!code && key) images_hash(m.hash, &m);
        if (code) images_clear(&m);
    }
    decoded_end(&d, &m, !code);
    if (!code) *out = m;
    return code;
}

static int open_root(struct images *out, const struct reading *r, struct entries *files, const char *root)
{
    char key[HASH_TEXT], *how = mem_print("cifar%s %s%s", r->hundred ? "100" : "10", r->test ? "test" : "train", r->coarse ? " coarse" : "");
    const int large = decoded_large(&(struct images){.n = r->info->n[r->test], .shape = {3, 32, 32, ROWS}});
    const int found = large ? decoded_find(out, key, files, root, how) : 0;
    int code = found < 0 ? found : OK;
    if (!found && !files->root) code = entries_list(files, root);
    if (!code && !found) code = read_split(out, r, large ? key : NULL);
    mem_free(how);
    return code;
}

static int cifar_open(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t)
{
    (void)t;
    struct entries files = {0};
    struct reading r = {.info = info, .files = &files, .hundred = info->classes == 100, .test = spec_is(spec, "split", "test"), .coarse = spec_is(spec, "labels", "coarse")};
    r.classes = r.coarse ? 20 : info->classes;
    if (r.coarse && !r.hundred) return err_set(ERR_OPTION, "data set %s: found labels=coarse, but only cifar100 has coarse labels", info->name);
    char *root = where(info, r.test), *advice = dataset_advice(info);
    int code = root ? open_root(out, &r, &files, root) : err_set(ERR_MISSING, "%s: not on this machine; %s", info->name, advice);
    entries_free(&files);
    mem_free(root);
    mem_free(advice);
    return code;
}

const struct dataset_format cifar_format = {.name = "cifar", .options = options, .where = where, .open = cifar_open};
