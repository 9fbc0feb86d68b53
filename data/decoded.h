/* Decoded sets, one file each under ${XDG_CACHE_HOME:-$HOME/.cache}/heist/decoded: pixels as they stand in memory, mapped.
 * The file is native (byte order and all) and may be deleted at any time. */
#ifndef HEIST_DATA_DECODED_H
#define HEIST_DATA_DECODED_H

#include "data/format.h"

/* Maps the set of this key. 0: it is not there, or it is torn or of another version. */
int decoded_open(struct images *out, const char *key);

/* A set that is being decoded. */
struct decoded {
    char *path, *part;
    int file; /* -1: there is nowhere to keep it: it stays in memory */
    void *map;
    size_t size;
};

/* Room for the pixels of m (n, shape, labels set): m->pixels, m->map. Waits while another process decodes the same set; 1: that
 * one came, m is it (labels and names of m are replaced). Where the folder cannot be written, or the disk is full, a line on stderr says so. */
int decoded_begin(struct decoded *d, struct images *m, const char *key);

/* Keeps what m now holds: it appears whole or not at all. m stays as it is. Or, with keep 0, drops it. */
void decoded_end(struct decoded *d, const struct images *m, int keep);

#endif
