/* report.md: for each victim what a defense costs, what it buys, and the figures. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report.h"

static void put_md(struct grid *g, int column, const char *text, const char *mark)
{
    char *safe = md_text(text), *cell = mem_print("%s%s", safe, mark);
    grid_put(g, column, cell);
    mem_free(cell);
    mem_free(safe);
}

static void put_head(struct grid *g, const char *const *head)
{
    grid_row(g);
    for (int j = 0; j < g->columns; j++) grid_put(g, j, head[j]);
}

static const char *flag(int flagged, int leaks)
{
    return flagged && leaks ? " (\\*)(†)" : flagged ? " (\\*)" : leaks ? " (†)" : "";
}

/* ---- what a defense costs --------------------------------------------------------------- */

static void write_costs(const struct report *r, int victim, FILE *f)
{
    static const char *const head[] = {"defense",        "victim acc. %", "defended acc. %",   "mean L1",
                                       "argmax flips %", "query us",      "victim training s", "defense training s"};
    static const enum metric metric[] = {METRIC_VICTIM,   METRIC_DEFENDED, METRIC_L1,   METRIC_FLIPS,
                                         METRIC_QUERY_US, METRIC_VICTIM_S, METRIC_FIT_S};
    char buf[STAT_TEXT];
    struct grid *g = grid_new("lrrrrrrr");
    put_head(g, head);
    for (int i = 0; i < r->sides; i++) {
        const struct report_side *s = &r->side[i];
        if (s->victim != victim) continue;
        grid_row(g);
        put_md(g, 0, r->defense[s->defense], flag(s->flagged, 0));
        for (int j = 1; j < g->columns; j++) grid_put(g, j, stat_text(buf, s->value[metric[j - 1]], metric[j - 1]));
    }
    fputs("### What a defense costs\n\n", f);
    grid_markdown(g, f);
    fputs(
        "\nHow to read: *victim* is the network itself on the test set, *defended* the answers that users get; the "
        "difference is what they pay. *mean L1* (0 to 2) and *argmax flips* say how far the answers to the attacks' queries were moved. "
        "Training seconds are 0 where the network came from the cache.\n\n",
        f);
    grid_free(g);
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

/* Arrows, one to three: how surely the clone differs from the undefended victim's. */
static const char *arrows(const struct report *r, const struct report_cell *c)
{
    static const char *const down[] = {"", " ↓", " ↓↓", " ↓↓↓"}, *const up[] = {"", " ↑", " ↑↑", " ↑↑↑"};
    int lower;
    const double p = report_against_undefended(r, c, &lower);
    const int sure = (p < 0.05) + (p < 0.01) + (p < 0.001); /* none where p is NaN */
    return lower ? down[sure] : up[sure];
}

static void put_value(struct grid *g, int column, const struct report *r, const struct report_cell *c, enum metric m, double low)
{
    char buf[STAT_TEXT];
    stat_text(buf, c->value[m], m);
    int bold = !c->flagged && c->value[m].n && llround(1e4 * c->value[m].mean) == llround(1e4 * low);
    char *text = mem_print("%s%s%s%s%s", bold ? "**" : "", buf, bold ? "**" : "", arrows(r, c), flag(c->flagged, c->leaks));
    grid_put(g, column, text);
    mem_free(text);
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
    char *attack = md_text(r->attack[c->attack]), *text = mem_print("%s%s, %s", stat_text(buf, c->value[METRIC_LAST], METRIC_LAST), flag(c->flagged, c->leaks), attack);
    grid_put(g, column, text);
    mem_free(text);
    mem_free(attack);
}

/* Defenses down, attacks across: the headline. */
static void write_matrix(const struct report *r, int victim, FILE *f)
{
    const int several = count_attacks(r, victim) > 1, columns = 2 + several + count_attacks(r, victim);
    int at = 2 + several;
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
            put_md(g, at++, r->attack[a], "");
            low[a] = lowest(r, victim, a, METRIC_LAST);
        }
    for (int i = 0; i < r->sides; i++) {
        const struct report_side *s = &r->side[i];
        if (s->victim != victim) continue;
        grid_row(g);
        put_md(g, 0, r->defense[s->defense], flag(s->flagged, 0));
        grid_put(g, 1, stat_text(buf, s->value[METRIC_DEFENDED], METRIC_DEFENDED));
        if (several) put_worst(g, 2, r, s);
        at = 2 + several;
        for (int a = 0; a < r->attacks; a++) {
            const struct report_cell *c = report_find(r, victim, s->defense, a);
            if (!report_attacked(r, victim, a)) continue;
            if (c && c->ok) put_value(g, at, r, c, METRIC_LAST, low[a]);
            else if (c) put_md(g, at, "failed", "");
            at++;
        }
    }
    fputs("### Clone accuracy, %\n\n", f);
    grid_markdown(g, f);
    fputs(
        "\nHow to read: test accuracy of the clone after its last epoch (*last*, the headline). Low is good for the defender; "
        "**bold** is the lowest of an attack's column. Read it beside the defended accuracy: a defense that ruins its own "
        "answers is no defense.",
        f);
    if (several) fputs(" *Worst case* is the attack that steals most, and the number a defense is judged by; upper bounds are left out.", f);
    if (r->seeds > 1)
        fputs(" ↓ (↑): lower (higher) than the undefended victim's clone under the same attack, ↓ p < 0.05, ↓↓ p < 0.01, ↓↓↓ p < 0.001, by a paired t-test over "
              "seeds, not corrected for the number of cells.", f);
    fputs("\n\n", f);
    grid_free(g);
    mem_free(low);
    mem_free(align);
}

/* A defense should not help the thief: where one seems to, the report says by how much and whether seeds could explain it. */
static void write_above(const struct report *r, int victim, FILE *f)
{
    static const char *const head[] = {"defense", "attack", "clone %", "undefended %", "seeds"};
    static const double MARGIN = 0.01; /* less is not worth a line */
    char buf[STAT_TEXT];
    struct grid *g = grid_new("llrrl");
    put_head(g, head);
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i], *none = report_undefended(r, c->victim, c->attack);
        const struct stat_mean a = c->value[METRIC_LAST], b = none ? none->value[METRIC_LAST] : a;
        if (c->victim != victim || !a.n || !b.n || a.mean <= b.mean + MARGIN) continue;
        grid_row(g);
        put_md(g, 0, r->defense[c->defense], flag(c->flagged, 0));
        put_md(g, 1, r->attack[c->attack], "");
        grid_put(g, 2, stat_text(buf, a, METRIC_LAST));
        grid_put(g, 3, stat_text(buf, b, METRIC_LAST));
        grid_put(g, 4, a.n < 2 || b.n < 2 ? "one: may be chance" : a.mean - a.half > b.mean + b.half ? "apart: not chance" : "intervals overlap");
    }
    if (g->rows > 1) {
        fputs("### More than the undefended victim gives\n\n", f);
        grid_markdown(g, f);
        fputs(
            "\nHow to read: these clones are better than the undefended victim's. Where intervals overlap, the spread between seeds "
            "explains it. Where they do not, the answers may teach better than clean ones: a smaller confidence acts as smoothed "
            "labels.\n\n",
            f);
    }
    grid_free(g);
}

static void write_clones(const struct report *r, int victim, FILE *f)
{
    static const char *const head[] = {"defense",   "attack",     "seeds",   "last %",   "val %",   "best %",
                                       "of victim", "fidelity %", "queries", "distinct", "attack s"};
    static const enum metric metric[] = {METRIC_LAST,     METRIC_VAL,   METRIC_BEST,     METRIC_RATIO,
                                         METRIC_FIDELITY, METRIC_TOTAL, METRIC_DISTINCT, METRIC_ATTACK_S};
    char buf[STAT_TEXT];
    struct grid *g = grid_new("llrrrrrrrrr");
    put_head(g, head);
    for (int i = 0; i < r->cells; i++) {
        const struct report_cell *c = &r->cell[i];
        if (c->victim != victim) continue;
        grid_row(g);
        put_md(g, 0, r->defense[c->defense], flag(c->flagged, 0));
        put_md(g, 1, r->attack[c->attack], flag(0, c->leaks));
        snprintf(buf, sizeof buf, c->failed ? "%d of %d" : "%d", c->ok, c->rows);
        grid_put(g, 2, buf);
        for (int j = 3; j < g->columns; j++)
            grid_put(g, j, c->ok ? stat_text(buf, c->value[metric[j - 3]], metric[j - 3]) : "failed");
    }
    fputs("### Every clone\n\n", f);
    grid_markdown(g, f);
    fputs(
        "\nHow to read: *last* is the clone after its last epoch and the headline; *val* is the epoch that the attacker would "
        "choose on held-out answers; *best* is chosen on the test set, an oracle that no attacker has, as papers print it. "
        "*of victim* is last over the victim's accuracy; *fidelity* is how often clone and victim agree.\n\n",
        f);
    grid_free(g);
}

static void write_failures(const struct report *r, int victim, FILE *f)
{
    static const char *const head[] = {"defense", "attack", "seed", "status", "error"};
    struct grid *g = grid_new("lllll");
    put_head(g, head);
    for (int i = 0; i < r->rows; i++) {
        const struct report_row *row = &r->row[i];
        if (row->victim != victim || row->ok) continue;
        grid_row(g);
        put_md(g, 0, r->defense[row->defense], flag(row->flagged, 0));
        put_md(g, 1, r->attack[row->attack], "");
        put_md(g, 2, row->seed_text, "");
        put_md(g, 3, row->status, "");
        put_md(g, 4, row->error, "");
    }
    if (g->rows > 1) {
        fputs("### Failed\n\n", f);
        grid_markdown(g, f);
        fputc('\n', f);
    }
    grid_free(g);
}

/* ---- figures and the whole -------------------------------------------------------------- */

static void write_figure(const struct report *r, const char *what, int victim, const char *caption, FILE *f)
{
    if (!plot_has(r, what, victim)) return;
    char *name = plot_name(r, what, victim);
    fprintf(f, "![%s](plots/%s.svg)\n\n%s Files: [PDF](plots/%s.pdf), [PNG](plots/%s.png), [data](plots/%s.csv), [gnuplot](plots/%s.gp).\n\n",
            caption, name, caption, name, name, name, name);
    mem_free(name);
}

static void write_victim(const struct report *r, int victim, FILE *f)
{
    int flagged = 0, leaks = 0;
    for (int i = 0; i < r->cells; i++) {
        flagged |= r->cell[i].victim == victim && r->cell[i].flagged;
        leaks |= r->cell[i].victim == victim && r->cell[i].leaks;
    }
    char *name = md_text(r->victim[victim]);
    fprintf(f, "## %s\n\n", name);
    mem_free(name);
    write_figure(r, "clone_accuracy", victim, "Clone accuracy for each defense and attack.", f);
    write_matrix(r, victim, f);
    write_figure(r, "attack_defense", victim, "Clone accuracy, %, for each defense and attack.", f);
    write_above(r, victim, f);
    write_costs(r, victim, f);
    write_figure(r, "ood_pool", victim, "Clone accuracy, %, for each OOD set and pool.", f);
    write_figure(r, "ood_distance", victim, "Clone accuracy against how well OOD set and pool are told apart.", f);
    write_figure(r, "budget", victim, "Clone accuracy against the budget.", f);
    write_figure(r, "tradeoff", victim, "Clone accuracy against defended accuracy.", f);
    write_clones(r, victim, f);
    if (flagged)
        fputs(
            "(\\*) The defender trained on the attacker's own query pool: an upper bound of the defense, which no real defender "
            "reaches.\n\n",
            f);
    if (leaks) fputs("(†) The attacker queries with the victim's own training set, or is told the clean answers: an upper bound of the attack.\n\n", f);
    write_failures(r, victim, f);
    write_figure(r, "training_curves", victim, "Clone accuracy against epochs.", f);
    if (!plot_has(r, "training_curves", victim))
        fputs("No training curves: curve.csv holds no rows for this victim.\n\n", f);
}

void report_markdown(const struct report *r, FILE *f)
{
    fprintf(f, "# Model stealing: results\n\n%d rows, %d failed; %d victim%s, %d defense%s, %d attack%s, %d seed%s.%s\n\n",
            r->rows, r->failed, r->victims, r->victims == 1 ? "" : "s", r->defenses, r->defenses == 1 ? "" : "s", r->attacks,
            r->attacks == 1 ? "" : "s", r->seeds, r->seeds == 1 ? "" : "s",
            r->seeds > 1 ? " Numbers are the mean ± the 95 % confidence interval over seeds (Student's t)." : "");
    if (r->repeated)
        fprintf(
            f,
            "%d rows have the victim, defense, attack and seed of another row and differ in what these tables do not show: they "
            "were averaged with it.\n\n",
            r->repeated);
    for (int v = 0; v < r->victims; v++) write_victim(r, v, f);
}
