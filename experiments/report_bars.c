/* clone_accuracy: bars, the clone's accuracy for each defense (groups) and attack (bars). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/report_figure.h"

static int longest_word(char **label, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++)
        for (const char *c = label[i]; *c; c += strspn(c, " ")) {
            int word = (int)strcspn(c, " ");
            most = word > most ? word : most;
            c += word;
        }
    return most;
}

static const double GROUP = 0.8; /* of the room of a group, the rest is the gap to the next */

static void bars_data(const struct figure *g)
{
    fputs("x,defense,attack_number,attack,flagged,seeds_ok,seeds_failed,victim_acc,clone_acc_last,ci95\n", g->data);
    for (int i = 0; i < g->sides; i++) {
        fprintf(g->data, "%d,%s,0,,%d,,", i + 1, g->side_label[i], g->side[i].flagged);
        figure_number(g->data, g->side[i].value[METRIC_VICTIM].mean);
        fputs(",,\n", g->data);
        for (int a = 0; a < g->attacks; a++) {
            const struct report_cell *c = figure_cell(g, i, a);
            if (!c) continue;
            fprintf(g->data, "%.10g,%s,%d,%s,%d,%d,%d,", i + 1 + GROUP * ((a + 0.5) / g->attacks - 0.5), g->side_label[i],
                    a + 1, g->attack_label[a], c->flagged, c->ok, c->failed);
            figure_number(g->data, c->value[METRIC_LAST].mean);
            figure_number(g->data, c->value[METRIC_LAST].half);
            fputc('\n', g->data);
        }
    }
}

/* Names below the groups: broken at their spaces where the words fit, else slanted. */
static void bars_tics(const struct figure *g, int broken)
{
    fprintf(g->script, "set xtics scale 0 %s (", broken ? "norotate" : "rotate by 35 right");
    for (int i = 0; i < g->sides; i++) {
        fprintf(g->script, "%s\"", i ? ", " : "");
        for (const char *c = g->side_label[i]; *c; c++) fputs(*c == ' ' && broken ? "\\n" : (char[]){*c, 0}, g->script);
        fprintf(g->script, "\" %d", i + 1);
    }
    fputs(")\n", g->script);
}

static int any_cell(const struct figure *g, int attack, int flagged)
{
    for (int i = 0; i < g->sides; i++) {
        const struct report_cell *c = figure_cell(g, i, attack);
        if (c && c->ok && c->flagged == flagged) return 1;
    }
    return 0;
}

static int any_failed(const struct figure *g)
{
    for (int i = 0; i < g->r->cells; i++)
        if (g->r->cell[i].victim == g->victim && !g->r->cell[i].ok) return 1;
    return 0;
}

/* How the bars of an attack are filled; the colours come round a second time as a hatching. */
static void put_fill(FILE *f, int attack)
{
    fprintf(f, "with boxes lc rgb '%s' lw 0.7 ", figure_colour[attack % FIGURE_COLOURS]);
    if (attack < FIGURE_COLOURS) fputs("fs solid 1 border lc rgb 'black'", f);
    else fprintf(f, "fs pattern %d border lc rgb 'black'", attack / FIGURE_COLOURS + 3);
}

static void bars_legend(const struct figure *g, int flagged)
{
    FILE *f = g->script;
    for (int a = 0; a < g->attacks; a++) {
        fputs("  keyentry ", f);
        put_fill(f, a);
        fprintf(f, " title '%s', \\\n", g->attack_label[a]);
    }
    if (flagged)
        fputs(
            "  keyentry with boxes lc rgb 'black' lw 1.8 fs empty border lc rgb 'black' title 'hollow: (*) upper bound', \\\n",
            f);
    if (any_failed(g)) fputs("  keyentry with points lc rgb 'black' pt 2 ps 0.8 title 'failed', \\\n", f);
    fputs("  keyentry with lines lc rgb 'black' lw 2.5 title 'victim'\n", f);
}

static void bars_plot(const struct figure *g)
{
    FILE *f = g->script;
    int flagged = 0;
    fprintf(f, "data = '%s.csv'\nwide = %.10g # of a bar\n", g->name, 0.92 * GROUP / g->attacks);
    fputs("bar(a, flag) = column('attack_number') == a && column('flagged') == flag ? column('x') : NaN\n"
          "any(name) = column(name) > 0 ? column('x') : NaN\n"
          "acc(name) = 100*column(name)\n"
          "plot \\\n",
          f);
    for (int a = 0; a < g->attacks; a++) {
        if (any_cell(g, a, 0)) {
            fprintf(f, "  data using (bar(%d, 0)):(acc('clone_acc_last')):(wide) ", a + 1);
            put_fill(f, a);
            fputs(" notitle, \\\n", f);
        }
        if (any_cell(g, a, 1) && (flagged = 1))
            fprintf(f,
                    "  data using (bar(%d, 1)):(acc('clone_acc_last')):(0.9*wide) "
                    "with boxes lc rgb '%s' lw 1.8 fs empty border lc rgb '%s' "
                    "notitle, \\\n",
                    a + 1, figure_colour[a % FIGURE_COLOURS], figure_colour[a % FIGURE_COLOURS]);
    }
    fputs("  data using (any('attack_number')):(acc('clone_acc_last')-acc('ci95')):(0):(2*acc('ci95')) "
          "with vectors heads size graph 0.005,90 lc rgb 'black' lw 1.2 notitle, \\\n",
          f);
    if (any_failed(g))
        fputs("  data using (column('seeds_ok') == 0 ? any('attack_number') : NaN):(2) "
              "with points lc rgb 'black' pt 2 ps 0.8 notitle, \\\n",
              f);
    fprintf(f,
            "  data using (column('attack_number') == 0 ? column('x')-%g : NaN):(acc('victim_acc')):(%g):(0) "
            "with vectors nohead lc rgb 'black' lw 2.5 notitle, \\\n",
            GROUP / 2 + 0.04, GROUP + 0.08);
    bars_legend(g, flagged);
}

/* Sizes in pixels, so that bars and names have room, up to what fits a page. */
struct frame {
    int broken; /* names below the groups are broken at their spaces */
    int width, height, below;
};

static struct frame bars_frame(const struct figure *g)
{
    enum { SIDES = 110, WIDEST = 1300, MOST = 8000, NARROWEST = 560 };
    struct frame f = {0};
    int bars = 20 * g->attacks + 24, word = (longest_word(g->side_label, g->sides) + 2) * FIGURE_LETTER, lines = 1;
    f.broken = SIDES + g->sides * (word > bars ? word : bars) <= WIDEST;
    f.width = SIDES + g->sides * (f.broken && word > bars ? word : bars);
    if (f.width < NARROWEST) f.width = NARROWEST;
    if (f.width > MOST) f.width = MOST;
    for (int i = 0; i < g->sides; i++) {
        int spaces = 0;
        for (const char *c = g->side_label[i]; *c; c++) spaces += *c == ' ';
        lines = spaces + 1 > lines ? spaces + 1 : lines;
    }
    f.below = f.broken ? 14 + FIGURE_LINE * lines
                       : 24 + 9 * FIGURE_LETTER * label_longest(g->side_label, g->sides) / 16; /* sin 35 degrees */
    int entry = (label_longest(g->attack_label, g->attacks) + 4) * FIGURE_LETTER + 40, columns = f.width / entry;
    f.height = 330 + f.below + FIGURE_LINE * ((g->attacks + 3) / (columns > 0 ? columns : 1) + 1);
    return f;
}

int figure_bars(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "clone_accuracy", victim);
    struct frame f = bars_frame(&g);
    bars_data(&g);
    fputs("set style fill solid\nset ylabel 'clone test accuracy, %'\nset yrange [0:100]\nset ytics 20\nset mytics 2\n",
          g.script);
    double side = g.sides > 1 ? 0.45 : -0.5; /* a single group does not fill the figure */
    fprintf(g.script, "set xrange [%g:%g]\nset key tmargin center horizontal Left reverse samplen 1.6 width 1\n", side,
            g.sides + 1 - side);
    fprintf(g.script, "set bmargin at screen %.4f\n", (double)f.below / f.height);
    bars_tics(&g, f.broken);
    figure_formats(g.script, g.name, f.width, f.height);
    bars_plot(&g);
    figure_formats_end(g.script);
    return figure_close(&g, folder);
}
