/* Decoded sets, one file each under ${XDG_CACHE_HOME:-$HOME/.cache}/heist/decoded: pixels as they stand in memory, mapped.
 * The file is native (byte order and all) and may be deleted at any time.
 *
 * Pictures are kept whatever their number; what is quicker to decode, from DECODED_LARGE bytes of pixels on. */
#ifndef HEIST_DATA_DECODED_H
#define HEIST_DATA_DECODED_H

#include "data/entries.h"
#include "data/format.h"

enum { DECODED_LARGE = 64 << 20 }; /* bytes: more than MNIST's 47 MB, less than CIFAR-10's 154 */

/* Are the pixels of m (n, shape) as many? */
int decoded_large(const struct images *m);

/* Looks for what a file, archive or folder was decoded to, by its contents (of a folder: paths, sizes and times) and `how`: every option
 * that changes the images. Writes the key; lists a folder (s->root is then set; s may be NULL where root is a file). 1: *out is it; 0; below 0: an error. */
int decoded_find(struct images *out, char key[HASH_TEXT], struct entries *s, const char *root, const char *how);

/* Maps the set of this key. 0: it is not there, or it is torn or of another version. */
int decoded_open(struct images *out, const char *key);

/* A set that is being decoded. */
struct decoded {
    char *path, *part;
    int file; /* -1: there is nowhere to keep it: it stays in memory */
    void *map;
    size_t size;
};

/* Room for the pixels of m (n and shape set): m->pixels, m->map. key NULL: in memory. Waits while another process decodes the same set;
 * 1: that one came, m is it (labels and names of m are replaced). Where the folder cannot be written, or the disk is full, a line on stderr
 * says so, and they are in memory. */
int decoded_begin(struct decoded *d, struct images *m, const char *key);

/* Keeps what m now holds: it appears whole or not at all, and m's pixels are fixed from here on. Or, with keep 0, drops it. */
void decoded_end(struct decoded *d, struct images *m, int keep);

#endif
