/* The files of a folder, or of an archive (tar, gzipped or otherwise packed, or zip; by libarchive, never unpacked to disk). */
#ifndef HEIST_DATA_ENTRIES_H
#define HEIST_DATA_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

struct entry {
    char *path;     /* inside, '/' between its parts */
    uint8_t *bytes; /* [size] of an archive's file; NULL in a folder: it is read when asked for */
    size_t size;
    int64_t mtime;  /* ns; archives: 0 */
};

struct entries {
    char *root; /* the folder or the archive */
    int archive, n;
    struct entry *entry; /* [n] sorted by path, byte by byte */
};

enum { ENTRY_MOST = 256 << 20 }; /* bytes of one file */

/* Lists what `root` holds, without hidden files; an archive's contents come along, without the one folder that may wrap them
 * all (but not one named train, test or val). entries_free frees. ERR_MISSING, ERR_IO; ERR_FORMAT: a broken archive, a file of more than
 * ENTRY_MOST bytes in it, or more than 8 GiB in all. */
int entries_list(struct entries *out, const char *root);
void entries_free(struct entries *s);

/* Is there a file under this folder, not hidden, whose path is `wanted`? Looks no further than the first: the folder may be large.
 * 1: yes; 0: no; below 0: what is met before one cannot be read, or has no end. */
int entries_any(const char *folder, int (*wanted)(const char *path));

/* The bytes of entry i: *out is mem_free's where *own is 1, else the entries'. */
int entry_read(const uint8_t **out, size_t *size, int *own, const struct entries *s, int i);

/* Does a file's name end as an archive's does? Then where that ending begins, else NULL. */
const char *archive_ending(const char *name);

#endif
