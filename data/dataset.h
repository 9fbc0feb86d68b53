/* A data set in memory: images as bytes, labels, and what a network needs to know of them. */
#ifndef HEIST_DATA_DATASET_H
#define HEIST_DATA_DATASET_H

#include <stdint.h>

#include "base/hash.h"
#include "nn/shape.h"

struct dataset {
    char *name;            /* the resolved spec: "fashion-mnist:split=train:n=2000:seed=0" */
    int n;                 /* images */
    struct shape shape;    /* lanes = ROWS */
    int classes;           /* 0: unlabelled */
    const uint8_t *pixels; /* [n][c][h][w], 0..255 */
    const int *labels;     /* [n], 0 .. classes-1; NULL: unlabelled */
    float mean[4], std[4]; /* per channel, of pixels in [0,1]; std > 0 */
    char hash[HASH_TEXT];  /* of shape, pixels and labels */
    const char *names;     /* the classes, a line each; NULL: they have none */
    void *memory;          /* what dataset_free frees */
};

/* Opens a data set by its spec: NAME[:split=train|test][:n=COUNT][:seed=S] and the options of synthetic sets.
 * `split` (NULL: train) is the default where the spec names none. Searches HEIST_DATA (colon-separated folders), then
 * where packages and `heist data` put things. dataset_free frees. ERR_MISSING: not on this machine (the text says how
 * to get it); ERR_OPTION: no such set, split or option, or fewer images than n; ERR_FORMAT: broken files; ERR_IO.
 *
 * classes=0-4,7 keeps some classes (data/classes.h), to=CxHxW:fit=cover|stretch|pad gives another shape (data/transform.h): for
 * every set. They stand in the name where they change something.
 * n=COUNT keeps a random subset drawn by seed, in the set's own order; a larger n of one seed contains the smaller.
 * "a+b+c" is a mixture (data/mixture.h): as many images of each as the smallest has, unlabelled.
 * In a synthetic set it makes the first COUNT images. mean and std are those of the whole set, whatever n.
 * A name that is in no catalogue but is a folder of HEIST_DATA with IDX files or pictures, or an archive of pictures there,
 * opens too, as a user's own set. Pixels may be a mapped file: larger than memory. */
int dataset_open(struct dataset **out, const char *spec, const char *split);
void dataset_free(struct dataset *d); /* accepts NULL */

/* Images index[0..n) as rows x [n][c][h][w] in [0,1]; index NULL: first, first+1, ... (else first is not used).
 * Every image asked for must exist (assert). */
void dataset_batch(const struct dataset *d, const int *index, int first, int n, float *x);

#endif
