/* One cell of a sweep: a victim, a defense, an attack and a seed. The same cell gives the same numbers, bit for bit, at
 * any thread count, and whatever ran before it. */
#ifndef HEIST_EXPERIMENTS_CELL_H
#define HEIST_EXPERIMENTS_CELL_H

#include "base/spec.h"
#include "data/audit.h"
#include "experiments/evaluate.h"
#include "experiments/store.h"
#include "experiments/table.h"

enum { CELL_KEY = 17 };

struct cell {
    char *sweep;
    struct spec victim;  /* resolved victim_options */
    char *defense;       /* resolved chain, without the label's link */
    char *knob, *target; /* calibrated: the option and what it is to cost (experiments/calibrate.h); "" where it is not */
    char *label;         /* soft, or the link that releases less: hard, topk:k=3:renormalise=1 */
    char *ood, *pool;    /* data set specs, resolved; "" where the cell uses none */
    int ood_is_pool;     /* the defender trains on the attacker's pool, as outliers or otherwise: an upper bound for the defense */
    int pool_is_train;   /* the attacker queries with images of the victim's own training set */
    struct spec attack;  /* resolved */
    char *clone_model;
    uint64_t seed, victim_seed, defense_seed, attack_seed;
    char train_hash[HASH_TEXT], test_hash[HASH_TEXT], ood_hash[HASH_TEXT], pool_hash[HASH_TEXT]; /* of the data; "" where there is none */
    char key[CELL_KEY];
};

void cell_free(struct cell *c); /* frees what it holds */

/* Checks that the parts fit each other, opens the data it names and sets the names of sets, their hashes and the key: a hash of every
 * resolved option and of the data. ERR_OPTION, ERR_SHAPE, ERR_MISSING, ERR_FORMAT. */
int cell_resolve(struct cell *c, struct store *store);

struct cell_result {
    int status; /* OK, or why there are no numbers */
    char error[512];
    char victim_hash[HASH_TEXT], clone_hash[HASH_TEXT]; /* of their weights; "" where there are none */
    double victim_acc, defended_acc, mean_l1, argmax_flips;
    double clone_last, clone_val, clone_best, fidelity, kl_clean;
    int64_t queries_total, queries_distinct;
    double victim_train_s, fit_s, query_us, attack_s, peak_mb;
    double knob_value, target_reached; /* calibrated */
    double ood_distance;               /* of OOD set and pool (experiments/distance.h) */
    char *audit;                       /* words; NULL: it was not looked at */
    struct curve curve;
    struct model *clone; /* NULL on failure */
};
void cell_result_empty(struct cell_result *r); /* no number */
void cell_result_free(struct cell_result *r);

/* Runs a resolved cell; what fails is in out->status. cache: folder of trained victims. */
void cell_run(const struct cell *c, struct store *store, const char *cache, struct cell_result *out);

/* Where the cache has, or will have, the victim of a resolved cell; mem_free frees. NULL: a search has to find it (calibrate.h). */
int cell_victim(char **path, const struct cell *c, struct store *store, const char *cache);

/* Trains the victim of a resolved cell into the cache, unless it is there. */
int cell_train(const struct cell *c, struct store *store, const char *cache);

/* What is to be said of the cell's data (data/audit.h), by a cache in the folder `cache`; audit_free frees. */
int cell_audit(struct audit *out, const struct cell *c, struct store *store, const char *cache);

/* The two tables of a folder, as rows are appended to them: {.dir = DIR} at first; tables_free frees what it holds. */
struct tables {
    const char *dir;
    struct table_end results, curve;
};
void tables_free(struct tables *t);

/* Appends the cell's epochs to DIR/curve.csv and then its row to DIR/results.csv. ERR_IO, ERR_FORMAT. */
int cell_record(const struct cell *c, const struct cell_result *r, struct tables *to);

/* What a cell does, counted, if its victim and the networks beside it are not there yet. Texts are those of `spec` and of the cell. */
struct cell_work {
    struct work victim, helpers, attack; /* training the victim; what its defense trains beside it; the attack */
    struct defense *spec;                /* of the cell */
};
int cell_work(const struct cell *c, struct store *store, struct cell_work *out);
void cell_work_free(struct cell_work *w);

/* "mnist lenet5 | ini:gamma=0.3 | knockoff:budget=50000 hard | seed 1": options that are not defaults. mem_free frees. */
char *cell_text(const struct cell *c);

#endif
