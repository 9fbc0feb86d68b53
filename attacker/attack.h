/* An attack: it queries a black box and returns a clone. To add one: attacker/NAME.c with a struct attack_ops, and a line
 * in attacker/list.h. The smallest one, knockoff.c, is the template to copy. */
#ifndef HEIST_ATTACKER_ATTACK_H
#define HEIST_ATTACKER_ATTACK_H

#include <stdint.h>

#include "base/spec.h"
#include "base/work.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "victim/blackbox.h"

/* What the attacker has. */
struct attack_env {
    struct blackbox *target;
    const struct dataset *pool;  /* images to query with; NULL where the attack needs none (ops->needs_pool) */
    const struct dataset *seeds; /* the victim's training set: for attacks whose threat model grants some of it
                                    (ops->needs_seeds), else NULL */
    const char *clone_model;     /* architecture of the clone */
    uint64_t seed;

    /* What an attacker knows beside the answers, as far as its option `knowledge` says (NULL: not). The cell fills it. */
    const char *defense; /* the defense: names ("mad+topk"), or with all options */
    const struct model *clean; /* the victim, for its clean posteriors */
    int members;               /* 1: it may choose which member of an ensemble answers: the owner grants it to the black box */

    /* Told after each epoch of the clone; it measures, and tells the attacker nothing. `epoch` counts from 1 over the
     * whole attack, `val` is the clone's loss on the held-out part of the transfer set (NaN: none held out). */
    void (*observe)(void *observer, const struct model *clone, int64_t queries, int epoch, double val);
    void *observer; /* observe may be NULL */
};

struct attack_ops {
    const char *name, *about, *paper;
    const struct option *options; /* has "budget": the most rows it may ask */
    const struct preset *presets; /* (optional) */
    int needs_pool, needs_seeds;
    int64_t (*images)(const struct spec *opt); /* (optional) images of the pool that it draws; NULL: its budget */
    /* (optional) Adds what it will do to *out, which has the budget as queries; `pool`: images there. NULL: it trains a clone once,
     * on its images. */
    void (*work)(struct work *out, const struct spec *opt, int pool, int classes);
    /* *clone: a new network, that the caller frees; NULL where it fails. Asks at most "budget" rows, however many the
     * black box would answer. */
    int (*run)(struct model **clone, const struct attack_env *env, const struct spec *opt);
};

int attack_count(void);
const struct attack_ops *attack_at(int i);
/* ERR_OPTION with the nearest name. */
int attack_find(const struct attack_ops **out, const char *name);

/* Tells env of a defense (the chain's text, resolved) and of the victim's clean posteriors what the attack's option `knowledge`
 * allows; nothing where it has no such option. Allocates env->defense, for attack_tell_free. */
void attack_tell(struct attack_env *env, const struct spec *opt, const char *defense, const struct model *victim);
void attack_tell_free(struct attack_env *env);

/* What an attack will do with these options, counted: for an estimate of its time. Texts in it are the spec's. */
void attack_work(struct work *out, const struct attack_ops *ops, const struct spec *opt, int pool, int classes);

/* Rows that an attack may still ask: of its own budget, `asked` rows being charged when it began, and of the black box's. */
int64_t attack_left(const struct attack_env *env, int64_t budget, int64_t asked);

#endif
