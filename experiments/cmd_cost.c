/* heist cost: what the defenses of a sweep cost, as a table, cost.csv and a figure. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/cmd.h"
#include "experiments/cost.h"
#include "experiments/report_figure.h"
#include "experiments/sweep.h"
#include "version.h"

enum { SETS = 64, COLUMNS = 25 };
static const char *const columns[COLUMNS] = {"dataset", "model", "defense", "ood", "forwards", "backwards", "tangents", "params", "memory_mb",
    "state_kb_per_1000", "plain_p50_us_1", "plain_p95_us_1", "p50_us_1", "p95_us_1", "ratio_1", "plain_p50_us_128", "plain_p95_us_128", "p50_us_128",
    "p95_us_128", "ratio_128", "plain_train_s", "train_s", "open_s", "threads", "version"};

/* The cells of a sweep that differ in victim, defense or OOD set: the first of each. */
static int first_of_its_kind(const struct sweep *s, int cell)
{
    const struct cell *c = &s->cell[cell];
    char *victim = spec_text(&c->victim);
    int first = 1;
    for (int i = 0; i < cell && first; i++) {
        char *other = spec_text(&s->cell[i].victim);
        first = strcmp(victim, other) || strcmp(c->defense, s->cell[i].defense) || strcmp(c->ood, s->cell[i].ood);
        mem_free(other);
    }
    mem_free(victim);
    return first;
}

static double ratio(const struct cost *k, int i)
{
    return k->defended[i].p50 / k->plain[i].p50;
}

static int record(const char *path, const struct cell *c, const struct cost *k)
{
    char *value[COLUMNS];
    int n = 0;
    value[n++] = mem_string(spec_string(&c->victim, "dataset"));
    value[n++] = mem_string(spec_string(&c->victim, "model"));
    value[n++] = mem_string(c->defense);
    value[n++] = mem_string(c->ood);
    const double passes[] = {k->forwards, k->backwards, k->tangents, k->params, k->memory_mb, k->state_kb};
    for (int i = 0; i < 6; i++) value[n++] = mem_print("%.6g", passes[i]);
    for (int i = 0; i < COST_SIZES; i++) {
        const double us[] = {k->plain[i].p50, k->plain[i].p95, k->defended[i].p50, k->defended[i].p95, ratio(k, i)};
        for (int j = 0; j < 5; j++) value[n++] = mem_print("%.5g", us[j]);
    }
    const double seconds[] = {k->plain_train_s, k->train_s, k->open_s};
    for (int i = 0; i < 3; i++) value[n++] = mem_print("%.3f", seconds[i]);
    value[n++] = mem_print("%d", omp_get_max_threads());
    value[n++] = mem_string(HEIST_VERSION);
    int code = table_append(path, COLUMNS, columns, (const char *const *)value);
    for (int i = 0; i < COLUMNS; i++) mem_free(value[i]);
    return code;
}

/* ---- the table and the figure ----------------------------------------------------------------------------- */

static char **short_labels(const struct table *t)
{
    const struct label_extra extra[] = {{"ood", "ood"}, {"model", NULL}, {"dataset", NULL}};
    const char **spec = mem_new((size_t)t->rows, sizeof *spec), **more = mem_new((size_t)(3 * t->rows), sizeof *more);
    for (int i = 0; i < t->rows; i++) {
        spec[i] = table_get(t, i, "defense");
        for (int j = 0; j < 3; j++) more[3 * i + j] = table_get(t, i, extra[j].key);
    }
    char **label = labels_new(t->rows, spec, 3, extra, more);
    mem_free(spec);
    mem_free(more);
    return label;
}

static void print_table(const struct table *t, char *const *label)
{
    static const char *const head[] = {"defense", "fwd", "bwd", "tan", "params", "MB", "state KB", "1: us", "p95", "x plain", "128: us", "p95", "x plain", "train s", "open s"};
    static const char *const column[] = {"", "forwards", "backwards", "tangents", "params", "memory_mb", "state_kb_per_1000", "p50_us_1", "p95_us_1", "ratio_1",
        "p50_us_128", "p95_us_128", "ratio_128", "train_s", "open_s"};
    static const char *const format[] = {"", "%.2f", "%.1f", "%.0f", "%.0f", "%.1f", "%.1f", "%.0f", "%.0f", "%.2f", "%.0f", "%.0f", "%.2f", "%.1f", "%.1f"};
    struct grid *g = grid_new("lrrrrrrrrrrrrrr");
    grid_head(g, head);
    for (int i = 0; i < t->rows; i++) {
        grid_row(g);
        grid_put(g, 0, label[i]);
        for (int j = 1; j < 15; j++) {
            char text[40];
            snprintf(text, sizeof text, format[j], table_number(t, i, column[j])); // NOLINT: the formats stand above
            grid_put(g, j, text);
        }
    }
    grid_text(g, stdout, 160);
    printf("\nfwd, bwd, tan: passes a query of networks beside the victim (-1: the victim's is not needed). us: median of a call with 1 and with 128\n"
           "images; x plain: against the undefended victim in the same run. state KB: growth over %d queries. train, open: the victim, the\n"
           "defense's own networks; 0 open s where it has none.\n", COST_QUERIES);
    grid_free(g);
}

/* Bars on a logarithmic axis: how many times the undefended victim's time a call takes. */
static int write_figure(const struct table *t, char *const *label, const char *folder)
{
    char *text = NULL, *data = NULL, *gp = mem_print("%s/cost.gp", folder), *csv = mem_print("%s/cost.csv", folder);
    size_t size, data_size;
    FILE *f = open_memstream(&text, &size), *d = open_memstream(&data, &data_size);
    if (!f || !d) abort(); /* out of memory */
    fputs("x,defense,ratio_1,ratio_128\n", d);
    fputs("# what a call costs: times the undefended victim's\nset encoding utf8\nset datafile separator comma\nset datafile columnheaders\n"
          "set border 3\nset tics nomirror\nset grid ytics lt 1 lw 0.5 lc rgb '#dddddd'\nset logscale y\nset yrange [0.5:*]\nset ylabel 'time of a call, times the undefended one'\n"
          "set key tmargin center horizontal\nset boxwidth 0.36\nset style fill solid border lc rgb 'black'\n", f);
    fprintf(f, "set xrange [0.4:%d.6]\nset xtics scale 0 rotate by 35 right (", t->rows);
    for (int i = 0; i < t->rows; i++) {
        char *plain = mem_string(label[i]);
        for (char *c = plain; *c; c++)
            if (strchr("'\"`\\,", *c)) *c = ' ';
        fprintf(f, "%s\"%s\" %d", i ? ", " : "", plain, i + 1);
        fprintf(d, "%d,%s,%s,%s\n", i + 1, plain, table_get(t, i, "ratio_1"), table_get(t, i, "ratio_128"));
        mem_free(plain);
    }
    const int below = 24 + 9 * FIGURE_LETTER * label_longest((char **)(uintptr_t)label, t->rows) / 16;
    const int width = 140 + 64 * t->rows > 560 ? 140 + 64 * t->rows : 560, height = 340 + below;
    fprintf(f, ")\nset bmargin at screen %.4f\nset lmargin at screen %.4f\n", (double)below / height, 110.0 / width);
    figure_formats(f, "cost", width, height);
    fprintf(f, "plot 'cost.csv' using ($1-0.2):3 with boxes lc rgb '%s' title '1 image', '' using ($1+0.2):4 with boxes lc rgb '%s' title '128 images', "
               "1 with lines lc rgb 'black' dt 2 notitle\n", figure_colour[0], figure_colour[1]);
    figure_formats_end(f);
    fclose(f);
    fclose(d);
    int code = file_folder(folder);
    if (!code) code = file_write(gp, text, size);
    if (!code) code = file_write(csv, data, data_size);
    if (!code && (code = gnuplot_run(folder, "cost.gp")) == ERR_MISSING) {
        progress_say("%s", err_text());
        code = OK;
    }
    free(text);
    free(data);
    mem_free(gp);
    mem_free(csv);
    return code;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static int measure_all(const struct sweep *s, struct store *store, const char *path, const char *cache)
{
    int code = OK;
    unlink(path); /* timings of one run are not mixed with another's */
    for (int i = 0; i < s->n && !code; i++) {
        struct cost k;
        if (!first_of_its_kind(s, i)) continue;
        progress_say("%s%s%s", s->cell[i].defense, *s->cell[i].ood ? " ood " : "", s->cell[i].ood);
        code = cost_measure(&k, &s->cell[i], store, cache);
        if (!code) code = record(path, &s->cell[i], &k);
    }
    return code;
}

int cmd_cost(int argc, char **argv)
{
    const char *out = NULL, *cache = "results/cache", *set[SETS];
    int sets = 0;
    const struct cmd_flag flags[] = {{"--out", "DIR", "folder of cost.csv and plots/cost.svg (results/NAME)", &out, 0, NULL},
        {"--set", "S.K=V", "replace an option of the file: section.key=value; again for more", set, SETS, &sets},
        {"--cache", "DIR", "folder of trained victims (results/cache)", &cache, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "cost SWEEP.ini [--out DIR] [--set section.key=value ...]",
                    .about = "Measures what each defense of a sweep costs: passes a query, memory, state, latency, training.", .flags = flags, .least = 1, .most = 1};
    struct sweep *s = NULL;
    struct table *t = NULL;
    char *dir = NULL, *path = NULL, *plots = NULL;
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("cost", code);
    struct store *store = store_new();
    code = sweep_read(&s, c.word[0], sets, set, store);
    if (code) goto out;
    dir = out ? mem_string(out) : mem_print("results/%s", s->name);
    path = mem_print("%s/cost.csv", dir);
    plots = mem_print("%s/plots", dir);
    if ((code = file_folder(dir)) || (code = measure_all(s, store, path, cache)) || (code = table_read(&t, path))) goto out;
    char **label = short_labels(t);
    print_table(t, label);
    code = write_figure(t, label, plots);
    labels_free(label, t->rows);
out:
    table_free(t);
    sweep_free(s);
    store_free(store);
    mem_free(dir);
    mem_free(path);
    mem_free(plots);
    return cmd_exit("cost", code);
}
