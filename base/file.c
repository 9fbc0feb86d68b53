#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

int file_read(char **out, size_t *size, const char *path)
{
    char *bytes = NULL;
    int code = OK;
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f) return err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
        code = err_set(ERR_IO, "%s: not a regular file", path);
        goto out;
    }
    bytes = mem_new((size_t)st.st_size + 1, 1);
    *size = fread(bytes, 1, (size_t)st.st_size, f);
    if (*size != (size_t)st.st_size) code = err_set(ERR_IO, "%s: read %zu of %lld bytes", path, *size, (long long)st.st_size);
out:
    fclose(f);
    if (code) mem_free(bytes);
    else *out = bytes;
    return code;
}

int file_map(void **out, size_t *size, const char *path)
{
    struct stat st = {0};
    void *map = NULL;
    int why = 0;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &st)) why = errno;
    else if (!S_ISREG(st.st_mode)) why = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else if (st.st_size) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (map == MAP_FAILED) why = errno;
    }
    if (file >= 0) close(file);
    if (why) return err_set(why == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(why));
    *out = map;
    *size = (size_t)st.st_size;
    return OK;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size < INT_MAX ? size : INT_MAX);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_write(const char *path, const void *bytes, size_t size)
{
    char *part = mem_print("%s.part-%ld", path, (long)getpid());
    int code = OK, fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        code = err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        goto out;
    }
    int bad = write_all(fd, bytes, size) || fsync(fd);
    int why = errno;
    if (close(fd) && !bad) {
        bad = 1;
        why = errno;
    }
    if (!bad && rename(part, path)) {
        bad = 1;
        why = errno;
    }
    if (bad) {
        unlink(part);
        code = err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(why));
    }
out:
    mem_free(part);
    return code;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void file_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int file_exists(const char *path)
{
    return access(path, R_OK) == 0;
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

int file_folder(const char *path)
{
    char *p = mem_string(path);
    int code = OK;
    for (char *c = p + 1;; c++) {
        if (*c != '/' && *c) continue;
        char was = *c;
        *c = 0;
        if (mkdir(p, 0755) && errno != EEXIST) code = err_set(ERR_IO, "%s: cannot be made: %s", p, strerror(errno));
        *c = was;
        if (!was || code) break;
    }
    struct stat st;
    if (!code && (stat(path, &st) || !S_ISDIR(st.st_mode))) code = err_set(ERR_IO, "%s: not a folder", path);
    mem_free(p);
    return code;
}

int file_lock(int *out, const char *folder)
{
    char *path = mem_print("%s/.lock", folder), host[128] = "", who[256] = "";
    int code = OK, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        code = err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
        goto out;
    }
    int held = flock(fd, LOCK_EX | LOCK_NB);
    for (int i = 0; i < 5 && held; i++) { /* who only asks whether it is held (file_is_locked) has it for a moment */
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        held = flock(fd, LOCK_EX | LOCK_NB);
    }
    if (held) {
        ssize_t n = read(fd, who, sizeof who - 1);
        if (n > 0 && who[n - 1] == '\n') who[n - 1] = 0;
        code = err_set(ERR_LOCKED, "%s: in use by %s; wait for it or give another --out", folder, n > 0 ? who : "another run");
        close(fd);
        goto out;
    }
    gethostname(host, sizeof host - 1);
    int n = snprintf(who, sizeof who, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) || pwrite(fd, who, (size_t)n, 0) != n) code = err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (code) close(fd);
    else *out = fd;
out:
    mem_free(path);
    return code;
}

int file_lock_wait(int *out, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), got = -1;
    while (fd >= 0 && (got = flock(fd, LOCK_EX)) < 0 && errno == EINTR) continue;
    if (got < 0) {
        const int code = err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: cannot be locked: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return code;
    }
    *out = fd;
    return OK;
}

int file_is_locked(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd);
    return held;
}

char *file_holder(const char *folder)
{
    char *path = mem_print("%s/.lock", folder), *who = NULL;
    size_t size = 0;
    if (file_is_locked(path) && file_read(&who, &size, path) == OK && who) who[strcspn(who, "\n")] = 0;
    mem_free(path);
    return who;
}

void file_unlock(int lock)
{
    if (lock >= 0) close(lock);
}
