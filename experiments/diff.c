/* Two folders' rows are joined into one table, their keys marked with the side they come from, and grouped by the report's own
 * rules; each group then has rows of A, of B, or of both. */
#include "experiments/diff.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "experiments/report.h"

/* The numbers that an experiment is about; times and memory are the machine's. */
static const struct {
    enum metric metric;
    const char *name;
} compared[] = {{METRIC_VICTIM, "victim %"},    {METRIC_DEFENDED, "defended %"}, {METRIC_L1, "mean L1"},        {METRIC_FLIPS, "argmax flips %"},
                {METRIC_LAST, "clone last %"},  {METRIC_VAL, "clone val %"},     {METRIC_BEST, "clone best %"}, {METRIC_FIDELITY, "fidelity %"},
                {METRIC_TOTAL, "queries"},      {METRIC_DISTINCT, "distinct"}};
enum { COMPARED = sizeof compared / sizeof *compared };

/* One side's rows of a cell, in the order of their seeds. */
struct side {
    struct report_row *row;
    int n, ok;
};

static struct side side_of(const struct report *r, const struct report_cell *c, int first_of_b, int b)
{
    struct side s = {.row = mem_new((size_t)c->rows, sizeof *s.row)};
    for (int i = c->row; i < c->row + c->rows; i++)
        if ((r->row[i].line >= first_of_b) == b) {
            s.row[s.n++] = r->row[i];
            s.ok += r->row[i].ok;
        }
    return s;
}

static int equal_numbers(double x, double y)
{
    return (isnan(x) && isnan(y)) || !(x < y || x > y || isnan(x) || isnan(y));
}

/* Are a metric's numbers the same, seed by seed? */
static int same_numbers(const struct side *a, const struct side *b, enum metric m)
{
    if (a->n != b->n) return 0;
    for (int i = 0; i < a->n; i++)
        if (a->row[i].seed != b->row[i].seed || !equal_numbers(a->row[i].value[m], b->row[i].value[m])) return 0;
    return 1;
}

enum verdict { SAME, WITHIN, OUTSIDE, ONE_SEED };

static enum verdict judge(const struct side *a, const struct side *b, enum metric m, struct stat_mean mean[2])
{
    mean[0] = report_over_seeds(a->row, a->n, m);
    mean[1] = report_over_seeds(b->row, b->n, m);
    if (same_numbers(a, b, m)) return SAME;
    if (equal_numbers(mean[0].mean, mean[1].mean)) return WITHIN; /* other seeds */
    if (mean[0].n < 2 || mean[1].n < 2) return ONE_SEED;
    return fabs(mean[0].mean - mean[1].mean) <= hypot(mean[0].half, mean[1].half) ? WITHIN : OUTSIDE;
}

static void put_title(struct grid *g, const struct report *r, const struct report_cell *c, const char *what)
{
    char *text = mem_print("%s | %s | %s%s", r->victim[c->victim], r->defense[c->defense], r->attack[c->attack], what);
    grid_span(g, text);
    mem_free(text);
}

static void put_number(struct grid *g, int i, struct stat_mean mean[2], enum verdict v)
{
    const enum metric m = compared[i].metric;
    const struct stat_mean gap = {.n = mean[0].n && mean[1].n, .mean = mean[1].mean - mean[0].mean, .half = NAN};
    char buf[STAT_TEXT], *name = mem_print("  %s", compared[i].name);
    grid_row(g);
    grid_put(g, 0, name);
    for (int side = 0; side < 2; side++) grid_put(g, 1 + side, stat_text(buf, mean[side], m));
    grid_put(g, 3, stat_text(buf, gap, m));
    grid_put(g, 4, v == OUTSIDE ? "outside the seeds' interval" : "one seed: no interval");
    mem_free(name);
}

/* A cell that both sides have: counts it, and puts its numbers that changed. */
static void compare(struct diff_count *out, struct grid *g, const struct report *r, const struct report_cell *c, const struct side *a, const struct side *b)
{
    enum verdict worst = SAME;
    if (!a->ok != !b->ok) {
        out->failed++;
        put_title(g, r, c, a->ok ? ": failed in B" : ": failed in A");
        return;
    }
    for (int i = 0; i < COMPARED; i++) {
        struct stat_mean mean[2];
        const enum verdict v = judge(a, b, compared[i].metric, mean);
        if (v >= OUTSIDE && worst < OUTSIDE) put_title(g, r, c, "");
        if (v >= OUTSIDE) put_number(g, i, mean, v);
        if (v > worst) worst = v;
    }
    out->same += worst == SAME;
    out->within += worst == WITHIN;
    out->outside += worst >= OUTSIDE;
}

static void compare_all(struct diff_count *out, const struct report *r, int first_of_b, FILE *f)
{
    static const char *const head[] = {"", "A", "B", "B - A", ""};
    struct grid *g = grid_new("lrrrl"), *alone = grid_new("l");
    grid_head(g, head);
    grid_row(alone);
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i];
        struct side a = side_of(r, c, first_of_b, 0), b = side_of(r, c, first_of_b, 1);
        if (a.n && b.n) out->cells++, compare(out, g, r, c, &a, &b);
        else out->only[!a.n]++, put_title(alone, r, c, a.n ? ": only in A" : ": only in B");
        mem_free(a.row);
        mem_free(b.row);
    }
    if (g->rows > 1) grid_text(g, f, 120);
    if (alone->rows > 1) grid_text(alone, f, 120);
    grid_free(alone);
    grid_free(g);
}

/* Rows of both tables in one, with A's columns and B's rows behind A's; keys are marked so that none counts for the other. The strings
 * stay the tables', but the keys, which are key[rows]. */
static struct table *join(const struct table *a, const struct table *b, char **key)
{
    struct table *t = mem_new(1, sizeof *t);
    const int at = table_column(a, "key");
    t->columns = a->columns;
    t->rows = a->rows + b->rows;
    t->column = mem_new((size_t)t->columns * (size_t)(t->rows + 1), sizeof *t->column); /* one block, as table_free wants it */
    t->cell = t->column + t->columns;
    for (int j = 0; j < t->columns; j++) t->column[j] = a->column[j];
    for (int i = 0; i < t->rows; i++) {
        const struct table *from = i < a->rows ? a : b;
        const int row = i < a->rows ? i : i - a->rows;
        for (int j = 0; j < t->columns; j++) t->cell[i * t->columns + j] = table_get(from, row, a->column[j]);
        key[i] = mem_print("%s %s", from == a ? "A" : "B", table_get(from, row, "key"));
        if (at >= 0) t->cell[i * t->columns + at] = key[i];
    }
    return t;
}

static int read_results(struct table **out, const char *dir)
{
    char *path = mem_print("%s/results.csv", dir);
    int code = table_read(out, path);
    if (!code) code = report_check(*out, path);
    mem_free(path);
    return code;
}

int diff_results(struct diff_count *out, const char *a, const char *b, FILE *f)
{
    struct table *of_a = NULL, *of_b = NULL;
    int code = read_results(&of_a, a);
    *out = (struct diff_count){0};
    if (!code) code = read_results(&of_b, b);
    if (!code) {
        char **key = mem_new((size_t)(of_a->rows + of_b->rows), sizeof *key);
        struct report *r = report_of(join(of_a, of_b, key), NULL);
        fprintf(f, "A: %s\nB: %s\n\n", a, b);
        compare_all(out, r, of_a->rows, f);
        report_free(r);
        labels_free(key, of_a->rows + of_b->rows);
    }
    table_free(of_b);
    table_free(of_a);
    return code;
}
