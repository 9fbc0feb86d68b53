#include "data/entries.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static const size_t MOST = (size_t)8 << 30; /* bytes of an archive's contents; they are held in memory while it is read */

static void put(struct entries *s, int *room, struct entry e)
{
    if (s->n == *room) {
        struct entry *more = mem_new((size_t)(*room = 2 * *room + 64), sizeof *more);
        if (s->n) memcpy(more, s->entry, (size_t)s->n * sizeof *more);
        mem_free(s->entry);
        s->entry = more;
    }
    s->entry[s->n++] = e;
}

void entries_free(struct entries *s)
{
    for (int i = 0; i < s->n; i++) {
        mem_free(s->entry[i].path);
        mem_free(s->entry[i].bytes);
    }
    mem_free(s->entry);
    mem_free(s->root);
    *s = (struct entries){0};
}

static int hidden(const char *path)
{
    return *path == '.' || strstr(path, "/.") != NULL;
}

/* ---- folders ------------------------------------------------------------------------------ */

static int list_folder(struct entries *s, int *room, const char *inside)
{
    char *folder = *inside ? mem_print("%s/%s", s->root, inside) : mem_string(s->root);
    DIR *d = opendir(folder);
    int code = d ? OK : err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", folder, strerror(errno));
    for (struct dirent *e; d && !code && (e = readdir(d)) != NULL;) {
        if (*e->d_name == '.') continue;
        struct stat st;
        char *path = mem_print("%s%s%s", inside, *inside ? "/" : "", e->d_name);
        if (fstatat(dirfd(d), e->d_name, &st, 0)) code = err_set(ERR_IO, "%s/%s: %s", s->root, path, strerror(errno));
        else if (S_ISDIR(st.st_mode)) code = strlen(path) < PATH_MAX / 2 ? list_folder(s, room, path) : err_set(ERR_IO, "%s/%s: folders without end", s->root, path);
        else if (S_ISREG(st.st_mode)) {
            put(s, room, (struct entry){.path = path, .size = (size_t)st.st_size, .mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec});
            path = NULL;
        }
        mem_free(path);
    }
    if (d) closedir(d);
    mem_free(folder);
    return code;
}

int entries_any(const char *folder, int (*wanted)(const char *path))
{
    DIR *d = strlen(folder) < PATH_MAX / 2 ? opendir(folder) : NULL;
    int found = d ? 0 : -1;
    for (struct dirent *e; d && !found && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (*e->d_name == '.') continue;
        char *path = mem_print("%s/%s", folder, e->d_name);
        if (fstatat(dirfd(d), e->d_name, &st, 0)) found = -1;
        else if (S_ISDIR(st.st_mode)) found = entries_any(path, wanted);
        else found = S_ISREG(st.st_mode) && wanted(path);
        mem_free(path);
    }
    if (d) closedir(d);
    return found;
}

/* ---- archives ----------------------------------------------------------------------------- */

const char *archive_ending(const char *name)
{
    static const char *const ending[] = {".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tar", ".zip"};
    const size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        const size_t m = strlen(ending[i]);
        if (n > m && strcmp(name + n - m, ending[i]) == 0) return name + n - m;
    }
    return NULL;
}

static int broken(struct archive *a, const char *root)
{
    return err_set(ERR_FORMAT, "%s: %s, expected a tar or zip archive that is whole", root, archive_error_string(a) ? archive_error_string(a) : "broken");
}

/* Contents grow with the bytes that are there, never by what a header claims. */
static int read_contents(struct entry *e, struct archive *a, const char *root)
{
    size_t room = 1 << 16;
    uint8_t *bytes = mem_new(room, 1);
    for (;;) {
        const la_ssize_t n = archive_read_data(a, bytes + e->size, room - e->size);
        if (n < 0) {
            mem_free(bytes);
            return broken(a, root);
        }
        if (n == 0) break;
        e->size += (size_t)n;
        if (e->size > ENTRY_MOST) {
            mem_free(bytes);
            return err_set(ERR_FORMAT, "%s: %s has more than %d bytes", root, e->path, ENTRY_MOST);
        }
        if (e->size < room) continue;
        uint8_t *more = mem_new(room *= 2, 1);
        memcpy(more, bytes, e->size);
        mem_free(bytes);
        bytes = more;
    }
    e->bytes = mem_new(e->size ? e->size : 1, 1);
    memcpy(e->bytes, bytes, e->size);
    mem_free(bytes);
    return OK;
}

static int read_archive(struct entries *s, int *room, struct archive *a)
{
    struct archive_entry *head;
    size_t total = 0;
    int got;
    while ((got = archive_read_next_header(a, &head)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
        const char *path = archive_entry_pathname(head);
        if (!path || archive_entry_filetype(head) != AE_IFREG) continue;
        while (strncmp(path, "./", 2) == 0) path += 2;
        if (hidden(path)) continue;
        struct entry e = {.path = mem_string(path)};
        int code = read_contents(&e, a, s->root);
        put(s, room, e);
        if (code) return code;
        total += e.size;
        if (total > MOST) return err_set(ERR_FORMAT, "%s: more than %zu bytes in it", s->root, MOST);
    }
    return got == ARCHIVE_EOF ? OK : broken(a, s->root);
}

/* Takes off the folder that all paths begin with, unless its name says what it is. */
static void unwrap(struct entries *s)
{
    const size_t n = s->n ? strcspn(s->entry[0].path, "/") + 1 : 0;
    static const char *const split[] = {"train/", "test/", "val/"};
    for (int i = 0; i < s->n; i++)
        if (strlen(s->entry[i].path) <= n || s->entry[i].path[n - 1] != '/' || strncmp(s->entry[i].path, s->entry[0].path, n) != 0) return;
    for (int i = 0; i < 3 && s->n; i++)
        if (strlen(split[i]) == n && strncmp(s->entry[0].path, split[i], n) == 0) return;
    for (int i = 0; i < s->n; i++) memmove(s->entry[i].path, s->entry[i].path + n, strlen(s->entry[i].path + n) + 1);
}

static int list_archive(struct entries *s, int *room)
{
    struct archive *a = archive_read_new();
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_zip(a);
    s->archive = 1;
    int code = archive_read_open_filename(a, s->root, 1 << 18) == ARCHIVE_OK ? read_archive(s, room, a) : broken(a, s->root);
    archive_read_free(a);
    if (!code) unwrap(s);
    return code;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

int entries_list(struct entries *out, const char *root)
{
    struct stat st;
    struct entries s = {.root = mem_string(root)};
    int room = 0, code;
    if (stat(root, &st)) code = err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", root, strerror(errno));
    else code = S_ISDIR(st.st_mode) ? list_folder(&s, &room, "") : list_archive(&s, &room);
    if (code) {
        entries_free(&s);
        return code;
    }
    if (s.n) qsort(s.entry, (size_t)s.n, sizeof *s.entry, by_path);
    *out = s;
    return OK;
}

int entry_read(const uint8_t **out, size_t *size, int *own, const struct entries *s, int i)
{
    const struct entry *e = &s->entry[i];
    *own = !s->archive;
    if (s->archive) {
        *out = e->bytes;
        *size = e->size;
        return OK;
    }
    char *path = mem_print("%s/%s", s->root, e->path), *bytes = NULL;
    int code = e->size > ENTRY_MOST ? err_set(ERR_FORMAT, "%s: %zu bytes, expected at most %d", path, e->size, ENTRY_MOST) : file_read(&bytes, size, path);
    *out = (const uint8_t *)bytes;
    mem_free(path);
    return code;
}
