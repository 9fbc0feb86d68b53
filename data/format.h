/* What a data format does: one file each, and a line in list.h. */
#ifndef HEIST_DATA_FORMAT_H
#define HEIST_DATA_FORMAT_H

#include <stdint.h>

#include "base/hash.h"
#include "base/spec.h"
#include "data/catalogue.h"
#include "data/transform.h"
#include "nn/shape.h"

/* The images of one split, as a format reads them. */
struct images {
    int n;
    struct shape shape;    /* lanes = ROWS */
    int classes;           /* 0: unlabelled */
    uint8_t *pixels;       /* [n][c][h][w]; mem_free frees, or `map` holds them */
    int *labels;           /* [n], 0 .. classes-1; NULL: unlabelled; mem_free frees */
    float mean[4], std[4]; /* per channel, of pixels in [0,1]; std 0: not measured */
    char *names;           /* the classes, a line each; NULL: they have none; mem_free frees */
    int transformed;       /* 1: the format itself applied the transform, and it changed an image */
    char hash[HASH_TEXT];  /* of shape, pixels and labels; "": not known */
    void *map;             /* a mapped file, in which the pixels lie; munmap frees */
    size_t map_size;
    int fixed;             /* 1: mapped for reading alone: the pixels cannot be written to */
};

/* Frees what it holds; pixels alone, with their hash. */
void images_clear(struct images *m);
void images_drop(struct images *m);

/* Pixels of another shape or order, made image by image by `one`, at any number of threads; `how` says which. They are kept
 * (data/decoded.h) where they are many. */
typedef void image_maker(uint8_t *out, const uint8_t *pixels, struct shape from, const void *with);
void images_remake(struct images *m, struct shape to, const char *how, image_maker *one, const void *with);

/* Of images whose files have them column by column, pixels [n][c][w][h], to [n][c][h][w]. */
void images_transpose(struct images *m);

/* Pixels [n][h][w][c] become [n][c][h][w]. */
void images_planes(struct images *m);

/* The shape of images that come as rows of numbers: 784 (1x28x28), 1024 (1x32x32) or 3072 (3x32x32). 0: another number. */
int shape_of_row(struct shape *out, size_t pixels);

/* Gives them the labels of a file: value [m->n] becomes m->labels, classes numbered from 0, also where it fails. classes: how many the
 * set has. ERR_FORMAT: a label that is none of them. */
int images_label(struct images *m, const struct dataset_info *info, int *value, int classes, const char *path);

/* Are they of the shape that the catalogue says, and (own 0: of a source of heist's) as many? ERR_FORMAT. */
int images_fit(const struct images *m, const struct dataset_info *info, int split, int own, const char *path);

/* The error of a split that is not here, with how to get it: ERR_MISSING. */
int dataset_missing(const struct dataset_info *info, int split);

/* mean and std of all pixels. */
void images_measure(struct images *m);

/* SHA-256 over the shape's text and the hash of each 4 MiB of pixels and labels: these are hashed in parallel. */
void images_hash(char out[HASH_TEXT], const struct images *m);

struct dataset_format {
    const char *name;
    const struct option *options; /* with `split`, whose default is replaced by the caller's, `n` and `seed` */

    /* (optional) The folder where a split (0 train, 1 test) lies, mem_free frees; NULL: not on this machine. */
    char *(*where)(const struct dataset_info *info, int split);

    /* Reads or makes the images that a resolved spec asks for, all checked; out is filled only on success. A transform and an
     * `n` below the number of images there are left to dataset_open, but for a format that transforms (below) or makes_n. */
    int (*open)(struct images *out, const struct dataset_info *info, const struct spec *spec, const struct transform *t);
    int makes_n;
    int transforms; /* its images may be of many sizes: it applies the transform while it reads them */
    int own;        /* reads folders that no catalogue names */
};

/* Fills *own where a folder or archive of HEIST_DATA is a set that no catalogue names; 0: there is none. */
int dataset_own(struct dataset_info *own, const char *name);

/* The options that every set has beside its format's; dataset_open takes them out of the spec (ends with OPTION_END). */
extern const struct option dataset_options[];

/* The format of a set: of the catalogue's and its others, the first in which a split lies in HEIST_DATA, then anywhere, else the
 * catalogue's. A name that list.h does not have is a programming error (assert). */
const struct dataset_format *dataset_format(const struct dataset_info *info);

#endif
