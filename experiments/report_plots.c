/* The figures of a report: which there are, their names, and gnuplot called for each. */
#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/report_figure.h"

char *plot_name(const struct report *r, const char *what, int victim)
{
    if (r->victims == 1) return mem_string(what);
    char *slug = mem_string(r->victim[victim]), *to = slug;
    for (const char *c = slug; *c; c++) {
        if (isalnum((unsigned char)*c) || *c == '.') *to++ = *c;
        else if (to > slug && to[-1] != '-') *to++ = '-';
    }
    while (to > slug && to[-1] == '-') to--;
    *to = 0;
    char *name = mem_print("%s-%d-%.60s", what, victim + 1, slug); /* the number keeps names apart */
    mem_free(slug);
    return name;
}

int plot_has(const struct report *r, const char *what, int victim)
{
    if (strcmp(what, "training_curves") == 0) return figure_has_curves(r, victim);
    if (strcmp(what, "tradeoff") == 0) return figure_marks(r, victim) > 0;
    if (strcmp(what, "queries") == 0) return figure_has_queries(r, victim);
    if (strcmp(what, "budget") == 0) return figure_has_budget(r, victim);
    if (strcmp(what, "knob") == 0) return figure_has_knob(r, victim);
    if (strcmp(what, "attack_defense") == 0) return figure_has_matrix(r, victim);
    if (strcmp(what, "ood_pool") == 0) return figure_has_heat(r, victim);
    if (strcmp(what, "ood_distance") == 0) return figure_has_distance(r, victim);
    return 1;
}

/* Cells that a figure with a bar or a curve for each can show. gnuplot takes half a minute for 2,000, and nobody reads them. */
enum { CROWD = 1000 };

int plot_crowded(const struct report *r, const char *what, int victim)
{
    int cells = 0;
    if (strcmp(what, "clone_accuracy") && strcmp(what, "training_curves")) return 0;
    for (int i = 0; i < r->cells; i++) cells += r->cell[i].victim == victim;
    return cells > CROWD;
}

static int draw(const struct report *r, const char *what, int victim, const char *folder)
{
    char *name = plot_name(r, what, victim), *script = mem_print("%s.gp", name);
    int code = gnuplot_run(folder, script);
    mem_free(script);
    mem_free(name);
    return code;
}

static const struct {
    const char *name, *caption;
    int (*write)(const struct report *, int victim, const char *folder);
} figures[] = {{"clone_accuracy", "Clone accuracy for each defense and attack.", figure_bars},
               {"attack_defense", "Clone accuracy, %, for each defense and attack.", figure_matrix},
               {"ood_pool", "Clone accuracy, %, for each OOD set and pool.", figure_heat},
               {"ood_distance", "Clone accuracy against how well OOD set and pool are told apart.", figure_distance},
               {"budget", "Clone accuracy against the budget.", figure_budget},
               {"knob", "Clone accuracy against defended accuracy, a curve for each defense over its knob.", figure_knob},
               {"queries", "Clone accuracy while the attack asks.", figure_queries},
               {"tradeoff", "Clone accuracy against defended accuracy.", figure_trade},
               {"training_curves", "Clone accuracy against epochs.", figure_curves}};
enum { FIGURES = sizeof figures / sizeof *figures };

const char *plot_at(int i)
{
    return i < FIGURES ? figures[i].name : NULL;
}

const char *plot_caption(const char *what)
{
    int i = 0;
    while (strcmp(figures[i].name, what)) i++;
    return figures[i].caption;
}

int report_plots(const struct report *r, const char *folder)
{
    int code = file_folder(folder), there = 1; /* there: gnuplot is */
    for (int v = 0; v < r->victims && !code; v++)
        for (int i = 0; i < FIGURES && !code; i++) {
            if (!plot_has(r, figures[i].name, v)) continue;
            code = figures[i].write(r, v, folder);
            if (code || !there) continue;
            if (plot_crowded(r, figures[i].name, v)) {
                progress_say("%s: %s is not drawn: more than %d pairs of defense and attack; its .csv and .gp are there", folder, figures[i].name, CROWD);
                continue;
            }
            code = draw(r, figures[i].name, v, folder);
            if (code != ERR_MISSING) continue;
            progress_say("%s", err_text());
            code = OK;
            there = 0;
        }
    return code;
}
