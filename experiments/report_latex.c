/* report.tex and tables/NAME.tex: the tables as LaTeX (booktabs), each a file that a paper takes by \input, and a document that sets
 * them all with the figures. Signs in the tables: stars, the paired test against the undefended victim's clone; a double dagger, an
 * upper bound of the defense; a dagger, of the attack. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "experiments/report.h"

enum { PAGE = 50 /* rows of a table that still fit a page */ };

static const char prologue[] =
    "%% `heist report` writes this file anew: copy what you need. Tables are in tables/, figures in plots/.\n"
    "\\documentclass[10pt]{article}\n"
    "\\usepackage[T1]{fontenc}\n"
    "\\usepackage{lmodern,textcomp,booktabs,graphicx}\n"
    "\\usepackage[margin=0.8in]{geometry}\n"
    "\\newcommand{\\fit}[1]{\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{#1}}\n"
    "\\renewcommand{\\floatpagefraction}{0.9}\n"
    "\\begin{document}\n\\small\n";

static const struct {
    const char *name, *caption;
    struct grid *(*make)(const struct report *, int victim);
} tables[] = {
    {"clone_accuracy",
     "Test accuracy of the clone after its last epoch, \\%. Bold: the lowest of an attack, upper bounds left out. *, **, ***: differs from the "
     "undefended victim's clone with $p < 0.05$, $0.01$, $0.001$ (paired $t$-test over seeds, uncorrected).",
     report_matrix},
    {"costs", "What a defense costs. Victim: the network itself; defended: the answers that users get.", report_costs},
    {"above", "Clones that are better than the undefended victim's.", report_above},
    {"clones", "Every clone. Last: the headline; val: the epoch chosen on held-out answers; best: chosen on the test set, an oracle.", report_clones},
};
enum { TABLES = sizeof tables / sizeof *tables };

/* A file of the folder, of what `f` was given; frees the text. */
static int close_into(FILE *f, char **text, size_t *size, const char *dir, const char *name)
{
    fclose(f);
    char *path = mem_print("%s/%s.tex", dir, name);
    const int code = file_write(path, *text, *size);
    mem_free(path);
    free(*text);
    return code;
}

/* The longer side of a table goes down the page: more attacks than defenses stand in rows. */
static struct grid *portrait(struct grid *g)
{
    enum { BESIDE = 8 }; /* columns that may stand beside one another */
    if (g->columns <= BESIDE || g->columns <= g->rows) return g;
    struct grid *turned = grid_turned(g);
    grid_free(g);
    return turned;
}

static int write_table(const struct grid *g, const char *origin, const char *folder, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort(); /* out of memory */
    fprintf(f, "%% heist report writes this file anew; needs \\usepackage{booktabs}\n%% %s\n", origin);
    grid_latex(g, f);
    return close_into(f, &text, &size, folder, name);
}

static void put_table(FILE *f, const char *name, const char *caption, const char *origin, int rows, int seeds)
{
    char *shown = tex_text(name), *from = tex_text(origin);
    if (rows > PAGE) fprintf(f, "tables/%s.tex: %d rows, too long for a page.\n\n", shown, rows);
    else
        fprintf(f, "\\begin{table}[p]\\centering\n\\caption{%s%s}\n\\fit{\\input{tables/%s}}\n\\par\\smallskip{\\tiny %s}\n\\end{table}\n", caption,
                seeds > 1 ? " Mean $\\pm$ 95\\,\\% interval over seeds (Student's $t$)." : "", name, from);
    mem_free(from);
    mem_free(shown);
}

static int put_tables(const struct report *r, int victim, const char *folder, FILE *f)
{
    struct provenance *p = provenance_of(r, victim);
    char *origin = provenance_line(p);
    int code = 0;
    for (int i = 0; i < TABLES && !code; i++) {
        struct grid *g = tables[i].make(r, victim);
        char *name = plot_name(r, tables[i].name, victim);
        const int rows = g->rows;
        if (i == 0) g = portrait(g);
        if (rows > 1) code = write_table(g, origin, folder, name);
        if (rows > 1) put_table(f, name, tables[i].caption, origin, g->rows, r->seeds);
        mem_free(name);
        grid_free(g);
    }
    mem_free(origin);
    provenance_free(p);
    return code;
}

static void put_figures(const struct report *r, int victim, FILE *f)
{
    const char *what;
    for (int i = 0; (what = plot_at(i)) != NULL; i++) {
        if (!plot_has(r, what, victim) || plot_crowded(r, what, victim)) continue;
        char *name = plot_name(r, what, victim), *caption = tex_text(plot_caption(what));
        fprintf(f, "\\IfFileExists{plots/%s.pdf}{\\begin{figure}[p]\\centering\n\\fit{\\includegraphics{plots/%s.pdf}}\n\\caption{%s}\n\\end{figure}}{}\n", name, name, caption);
        mem_free(caption);
        mem_free(name);
    }
}

static int put_victim(const struct report *r, int victim, const char *folder, FILE *f)
{
    int flagged, leaks;
    char *name = tex_text(r->victim[victim]);
    fprintf(f, "\\section*{%s}\n", name);
    mem_free(name);
    report_bounds(r, victim, &flagged, &leaks);
    if (flagged) fputs("\\ddag{}: the defender trained on the attacker's own query pool, an upper bound of the defense. ", f);
    if (report_doubts(r, victim)) fputs("\\S{}: the data put the number in doubt (report.md says why). ", f);
    if (leaks) fputs("\\dag{}: the attacker queries with the victim's own training set, or is told the clean answers, an upper bound of the attack.", f);
    fputs("\n\n", f);
    const int code = put_tables(r, victim, folder, f);
    put_figures(r, victim, f);
    fputs("\\clearpage\n", f);
    return code;
}

int report_latex(const struct report *r, const char *dir)
{
    char *text = NULL, *folder = mem_print("%s/tables", dir);
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    fputs(prologue, f);
    int code = file_folder(folder);
    for (int v = 0; v < r->victims && !code; v++) code = put_victim(r, v, folder, f);
    fputs("\\end{document}\n", f);
    const int written = close_into(f, &text, &size, dir, "report");
    mem_free(folder);
    return code ? code : written;
}
