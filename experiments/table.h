/* CSV tables (RFC 4180, through libcsv): read whole, append whole rows that survive a kill at any moment.
 * Also the one list of the columns of results.csv and curve.csv. */
#ifndef HEIST_EXPERIMENTS_TABLE_H
#define HEIST_EXPERIMENTS_TABLE_H

#include <stdint.h>

/* results.csv: one row a cell. Accuracies, ratios and flips are fractions 0..1; "" where there is no number. */
#define RESULT_FIELDS(X)                                                                                   \
    X(key, "hash of every resolved option and of the data: the cell's identity")                           \
    X(sweep, "name of the sweep")                                                                          \
    X(dataset, "the victim's data set, resolved spec")                                                     \
    X(model, "the victim's network")                                                                       \
    X(training, "the network with every option of its training")                                           \
    X(defense, "resolved spec of the defense, or a chain of them with '+'")                                \
    X(knob, "calibrated: the option that was searched; empty: none")                                       \
    X(target, "calibrated: what it was to cost, l1@0.2 or drop@0.01")                                      \
    X(knob_value, "calibrated: the value that was found")                                                  \
    X(target_reached, "calibrated: what it costs there, on the half of the test set that did not choose it") \
    X(attack, "resolved spec of the attack")                                                               \
    X(clone_model, "the clone's network")                                                                  \
    X(pool, "the data set that the attacker queries from, resolved spec")                                  \
    X(ood, "the data set that the defender trains on beside its own, resolved spec; empty: none")          \
    X(ood_distance, "how well a small network tells ood and pool apart, 0.5 (the same) to 1; empty: one is missing") \
    X(ood_is_pool, "1: the defender trains on the attacker's pool (an upper bound for the defense), else 0")              \
    X(pool_is_train, "1: the attacker queries with images of the victim's own training set, else 0")                  \
    X(label, "what the black box releases: soft, hard or topk")                                            \
    X(budget, "queries that the attacker may make")                                                        \
    X(seed, "seed of the cell")                                                                            \
    X(audit, "what heist audit says of its data sets: clean, or words; one with ! puts the clone's numbers in doubt")  \
    X(status, "ok, or the name of the error")                                                              \
    X(error, "the error's text")                                                                           \
    X(victim_acc, "test accuracy of the victim's network before its answers are changed")                  \
    X(defended_acc, "test accuracy of the answers that are released")                                      \
    X(mean_l1, "mean L1 distance between posterior and released answer, 0..2, over the attack's queries")  \
    X(argmax_flips, "share of the attack's queries whose top class the defense changed")                   \
    X(clone_acc_last, "test accuracy of the clone after its last epoch (the headline)")                    \
    X(clone_acc_val, "test accuracy at the epoch chosen on a held-out part of the transfer set")           \
    X(clone_acc_best, "test accuracy at the epoch that is best on the test set (an oracle)")               \
    X(clone_ratio, "clone_acc_last / victim_acc")                                                          \
    X(fidelity, "share of test images on which clone and victim name the same class")                      \
    X(kl_clean, "mean over test images of KL(clean posterior of the victim || clone), nats")              \
    X(queries_total, "images answered, repeated ones counted again")                                       \
    X(queries_distinct, "images answered, distinct by their bytes")                                        \
    X(queries_per_image, "queries_total / queries_distinct")                                               \
    X(victim_train_s, "seconds to train the victim (0: from the cache)")                                   \
    X(fit_s, "seconds to fit the defense")                                                                 \
    X(query_us, "microseconds for one answer")                                                             \
    X(attack_s, "seconds of the whole attack")                                                             \
    X(peak_mb, "peak memory, MiB")                                                                         \
    X(version, "version of heist")                                                                         \
    X(victim_seed, "seed of the victim's training")                                                        \
    X(defense_seed, "seed of the defense")                                                                 \
    X(attack_seed, "seed of the attack")                                                                   \
    X(train_sha256, "hash of the victim's training images and labels")                                     \
    X(test_sha256, "hash of the test images and labels")                                                   \
    X(ood_sha256, "hash of the OOD set; empty: none")                                                      \
    X(pool_sha256, "hash of the attacker's pool; empty: none")                                             \
    X(victim_sha256, "hash of the victim's weights")                                                       \
    X(clone_sha256, "hash of the clone's weights after its last epoch")                                    \
    X(machine, "the processor, and its cores that could be used")                                          \
    X(threads, "threads that computed the cell; the numbers do not depend on it")                          \
    X(kernels, "instruction set of the layers' loops")                                                     \
    X(openblas, "OpenBLAS: its version, and the core its kernels are for")

/* curve.csv: one row for each epoch of a clone's training. */
#define CURVE_FIELDS(X)                                                          \
    X(key, "the cell in results.csv")                                            \
    X(queries, "images queried when this training began (grows where an attack trains in rounds)") \
    X(epoch, "epoch, from 1; over the whole attack, or anew where queries grow")  \
    X(clone_acc, "test accuracy of the clone")

/* RESULT_key, RESULT_sweep, ..., RESULT_COLUMNS; CURVE_key, ..., CURVE_COLUMNS */
#define RESULT_INDEX(name, help) RESULT_##name,
enum { RESULT_FIELDS(RESULT_INDEX) RESULT_COLUMNS };
#define CURVE_INDEX(name, help) CURVE_##name,
enum { CURVE_FIELDS(CURVE_INDEX) CURVE_COLUMNS };

extern const char *const result_column[RESULT_COLUMNS], *const result_help[RESULT_COLUMNS];
extern const char *const curve_column[CURVE_COLUMNS], *const curve_help[CURVE_COLUMNS];

/* A CSV file in memory. Every string belongs to the table. */
struct table {
    int columns, rows;
    const char **column; /* [columns] names */
    const char **cell;   /* [rows][columns] */
    int torn;            /* 1: the file ended in the middle of a row, which was left out */
    char *text;
};

/* Reads a whole file whose first line names the columns; table_free frees. A last row that lacks its newline or
 * some of its fields is left out (torn = 1). ERR_MISSING: no such file; ERR_FORMAT with the line's number. */
int table_read(struct table **out, const char *path);
void table_free(struct table *t); /* accepts NULL */

int table_column(const struct table *t, const char *column);                  /* its index; -1: there is none */
const char *table_get(const struct table *t, int row, const char *column);    /* "" where there is none */
double table_number(const struct table *t, int row, const char *column);      /* NaN where it is not a finite number */

/* Appends rows of n values, value [rows][n] for the columns named (NULL: empty); other columns of the file stay empty.
 * All or nothing, on disk on return. A new file appears at once with its header; in an old one a torn end is cut off
 * first. A file of an older version that lacks some of the columns, but not the first, is replaced by one that has them, empty
 * in the old rows. One writer at a time. ERR_FORMAT: no CSV, or it lacks the first column; ERR_IO: the file is as it was. */
int table_append_rows(const char *path, int rows, int n, const char *const *column, const char *const *value);
int table_append(const char *path, int n, const char *const *column, const char *const *value); /* one row */

/* The same for who appends again and again, and would read all of a long file each time: `end` ({0} at first) keeps what the append
 * before it left there. Where the file has another size since, it is read again. table_end_free frees what it holds. */
struct table_end {
    char *path, *header;
    int64_t size;
};
int table_append_at(struct table_end *end, const char *path, int rows, int n, const char *const *column, const char *const *value);
void table_end_free(struct table_end *end);

#endif
