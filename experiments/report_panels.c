#include "experiments/report_panels.h"

#include <assert.h>

enum { DASHES = 5 }; /* gnuplot's dash types 1 .. 5 */

void panels_styles(FILE *script, int lines)
{
    for (int i = 0; i < lines; i++)
        fprintf(script, "set style line %d lc rgb '%s' dt %d lw 1.8 pt %d ps 0.6\n", i + 1,
                figure_colour[i % FIGURE_COLOURS], (i + i / FIGURE_COLOURS) % DASHES + 1,
                figure_mark[(i + i / FIGURE_MARKS) % FIGURE_MARKS]);
}

enum { LEFT = 72, RIGHT = 16, ABOVE = 40, BELOW = 66 };

struct panels panels_lay_out(char **label, int lines, int panels)
{
    assert(panels > 0);
    struct panels l = {.columns = panels < 4 ? panels : panels == 4 ? 2 : 3};
    int entry = label_longest(label, lines) * FIGURE_LETTER + 60;
    l.rows = (panels + l.columns - 1) / l.columns;
    l.panel_width = panels == 1 ? 520 : 300;
    l.panel_height = panels == 1 ? 320 : 230;
    l.width = l.columns * (LEFT + l.panel_width + RIGHT);
    l.key_columns = l.width / entry > 1 ? l.width / entry : 1;
    l.key_height = ((lines + l.key_columns - 1) / l.key_columns) * FIGURE_LINE + 12;
    l.height = l.rows * (ABOVE + l.panel_height + BELOW) + l.key_height;
    return l;
}

void panels_place(FILE *script, const struct panels *l, int i)
{
    double w = l->width, h = l->height;
    int left = i % l->columns * (LEFT + l->panel_width + RIGHT) + LEFT;
    int above = i / l->columns * (ABOVE + l->panel_height + BELOW) + ABOVE;
    fprintf(script, "set ylabel '%s'\n", i % l->columns ? "" : "clone test accuracy, %");
    fprintf(
        script,
        "set lmargin at screen %.4f; set rmargin at screen %.4f; set tmargin at screen %.4f; set bmargin at screen %.4f\n",
        left / w, (left + l->panel_width) / w, 1 - above / h, 1 - (above + l->panel_height) / h);
}

/* The legend is a plot of nothing below the panels. */
void panels_legend(FILE *script, const struct panels *l, char **label, int lines)
{
    fprintf(
        script,
        "set lmargin at screen 0.01; set rmargin at screen 0.99; set bmargin at screen 0.005; set tmargin at screen %.4f\n",
        (double)l->key_height / l->height);
    fprintf(script,
            "unset title; unset xlabel; unset ylabel; unset tics; unset border; unset grid; unset arrow\n"
            "set key center center horizontal Left reverse samplen 4 maxcols %d\n"
            "plot [0:1][0:1] \\\n",
            l->key_columns);
    for (int i = 0; i < lines; i++) fprintf(script, "  NaN with linespoints ls %d title '%s'%s\n", i + 1, label[i], i + 1 < lines ? ", \\" : "");
}

void panels_begin(FILE *script)
{
    fputs("set multiplot\nunset key\nset border 3 lc rgb '#444444'\nset yrange [0:100]\nset ytics 20 nomirror\n"
          "set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'\n",
          script);
}
