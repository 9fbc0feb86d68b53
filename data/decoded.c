#include "data/decoded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/place.h"

/* The file: this, the pixels at `HEAD`, the labels, the names. */
static const char magic[16] = "heist decoded 1";
enum { HEAD = 4096, LABELS = 1 << 20, CHANNELS = 4 };
struct head {
    char magic[16];
    int32_t n, c, h, w, classes, labelled, transformed;
    float mean[4], std[4];
    char hash[HASH_TEXT]; /* "": not known */
    uint64_t names;       /* bytes */
};

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static uint64_t labels_at(const struct head *h)
{
    return HEAD + rounded((uint64_t)h->n * (uint64_t)h->c * (uint64_t)h->h * (uint64_t)h->w);
}

static uint64_t names_at(const struct head *h)
{
    return labels_at(h) + (h->labelled ? rounded((uint64_t)h->n * sizeof(int32_t)) : 0);
}

static int plausible(const struct head *h, uint64_t size)
{
    const int side = TRANSFORM_SIDE;
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->n > 0 && h->c > 0 && h->c <= CHANNELS && h->h > 0 && h->h <= side && h->w > 0 && h->w <= side &&
           h->classes >= 0 && h->classes <= LABELS && h->names <= size && !h->hash[HASH_TEXT - 1] && (!*h->hash || strlen(h->hash) == HASH_TEXT - 1) &&
           names_at(h) + h->names == size;
}

static int read_labels(struct images *m, const struct head *h, const uint8_t *map)
{
    m->labels = mem_new((size_t)h->n, sizeof *m->labels);
    memcpy(m->labels, map + labels_at(h), (size_t)h->n * sizeof *m->labels);
    for (int i = 0; i < h->n; i++)
        if (m->labels[i] < 0 || m->labels[i] >= h->classes) return 0;
    return 1;
}

static int map_file(struct images *out, int file)
{
    struct stat st;
    struct head h;
    if (fstat(file, &st) || pread(file, &h, sizeof h, 0) != (ssize_t)sizeof h || !plausible(&h, (uint64_t)st.st_size)) return 0;
    struct images m = {.n = h.n, .shape = {h.c, h.h, h.w, ROWS}, .classes = h.classes, .transformed = h.transformed, .fixed = 1, .map_size = (size_t)st.st_size};
    uint8_t *map = mmap(NULL, m.map_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (map == MAP_FAILED) return 0;
    if (h.labelled && !read_labels(&m, &h, map)) {
        mem_free(m.labels);
        munmap(map, m.map_size);
        return 0;
    }
    m.map = map;
    m.pixels = map + HEAD;
    if (h.names) m.names = mem_print("%.*s", (int)h.names, (const char *)map + names_at(&h));
    memcpy(m.mean, h.mean, sizeof m.mean);
    memcpy(m.std, h.std, sizeof m.std);
    memcpy(m.hash, h.hash, sizeof m.hash);
    *out = m;
    return 1;
}

static char *path_of(const char *key)
{
    char *home = place_cache(), *path = home ? mem_print("%s/decoded/%s", home, key) : NULL;
    mem_free(home);
    return path;
}

int decoded_open(struct images *out, const char *key)
{
    char *path = path_of(key);
    const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const int found = file >= 0 && map_file(out, file);
    if (file >= 0) close(file);
    mem_free(path);
    return found;
}

/* ---- what it is kept by ------------------------------------------------------------------- */

static int key_of(char key[HASH_TEXT], const char *root, const struct entries *s, const char *how)
{
    char *text = NULL, hash[HASH_TEXT] = "";
    size_t size = 0;
    int code = s ? OK : hash_file(hash, root);
    FILE *f = code ? NULL : open_memstream(&text, &size);
    if (!f) return code ? code : err_set(ERR_IO, "no memory");
    fprintf(f, "decoded 1 %s\n%s\n", how, s ? s->root : hash);
    for (int i = 0; s && i < s->n; i++) fprintf(f, "%s\n%zu %lld\n", s->entry[i].path, s->entry[i].size, (long long)s->entry[i].mtime);
    fclose(f);
    hash_bytes(key, text, size);
    free(text);
    return OK;
}

int decoded_large(const struct images *m)
{
    return (size_t)m->n >= (DECODED_LARGE + shape_size(m->shape) - 1) / shape_size(m->shape);
}

int decoded_find(struct images *out, char key[HASH_TEXT], struct entries *s, const char *root, const char *how)
{
    struct stat st;
    const int folder = s && stat(root, &st) == 0 && S_ISDIR(st.st_mode);
    int code = folder ? entries_list(s, root) : OK;
    if (!code) code = key_of(key, root, folder ? s : NULL, how);
    return code ? code : decoded_open(out, key);
}

/* ---- making one --------------------------------------------------------------------------- */

static struct head head_of(const struct images *m)
{
    struct head h = {.n = m->n, .c = m->shape.c, .h = m->shape.h, .w = m->shape.w, .classes = m->classes, .labelled = m->labels != NULL,
                     .transformed = m->transformed, .names = m->names ? strlen(m->names) : 0};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.mean, m->mean, sizeof h.mean);
    memcpy(h.std, m->std, sizeof h.std);
    memcpy(h.hash, m->hash, sizeof h.hash);
    return h;
}

/* The locked PART of its path, as large as the set will be; whoever was killed leaves it to the next. */
static int make_part(struct decoded *d)
{
    char *slash = strrchr(d->path, '/');
    *slash = 0;
    int code = file_folder(d->path);
    *slash = '/';
    if (code) return code;
    d->file = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (d->file < 0) return err_set(ERR_IO, "%s: %s", d->part, strerror(errno));
    if (flock(d->file, LOCK_EX)) return err_set(ERR_IO, "%s: cannot be locked: %s", d->part, strerror(errno));
    return OK;
}

static int reserve(struct decoded *d)
{
    int bad = ftruncate(d->file, 0) ? errno : posix_fallocate(d->file, 0, (off_t)d->size); /* a full disk is met here */
    if (bad) return err_set(ERR_IO, "%s: %s", d->part, strerror(bad));
    d->map = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, d->file, 0);
    if (d->map != MAP_FAILED) return OK;
    d->map = NULL;
    return err_set(ERR_IO, "%s: %s", d->part, strerror(errno));
}

static void drop_part(struct decoded *d)
{
    if (d->file >= 0) {
        unlink(d->part);
        close(d->file);
    }
    d->file = -1;
}

int decoded_begin(struct decoded *d, struct images *m, const char *key)
{
    const struct head h = head_of(m);
    *d = (struct decoded){.path = key ? path_of(key) : NULL, .file = -1, .size = (size_t)labels_at(&h)};
    struct images other;
    if (d->path) {
        d->part = mem_print("%s.part", d->path);
        int code = make_part(d);
        if (!code && decoded_open(&other, key)) { /* another process made it while we waited */
            drop_part(d);
            mem_free(m->labels);
            mem_free(m->names);
            *m = other;
            return 1;
        }
        if (!code) code = reserve(d);
        if (code) {
            progress_say("decoded images are not kept: %s", err_text());
            drop_part(d);
        }
    }
    if (d->map) {
        m->map = d->map;
        m->map_size = d->size;
        m->pixels = (uint8_t *)d->map + HEAD;
    } else m->pixels = mem_new((size_t)m->n, shape_size(m->shape));
    return 0;
}

static int put(int file, const void *bytes, size_t size, uint64_t at)
{
    const char *from = bytes;
    while (size) {
        const ssize_t n = pwrite(file, from, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        from += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* What stands behind the pixels, then the head. */
static int finish(const struct decoded *d, const struct images *m)
{
    const struct head h = head_of(m);
    if (ftruncate(d->file, (off_t)(names_at(&h) + h.names))) return -1;
    if (h.labelled && put(d->file, m->labels, (size_t)m->n * sizeof *m->labels, labels_at(&h))) return -1;
    if (put(d->file, m->names, (size_t)h.names, names_at(&h))) return -1;
    memcpy(d->map, &h, sizeof h);
    return msync(d->map, d->size, MS_SYNC) || fsync(d->file) || rename(d->part, d->path) ? -1 : 0;
}

void decoded_end(struct decoded *d, struct images *m, int keep)
{
    if (d->map && keep) {
        if (finish(d, m)) progress_say("decoded images are not kept: %s: %s", d->path, strerror(errno));
        else {
            close(d->file);
            d->file = -1;
        }
        m->fixed = 1; /* whoever wrote to it now would write into the file */
        mprotect(d->map, d->size, PROT_READ);
    }
    drop_part(d);
    mem_free(d->part);
    mem_free(d->path);
    *d = (struct decoded){.file = -1};
}
