/* A defense: it trains the victim (InI), or changes its answers (Prediction Poisoning), or releases less of them
 * (hard labels). To add one: defenses/NAME.c with a struct defense_ops, and a line in defenses/list.h.
 *
 * A chain "ini:gamma=0.3+topk:k=3" is applied link by link; each link sees the answer of the one before it. */
#ifndef HEIST_DEFENSES_DEFENSE_H
#define HEIST_DEFENSES_DEFENSE_H

#include <stdint.h>

#include "base/spec.h"
#include "base/work.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "nn/optim.h"

/* What the defender has. */
struct defense_env {
    const struct model *victim;  /* what is served: trained; in fit: its architecture */
    const struct dataset *train; /* the victim's training set */
    const struct dataset *ood;   /* outliers that the defender may train on; NULL: none */
    const struct optim *optim;   /* how victims are trained in this experiment */
    const struct augment *augment; /* of the images that networks train on, as the victim's; NULL: none */
    uint64_t seed;               /* of the defense's own streams */
    const struct dataset *pool;  /* the attacker's pool, for presets that are oracles; NULL: none */
    const char *cache;           /* folder where helper networks are kept; NULL: nowhere */
};

/* What a defense's own networks did since it was opened, and hold. */
struct defense_cost {
    int64_t forwards, backwards, tangents; /* images that went through each kind of pass */
    size_t params;
};

/* Who answers in an ensemble, where the caller may say so: member [n] (modulo the members), or the member that the images hashed
 * [n][c][h][w] would get; the other is NULL. */
struct defense_choice {
    const int *member;
    const float *hashed;
};

/* What a link promises of each answer q to the posterior p it was given, with these options. The chain holds it to that. */
struct defense_traits {
    int argmax;      /* the most likely class (of equals the first) stays */
    int norm;        /* 1, 2: |q - p| in this norm is at most radius; 0: no ball */
    double radius;
    int off_simplex; /* answers need not sum to 1 */
    int stateful;    /* answers depend on the queries before */
    int oracle;      /* uses the attacker's own pool, which no defender has: its rows are flagged as upper bounds */
};

struct defense_ops {
    const char *name, *about, *paper;
    const char *formula;          /* one line or a few, for `heist show` */
    const struct option *options; /* (optional) ends with OPTION_END */
    const struct preset *presets; /* (optional) ends with PRESET_END */
    const char *work;             /* (optional) what a query costs beside the victim's pass, in words; NULL: a few operations a class */
    const char *serving;          /* (optional) the options that fit does not read, "tau nu": they need no new victim */
    int replaces;                 /* its answers do not use the victim's: whoever serves it needs no pass of the victim */
    int needs_ood;                /* cannot work without outliers */

    void (*traits)(struct defense_traits *out, const struct spec *opt); /* (optional) *out is zero before: it promises nothing */

    /* (optional) Trains the victim, which comes initialised: a defense that is built into training. */
    int (*fit)(struct model *victim, const struct defense_env *env, const struct spec *opt);
    /* (optional) Makes the state that answer uses; may train helper networks. env outlives it. */
    int (*open)(void **state, const struct defense_env *env, const struct spec *opt);
    /* (optional) Posteriors p [n][K] of images x [n][c][h][w] -> released q [n][K]; q is not p. The same rows in the
     * same order give the same answers however they are split into calls; unless stateful, in any order. */
    int (*answer)(void *state, const float *x, const float *p, float *q, int n, int classes);
    /* (optional) The same by the members that the caller says: ensembles, for attacks that are oracles. */
    int (*answer_by)(void *state, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes);
    void (*cost)(const void *state, struct defense_cost *out); /* (optional) adds to *out: the passes of its networks */
    void (*close)(void *state); /* (optional) */
    /* (optional) Adds the passes that fit and open will do with these options; env has no victim. NULL: no network is trained. What
     * an answer takes need not be said: it is measured. */
    void (*trains)(struct work *fit, struct work *open, const struct spec *opt, const struct defense_env *env);
};

int defense_count(void);
const struct defense_ops *defense_at(int i);
/* ERR_OPTION with the nearest name. */
int defense_find(const struct defense_ops **out, const char *name);

struct defense_link {
    const struct defense_ops *ops;
    struct spec opt;
    struct defense_traits traits;
    void *state;
};

/* A chain, parsed and resolved; open after defense_open. */
struct defense {
    int n;
    struct defense_link *link;
};

/* ERR_OPTION: unknown link or option, two links that train the victim, or one whose work another undoes. defense_free frees (and closes). */
int defense_parse(struct defense **out, const char *chain);
void defense_free(struct defense *d); /* accepts NULL */

/* The chain with every option; mem_free frees. */
char *defense_text(const struct defense *d);

/* The chain with the options that are not defaults, for people; mem_free frees. */
char *defense_brief(const struct defense *d);

/* The link that trains the victim, or NULL. */
const struct defense_link *defense_fitter(const struct defense *d);

int defense_needs_ood(const struct defense *d);
int defense_stateful(const struct defense *d);
int defense_oracle(const struct defense *d);

int defense_open(struct defense *d, const struct defense_env *env);

/* Summed over the links of an opened chain. */
struct defense_cost defense_cost(const struct defense *d);

/* p [n][K] -> q [n][K] through every link. ERR_NUMERIC: p is no posterior, or a link released what is no answer (a NaN,
 * a negative number, off the simplex, outside its ball, another argmax) against its traits. */
int defense_answer(struct defense *d, const float *x, const float *p, float *q, int n, int classes);

/* The same, its ensemble's members chosen by `by`. ERR_OPTION: no link has members. */
int defense_answer_by(struct defense *d, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes);

#endif
