/* What the figures have in common. A figure is a CSV file and a gnuplot script that reads it, so that an author can
 * change and redraw it. Colours are Okabe and Ito's, told apart by the colour-blind; order, dashes, marks and numbers tell
 * the same in grey. */
#ifndef HEIST_EXPERIMENTS_REPORT_FIGURE_H
#define HEIST_EXPERIMENTS_REPORT_FIGURE_H

#include "experiments/report.h"

enum {
    FIGURE_COLOURS = 8,
    FIGURE_MARKS = 6,
    FIGURE_LETTER = 7, /* pixels, about, of a letter of the figures' font */
    FIGURE_LINE = 20   /* pixels of a line of a legend */
};

extern const char *const figure_colour[FIGURE_COLOURS];                          /* "#0072B2" */
extern const int figure_mark[FIGURE_MARKS], figure_hollow_mark[FIGURE_MARKS]; /* gnuplot's point types */

/* One figure of one victim while it is written. What the victim meets is numbered from 0 for this figure. */
struct figure {
    const struct report *r;
    int victim;
    char *name;
    FILE *data, *script;
    int attacks, *attack;           /* [attacks] the report's numbers */
    int sides;
    const struct report_side *side; /* [sides] a defense each */
    char **attack_label, **side_label;
    char *data_text, *script_text;
    size_t data_size, script_size;
};

void figure_open(struct figure *g, const struct report *r, const char *what, int victim);
int figure_close(struct figure *g, const char *folder); /* writes the files, frees; ERR_IO */
void figure_drop(struct figure *g);                     /* frees without writing */

const struct report_cell *figure_cell(const struct figure *g, int side, int attack); /* NULL: there is none */

/* What stands between is drawn once each for SVG, PNG and PDF; sizes in pixels of the SVG. */
void figure_formats(FILE *f, const char *name, int width, int height);
void figure_formats_end(FILE *f);

void figure_number(FILE *f, double v);     /* a comma and the number, nothing behind the comma where it is NaN */
int label_longest(char **label, int n);    /* bytes */

/* Each writes one figure's files; figure_has_curves and figure_marks say whether there is anything in it. */
int figure_bars(const struct report *r, int victim, const char *folder);
int figure_curves(const struct report *r, int victim, const char *folder);
int figure_trade(const struct report *r, int victim, const char *folder);
int figure_budget(const struct report *r, int victim, const char *folder);
int figure_queries(const struct report *r, int victim, const char *folder);
int figure_matrix(const struct report *r, int victim, const char *folder);
int figure_heat(const struct report *r, int victim, const char *folder);
int figure_distance(const struct report *r, int victim, const char *folder);
int figure_knob(const struct report *r, int victim, const char *folder);
int figure_has_knob(const struct report *r, int victim);
int figure_has_queries(const struct report *r, int victim);
int figure_has_budget(const struct report *r, int victim);
int figure_has_matrix(const struct report *r, int victim);
int figure_has_heat(const struct report *r, int victim);
int figure_has_distance(const struct report *r, int victim);
int figure_has_curves(const struct report *r, int victim);
int figure_marks(const struct report *r, int victim);

#endif
