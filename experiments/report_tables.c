/* The tables of a report, one victim each: what a defense costs, what it buys, every clone. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report.h"

/* A new row, of this defense. */
static void put_defense(struct grid *g, const struct report *r, int defense, int flagged)
{
    grid_row(g);
    grid_put(g, 0, r->defense[defense]);
    grid_mark(g, 0, (struct grid_mark){.bound = flagged});
}

/* ---- what a defense costs --------------------------------------------------------------- */

struct grid *report_costs(const struct report *r, int victim)
{
    static const char *const head[] = {"defense",        "victim acc. %", "defended acc. %",   "mean L1",
                                       "argmax flips %", "query us",      "victim training s", "defense training s"};
    static const enum metric metric[] = {METRIC_VICTIM,   METRIC_DEFENDED, METRIC_L1,   METRIC_FLIPS,
                                         METRIC_QUERY_US, METRIC_VICTIM_S, METRIC_FIT_S};
    char buf[STAT_TEXT];
    struct grid *g = grid_new("lrrrrrrr");
    grid_head(g, head);
    for (int i = 0; i < r->sides; i++) {
        const struct report_side *s = &r->side[i];
        if (s->victim != victim) continue;
        put_defense(g, r, s->defense, s->flagged);
        for (int j = 1; j < g->columns; j++) grid_put(g, j, stat_text(buf, s->value[metric[j - 1]], metric[j - 1]));
    }
    return g;
}

/* ---- what it buys ----------------------------------------------------------------------- */

/* Best for the defender: the lowest value that an attack reaches, upper bounds left out. As printed, so that what reads
 * the same is marked the same. */
static double lowest(const struct report *r, int victim, int attack, enum metric m)
{
    double low = INFINITY;
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i];
        if (c->victim == victim && c->attack == attack && !c->flagged && c->value[m].n) low = fmin(low, c->value[m].mean);
    }
    return low;
}

int report_sure(const struct report *r, const struct report_cell *c)
{
    int lower;
    const double p = report_against_undefended(r, c, &lower);
    const int sure = (p < 0.05) + (p < 0.01) + (p < 0.001); /* none where p is NaN */
    return lower ? -sure : sure;
}

static void put_value(struct grid *g, int column, const struct report *r, const struct report_cell *c, double low)
{
    char buf[STAT_TEXT];
    const struct stat_mean v = c->value[METRIC_LAST];
    const int bold = !c->flagged && v.n && llround(1e4 * v.mean) == llround(1e4 * low);
    grid_put(g, column, stat_text(buf, v, METRIC_LAST));
    grid_mark(g, column, (struct grid_mark){.bold = bold, .bound = c->flagged, .leaks = c->leaks, .doubt = c->doubt, .sure = report_sure(r, c)});
}

static int count_attacks(const struct report *r, int victim)
{
    int n = 0;
    for (int a = 0; a < r->attacks; a++) n += report_attacked(r, victim, a);
    return n;
}

/* What the best of several attacks reaches, and which it is. */
static void put_worst(struct grid *g, int column, const struct report *r, const struct report_side *s)
{
    const struct report_cell *c = report_worst(r, s);
    char buf[STAT_TEXT];
    if (!c) return;
    char *text = mem_print("%s, %s", stat_text(buf, c->value[METRIC_LAST], METRIC_LAST), r->attack[c->attack]);
    grid_put(g, column, text);
    grid_mark(g, column, (struct grid_mark){.bound = c->flagged, .leaks = c->leaks, .doubt = c->doubt});
    mem_free(text);
}

/* The row of one defense from column `at` on: an attack a column. */
static void put_attacks(struct grid *g, int at, const struct report *r, const struct report_side *s, const double *low)
{
    for (int a = 0; a < r->attacks; a++) {
        const struct report_cell *c = report_find(r, s->victim, s->defense, a);
        if (!report_attacked(r, s->victim, a)) continue;
        if (c && c->ok) put_value(g, at, r, c, low[a]);
        else if (c) grid_put(g, at, "failed");
        at++;
    }
}

struct grid *report_matrix(const struct report *r, int victim)
{
    const int attacks = count_attacks(r, victim), several = attacks > 1, first = 2 + several, columns = first + attacks;
    int at = first;
    char *align = mem_new((size_t)columns + 1, 1), buf[STAT_TEXT];
    double *low = mem_new((size_t)r->attacks, sizeof *low);
    memset(align, 'r', (size_t)columns);
    align[0] = 'l';
    struct grid *g = grid_new(align);
    grid_row(g);
    grid_put(g, 0, "defense");
    grid_put(g, 1, "defended acc. %");
    if (several) grid_put(g, 2, "worst case %");
    for (int a = 0; a < r->attacks; a++)
        if (report_attacked(r, victim, a)) {
            grid_put(g, at++, r->attack[a]);
            low[a] = lowest(r, victim, a, METRIC_LAST);
        }
    for (int i = 0; i < r->sides; i++) {
        const struct report_side *s = &r->side[i];
        if (s->victim != victim) continue;
        put_defense(g, r, s->defense, s->flagged);
        grid_put(g, 1, stat_text(buf, s->value[METRIC_DEFENDED], METRIC_DEFENDED));
        if (several) put_worst(g, 2, r, s);
        put_attacks(g, first, r, s, low);
    }
    mem_free(low);
    mem_free(align);
    return g;
}

/* A defense should not help the thief: where one seems to, by how much, and could seeds explain it? */
struct grid *report_above(const struct report *r, int victim)
{
    static const char *const head[] = {"defense", "attack", "clone %", "undefended %", "seeds"};
    static const double MARGIN = 0.01; /* less is not worth a line */
    char buf[STAT_TEXT];
    struct grid *g = grid_new("llrrl");
    grid_head(g, head);
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i], *none = report_undefended(r, c->victim, c->attack);
        const struct stat_mean a = c->value[METRIC_LAST], b = none ? none->value[METRIC_LAST] : a;
        if (c->victim != victim || !a.n || !b.n || a.mean <= b.mean + MARGIN) continue;
        put_defense(g, r, c->defense, c->flagged);
        grid_put(g, 1, r->attack[c->attack]);
        grid_put(g, 2, stat_text(buf, a, METRIC_LAST));
        grid_put(g, 3, stat_text(buf, b, METRIC_LAST));
        grid_put(g, 4, a.n < 2 || b.n < 2 ? "one: may be chance" : a.mean - a.half > b.mean + b.half ? "apart: not chance" : "intervals overlap");
    }
    return g;
}

struct grid *report_clones(const struct report *r, int victim)
{
    static const char *const head[] = {"defense",   "attack",     "seeds",   "last %",   "val %",   "best %",
                                       "of victim", "fidelity %", "queries", "distinct", "attack s"};
    static const enum metric metric[] = {METRIC_LAST,     METRIC_VAL,   METRIC_BEST,     METRIC_RATIO,
                                         METRIC_FIDELITY, METRIC_TOTAL, METRIC_DISTINCT, METRIC_ATTACK_S};
    char buf[STAT_TEXT];
    struct grid *g = grid_new("llrrrrrrrrr");
    grid_head(g, head);
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i];
        if (c->victim != victim) continue;
        put_defense(g, r, c->defense, c->flagged);
        grid_put(g, 1, r->attack[c->attack]);
        grid_mark(g, 1, (struct grid_mark){.leaks = c->leaks, .doubt = c->doubt});
        snprintf(buf, sizeof buf, c->failed ? "%d of %d" : "%d", c->ok, c->rows);
        grid_put(g, 2, buf);
        for (int j = 3; j < g->columns; j++)
            grid_put(g, j, c->ok ? stat_text(buf, c->value[metric[j - 3]], metric[j - 3]) : "failed");
    }
    return g;
}

struct grid *report_failures(const struct report *r, int victim)
{
    static const char *const head[] = {"defense", "attack", "seed", "status", "error"};
    struct grid *g = grid_new("lllll");
    grid_head(g, head);
    for (int i = 0; i < r->rows; i++) {
        const struct report_row *row = &r->row[i];
        if (row->victim != victim || row->ok) continue;
        put_defense(g, r, row->defense, row->flagged);
        grid_put(g, 1, r->attack[row->attack]);
        grid_put(g, 2, row->seed_text);
        grid_put(g, 3, row->status);
        grid_put(g, 4, row->error);
    }
    return g;
}

void report_bounds(const struct report *r, int victim, int *flagged, int *leaks)
{
    *flagged = *leaks = 0;
    for (int i = 0; i < r->cells; i++) {
        if (victim >= 0 && r->cell[i].victim != victim) continue;
        *flagged |= r->cell[i].flagged;
        *leaks |= r->cell[i].leaks;
    }
}

int report_doubts(const struct report *r, int victim)
{
    for (int i = 0; i < r->cells; i++)
        if ((victim < 0 || r->cell[i].victim == victim) && r->cell[i].doubt) return 1;
    return 0;
}

struct grid *report_audits(const struct report *r)
{
    static const char *const column[] = {"dataset", "pool", "ood", "audit"};
    struct grid *g = grid_new("llll");
    grid_row(g);
    for (int k = 0; k < 4; k++) grid_put(g, k, k ? column[k] : "victim's set");
    for (int i = 0; i < r->results->rows; i++) {
        int seen = !*table_get(r->results, i, "audit");
        for (int j = 0; j < i && !seen; j++) {
            seen = 1;
            for (int k = 0; k < 4; k++) seen &= strcmp(table_get(r->results, i, column[k]), table_get(r->results, j, column[k])) == 0;
        }
        if (seen) continue;
        grid_row(g);
        for (int k = 0; k < 4; k++) grid_put(g, k, *table_get(r->results, i, column[k]) ? table_get(r->results, i, column[k]) : "-");
    }
    if (g->rows > 1) return g;
    grid_free(g);
    return NULL;
}
