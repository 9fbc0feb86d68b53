/* knob: a panel for each attack, the clone's accuracy against the defended accuracy, one curve a defense over its knob: the option
 * in whose number alone its settings differ. A defense of one setting is a mark. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/spec.h"
#include "experiments/report_panels.h"

/* Sides that differ in one option only. */
struct family {
    char *name;           /* "mad oracle=argmax (epsilon)" */
    int n, *side;         /* [n] in the order of the knob */
    double *knob;         /* [n] */
};

/* A label without its word `at`, which is "option=number": *option (its length too) and *value. NULL: it is none. mem_free frees. */
static char *without_word(const char *label, int at, const char **option, int *length, double *value)
{
    const char *word = label;
    for (; at > 0 && *word; at--) word += strcspn(word, " "), word += strspn(word, " ");
    const size_t n = strcspn(word, " "), name = strcspn(word, "= ");
    if (!n || name == n || name == 0 || strncmp(word, "seed=", 5) == 0) return NULL; /* another seed is no other setting */
    char *number = mem_print("%.*s", (int)(n - name - 1), word + name + 1);
    const int bad = spec_number(value, number);
    mem_free(number);
    if (bad) return NULL;
    *option = word;
    *length = (int)name;
    const char *rest = word + n;
    return mem_print("%.*s%s", (int)(word - label) - (word > label && !*rest), label, *rest ? rest + 1 : "");
}

/* Is side j side i with another number of the same option? The knob's value of j then. */
static int differs_by(const struct figure *g, const char *rest, const char *option, int length, int j, double *value)
{
    int same = 0;
    for (int at = 1; !same && at < 64; at++) {
        const char *other;
        int other_length;
        char *r = without_word(g->side_label[j], at, &other, &other_length, value);
        same = r && length == other_length && strncmp(option, other, (size_t)length) == 0 && strcmp(r, rest) == 0;
        mem_free(r);
    }
    return same;
}

static void family_add(struct family *f, int side, double knob)
{
    int at = f->n++;
    for (; at > 0 && f->knob[at - 1] > knob; at--) {
        f->knob[at] = f->knob[at - 1];
        f->side[at] = f->side[at - 1];
    }
    f->knob[at] = knob;
    f->side[at] = side;
}

static struct family family_new(const struct figure *g)
{
    return (struct family){.side = mem_new((size_t)g->sides, sizeof(int)), .knob = mem_new((size_t)g->sides, sizeof(double))};
}

static void family_free(struct family *f)
{
    mem_free(f->name);
    mem_free(f->side);
    mem_free(f->knob);
}

/* The largest family of a side among those that no family has yet (taken[j] = 0). */
static struct family family_of(const struct figure *g, int side, const int *taken)
{
    struct family best = family_new(g);
    family_add(&best, side, NAN);
    best.name = mem_string(g->side_label[side]);
    for (int at = 1; at < 64; at++) {
        const char *option;
        int length;
        double value;
        char *rest = without_word(g->side_label[side], at, &option, &length, &value);
        if (!rest) continue;
        struct family f = family_new(g);
        f.name = mem_print("%s (%.*s)", rest, length, option);
        for (int j = 0; j < g->sides; j++)
            if (!taken[j] && differs_by(g, rest, option, length, j, &value)) family_add(&f, j, value);
        mem_free(rest);
        if (f.n > best.n) {
            family_free(&best);
            best = f;
        } else {
            family_free(&f);
        }
    }
    return best;
}

/* Every side is in one family; *n families. families_free frees. */
static struct family *families_new(const struct figure *g, int *n)
{
    struct family *f = mem_new((size_t)g->sides, sizeof *f);
    int *taken = mem_new((size_t)g->sides, sizeof *taken);
    *n = 0;
    for (int i = 0; i < g->sides; i++) {
        if (taken[i]) continue;
        f[*n] = family_of(g, i, taken);
        for (int k = 0; k < f[*n].n; k++) taken[f[*n].side[k]] = 1;
        ++*n;
    }
    mem_free(taken);
    return f;
}

static void families_free(struct family *f, int n)
{
    for (int i = 0; i < n; i++) family_free(&f[i]);
    mem_free(f);
}

int figure_has_knob(const struct report *r, int victim)
{
    struct figure g;
    int n, any = 0;
    figure_open(&g, r, "knob", victim);
    struct family *f = families_new(&g, &n);
    for (int i = 0; i < n; i++) any |= f[i].n > 1;
    families_free(f, n);
    figure_drop(&g);
    return any && figure_marks(r, victim) > 0;
}

static const struct report_cell *point_of(const struct figure *g, const struct family *f, int k, int attack)
{
    const struct report_cell *c = figure_cell(g, f->side[k], attack);
    return c && c->value[METRIC_LAST].n && c->value[METRIC_DEFENDED].n ? c : NULL;
}

/* One curve's points into the data; how many. */
static int curve_data(const struct figure *g, const struct family *f, int attack)
{
    int n = 0;
    for (int k = 0; k < f->n; k++) {
        const struct report_cell *c = point_of(g, f, k, attack);
        if (!c) continue;
        fprintf(g->data, "%s,%s,%s", g->attack_label[attack], f->name, g->side_label[f->side[k]]);
        figure_number(g->data, f->knob[k]);
        const enum metric axis[] = {METRIC_DEFENDED, METRIC_LAST};
        for (int m = 0; m < 2; m++) {
            figure_number(g->data, c->value[axis[m]].mean);
            figure_number(g->data, c->value[axis[m]].half);
        }
        fputc('\n', g->data);
        n++;
    }
    return n;
}

static int attack_has_points(const struct figure *g, int attack)
{
    for (int i = 0; i < g->sides; i++) {
        const struct report_cell *c = figure_cell(g, i, attack);
        if (c && c->value[METRIC_LAST].n && c->value[METRIC_DEFENDED].n) return 1;
    }
    return 0;
}

/* Writes an attack's panel; `line` of the data is where it begins, the return value where it ends. */
static int one_panel(const struct figure *g, const struct family *f, int families, int attack, int line)
{
    fprintf(g->script, "set title '%s'\nset xlabel 'defended accuracy, %%'\nplot \\\n", g->attack_label[attack]);
    for (int i = 0; i < families; i++) {
        const int n = curve_data(g, &f[i], attack);
        if (n) fprintf(g->script, "  data every ::%d::%d using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls %d lw 0.6 pt 0 notitle, \\\n"
                                  "  '' every ::%d::%d using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls %d notitle, \\\n",
                       line, line + n - 1, i + 1, line, line + n - 1, i + 1);
        line += n;
    }
    fputs("  NaN notitle\n", g->script);
    return line;
}

/* The axis of defended accuracies: from the lowest, in steps of 5 %, to 100 %. */
static double lowest(const struct figure *g)
{
    double low = 1;
    for (int i = 0; i < g->sides; i++)
        if (g->side[i].value[METRIC_DEFENDED].n) low = fmin(low, g->side[i].value[METRIC_DEFENDED].mean);
    return fmax(0, 5 * floor(20 * low - 0.1));
}

int figure_knob(const struct report *r, int victim, const char *folder)
{
    struct figure g;
    figure_open(&g, r, "knob", victim);
    int n, panels = 0, at = 0, line = 0;
    struct family *f = families_new(&g, &n);
    char **name = mem_new((size_t)n, sizeof *name);
    for (int i = 0; i < n; i++) name[i] = f[i].name;
    for (int a = 0; a < g.attacks; a++) panels += attack_has_points(&g, a);
    fputs("attack,family,defense,knob,defended_acc,defended_ci95,clone_acc,clone_ci95\n", g.data);
    const struct panels l = panels_lay_out(name, n, panels);
    fprintf(g.script, "data = '%s.csv'\n", g.name);
    panels_styles(g.script, n);
    figure_formats(g.script, g.name, l.width, l.height);
    panels_begin(g.script);
    fprintf(g.script, "set xrange [%g:100.5]\nset xtics autofreq nomirror\n", lowest(&g));
    for (int a = 0; a < g.attacks; a++)
        if (attack_has_points(&g, a)) {
            panels_place(g.script, &l, at++);
            line = one_panel(&g, f, n, a, line);
        }
    panels_legend(g.script, &l, name, n);
    fputs("unset multiplot\n", g.script);
    figure_formats_end(g.script);
    mem_free(name);
    families_free(f, n);
    return figure_close(&g, folder);
}
