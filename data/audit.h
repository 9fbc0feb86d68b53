/* What may be wrong with the sets of an experiment: the same images where there should be others, classes that both sides have,
 * pixels of another range. Found words stand in results.csv and manifest.json; one that puts a clone's numbers in doubt ends with '!'.
 *
 *   test~train:N      test images of the victim that have a twin among its training images (data/twins.h)
 *   pool~train:N! pool~test:N!              images of the attacker's pool with a twin among the victim's ('!' from one in 1,000 on)
 *   ood~train:N! ood~test:N! ood~pool:N!    images of the defender's OOD set, likewise, or with one in the pool
 *   pool=ood!         the two are one set, or parts of one that share images
 *   pool-classes:N! ood-classes:N!          classes of the victim whose name the set has too
 *   pool-range! ood-range!                  no pixel is brighter than 8 of 255: written as 0 .. 1?
 *   pool-brightness! ood-brightness!        its mean is more than 2 standard deviations of the victim's away: inverted?
 *   normalisation!    the victim's network normalises by a mean or deviation that its training images do not have
 *   lossy:SET         a lossy copy, by the catalogue */
#ifndef HEIST_DATA_AUDIT_H
#define HEIST_DATA_AUDIT_H

#include "data/dataset.h"

struct audit_sets {
    const struct dataset *train, *test; /* the victim's */
    const struct dataset *pool, *ood;   /* NULL: none. Of another shape: compared in the victim's (data/transform.h) */
};

struct audit {
    char *words; /* "clean", or words with a blank between two */
    char *text;  /* a line for each word, in sentences */
};

/* Sets are compared once: what was found is kept in the folder `cache`, by the sets' hashes (NULL: it is not). ERR_SHAPE: images that are
 * neither grey nor colour. audit_free frees. */
int audit_run(struct audit *out, const struct audit_sets *s, const char *cache);
void audit_free(struct audit *a);

#endif
