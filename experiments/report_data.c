/* From the CSV files to rows, cells and curves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/report.h"
#include "experiments/words.h"

/* ---- methods: which rows belong together ------------------------------------------------ */

/* A kind of method, and the columns that tell its members apart. */
struct kind {
    const char *spec;
    struct label_extra extra[4];
    int extras;
};

static const struct kind defense_kind = {"defense", {{"ood", "ood"}}, 1};
static const struct kind attack_kind = {
    "attack", {{"label", NULL}, {"budget", NULL}, {"pool", "pool"}, {"clone_model", "clone"}}, 4};

enum { SEPARATOR = '\x1f' }; /* between the texts that make up an identity */

/* Labels for the different texts of one column, by row: a data set's spec as its name, a budget as "50k". */
static char **value_labels(const struct table *t, const char *column)
{
    struct words w = {0};
    char **of_row = mem_new((size_t)t->rows, sizeof *of_row);
    words_init(&w, t->rows);
    for (int i = 0; i < t->rows; i++) words_add(&w, table_get(t, i, column));
    char **label = labels_new(w.n, (const char *const *)w.word, 0, NULL, NULL);
    for (int i = 0; i < t->rows; i++) {
        const char *text = table_get(t, i, column);
        of_row[i] = strcmp(column, "budget") ? mem_string(*text ? label[words_find(&w, text)] : "") : label_count(text);
    }
    labels_free(label, w.n);
    words_free(&w);
    return of_row;
}

/* of_row[i] = number of row i's method; returns the methods' labels, *n of them. */
static char **find_methods(const struct table *t, const struct kind *k, int *of_row, int *n)
{
    struct words w = {0};
    char **extra[4] = {0}, **label;
    const char **spec = mem_new((size_t)t->rows, sizeof *spec);
    const char **value = mem_new((size_t)(t->rows * k->extras), sizeof *value);
    for (int e = 0; e < k->extras; e++) extra[e] = value_labels(t, k->extra[e].key);
    words_init(&w, t->rows);
    for (int i = 0; i < t->rows; i++) {
        char *identity = mem_string(table_get(t, i, k->spec));
        for (int e = 0; e < k->extras; e++) {
            char *longer = mem_print("%s%c%s", identity, SEPARATOR, table_get(t, i, k->extra[e].key));
            mem_free(identity);
            identity = longer;
        }
        int before = w.n, at = words_add(&w, identity);
        of_row[i] = at;
        if (w.n > before) {
            spec[at] = table_get(t, i, k->spec);
            for (int e = 0; e < k->extras; e++) value[at * k->extras + e] = extra[e][i];
        }
        mem_free(identity);
    }
    *n = w.n;
    label = labels_new(w.n, spec, k->extras, k->extra, value);
    for (int e = 0; e < k->extras; e++) labels_free(extra[e], t->rows);
    words_free(&w);
    mem_free(value);
    mem_free(spec);
    return label;
}

/* A victim is a data set and a network, and how it was trained where that differs: "mnist / lenet5 epochs=10". */
static char **find_victims(const struct table *t, int *of_row, int *n)
{
    struct words w = {0};
    char **data = value_labels(t, "dataset"), **model = value_labels(t, table_column(t, "training") < 0 ? "model" : "training");
    words_init(&w, t->rows);
    for (int i = 0; i < t->rows; i++) {
        char *both = mem_print("%s / %s", data[i], model[i]);
        of_row[i] = words_add(&w, both);
        mem_free(both);
    }
    char **label = w.word;
    *n = w.n;
    mem_free(w.slot);
    labels_free(data, t->rows);
    labels_free(model, t->rows);
    return label;
}

/* ---- rows ------------------------------------------------------------------------------- */

static const char *const column_of[METRICS] = {
    [METRIC_VICTIM] = "victim_acc",   [METRIC_DEFENDED] = "defended_acc",     [METRIC_L1] = "mean_l1",
    [METRIC_FLIPS] = "argmax_flips",  [METRIC_VICTIM_S] = "victim_train_s",   [METRIC_FIT_S] = "fit_s",
    [METRIC_QUERY_US] = "query_us",   [METRIC_LAST] = "clone_acc_last",       [METRIC_VAL] = "clone_acc_val",
    [METRIC_BEST] = "clone_acc_best", [METRIC_RATIO] = "clone_ratio",         [METRIC_FIDELITY] = "fidelity",
    [METRIC_TOTAL] = "queries_total", [METRIC_DISTINCT] = "queries_distinct", [METRIC_ATTACK_S] = "attack_s",
    [METRIC_DISTANCE] = "ood_distance", [METRIC_BUDGET] = "budget",
};

const char *metric_column(enum metric m)
{
    return column_of[m];
}

static struct report_row make_row(const struct table *t, int i)
{
    struct report_row r = {.key = -1,
                           .line = i,
                           .seed_text = table_get(t, i, "seed"),
                           .status = table_get(t, i, "status"),
                           .error = table_get(t, i, "error")};
    r.ok = strcmp(r.status, "ok") == 0;
    r.flagged = table_number(t, i, "ood_is_pool") == 1;
    r.doubt = strchr(table_get(t, i, "audit"), '!') != NULL;
    r.soft = strcmp(table_get(t, i, "label"), "soft") == 0;
    r.leaks = table_number(t, i, "pool_is_train") == 1 || strstr(table_get(t, i, "attack"), ":knowledge=clean") || strstr(table_get(t, i, "attack"), ":knowledge=members");
    for (int m = 0; m < METRICS; m++) r.value[m] = table_number(t, i, column_of[m]);
    return r;
}

static int compare_rows(const void *a, const void *b)
{
    const struct report_row *x = a, *y = b;
    if (x->victim != y->victim) return x->victim - y->victim;
    if (x->defense != y->defense) return x->defense - y->defense;
    if (x->attack != y->attack) return x->attack - y->attack;
    if (x->seed != y->seed) return x->seed - y->seed;
    return x->key - y->key;
}

/* `keys` gets every key; a repeated one keeps its first place and its last row. */
static void load_rows(struct report *r, struct words *keys)
{
    const struct table *t = r->results;
    size_t n = (size_t)t->rows;
    int *victim = mem_new(n, sizeof *victim), *defense = mem_new(n, sizeof *defense), *attack = mem_new(n, sizeof *attack);
    struct words seeds = {0};
    words_init(&seeds, t->rows);
    r->victim = find_victims(t, victim, &r->victims);
    r->defense = find_methods(t, &defense_kind, defense, &r->defenses);
    r->attack = find_methods(t, &attack_kind, attack, &r->attacks);
    r->row = mem_new(n, sizeof *r->row);
    for (int i = 0; i < t->rows; i++) {
        const char *key = table_get(t, i, "key");
        char *unnamed = *key ? NULL : mem_print("%c%d", SEPARATOR, i);
        int k = words_add(keys, unnamed ? unnamed : key);
        r->row[k] = make_row(t, i);
        r->row[k].key = k;
        r->row[k].seed = words_add(&seeds, table_get(t, i, "seed"));
        r->row[k].victim = victim[i];
        r->row[k].defense = defense[i];
        r->row[k].attack = attack[i];
        mem_free(unnamed);
    }
    r->rows = keys->n;
    r->seeds = seeds.n;
    for (int i = 0; i < r->rows; i++) r->failed += !r->row[i].ok;
    qsort(r->row, (size_t)r->rows, sizeof *r->row, compare_rows);
    words_free(&seeds);
    mem_free(attack);
    mem_free(defense);
    mem_free(victim);
}

/* ---- cells ------------------------------------------------------------------------------ */

struct seeded {
    int seed;
    double value;
};

static int by_seed(const void *a, const void *b)
{
    const struct seeded *x = a, *y = b;
    return x->seed != y->seed ? x->seed - y->seed : (x->value > y->value) - (x->value < y->value);
}

/* One metric over row[0..n): rows of one seed count as one value, their mean (their largest for the seconds of training,
 * which are 0 in the rows that took the network from the cache). */
static struct stat_mean over_seeds(const struct report_row *row, int n, enum metric m, int only_ok, int only_soft)
{
    int largest = m == METRIC_VICTIM_S || m == METRIC_FIT_S, found = 0, seeds = 0;
    struct seeded *v = mem_new((size_t)n, sizeof *v);
    double *of_seed = mem_new((size_t)n, sizeof *of_seed);
    for (int i = 0; i < n; i++)
        if (isfinite(row[i].value[m]) && (row[i].ok || !only_ok) && (row[i].soft || !only_soft)) v[found++] = (struct seeded){row[i].seed, row[i].value[m]};
    qsort(v, (size_t)found, sizeof *v, by_seed);
    for (int i = 0, end; i < found; i = end) {
        double sum = 0;
        for (end = i; end < found && v[end].seed == v[i].seed; end++) sum += v[end].value;
        of_seed[seeds++] = largest ? v[end - 1].value : sum / (end - i);
    }
    struct stat_mean stat = stat_of(of_seed, seeds);
    mem_free(of_seed);
    mem_free(v);
    return stat;
}

struct stat_mean report_over_seeds(const struct report_row *row, int n, enum metric m)
{
    return over_seeds(row, n, m, 1, 0);
}

static void make_cells(struct report *r)
{
    r->cell = mem_new((size_t)r->rows, sizeof *r->cell);
    for (int i = 0, end; i < r->rows; i = end) {
        const struct report_row *row = &r->row[i];
        struct report_cell *c = &r->cell[r->cells++];
        *c = (struct report_cell){.victim = row->victim, .defense = row->defense, .attack = row->attack, .row = i};
        for (end = i; end < r->rows; end++) {
            const struct report_row *e = &r->row[end];
            if (e->victim != row->victim || e->defense != row->defense || e->attack != row->attack) break;
            c->ok += e->ok;
            c->failed += !e->ok;
            c->flagged |= e->flagged;
            c->leaks |= e->leaks;
            c->doubt |= e->doubt;
            r->repeated += end > i && e->seed == e[-1].seed;
        }
        c->rows = end - i;
        for (int m = 0; m < METRICS; m++) c->value[m] = report_over_seeds(row, c->rows, (enum metric)m);
    }
}

static void make_sides(struct report *r)
{
    r->side = mem_new((size_t)r->cells, sizeof *r->side);
    for (int i = 0, end; i < r->cells; i = end) {
        const struct report_cell *c = &r->cell[i];
        struct report_side *s = &r->side[r->sides++];
        int rows = 0;
        *s = (struct report_side){.victim = c->victim, .defense = c->defense, .cell = i};
        for (end = i; end < r->cells && r->cell[end].victim == c->victim && r->cell[end].defense == c->defense; end++) {
            s->flagged |= r->cell[end].flagged;
            rows += r->cell[end].rows;
        }
        s->cells = end - i;
        /* a hard label moves an answer far, whatever the defense: where soft ones are there, they tell what it does */
        int soft = 0;
        for (int k = 0; k < rows; k++) soft |= r->row[c->row + k].soft;
        for (int m = 0; m <= METRIC_QUERY_US; m++) s->value[m] = over_seeds(&r->row[c->row], rows, (enum metric)m, 0, soft);
    }
}

const struct report_cell *report_find(const struct report *r, int victim, int defense, int attack)
{
    int low = 0, high = r->cells;
    while (low < high) {
        int i = (low + high) / 2;
        const struct report_cell *c = &r->cell[i];
        int d = c->victim != victim ? c->victim - victim : c->defense != defense ? c->defense - defense : c->attack - attack;
        if (d == 0) return c;
        if (d < 0) low = i + 1;
        else high = i;
    }
    return NULL;
}

int report_attacked(const struct report *r, int victim, int attack)
{
    for (int i = 0; i < r->cells; i++)
        if (r->cell[i].victim == victim && r->cell[i].attack == attack) return 1;
    return 0;
}

/* ---- curves ----------------------------------------------------------------------------- */

/* While loading, x is the epoch and round the line of the file. */
static int compare_points(const void *a, const void *b)
{
    const struct report_point *p = a, *q = b;
    if (p->key != q->key) return p->key - q->key;
    if (p->queries != q->queries) return p->queries < q->queries ? -1 : 1;
    if (p->x != q->x) return p->x - q->x;
    return p->round - q->round;
}

static int same_point(const struct report_point *p, const struct report_point *q)
{
    return p->key == q->key && p->queries == q->queries && p->x == q->x;
}

/* Numbers the epochs of all rounds of a key in sequence; of a point that was written twice the later one stays. */
static void lay_out(struct report *r)
{
    int n = 0, before = 0; /* points kept; epochs of the rounds before */
    for (int i = 0; i < r->points; i++) {
        struct report_point p = r->point[i];
        if (i + 1 < r->points && same_point(&p, &r->point[i + 1])) continue;
        const struct report_point *last = n ? &r->point[n - 1] : NULL;
        int round = 0;
        if (!last || last->key != p.key) before = 0;
        else if (last->queries == p.queries) round = last->round;
        else {
            round = last->round + 1;
            before = last->x;
        }
        if (p.x <= before) p.x += before; /* an attack may count its epochs anew each round, or go on counting */
        p.round = round;
        r->point[n++] = p;
    }
    r->points = n;
}

static void load_points(struct report *r, const struct words *keys)
{
    const struct table *t = r->curve;
    r->point = mem_new((size_t)t->rows, sizeof *r->point);
    for (int i = 0; i < t->rows; i++) {
        double epoch = table_number(t, i, "epoch"), acc = table_number(t, i, "clone_acc"), q = table_number(t, i, "queries");
        int key = words_find(keys, table_get(t, i, "key"));
        if (key < 0 || !(epoch >= 0 && epoch <= 1e6) || !isfinite(acc))
            continue; /* a cell that is still running; no number */
        r->point[r->points++] =
            (struct report_point){.key = key, .x = (int)epoch, .round = i, .queries = isfinite(q) ? q : 0, .acc = acc};
    }
    qsort(r->point, (size_t)r->points, sizeof *r->point, compare_points);
    lay_out(r);
}

/* ---- loading ---------------------------------------------------------------------------- */

static int read_table(struct table **out, const char *path)
{
    int code = table_read(out, path);
    if (!code && (*out)->torn) progress_say("%s: its last line is torn and was left out", path);
    return code;
}

int report_check(const struct table *t, const char *path)
{
    static const char *const need[] = {"dataset", "model", "defense", "attack", "seed", "status"};
    if (t->columns)
        for (size_t i = 0; i < sizeof need / sizeof *need; i++)
            if (table_column(t, need[i]) < 0) return err_set(ERR_FORMAT, "%s: has no column '%s'", path, need[i]);
    return t->rows ? OK : err_set(ERR_MISSING, "%s: holds no rows yet: nothing to report", path);
}

struct report *report_of(struct table *results, struct table *curve)
{
    struct report *r = mem_new(1, sizeof *r);
    struct words keys = {0};
    r->results = results;
    r->curve = curve;
    words_init(&keys, results->rows);
    load_rows(r, &keys);
    make_cells(r);
    make_sides(r);
    if (curve) load_points(r, &keys);
    words_free(&keys);
    return r;
}

int report_load(struct report **out, const char *dir)
{
    char *of_results = mem_print("%s/results.csv", dir), *of_curve = mem_print("%s/curve.csv", dir);
    struct table *results = NULL, *curve = NULL;
    int code = read_table(&results, of_results);
    if (!code) code = report_check(results, of_results);
    if (!code && file_size(of_curve) >= 0) code = read_table(&curve, of_curve);
    if (!code) *out = report_of(results, curve);
    if (code) table_free(results);
    mem_free(of_curve);
    mem_free(of_results);
    return code;
}

void report_free(struct report *r)
{
    if (!r) return;
    labels_free(r->victim, r->victims);
    labels_free(r->defense, r->defenses);
    labels_free(r->attack, r->attacks);
    mem_free(r->row);
    mem_free(r->cell);
    mem_free(r->side);
    mem_free(r->point);
    table_free(r->results);
    table_free(r->curve);
    mem_free(r);
}

const struct report_point *report_points(const struct report *r, int key, int *n)
{
    int low = 0, high = r->points;
    while (low < high) {
        int i = (low + high) / 2;
        if (r->point[i].key < key) low = i + 1;
        else high = i;
    }
    for (*n = 0; low + *n < r->points && r->point[low + *n].key == key;) ++*n;
    return r->point + low;
}

/* ---- comparing cells -------------------------------------------------------------------- */

const struct report_cell *report_undefended(const struct report *r, int victim, int attack)
{
    for (int d = 0; d < r->defenses; d++)
        if (strcmp(r->defense[d], "none") == 0) return report_find(r, victim, d, attack);
    return NULL;
}

const struct report_cell *report_worst(const struct report *r, const struct report_side *side)
{
    const struct report_cell *worst = NULL;
    for (int bounds = 0; bounds < 2 && !worst; bounds++)
        for (int i = side->cell; i < side->cell + side->cells; i++) {
            const struct report_cell *c = &r->cell[i];
            if (!c->value[METRIC_LAST].n || (!bounds && (c->flagged || c->leaks))) continue;
            if (!worst || c->value[METRIC_LAST].mean > worst->value[METRIC_LAST].mean) worst = c;
        }
    return worst;
}

/* A cell's mean for a seed: NaN where it has none. */
static double of_seed(const struct report *r, const struct report_cell *c, int seed)
{
    double sum = 0;
    int n = 0;
    for (int i = c->row; i < c->row + c->rows; i++) {
        const struct report_row *row = &r->row[i];
        if (!row->ok || row->seed != seed || !isfinite(row->value[METRIC_LAST])) continue;
        sum += row->value[METRIC_LAST];
        n++;
    }
    return n ? sum / n : NAN;
}

double report_against_undefended(const struct report *r, const struct report_cell *c, int *lower)
{
    const struct report_cell *none = report_undefended(r, c->victim, c->attack);
    *lower = 0;
    if (!none || none == c) return NAN;
    double *gap = mem_new((size_t)r->seeds, sizeof *gap);
    for (int s = 0; s < r->seeds; s++) gap[s] = of_seed(r, c, s) - of_seed(r, none, s);
    const double p = stat_paired(gap, r->seeds);
    *lower = stat_of(gap, r->seeds).mean < 0;
    mem_free(gap);
    return p;
}
