/* Sets that SciPy and NumPy wrote (tests/files/make_files.py): as committed, and where both are installed written anew. */
#ifndef HEIST_TESTS_MADE_FILES_H
#define HEIST_TESTS_MADE_FILES_H

#include "tests/scratch.h"

/* The folders to search, one after the other: *i from 0; NULL: no more. Neither is to be freed before the test's end. */
static inline const char *made_files(int i)
{
    if (i == 0) return "tests/files";
    if (i > 1) return NULL;
    if (system("/usr/bin/python3 -c 'import numpy, scipy.io' 2>/dev/null")) {
        printf("skip written anew: no python3-scipy here\n");
        return NULL;
    }
    static char folder[64];
    char *command = mem_print("/usr/bin/python3 tests/files/make_files.py %s/made", scratch);
    CHECK_INT(system(command), 0);
    mem_free(command);
    snprintf(folder, sizeof folder, "%s/made", scratch);
    return folder;
}

/* The pixel of an image that they wrote. */
static inline int made_pixel(int i, int c, int y, int x)
{
    return (3 * y + 5 * x + 7 * c + 11 * i) % 256;
}

#endif
