/* Reports: tables and figures from DIR/results.csv and DIR/curve.csv, and from nothing else: the same files give the
 * same bytes (a PDF says when it was made). Rows that differ only in their seed become one cell: mean and 95 % interval over seeds. */
#ifndef HEIST_EXPERIMENTS_REPORT_H
#define HEIST_EXPERIMENTS_REPORT_H

#include <stdio.h>

#include "experiments/table.h"

/* Writes DIR/report.md, DIR/report.html, DIR/report.tex with DIR/tables/NAME.tex, and DIR/plots/NAME.{csv,gp,svg,png,pdf}, prints the main table to `print` (may be NULL; at most 120
 * columns). ERR_MISSING: no results.csv, or no rows in it; ERR_FORMAT; ERR_IO. Where gnuplot is not installed the
 * tables and the plots' .csv and .gp are there all the same, and one line on stderr names the package. */
int report_write(const char *dir, FILE *print);

/* ---- statistics (report_stats.c) -------------------------------------------------------- */

struct stat_mean {
    int n;             /* values, 0: mean is NaN */
    double mean, half; /* half the width of the 95 % interval; NaN below two values */
};

/* Mean of v[0..n) and its 95 % confidence interval by Student's t; values that are not finite are left out. */
struct stat_mean stat_of(const double *v, int n);

/* The t that a variable of Student's distribution with df degrees of freedom stays below with probability 0.975. */
double stat_t975(int df);

/* Paired t-test of n differences (values that are not finite are left out): the chance of a mean at least as far from 0 where there
 * is no difference, two-sided. NaN below two differences. */
double stat_paired(const double *difference, int n);

/* ---- short labels (report_labels.c) ----------------------------------------------------- */

/* A column of results.csv that tells methods apart beside their spec. */
struct label_extra {
    const char *key;   /* the column; an option of this name in the spec is not shown again */
    const char *shown; /* "pool" gives "pool=mnist"; NULL: the value alone stands behind the name */
};

/* Labels for n specs (or chains) with `extras` more values each, value [n][extras]: the name, and of options and values
 * those that differ among the specs of this name. All labels are different. labels_free frees. */
char **labels_new(int n, const char *const *spec, int extras, const struct label_extra *extra, const char *const *value);
void labels_free(char **label, int n); /* accepts NULL */

/* "50000" as "50k", "1500000" as "1.5M", "1234" and words as they are; mem_free frees. */
char *label_count(const char *count);

/* ---- the data (report_data.c) ----------------------------------------------------------- */

enum metric {
    METRIC_VICTIM, METRIC_DEFENDED, METRIC_L1, METRIC_FLIPS,     /* of the victim and its defense */
    METRIC_VICTIM_S, METRIC_FIT_S, METRIC_QUERY_US,
    METRIC_LAST, METRIC_VAL, METRIC_BEST, METRIC_RATIO, METRIC_FIDELITY, /* of the clone */
    METRIC_TOTAL, METRIC_DISTINCT, METRIC_ATTACK_S, METRIC_DISTANCE, METRIC_BUDGET,
    METRICS
};

/* Its column of results.csv. */
const char *metric_column(enum metric m);

/* "88.63 ± 0.41", in the metric's unit (accuracies and shares in %, ratio and L1 as they are); "-" without a value. */
enum { STAT_TEXT = 64 };
const char *stat_text(char buf[STAT_TEXT], struct stat_mean s, enum metric m);

/* One row of results.csv; strings belong to the table. */
struct report_row {
    int victim, defense, attack, seed; /* indices */
    int key;                           /* of the curve; -1: no key */
    int line;                          /* row of report.results */
    const char *seed_text, *status, *error;
    int ok;
    int soft;                          /* 1: whole posteriors are released */
    int doubt;                         /* the column `audit` has a word with '!' */
    int flagged, leaks;                /* upper bounds: of the defense, which trained on the attacker's pool; of the attack, whose
                                          pool is the victim's training set, or which is told the clean answers or chooses an ensemble's members */
    double value[METRICS];             /* NaN where there is none */
};

/* Rows of one victim, defense and attack: statistics over the seeds that are ok. */
struct report_cell {
    int victim, defense, attack;
    int ok, failed, flagged, leaks, doubt;
    int row, rows;                  /* report.row[row .. row+rows) */
    struct stat_mean value[METRICS];
};

/* Rows of one victim and defense: statistics of METRIC_VICTIM .. METRIC_QUERY_US over seeds. */
struct report_side {
    int victim, defense, flagged;
    int cell, cells;                /* report.cell[cell .. cell+cells) */
    struct stat_mean value[METRICS];
};

/* One point of a clone's training: `x` counts epochs over the rounds of an attack that trains again and again. */
struct report_point {
    int key, x, round;
    double queries, acc;
};

struct report {
    struct table *results, *curve; /* curve NULL: no curve.csv */
    int victims, defenses, attacks, seeds, rows, cells, sides, points;
    int failed, repeated;               /* rows: not ok; not the first of their cell and seed */
    char **victim, **defense, **attack; /* labels, in the order of first appearance */
    struct report_row *row;             /* [rows] by victim, defense, attack, seed */
    struct report_cell *cell;           /* [cells] in the same order */
    struct report_side *side;           /* [sides] in the same order */
    struct report_point *point;         /* [points] by key, then x */
};

/* Reads and groups; report_free frees. A key that stands there twice counts once, by its last row. */
int report_load(struct report **out, const char *dir);
void report_free(struct report *r); /* accepts NULL */

/* The same of tables in memory, which it owns then; curve NULL: none. `results` has rows and passes report_check: ERR_FORMAT where a
 * column is missing, ERR_MISSING where there are no rows; `path` is for the text. */
struct report *report_of(struct table *results, struct table *curve);
int report_check(const struct table *results, const char *path);

/* One metric over rows that are ok; rows of one seed count as one value. */
struct stat_mean report_over_seeds(const struct report_row *row, int n, enum metric m);

/* NULL where there is none. */
const struct report_cell *report_find(const struct report *r, int victim, int defense, int attack);

/* The curve of one row (its key), in the order of its training: *n points. */
const struct report_point *report_points(const struct report *r, int key, int *n);

/* The cell of the undefended victim and an attack; NULL: there is none. */
const struct report_cell *report_undefended(const struct report *r, int victim, int attack);

/* The attack that steals most from this defense (METRIC_LAST, mean over seeds); upper bounds count only where there is nothing
 * else. NULL: no cell has a value. */
const struct report_cell *report_worst(const struct report *r, const struct report_side *side);

/* stat_paired of a cell against the undefended victim under the same attack, over the seeds that both have; *lower: its mean is
 * lower. NaN where there is none. */
double report_against_undefended(const struct report *r, const struct report_cell *c, int *lower);

/* Does attack `a` meet victim v at all? (Several victims need not be attacked alike.) */
int report_attacked(const struct report *r, int victim, int attack);

/* ---- where it comes from (report_provenance.c) ------------------------------------------- */

enum { PROVENANCE_HASH = 17 };

/* What rows were computed by; strings belong to the table, "" where a row of an older version does not say. */
struct origin {
    const char *version, *machine, *threads, *kernels, *openblas;
    int rows;
};

/* A data set and what it was for: "train", "test", "OOD", "pool". */
struct origin_set {
    const char *role, *name, *sha256;
};

struct grid;
struct provenance {
    int origins, sets;
    struct origin *origin;
    struct origin_set *set;         /* those whose hash is known */
    char options[PROVENANCE_HASH];  /* a hash of the rows' keys: of all their options and data */
};

/* Of one victim's rows; -1: of all. provenance_free frees. */
struct provenance *provenance_of(const struct report *r, int victim);
void provenance_free(struct provenance *p); /* accepts NULL */

/* In one line, for below a table; mem_free frees. */
char *provenance_line(const struct provenance *p);

/* As tables; grid_free frees. */
struct grid *provenance_origins(const struct provenance *p);
struct grid *provenance_sets(const struct provenance *p);

/* ---- tables (report_grid.c, report_tables.c, report_markdown.c, report_latex.c, report_text.c) ------------------------------ */

/* What is said of a cell beside its text; each writer has its own signs for it. */
struct grid_mark {
    int bold;
    int bound, leaks; /* an upper bound of the defense; of the attack */
    int doubt;        /* heist audit found something in the cell's data that puts its number in doubt */
    int sure;         /* 1 to 3: higher than undefended with p < 0.05, 0.01, 0.001; below 0: lower; 0: no telling */
};

/* A table of plain text that prints aligned: as it is, as Markdown or as LaTeX. */
struct grid {
    int columns, rows;
    char **cell;            /* [rows][columns]; row 0 is the head */
    struct grid_mark *mark; /* [rows][columns] */
    int *span;              /* [rows] 1: the row is one text, its first cell */
    char *align;            /* [columns] 'l' or 'r' */
    int room;
};

struct grid *grid_new(const char *align); /* "llrr": its columns; grid_free frees */
void grid_free(struct grid *g);           /* accepts NULL */
void grid_row(struct grid *g);
void grid_head(struct grid *g, const char *const *head);         /* a row of these texts */
void grid_span(struct grid *g, const char *text);                /* a row that is one text */
void grid_put(struct grid *g, int column, const char *text);     /* into the last row */
void grid_mark(struct grid *g, int column, struct grid_mark mark);
struct grid *grid_turned(const struct grid *g);                  /* rows and columns change places; grid_free frees */
void grid_markdown(const struct grid *g, FILE *f);
void grid_latex(const struct grid *g, FILE *f);                  /* a tabular, with the rules of booktabs */
void grid_text(const struct grid *g, FILE *f, int width);        /* without marks; the first column is clipped so that all fits */

/* One line that Markdown, or LaTeX, shows as it is; mem_free frees. */
char *tex_text(const char *text);
char *md_text(const char *text);

/* The tables of one victim; grid_free frees. Without rows where there is nothing to say. */
struct grid *report_costs(const struct report *r, int victim);    /* what each defense costs */
struct grid *report_matrix(const struct report *r, int victim);   /* clone accuracy: defenses down, attacks across */
struct grid *report_above(const struct report *r, int victim);    /* clones better than the undefended victim's */
struct grid *report_clones(const struct report *r, int victim);   /* every clone */
struct grid *report_failures(const struct report *r, int victim); /* rows without numbers, and why */

/* How surely a cell's clone differs from the undefended victim's, as a grid_mark says it. */
int report_sure(const struct report *r, const struct report_cell *c);

/* Is any cell of the victim (-1: of any) an upper bound of a defense; of an attack? */
void report_bounds(const struct report *r, int victim, int *flagged, int *leaks);

/* Is any cell of a victim (-1: of any) in doubt by its data? */
int report_doubts(const struct report *r, int victim);

/* What heist audit says of each victim's set, pool and OOD set; NULL: the rows do not say. grid_free frees. */
struct grid *report_audits(const struct report *r);


void report_markdown(const struct report *r, FILE *f);

/* Writes DIR/report.html, with the figures that stand in DIR/plots. ERR_IO. */
int report_html(const struct report *r, const char *dir);

/* Writes DIR/tables/NAME.tex, each a tabular for a paper's \input, and DIR/report.tex, which sets them and the figures. ERR_IO. */
int report_latex(const struct report *r, const char *dir);
void report_text(const struct report *r, FILE *f, const char *dir);

/* ---- figures (report_plots.c, report_gnuplot.c) ----------------------------------------- */

/* "clone_accuracy", or with several victims "clone_accuracy-mnist-lenet5"; mem_free frees. */
char *plot_name(const struct report *r, const char *what, int victim);

/* The figures that there are, in the order of a report: "clone_accuracy", ...; NULL behind the last. What each shows, a sentence. */
const char *plot_at(int i);
const char *plot_caption(const char *what);

/* Is there anything to draw in it? */
int plot_has(const struct report *r, const char *what, int victim);

/* Has it so many cells that it is not drawn? Its data and script are written all the same. */
int plot_crowded(const struct report *r, const char *what, int victim);

/* Writes the figures' data and scripts into `folder` and draws them; without gnuplot one line on stderr says so. */
int report_plots(const struct report *r, const char *folder);

/* Runs `script`, a file of `folder`, there. ERR_MISSING: gnuplot is not installed; ERR_IO with what it said. */
int gnuplot_run(const char *folder, const char *script);

#endif
