/* attack_defense, ood_pool: a heat map, clone accuracy for each defense (and its OOD set) in rows and each attack (and its pool) in
 * columns.
 * ood_distance: the same accuracies against how far OOD set and pool are from one another. The latter two only where a sweep
 * crosses several OOD sets with several pools, the first where they do not and there are several defenses and attacks. */
#include <math.h>
#include <string.h>

#include "experiments/report_figure.h"

/* Has a column several values, not empty, among the victim's rows? */
static int several(const struct report *r, int victim, const char *column)
{
    const char *first = "";
    for (int i = 0; i < r->rows; i++) {
        const char *v = r->row[i].victim == victim ? table_get(r->results, r->row[i].line, column) : "";
        if (!*v || strcmp(v, first) == 0) continue;
        if (*first) return 1;
        first = v;
    }
    return 0;
}

int figure_has_heat(const struct report *r, int victim)
{
    return several(r, victim, "ood") && several(r, victim, "pool");
}

int figure_has_distance(const struct report *r, int victim)
{
    int any = 0;
    for (int i = 0; i < r->cells; i++)
        any |= r->cell[i].victim == victim && r->cell[i].value[METRIC_LAST].n && r->cell[i].value[METRIC_DISTANCE].n;
    return any && figure_has_heat(r, victim);
}

int figure_has_matrix(const struct report *r, int victim)
{
    int attacks = 0, defenses = 0;
    for (int a = 0; a < r->attacks; a++) attacks += report_attacked(r, victim, a);
    for (int i = 0; i < r->sides; i++) defenses += r->side[i].victim == victim;
    return attacks > 1 && defenses > 1 && !figure_has_heat(r, victim);
}

static int heat(const struct report *r, const char *what, int victim, const char *folder)
{
    enum { ROW = 34, BESIDE = 130 }; /* pixels; BESIDE: room of the colour's scale */
    struct figure g;
    figure_open(&g, r, what, victim);
    const int cell = g.attacks > 10 ? 56 : 92;
    const int first = FIGURE_LETTER * label_longest(g.attack_label, 1) * 5 / 6 - cell / 2; /* its slanted label reaches to the left */
    const int beside = FIGURE_LETTER * label_longest(g.side_label, g.sides), left = (beside > first ? beside : first) + 30;
    const int below = 24 + 9 * FIGURE_LETTER * label_longest(g.attack_label, g.attacks) / 16;
    const int width = left + cell * g.attacks + BESIDE, height = 40 + ROW * g.sides + below;
    fputs("column,row,defense,attack,flagged,clone_acc_last\n", g.data);
    for (int i = 0; i < g.sides; i++)
        for (int a = 0; a < g.attacks; a++) {
            const struct report_cell *c = figure_cell(&g, i, a);
            if (!c || !c->value[METRIC_LAST].n) continue;
            fprintf(g.data, "%d,%d,%s,%s,%d", a + 1, i + 1, g.side_label[i], g.attack_label[a], c->flagged);
            figure_number(g.data, c->value[METRIC_LAST].mean);
            fputc('\n', g.data);
        }
    FILE *f = g.script;
    fprintf(f, "set xrange [0.5:%d.5]\nset yrange [%d.5:0.5]\nunset grid\nunset key\nset cblabel 'clone accuracy, %%'\nset cbrange [0:100]\n", g.attacks, g.sides);
    fputs("set palette defined (0 '#f7fbff', 50 '#6baed6', 100 '#08306b')\nset tics scale 0\nset ytics (", f);
    for (int i = 0; i < g.sides; i++) fprintf(f, "%s\"%s\" %d", i ? ", " : "", g.side_label[i], i + 1);
    fputs(")\nset xtics rotate by 35 right (", f);
    for (int a = 0; a < g.attacks; a++) fprintf(f, "%s\"%s\" %d", a ? ", " : "", g.attack_label[a], a + 1);
    fprintf(f, ")\nset lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\n", (double)left / width, 1 - (double)BESIDE / width, (double)below / height);
    fprintf(f, "set colorbox user origin screen %.4f, screen %.4f size screen %.4f, screen %.4f\n", 1 - (BESIDE - 20.0) / width, (double)below / height, 22.0 / width,
            (double)ROW * g.sides / height);
    figure_formats(f, g.name, width, height);
    fprintf(f, "data = '%s.csv'\nplot data using 1:2:(0.5):(0.5):(100*column('clone_acc_last')) with boxxyerror lc palette fs solid 1 noborder, \\\n"
               "  data using 1:2:(sprintf('%%.1f%%s', 100*column('clone_acc_last'), column('flagged') == 1 ? ' (*)' : '')):(column('clone_acc_last') > 0.6 ? 0xffffff : 0) "
               "with labels tc rgb variable\n", g.name);
    figure_formats_end(f);
    return figure_close(&g, folder);
}

int figure_heat(const struct report *r, int victim, const char *folder)
{
    return heat(r, "ood_pool", victim, folder);
}

int figure_matrix(const struct report *r, int victim, const char *folder)
{
    return heat(r, "attack_defense", victim, folder);
}

/* The name of a side's defense, without its options: the number of the first side of that name, from 1. */
static int family(const struct figure *g, int side)
{
    const size_t n = strcspn(g->side_label[side], " ");
    int first = 0;
    while (strcspn(g->side_label[first], " ") != n || strncmp(g->side_label[first], g->side_label[side], n)) first++;
    return first + 1;
}

/* Marks: colour says the defense, shape the attack, hollow ones are upper bounds. */
static void distance_plot(const struct figure *g)
{
    FILE *f = g->script;
    int colour = 0;
    fprintf(f, "data = '%s.csv'\nmark(d, a, flag) = column('family') == d && column('attack_number') == a && column('flagged') == flag ? column('distance') : NaN\nplot \\\n", g->name);
    for (int i = 0; i < g->sides; i++) {
        const char *rgb = figure_colour[colour % FIGURE_COLOURS];
        int any = 0;
        if (family(g, i) != i + 1) continue;
        for (int j = i; j < g->sides; j++)
            for (int a = 0; a < g->attacks && family(g, j) == i + 1; a++) {
                const struct report_cell *c = figure_cell(g, j, a);
                any |= c && c->value[METRIC_DISTANCE].n;
            }
        if (!any) continue;
        colour++;
        for (int a = 0; a < g->attacks; a++)
            for (int flag = 0; flag < 2; flag++)
                fprintf(f, "  data using (mark(%d, %d, %d)):(100*column('clone_acc_last')) with points pt %d ps 1.2 lw 1.6 lc rgb '%s' notitle, \\\n", i + 1, a + 1, flag,
                        (flag ? figure_hollow_mark : figure_mark)[a % FIGURE_MARKS], rgb);
        fprintf(f, "  keyentry with boxes fs solid 1 noborder lc rgb '%s' title '%.*s', \\\n", rgb, (int)strcspn(g->side_label[i], " "), g->side_label[i]);
    }
    for (int a = 0; a < g->attacks; a++)
        fprintf(f, "  keyentry with points pt %d ps 1.2 lc rgb 'black' title '%s', \\\n", figure_mark[a % FIGURE_MARKS], g->attack_label[a]);
    fprintf(f, "  keyentry with points pt %d ps 1.2 lw 1.6 lc rgb 'black' title 'hollow: (*) upper bound'\n", figure_hollow_mark[0]);
}

int figure_distance(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "ood_distance", victim);
    double low = 1;
    fputs("distance,family,attack_number,defense,attack,flagged,clone_acc_last,ci95\n", g.data);
    for (int i = 0; i < g.sides; i++)
        for (int a = 0; a < g.attacks; a++) {
            const struct report_cell *c = figure_cell(&g, i, a);
            if (!c || !c->value[METRIC_LAST].n || !c->value[METRIC_DISTANCE].n) continue;
            const double d = c->value[METRIC_DISTANCE].mean;
            low = fmin(low, d);
            fprintf(g.data, "%.10g,%d,%d,%s,%s,%d", d, family(&g, i), a + 1, g.side_label[i], g.attack_label[a], c->flagged);
            figure_number(g.data, c->value[METRIC_LAST].mean);
            figure_number(g.data, c->value[METRIC_LAST].half);
            fputc('\n', g.data);
        }
    FILE *f = g.script;
    fprintf(f, "set xlabel 'how well a small network tells OOD set and pool apart (0.5: the same set)'\nset ylabel 'clone test accuracy, %%'\n"
               "set xrange [%.3g:1.02]\nset yrange [-2:102]\nset key outside right top vertical Left reverse\n", low - 0.03);
    figure_formats(f, g.name, 760, 500);
    distance_plot(&g);
    figure_formats_end(f);
    return figure_close(&g, folder);
}
