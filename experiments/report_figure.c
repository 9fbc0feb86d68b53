#include "experiments/report_figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* Okabe and Ito (2008), ordered so that neighbours differ in lightness and pale yellow is last; black stays for the victim. */
const char *const figure_colour[] = {"#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#666666", "#F0E442"};
const int figure_mark[] = {7, 5, 9, 11, 13, 15}, figure_hollow_mark[] = {6, 4, 8, 10, 12, 14};
enum { LABEL = 44 }; /* longest label in a figure, characters */

static const char prologue[] =
    "# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.\n"
    "set encoding utf8\n"
    "set datafile separator comma\n"
    "set datafile columnheaders\n"
    "set border 3 lc rgb '#444444'\n"
    "set tics nomirror\n"
    "set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'\n"
    "set pointintervalbox 0\n"
    "set bars 0.6\n";

/* The script up to the plot commands, which are drawn once for each format. */
void figure_formats(FILE *f, const char *name, int width, int height)
{
    enum { PNG_PIXELS = 16000 }; /* cairo draws at most 32767 */
    int longer = width > height ? width : height;
    fprintf(
        f,
        "width = %d; height = %d # pixels\nscale = %.4g # of the PNG\n"
        "inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter\n"
        "do for [format in 'svg png pdf'] {\n"
        "if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }\n"
        "if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' "
        "fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }\n"
        "if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%%.2f', 7*134/inch) fontscale 0.85 "
        "linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%%.2f', 5.6*134/inch) }\n"
        "set output '%s.'.format\n",
        width, height, 2.0 * longer > PNG_PIXELS ? (double)PNG_PIXELS / longer : 2.0, name);
}

void figure_formats_end(FILE *f)
{
    fputs("unset output\n}\n", f);
}

/* ---- text ------------------------------------------------------------------------------- */

/* A label as it stands in a figure, in a script's '...' or "..." and in its CSV: one line, clipped, without what gnuplot
 * would take for more than text. */
static char *plain_label(const char *text, const char *mark)
{
    char *label = mem_new(4 * LABEL + 16, 1), *to = label;
    int n = 0;
    for (; *text && n < LABEL && to < label + 4 * LABEL; n++) {
        *to++ = strchr("'\"`\\,", *text) || (unsigned char)*text < ' ' ? ' ' : *text;
        for (text++; ((unsigned char)*text & 0xc0) == 0x80 && to < label + 4 * LABEL; text++) *to++ = *text;
    }
    sprintf(to, "%s%s", *text ? ".." : "", mark);
    return label;
}

/* Numbers of a CSV file of a figure: empty where there is none. */
void figure_number(FILE *f, double v)
{
    if (isfinite(v)) fprintf(f, ",%.10g", v);
    else fputc(',', f);
}

/* ---- a figure's files ------------------------------------------------------------------- */

static int attack_leaks(const struct report *r, int victim, int attack)
{
    for (int i = 0; i < r->cells; i++)
        if (r->cell[i].victim == victim && r->cell[i].attack == attack && r->cell[i].leaks) return 1;
    return 0;
}

void figure_open(struct figure *g, const struct report *r, const char *what, int victim)
{
    *g = (struct figure){.r = r, .victim = victim, .name = plot_name(r, what, victim)};
    g->data = open_memstream(&g->data_text, &g->data_size);
    g->script = open_memstream(&g->script_text, &g->script_size);
    if (!g->data || !g->script) abort();
    g->attack = mem_new((size_t)r->attacks, sizeof *g->attack);
    g->attack_label = mem_new((size_t)r->attacks, sizeof *g->attack_label);
    for (int a = 0; a < r->attacks; a++)
        if (report_attacked(r, victim, a)) {
            g->attack_label[g->attacks] = plain_label(r->attack[a], attack_leaks(r, victim, a) ? " (†)" : "");
            g->attack[g->attacks++] = a;
        }
    for (int i = 0; i < r->sides; i++)
        if (r->side[i].victim == victim) {
            if (!g->sides++) g->side = &r->side[i];
        }
    g->side_label = mem_new((size_t)g->sides, sizeof *g->side_label);
    for (int i = 0; i < g->sides; i++)
        g->side_label[i] = plain_label(r->defense[g->side[i].defense], g->side[i].flagged ? " (*)" : "");
    fprintf(g->script, "# %s: %s\n%s", g->name, r->victim[victim], prologue);
}

const struct report_cell *figure_cell(const struct figure *g, int side, int attack)
{
    return report_find(g->r, g->victim, g->side[side].defense, g->attack[attack]);
}

static int write_part(const char *folder, const char *name, const char *ending, const char *text, size_t size)
{
    char *path = mem_print("%s/%s.%s", folder, name, ending);
    int code = file_write(path, text, size);
    mem_free(path);
    return code;
}

void figure_drop(struct figure *g)
{
    fclose(g->data);
    fclose(g->script);
    labels_free(g->attack_label, g->attacks);
    labels_free(g->side_label, g->sides);
    mem_free(g->attack);
    mem_free(g->name);
    free(g->data_text);
    free(g->script_text);
}

int figure_close(struct figure *g, const char *folder)
{
    fflush(g->data);
    fflush(g->script);
    int code = write_part(folder, g->name, "csv", g->data_text, g->data_size);
    if (!code) code = write_part(folder, g->name, "gp", g->script_text, g->script_size);
    figure_drop(g);
    return code;
}

int label_longest(char **label, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++) most = (int)strlen(label[i]) > most ? (int)strlen(label[i]) : most;
    return most;
}
