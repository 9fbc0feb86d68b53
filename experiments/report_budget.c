/* budget: a panel for each attack that was run with several budgets, the clone's accuracy against the budget (log x), a line and a
 * band (95 % interval) a defense. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report_panels.h"

/* An attack's label without the word that is its budget: attacks that differ in nothing else have the same. mem_free frees. */
static char *without_budget(const struct figure *g, int attack)
{
    const char *label = g->attack_label[attack];
    double budget = NAN;
    for (int i = 0; i < g->sides && !isfinite(budget); i++) {
        const struct report_cell *c = figure_cell(g, i, attack);
        if (c) budget = c->value[METRIC_BUDGET].mean;
    }
    char number[32], *shown, *found = NULL;
    snprintf(number, sizeof number, "%.0f", budget);
    shown = label_count(number);
    const size_t n = strlen(shown);
    for (const char *at = label; !found && (at = strstr(at, shown)) != NULL; at++)
        if (at > label && at[-1] == ' ' && (!at[n] || at[n] == ' ')) found = mem_print("%.*s%s", (int)(at - 1 - label), label, at + n);
    mem_free(shown);
    return found ? found : mem_string(label);
}

/* For each attack of the figure the number of its family (the first attack of it), and how many budgets each family has. */
struct families {
    char **name; /* [attacks] */
    int *of, *budgets;
};

static struct families families_new(const struct figure *g)
{
    struct families f = {mem_new((size_t)g->attacks, sizeof *f.name), mem_new((size_t)g->attacks, sizeof *f.of), mem_new((size_t)g->attacks, sizeof *f.budgets)};
    for (int a = 0; a < g->attacks; a++) {
        f.name[a] = without_budget(g, a);
        for (f.of[a] = 0; strcmp(f.name[f.of[a]], f.name[a]);) f.of[a]++;
        f.budgets[f.of[a]]++;
    }
    return f;
}

static void families_free(struct families *f, int attacks)
{
    labels_free(f->name, attacks);
    mem_free(f->of);
    mem_free(f->budgets);
}

int figure_has_budget(const struct report *r, int victim)
{
    struct figure g;
    int any = 0;
    figure_open(&g, r, "budget", victim);
    struct families f = families_new(&g);
    for (int a = 0; a < g.attacks; a++) any |= f.budgets[a] > 1;
    families_free(&f, g.attacks);
    figure_drop(&g);
    return any;
}

/* The family's cells of one side in the order of their budgets, into cell [attacks]; how many. */
static int cells_of(const struct figure *g, const struct families *f, int family, int side, const struct report_cell **cell)
{
    int n = 0;
    for (int a = 0; a < g->attacks; a++) {
        const struct report_cell *c = f->of[a] == family ? figure_cell(g, side, a) : NULL;
        if (!c || !c->value[METRIC_LAST].n || !c->value[METRIC_BUDGET].n) continue;
        int at = n++;
        for (; at > 0 && cell[at - 1]->value[METRIC_BUDGET].mean > c->value[METRIC_BUDGET].mean; at--) cell[at] = cell[at - 1];
        cell[at] = c;
    }
    return n;
}

/* A tick for each budget of the family, named as in the labels. */
static void ticks(const struct figure *g, const struct families *f, int family)
{
    const char *between = "set xtics nomirror (";
    for (int a = 0; a < g->attacks; a++) {
        const struct report_cell *c = NULL;
        for (int i = 0; i < g->sides && f->of[a] == family && !c; i++) c = figure_cell(g, i, a);
        if (!c || !c->value[METRIC_BUDGET].n) continue;
        char number[32];
        snprintf(number, sizeof number, "%.0f", c->value[METRIC_BUDGET].mean);
        char *shown = label_count(number);
        fprintf(g->script, "%s'%s' %s", between, shown, number);
        mem_free(shown);
        between = ", ";
    }
    fputs(")\n", g->script);
}

/* Writes a family's panel; `line` of the data is where it begins, the return value where it ends. */
static int one_panel(const struct figure *g, const struct families *f, int family, int line)
{
    const struct report_cell **cell = mem_new((size_t)g->attacks, sizeof *cell);
    fprintf(g->script, "set title '%s'\nset xlabel 'queries'\nset logscale x\n", f->name[family]);
    ticks(g, f, family);
    fputs("plot \\\n", g->script);
    for (int side = 0; side < g->sides; side++) {
        const int n = cells_of(g, f, family, side, cell);
        for (int i = 0; i < n; i++) {
            const struct stat_mean v = cell[i]->value[METRIC_LAST];
            fprintf(g->data, "%s,%s,%.0f,%d,%.10g", f->name[family], g->side_label[side], cell[i]->value[METRIC_BUDGET].mean, v.n, v.mean);
            figure_number(g->data, v.half);
            fputc('\n', g->data);
        }
        if (n) fprintf(g->script, "  data every ::%d::%d using 3:(100*(column('clone_acc')-column('ci95'))):(100*(column('clone_acc')+column('ci95'))) with filledcurves fs transparent solid 0.15 "
                                  "noborder lc rgb '%s' notitle, \\\n  '' every ::%d::%d using 3:(100*column('clone_acc')) with linespoints ls %d notitle, \\\n",
                       line, line + n - 1, figure_colour[side % FIGURE_COLOURS], line, line + n - 1, side + 1);
        line += n;
    }
    fputs("  NaN notitle\n", g->script);
    mem_free(cell);
    return line;
}

int figure_budget(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "budget", victim);
    struct families f = families_new(&g);
    int panels = 0, at = 0, line = 0;
    fputs("attack,defense,budget,seeds,clone_acc,ci95\n", g.data);
    for (int a = 0; a < g.attacks; a++) panels += f.budgets[a] > 1;
    const struct panels l = panels_lay_out(g.side_label, g.sides, panels);
    fprintf(g.script, "data = '%s.csv'\n", g.name);
    panels_styles(g.script, g.sides);
    figure_formats(g.script, g.name, l.width, l.height);
    panels_begin(g.script);
    for (int a = 0; a < g.attacks; a++)
        if (f.budgets[a] > 1) {
            panels_place(g.script, &l, at++);
            line = one_panel(&g, &f, a, line);
        }
    fputs("unset logscale\n", g.script);
    panels_legend(g.script, &l, g.side_label, g.sides);
    fputs("unset multiplot\n", g.script);
    figure_formats_end(g.script);
    families_free(&f, g.attacks);
    return figure_close(&g, folder);
}
