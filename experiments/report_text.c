/* The main table, for a terminal. */
#include <string.h>

#include "base/mem.h"
#include "experiments/report.h"

enum { TEXT_WIDTH = 120 };

static const enum metric clone_metric[] = {METRIC_LAST,  METRIC_VAL,      METRIC_BEST,
                                           METRIC_RATIO, METRIC_FIDELITY, METRIC_TOTAL};
enum { CLONE_METRICS = sizeof clone_metric / sizeof *clone_metric };

static void put_side(struct grid *g, const struct report *r, const struct report_side *s)
{
    char a[STAT_TEXT], b[STAT_TEXT], c[STAT_TEXT], d[STAT_TEXT];
    char *text = mem_print(
        "%s: victim %s, defended %s, L1 %s, query %s us", r->defense[s->defense],
        stat_text(a, s->value[METRIC_VICTIM], METRIC_VICTIM), stat_text(b, s->value[METRIC_DEFENDED], METRIC_DEFENDED),
        stat_text(c, s->value[METRIC_L1], METRIC_L1), stat_text(d, s->value[METRIC_QUERY_US], METRIC_QUERY_US));
    grid_span(g, text);
    mem_free(text);
}

static const char *first_error(const struct report *r, const struct report_cell *c)
{
    for (int i = c->row; i < c->row + c->rows; i++)
        if (!r->row[i].ok) return *r->row[i].error ? r->row[i].error : r->row[i].status;
    return "";
}

static void put_cell(struct grid *g, const struct report *r, const struct report_cell *c)
{
    char buf[STAT_TEXT];
    char *label = mem_print("  %s%s%s%s", r->attack[c->attack], c->flagged ? " (*)" : "", c->leaks ? " (†)" : "", c->doubt ? " (§)" : "");
    if (!c->ok) {
        char *text = mem_print("%s: failed: %s", label, first_error(r, c));
        grid_span(g, text);
        mem_free(text);
    } else {
        grid_row(g);
        grid_put(g, 0, label);
        for (int j = 0; j < CLONE_METRICS; j++)
            grid_put(g, j + 1, stat_text(buf, c->value[clone_metric[j]], clone_metric[j]));
    }
    mem_free(label);
}

static void put_victim(const struct report *r, int victim, FILE *f)
{
    static const char *const head[] = {"", "clone last", "val", "best", "of victim", "fidelity", "queries"};
    struct grid *g = grid_new("lrrrrrr");
    grid_head(g, head);
    for (int i = 0; i < r->sides; i++) {
        const struct report_side *s = &r->side[i];
        if (s->victim != victim) continue;
        put_side(g, r, s);
        for (int k = s->cell; k < s->cell + s->cells; k++) put_cell(g, r, &r->cell[k]);
    }
    fprintf(f, "\n%.50s (accuracies and fidelity in %%%s)\n", r->victim[victim],
            r->seeds > 1 ? "; mean ± 95 % interval over seeds" : "");
    grid_text(g, f, TEXT_WIDTH);
    grid_free(g);
}

static void put_provenance(const struct report *r, FILE *f)
{
    struct provenance *p = provenance_of(r, -1);
    char *line = provenance_line(p);
    fprintf(f, "%s\n", line);
    mem_free(line);
    provenance_free(p);
}

void report_text(const struct report *r, FILE *f, const char *dir)
{
    int flagged, leaks;
    report_bounds(r, -1, &flagged, &leaks);
    for (int v = 0; v < r->victims; v++) put_victim(r, v, f);
    fputc('\n', f);
    if (flagged) fputs("(*) the defender trained on the attacker's own query pool: an upper bound of the defense\n", f);
    if (report_doubts(r, -1)) fputs("(§) the data put the number in doubt: column audit, and report.md\n", f);
    if (leaks) fputs("(†) the attacker queries with the victim's own training set, or is told the clean answers: an upper bound of the attack\n", f);
    fputs(
        "last is the headline; val is chosen by the attacker on held-out answers; best is an oracle (chosen on the test set)\n",
        f);
    put_provenance(r, f);
    if (r->failed) fprintf(f, "%d of %d rows failed; %s/report.md lists their errors\n", r->failed, r->rows, dir);
}
