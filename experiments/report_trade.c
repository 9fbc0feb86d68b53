/* tradeoff: marks, clone accuracy against defended accuracy; colour and number say the defense, shape the attack. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/report_figure.h"

/* Has the cell a mark? */
static int marked(const struct report_cell *c)
{
    return c && c->value[METRIC_LAST].n && c->value[METRIC_DEFENDED].n;
}

int figure_marks(const struct report *r, int victim)
{
    int n = 0;
    for (int i = 0; i < r->cells; i++) n += r->cell[i].victim == victim && marked(&r->cell[i]);
    return n;
}

/* The attack with a defense's highest mark. */
static int highest(const struct figure *g, int side)
{
    int best = -1;
    double most = -INFINITY;
    for (int a = 0; a < g->attacks; a++) {
        const struct report_cell *c = figure_cell(g, side, a);
        if (!marked(c) || c->value[METRIC_LAST].mean <= most) continue;
        most = c->value[METRIC_LAST].mean;
        best = a;
    }
    return best;
}

static void trade_data(const struct figure *g, double *low, double *high)
{
    enum { CROWD = 36 }; /* of more marks only each defense's highest is numbered */
    int crowded = figure_marks(g->r, g->victim) > CROWD;
    fputs(
        "defense_number,defense,attack_number,attack,flagged,numbered,defended_acc,defended_ci95,clone_acc_last,clone_ci95\n",
        g->data);
    for (int i = 0; i < g->sides; i++)
        for (int a = 0; a < g->attacks; a++) {
            const struct report_cell *c = figure_cell(g, i, a);
            if (!marked(c)) continue;
            const struct stat_mean x = c->value[METRIC_DEFENDED], y = c->value[METRIC_LAST];
            fprintf(g->data, "%d,%s,%d,%s,%d,%d", i + 1, g->side_label[i], a + 1, g->attack_label[a], c->flagged,
                    !crowded || a == highest(g, i));
            figure_number(g->data, x.mean);
            figure_number(g->data, x.half);
            figure_number(g->data, y.mean);
            figure_number(g->data, y.half);
            fputc('\n', g->data);
            *low = fmin(*low, 100 * x.mean);
            *high = fmax(*high, 100 * x.mean);
        }
}

static void put_list(FILE *f, const char *name, const int *v, int n)
{
    fprintf(f, "array %s[%d] = [", name, n);
    for (int i = 0; i < n; i++) fprintf(f, "%s%d", i ? ", " : "", v[i]);
    fputs("]\n", f);
}

static void trade_plot(const struct figure *g)
{
    static const double size[] = {1.4, 0.9, 2}; /* as in the script: further attacks have the same marks in other sizes */
    FILE *f = g->script;
    fputs("unit = format eq 'svg' ? 0.7 : 1 # marks of one size in both\n"
          "set title 'right and down is better for the defender' font small textcolor rgb '#666666'\n"
          "plot \\\n"
          "  x with lines lc rgb '#999999' dt 2 lw 1 title 'clone as good as the victim', \\\n"
          "  data using (acc('defended_acc')):(acc('clone_acc_last')):(acc('defended_ci95')):(acc('clone_ci95')) "
          "with xyerrorbars lc rgb '#999999' lw 0.8 pt 0 notitle, \\\n"
          "  data using (acc('defended_acc')):(acc('clone_acc_last')):(size('attack_number')):(mark('attack_number')):"
          "(hue('defense_number')) "
          "with points ps variable pt variable lc rgb variable lw 1.6 notitle, \\\n"
          "  data using (side(1)):(acc('clone_acc_last')):(number('defense_number')) "
          "with labels font small left offset 0.6,0.35 notitle, \\\n"
          "  data using (side(0)):(acc('clone_acc_last')):(number('defense_number')) "
          "with labels font small right offset -0.6,0.35 notitle, \\\n",
          f);
    for (int a = 0; a < g->attacks; a++)
        fprintf(f, "  keyentry with points pt %d ps %g*unit lc rgb 'black' title '%s', \\\n", figure_mark[a % FIGURE_MARKS],
                size[a / FIGURE_MARKS % 3], g->attack_label[a]);
    for (int i = 0, flagged = 0; i < g->sides && !flagged; i++)
        if (g->side[i].flagged && (flagged = 1))
            fprintf(f,
                    "  keyentry with points pt %d ps 1.4*unit lw 1.6 lc rgb 'black' title 'hollow: (*) upper bound', \\\n",
                    figure_hollow_mark[0]);
    fputs("  keyentry with lines lc rgb 'white' lw 0.1 title ' ', \\\n", f);
    for (int i = 0; i < g->sides; i++)
        fprintf(f, "  keyentry with boxes fs solid 1 noborder lc rgb '%s' title '%d  %s'%s\n",
                figure_colour[i % FIGURE_COLOURS], i + 1, g->side_label[i], i + 1 < g->sides ? ", \\" : "");
}

int figure_trade(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    enum { PLOT = 500 }; /* pixels; the legend stands right of it */
    double low = 100, high = 0;
    figure_open(&g, r, "tradeoff", victim);
    trade_data(&g, &low, &high);
    if (low > high) low = 0, high = 100;
    double step = high - low < 4 ? 1 : 5;
    low = fmax(0, step * floor((low - 0.5) / step));
    high = fmin(100, step * ceil((high + 0.3) / step));
    int label = label_longest(g.side_label, g.sides) + 4, other = label_longest(g.attack_label, g.attacks);
    int text = (label > other ? label : other) * FIGURE_LETTER + 60, lines = g.sides + g.attacks + 3;
    int width = PLOT + (text > 220 ? text : 220), height = 60 + 21 * lines > 430 ? 60 + 21 * lines : 430;
    fprintf(g.script, "data = '%s.csv'\narray COLOUR[%d] = [", g.name, FIGURE_COLOURS);
    for (int i = 0; i < FIGURE_COLOURS; i++) fprintf(g.script, "%s0x%s", i ? ", " : "", figure_colour[i] + 1);
    fputs("]\n", g.script);
    put_list(g.script, "FULL", figure_mark, FIGURE_MARKS);
    put_list(g.script, "HOLLOW", figure_hollow_mark, FIGURE_MARKS);
    fprintf(
        g.script,
        "acc(name) = 100*column(name)\n"
        "hue(name) = COLOUR[int(column(name)-1)%%|COLOUR|+1]\n"
        "turn(name) = int(column(name)-1)%%|FULL|+1\n"
        "mark(name) = column('flagged') == 1 ? HOLLOW[turn(name)] : FULL[turn(name)]\n"
        "number(name) = sprintf('%%d', int(column(name)))\n"
        "# numbers stand right of odd marks, left of even ones; others are out of sight (5.4 dies of labels all NaN)\n"
        "odd(name) = int(column(name))%%2\n"
        "side(which) = column('numbered') == 1 && odd('defense_number') == which ? acc('defended_acc') : -1e3\n"
        "array SIZE[3] = [1.4, 0.9, 2.0]\n"
        "size(name) = unit*SIZE[int((column(name)-1)/|FULL|)%%3+1]\n"
        "set xlabel 'defended accuracy, %% (what users get)'\nset ylabel 'clone test accuracy, %%'\n"
        "set xrange [%g:%g]\nset yrange [0:100]\nset ytics 20\nset grid xtics ytics lt 1 lw 0.5 lc rgb '#dddddd'\n"
        "set rmargin at screen %.4f\nset key at screen %.4f, 0.95 left top horizontal Left reverse samplen 1.2 maxcols 1\n",
        low, high, (PLOT - 14.0) / width, (PLOT + 4.0) / width); /* vertical, gnuplot may break it into columns */
    figure_formats(g.script, g.name, width, height);
    trade_plot(&g);
    figure_formats_end(g.script);
    return figure_close(&g, folder);
}
