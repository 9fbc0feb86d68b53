/* Figures of several panels with a line a defense: where the panels stand, the lines' styles, one legend below all. */
#ifndef HEIST_EXPERIMENTS_REPORT_PANELS_H
#define HEIST_EXPERIMENTS_REPORT_PANELS_H

#include "experiments/report_figure.h"

struct panels {
    int columns, rows, panel_width, panel_height, key_columns, key_height, width, height; /* pixels */
};

struct panels panels_lay_out(const struct figure *g, int panels);
void panels_styles(const struct figure *g);                             /* line style i + 1 is side i's */
void panels_begin(const struct figure *g);                              /* behind figure_formats */
void panels_place(const struct figure *g, const struct panels *l, int i); /* what follows is panel i */
void panels_legend(const struct figure *g, const struct panels *l);

#endif
