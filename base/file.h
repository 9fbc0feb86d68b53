/* Files: whole reads, atomic replacement, folders, locks. */
#ifndef HEIST_BASE_FILE_H
#define HEIST_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* The whole file with a 0 behind it; mem_free frees *out. ERR_MISSING where there is none, ERR_IO. */
int file_read(char **out, size_t *size, const char *path);

/* Maps the whole file for reading; munmap(*out, *size) frees. An empty file: NULL and 0. ERR_MISSING, ERR_IO. Whoever cuts it while it is
 * mapped ends the process (SIGBUS); replacing it (rename) does not. */
int file_map(void **out, size_t *size, const char *path);

/* Replaces `path` by these bytes: written beside it, flushed to disk, renamed. ERR_IO: the old file stands. */
int file_write(const char *path, const void *bytes, size_t size);

int file_exists(const char *path);
int64_t file_size(const char *path); /* -1 where there is none */

/* rm -rf: a file, or a folder with all that is in it. Links are removed, not followed. */
void file_remove(const char *path);

/* mkdir -p. */
int file_folder(const char *path);

/* Takes the lock `folder`/.lock for this process and writes who holds it. ERR_LOCKED: another has it, the
 * text says who. The lock ends with the process, however it ends; file_unlock(*out) ends it before. */
int file_lock(int *out, const char *folder);
/* Who has the lock of a folder, as "process 12 on host"; mem_free frees. NULL: nobody. */
char *file_holder(const char *folder);

/* Takes the lock file `path`, which stays, and waits while another process has it. ERR_MISSING: its folder is not there; ERR_IO. */
int file_lock_wait(int *out, const char *path);
/* Does a process hold this lock file? */
int file_is_locked(const char *path);
void file_unlock(int lock);

#endif
