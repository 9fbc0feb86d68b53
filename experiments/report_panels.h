/* Figures of several panels with the same lines in each (a defense a line, or a family of them): where the panels stand, the lines'
 * styles, one legend below all. */
#ifndef HEIST_EXPERIMENTS_REPORT_PANELS_H
#define HEIST_EXPERIMENTS_REPORT_PANELS_H

#include "experiments/report_figure.h"

struct panels {
    int columns, rows, panel_width, panel_height, key_columns, key_height, width, height; /* pixels */
};

struct panels panels_lay_out(char **label, int lines, int panels);  /* label [lines], of the legend */
void panels_styles(FILE *script, int lines);                         /* line style i + 1 is line i's */
void panels_begin(FILE *script);                                     /* behind figure_formats */
void panels_place(FILE *script, const struct panels *l, int i);      /* what follows is panel i */
void panels_legend(FILE *script, const struct panels *l, char **label, int lines);

#endif
