/* A folder of a test's own, and files in it. */
#ifndef HEIST_TESTS_SCRATCH_H
#define HEIST_TESTS_SCRATCH_H

#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/check.h"

static char scratch[] = "/tmp/heist-test-XXXXXX"; /* main: mkdtemp(scratch) */

/* mem_free frees. */
static char *path_of(const char *name)
{
    return mem_print("%s/%s", scratch, name);
}

/* Makes the folders it needs. */
static inline void write_at(const char *name, const void *bytes, size_t size)
{
    char *path = path_of(name), *slash = strrchr(path, '/');
    *slash = 0;
    CHECK_OK(file_folder(path));
    *slash = '/';
    CHECK_OK(file_write(path, bytes, size));
    mem_free(path);
}

static inline int remove_all(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char *path = mem_print("%s/%s", folder, e->d_name);
        if (unlink(path)) remove_all(path);
        mem_free(path);
    }
    if (d) closedir(d);
    return rmdir(folder);
}

#endif
