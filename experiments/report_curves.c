/* training_curves: a panel an attack, the clone's accuracy against epochs, a line a defense. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report_panels.h"

static int cell_has_curve(const struct report *r, const struct report_cell *c)
{
    int n = 0;
    for (int i = c->row; i < c->row + c->rows && !n; i++)
        if (r->row[i].ok) report_points(r, r->row[i].key, &n);
    return n > 0;
}

int figure_has_curves(const struct report *r, int victim)
{
    for (int i = 0; i < r->cells; i++)
        if (r->cell[i].victim == victim && cell_has_curve(r, &r->cell[i])) return 1;
    return 0;
}

static int by_x(const void *a, const void *b)
{
    const struct report_point *p = a, *q = b;
    return p->x != q->x ? p->x - q->x : p->key - q->key;
}

/* All seeds' points of a cell, by x; mem_free frees. */
static struct report_point *cell_points(const struct report *r, const struct report_cell *c, int *n)
{
    int most = 0, some;
    for (int i = c->row; i < c->row + c->rows; i++) {
        report_points(r, r->row[i].key, &some);
        most += some;
    }
    struct report_point *p = mem_new((size_t)most, sizeof *p);
    *n = 0;
    for (int i = c->row; i < c->row + c->rows; i++) {
        const struct report_point *from = report_points(r, r->row[i].key, &some);
        if (some && r->row[i].ok) memcpy(p + *n, from, (size_t)some * sizeof *p);
        *n += r->row[i].ok ? some : 0;
    }
    qsort(p, (size_t)*n, sizeof *p, by_x);
    return p;
}

/* Lines of the figure's data, behind its head: one curve's. */
struct lines {
    int first, n;
};

struct panel {
    struct lines *curve; /* [sides] n = 0: none */
    int last, rounds;    /* greatest x; rounds of training */
    int ends[32];        /* x after which a new round begins, as the first curve says */
    int curves;
};

/* Writes one curve; `line` of the data is where it begins, the return value where it ends. */
static int curve_data(const struct figure *g, int side, int attack, struct panel *panel, int line)
{
    const struct report_cell *c = figure_cell(g, side, attack);
    if (!c || !cell_has_curve(g->r, c)) return line;
    int n, first = panel->curves++ == 0;
    struct report_point *p = cell_points(g->r, c, &n);
    double *acc = mem_new((size_t)n, sizeof *acc);
    panel->curve[side].first = line;
    for (int i = 0, end; i < n; i = end, line++) {
        for (end = i; end < n && p[end].x == p[i].x; end++) acc[end - i] = p[end].acc;
        struct stat_mean s = stat_of(acc, end - i);
        fprintf(g->data, "%d,%s,%d,%s,%d,%d,%.10g,%d,%.10g", attack + 1, g->attack_label[attack], side + 1,
                g->side_label[side], p[i].x, p[i].round + 1, p[i].queries, s.n, s.mean);
        figure_number(g->data, s.half);
        fputc('\n', g->data);
        if (p[i].x > panel->last) panel->last = p[i].x;
        if (p[i].round + 1 > panel->rounds) panel->rounds = p[i].round + 1;
        if (first && i && p[i].round > p[i - 1].round && p[i].round <= 32) panel->ends[p[i].round - 1] = p[i - 1].x;
    }
    panel->curve[side].n = line - panel->curve[side].first;
    mem_free(acc);
    mem_free(p);
    return line;
}

static void one_panel(const struct figure *g, int attack, const struct panel *p)
{
    FILE *f = g->script;
    int interval = (p->last + 9) / 10;
    fprintf(f, "set title '%s'\nset xrange [%g:%g]\nset xlabel '%s'\nunset arrow\n", g->attack_label[attack],
            p->last > 1 ? 0 : 0.5, p->last + (p->last > 1 ? 0.02 * p->last : 0.5),
            p->rounds > 1 ? "epoch (rounds in sequence)" : "epoch");
    fprintf(f, "set xtics %s nomirror\n", p->last <= 5 ? "1" : "autofreq");
    for (int k = 0; k + 1 < p->rounds && k < 32; k++)
        if (p->ends[k])
            fprintf(f, "set arrow from %d.5, graph 0 to %d.5, graph 1 nohead dt 3 lw 0.8 lc rgb '#999999'\n", p->ends[k],
                    p->ends[k]);
    fputs("plot \\\n", f);
    for (int i = 0, curve = 0; i < g->sides;
         i++) /* by lines: picked by number, gnuplot would take apart all for each curve */
        if (p->curve[i].n)
            fprintf(
                f,
                "  data every ::%d::%d using (column('epoch')):(100*column('clone_acc')) with linespoints ls %d pi %d notitle%s\n",
                p->curve[i].first, p->curve[i].first + p->curve[i].n - 1, i + 1, interval,
                ++curve < p->curves ? ", \\" : "");
}

int figure_curves(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "training_curves", victim);
    struct panel *panel = mem_new((size_t)g.attacks, sizeof *panel);
    struct lines *curve = mem_new((size_t)(g.attacks * g.sides), sizeof *curve);
    int panels = 0, at = 0, line = 0;
    fputs("attack_number,attack,defense_number,defense,epoch,round,queries,seeds,clone_acc,ci95\n", g.data);
    for (int a = 0; a < g.attacks; a++) {
        panel[a].curve = curve + a * g.sides;
        for (int i = 0; i < g.sides; i++) line = curve_data(&g, i, a, &panel[a], line);
        panels += panel[a].curves > 0;
    }
    const struct panels l = panels_lay_out(g.side_label, g.sides, panels);
    fprintf(g.script, "data = '%s.csv'\n", g.name);
    panels_styles(g.script, g.sides);
    figure_formats(g.script, g.name, l.width, l.height);
    panels_begin(g.script);
    for (int a = 0; a < g.attacks; a++)
        if (panel[a].curves) {
            panels_place(g.script, &l, at++);
            one_panel(&g, a, &panel[a]);
        }
    panels_legend(g.script, &l, g.side_label, g.sides);
    fputs("unset multiplot\n", g.script);
    figure_formats_end(g.script);
    mem_free(curve);
    mem_free(panel);
    return figure_close(&g, folder);
}
