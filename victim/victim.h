/* Victims: trained plainly or by a defense, and kept by content, so that none is trained twice. */
#ifndef HEIST_VICTIM_VICTIM_H
#define HEIST_VICTIM_VICTIM_H

#include "defenses/defense.h"
#include "nn/train.h"

struct victim {
    struct model *model;
    double train_s, fit_s; /* seconds of plain training, of training by the defense; as measured when it was trained */
    char key[HASH_TEXT];   /* of all that it depends on */
};

/* Options of a sweep's [victim]: dataset, model, OPTIM_OPTIONS and augment. */
extern const struct option victim_options[];

/* How these resolved options train. ERR_OPTION. */
int victim_training(struct optim *optim, struct augment *augment, const struct spec *opt);

/* The victim of these resolved options: read from `cache` (a folder; NULL: no cache) or trained, and kept there.
 * Depends on opt, train, the defense's fit (if it has one, with ood and seed) and `seed`. victim_free frees. */
int victim_get(struct victim **out, const struct spec *opt, const struct dataset *train, const struct defense *defense,
               const struct dataset *ood, uint64_t seed, uint64_t defense_seed, const char *cache);

/* Where `cache` has, or will have, the victim of these: two that are the same have the same path. mem_free frees. */
char *victim_path(const struct spec *opt, const struct dataset *train, const struct defense *defense, const struct dataset *ood, uint64_t seed,
                  uint64_t defense_seed, const char *cache);

/* A victim that no defense trains, without a cache, whose training is watched. */
int victim_train(struct victim **out, const struct spec *opt, const struct dataset *train, uint64_t seed, const struct train_watch *watch);
void victim_free(struct victim *v); /* accepts NULL */

#endif
