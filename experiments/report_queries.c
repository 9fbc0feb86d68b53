/* queries: a panel for each attack that trains on the way, its clone's accuracy against the queries it had asked by then, a line and
 * a band (95 % interval) a defense. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report_panels.h"

/* After the last epoch that had `queries` answers to learn from, of one seed. */
struct step {
    double queries, acc;
};

static int by_queries(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    return x->queries != y->queries ? (x->queries > y->queries) - (x->queries < y->queries) : (x->acc > y->acc) - (x->acc < y->acc);
}

/* The steps of all seeds of a cell, by queries; *levels: different numbers of queries. mem_free frees. */
static struct step *steps_of(const struct report *r, const struct report_cell *c, int *n, int *levels)
{
    int most = 0, points;
    for (int i = c->row; i < c->row + c->rows; i++) {
        report_points(r, r->row[i].key, &points);
        most += points;
    }
    struct step *s = mem_new((size_t)most + 1, sizeof *s);
    *n = *levels = 0;
    for (int i = c->row; i < c->row + c->rows; i++) {
        const struct report_point *p = report_points(r, r->row[i].key, &points);
        for (int j = 0; j < points && r->row[i].ok; j++)
            if (j + 1 == points || p[j + 1].queries != p[j].queries) s[(*n)++] = (struct step){p[j].queries, p[j].acc};
    }
    qsort(s, (size_t)*n, sizeof *s, by_queries);
    for (int i = 0; i < *n; i++) *levels += i == 0 || s[i].queries != s[i - 1].queries;
    return s;
}

static int cell_grows(const struct report *r, const struct report_cell *c)
{
    int n, levels;
    mem_free(steps_of(r, c, &n, &levels));
    return levels > 1;
}

static int attack_grows(const struct figure *g, int attack)
{
    int any = 0;
    for (int i = 0; i < g->sides && !any; i++) {
        const struct report_cell *c = figure_cell(g, i, attack);
        any = c && cell_grows(g->r, c);
    }
    return any;
}

int figure_has_queries(const struct report *r, int victim)
{
    for (int i = 0; i < r->cells; i++)
        if (r->cell[i].victim == victim && cell_grows(r, &r->cell[i])) return 1;
    return 0;
}

/* The greatest of 1, 2, 5 times a power of ten of which at least three fit in. */
static double tick_of(double last)
{
    const double ten = pow(10, floor(log10(last / 3)));
    return last / 3 >= 5 * ten ? 5 * ten : last / 3 >= 2 * ten ? 2 * ten : ten;
}

static void ticks(FILE *f, double last)
{
    const double tick = tick_of(last);
    fputs("set xtics nomirror (", f);
    for (int i = 0; i * tick <= last; i++) {
        char number[32];
        snprintf(number, sizeof number, "%.0f", i * tick);
        char *shown = label_count(number);
        fprintf(f, "%s'%s' %s", i ? ", " : "", shown, number);
        mem_free(shown);
    }
    fputs(")\n", f);
}

/* Writes one curve's data; returns its rows. */
static int curve_data(const struct figure *g, int side, int attack, double *last)
{
    const struct report_cell *c = figure_cell(g, side, attack);
    int n = 0, levels = 0;
    struct step *s = c ? steps_of(g->r, c, &n, &levels) : NULL;
    double *acc = mem_new((size_t)n + 1, sizeof *acc);
    for (int i = 0, end; i < n; i = end) {
        for (end = i; end < n && s[end].queries == s[i].queries; end++) acc[end - i] = s[end].acc;
        const struct stat_mean v = stat_of(acc, end - i);
        fprintf(g->data, "%s,%s,%.0f,%d,%.10g", g->attack_label[attack], g->side_label[side], s[i].queries, v.n, v.mean);
        figure_number(g->data, v.half);
        fputc('\n', g->data);
        *last = fmax(*last, s[i].queries);
    }
    mem_free(acc);
    mem_free(s);
    return levels;
}

/* `line` of the data is where the panel begins, the return value where it ends. */
static int one_panel(const struct figure *g, int attack, int line)
{
    FILE *f = g->script;
    double last = 0;
    int *rows = mem_new((size_t)g->sides, sizeof *rows);
    for (int i = 0; i < g->sides; i++) rows[i] = curve_data(g, i, attack, &last);
    fprintf(f, "set title '%s'\nset xlabel 'queries'\nset xrange [0:%g]\n", g->attack_label[attack], 1.02 * last);
    ticks(f, last);
    fputs("plot \\\n", f);
    for (int i = 0; i < g->sides; line += rows[i++])
        if (rows[i])
            fprintf(f, "  data every ::%d::%d using 3:(100*(column('clone_acc')-column('ci95'))):(100*(column('clone_acc')+column('ci95'))) with filledcurves fs transparent solid 0.15 "
                       "noborder lc rgb '%s' notitle, \\\n  '' every ::%d::%d using 3:(100*column('clone_acc')) with linespoints ls %d pi %d notitle, \\\n",
                    line, line + rows[i] - 1, figure_colour[i % FIGURE_COLOURS], line, line + rows[i] - 1, i + 1, (rows[i] + 9) / 10);
    fputs("  NaN notitle\n", f);
    mem_free(rows);
    return line;
}

int figure_queries(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "queries", victim);
    int panels = 0, at = 0, line = 0;
    for (int a = 0; a < g.attacks; a++) panels += attack_grows(&g, a);
    const struct panels l = panels_lay_out(g.side_label, g.sides, panels);
    fputs("attack,defense,queries,seeds,clone_acc,ci95\n", g.data);
    fprintf(g.script, "data = '%s.csv'\n", g.name);
    panels_styles(g.script, g.sides);
    figure_formats(g.script, g.name, l.width, l.height);
    panels_begin(g.script);
    for (int a = 0; a < g.attacks; a++)
        if (attack_grows(&g, a)) {
            panels_place(g.script, &l, at++);
            line = one_panel(&g, a, line);
        }
    panels_legend(g.script, &l, g.side_label, g.sides);
    fputs("unset multiplot\n", g.script);
    figure_formats_end(g.script);
    return figure_close(&g, folder);
}
