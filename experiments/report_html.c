/* report.html: the page of report.html with a report's data in it, as JSON. What is told of a row is worked out by the page; means, intervals
 * and tests come from here, so that they are those of report.md. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "experiments/report.h"
#include "experiments/words.h"

/* experiments/report.html, put in when this file is assembled. */
__asm__(".pushsection .rodata\n"
        "report_page: .incbin \"experiments/report.html\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char report_page[] __asm__("report_page");

static const char MARK[] = "@DATA@"; /* where the data stand in the page */

/* ---- numbers: long arrays as text, which is a hundred times smaller than cJSON's items ------------------ */

struct list {
    FILE *f;
    char *text;
    size_t size;
    int n;
};

static void list_start(struct list *l)
{
    *l = (struct list){.n = 0};
    l->f = open_memstream(&l->text, &l->size);
    if (!l->f) abort(); /* out of memory */
    fputc('[', l->f);
}

/* What is no number is null. */
static void list_number(struct list *l, double v)
{
    if (l->n++) fputc(',', l->f);
    if (isfinite(v)) fprintf(l->f, "%.7g", v);
    else fputs("null", l->f);
}

static void list_end(struct list *l, cJSON *to, const char *name)
{
    fputc(']', l->f);
    fclose(l->f);
    cJSON_AddItemToObject(to, name, cJSON_CreateRaw(l->text));
    free(l->text);
}

/* ---- rows, means, curves ------------------------------------------------------------------------------- */

/* A column of results.csv: its different texts, and for each row which. */
static void add_column(cJSON *to, const struct report *r, const char *name)
{
    const struct table *t = r->results;
    cJSON *c = cJSON_CreateObject(), *text = cJSON_AddArrayToObject(c, "text");
    const char *help = "";
    struct words w = {0};
    struct list row;
    for (int i = 0; i < RESULT_COLUMNS; i++)
        if (strcmp(result_column[i], name) == 0) help = result_help[i];
    cJSON_AddStringToObject(c, "name", name);
    cJSON_AddStringToObject(c, "help", help);
    words_init(&w, r->rows);
    list_start(&row);
    for (int i = 0; i < r->rows; i++) list_number(&row, words_add(&w, table_get(t, r->row[i].line, name)));
    list_end(&row, c, "row");
    for (int i = 0; i < w.n; i++) cJSON_AddItemToArray(text, cJSON_CreateString(w.word[i]));
    words_free(&w);
    cJSON_AddItemToArray(to, c);
}

/* One number of each of n things. */
#define ADD_LIST(to, name, n, value)                                 \
    do {                                                             \
        struct list list_;                                           \
        list_start(&list_);                                          \
        for (int i = 0; i < (n); i++) list_number(&list_, (value));  \
        list_end(&list_, to, name);                                  \
    } while (0)

static int bits(int flagged, int leaks, int doubt)
{
    return (flagged != 0) | (leaks != 0) << 1 | (doubt != 0) << 2;
}

static void add_rows(cJSON *root, const struct report *r)
{
    cJSON *columns = cJSON_AddArrayToObject(root, "columns"), *row = cJSON_AddObjectToObject(root, "row");
    for (int i = 0; i < r->results->columns; i++) add_column(columns, r, r->results->column[i]);
    ADD_LIST(row, "victim", r->rows, r->row[i].victim);
    ADD_LIST(row, "defense", r->rows, r->row[i].defense);
    ADD_LIST(row, "attack", r->rows, r->row[i].attack);
    ADD_LIST(row, "flag", r->rows, bits(r->row[i].flagged, r->row[i].leaks, r->row[i].doubt));
}

static void add_cells(cJSON *root, const struct report *r)
{
    cJSON *cell = cJSON_AddObjectToObject(root, "cell"), *metric = cJSON_AddObjectToObject(root, "metric");
    ADD_LIST(cell, "victim", r->cells, r->cell[i].victim);
    ADD_LIST(cell, "defense", r->cells, r->cell[i].defense);
    ADD_LIST(cell, "attack", r->cells, r->cell[i].attack);
    ADD_LIST(cell, "row", r->cells, r->cell[i].row);
    ADD_LIST(cell, "rows", r->cells, r->cell[i].rows);
    ADD_LIST(cell, "ok", r->cells, r->cell[i].ok);
    ADD_LIST(cell, "flag", r->cells, bits(r->cell[i].flagged, r->cell[i].leaks, r->cell[i].doubt));
    ADD_LIST(cell, "sure", r->cells, report_sure(r, &r->cell[i]));
    for (int m = 0; m < METRICS; m++) {
        cJSON *one = cJSON_AddObjectToObject(metric, metric_column((enum metric)m));
        ADD_LIST(one, "mean", r->cells, r->cell[i].value[m].mean);
        ADD_LIST(one, "half", r->cells, r->cell[i].value[m].half);
    }
}

/* Points of the curves by the place of their row. */
static void add_curves(cJSON *root, const struct report *r)
{
    cJSON *curve = cJSON_AddObjectToObject(root, "curve");
    int *place = mem_new((size_t)r->rows + 1, sizeof *place);
    for (int i = 0; i < r->rows; i++) place[r->row[i].key] = i;
    ADD_LIST(curve, "row", r->points, place[r->point[i].key]);
    ADD_LIST(curve, "x", r->points, r->point[i].x);
    ADD_LIST(curve, "acc", r->points, r->point[i].acc);
    mem_free(place);
}

static void add_labels(cJSON *root, const char *name, char *const *label, int n)
{
    cJSON_AddItemToObject(root, name, cJSON_CreateStringArray((const char *const *)label, n));
}

/* ---- tables and figures --------------------------------------------------------------------------------- */

/* Texts, and their marks as numbers: the page has its signs for them. */
static cJSON *grid_json(const struct grid *g)
{
    cJSON *json = cJSON_CreateObject(), *head = cJSON_AddArrayToObject(json, "head"), *rows = cJSON_AddArrayToObject(json, "rows");
    cJSON_AddStringToObject(json, "align", g->align);
    for (int i = 0; i < g->rows; i++) {
        cJSON *row = i ? cJSON_CreateArray() : head;
        for (int j = 0; j < g->columns; j++) cJSON_AddItemToArray(row, cJSON_CreateString(g->cell[i * g->columns + j] ? g->cell[i * g->columns + j] : ""));
        if (i) cJSON_AddItemToArray(rows, row);
    }
    const struct grid_mark *mark = g->mark + g->columns; /* of row 1: the head has none */
    const int cells = (g->rows - 1) * g->columns;
    ADD_LIST(json, "bold", cells, mark[i].bold);
    ADD_LIST(json, "sure", cells, mark[i].sure);
    ADD_LIST(json, "flag", cells, bits(mark[i].bound, mark[i].leaks, mark[i].doubt));
    return json;
}

static void add_grid(cJSON *to, const char *name, struct grid *g)
{
    cJSON_AddItemToObject(to, name, grid_json(g));
    grid_free(g);
}

static void add_line(cJSON *to, const struct provenance *p)
{
    char *line = provenance_line(p);
    cJSON_AddStringToObject(to, "line", line);
    mem_free(line);
}

static void add_tables(cJSON *root, const struct report *r)
{
    cJSON *matrix = cJSON_AddArrayToObject(root, "matrix");
    for (int v = 0; v < r->victims; v++) {
        cJSON *m = cJSON_CreateObject();
        struct provenance *p = provenance_of(r, v);
        cJSON_AddStringToObject(m, "victim", r->victim[v]);
        add_line(m, p);
        add_grid(m, "grid", report_matrix(r, v));
        cJSON_AddItemToArray(matrix, m);
        provenance_free(p);
    }
    struct provenance *p = provenance_of(r, -1);
    add_line(root, p);
    cJSON_AddStringToObject(root, "options", p->options);
    add_grid(root, "origins", provenance_origins(p));
    add_grid(root, "sets", provenance_sets(p));
    provenance_free(p);
}

/* plots/NAME.svg where it was drawn. */
static void add_figure(cJSON *to, const struct report *r, const char *dir, const char *what, int victim)
{
    char *name = plot_name(r, what, victim), *path = mem_print("%s/plots/%s.svg", dir, name), *svg = NULL;
    size_t size;
    if (plot_has(r, what, victim) && file_read(&svg, &size, path) == OK) {
        cJSON *f = cJSON_CreateObject();
        char *caption = r->victims > 1 ? mem_print("%s: %s", r->victim[victim], plot_caption(what)) : mem_string(plot_caption(what));
        cJSON_AddStringToObject(f, "name", name);
        cJSON_AddStringToObject(f, "caption", caption);
        cJSON_AddStringToObject(f, "svg", svg);
        cJSON_AddItemToArray(to, f);
        mem_free(caption);
    }
    mem_free(svg);
    mem_free(path);
    mem_free(name);
}

static void add_head(cJSON *root, const struct report *r, const char *dir)
{
    const char *slash = strrchr(dir, '/');
    int flagged, leaks;
    report_bounds(r, -1, &flagged, &leaks);
    char *summary = mem_print("%d rows, %d failed; victims: %d, defenses: %d, attacks: %d, seeds: %d.%s", r->rows, r->failed, r->victims, r->defenses, r->attacks, r->seeds,
                              r->seeds > 1 ? " Means are over seeds, with the 95 % confidence interval by Student's t." : "");
    char *bounds = mem_print("%s%s%s", flagged ? "(*) The defender trained on the attacker's own query pool: an upper bound of the defense, which no real defender reaches. " : "",
                             leaks ? "(†) The attacker queries with the victim's own training set, or is told the clean answers: an upper bound of the attack. " : "",
                             report_doubts(r, -1) ? "(§) The data put the number in doubt: column audit, and report.md." : "");
    cJSON_AddStringToObject(root, "name", slash && slash[1] ? slash + 1 : dir);
    cJSON_AddStringToObject(root, "summary", summary);
    cJSON_AddStringToObject(root, "bounds", bounds);
    mem_free(summary);
    mem_free(bounds);
}

/* ---- the page -------------------------------------------------------------------------------------------- */

/* JSON within a script element: no '<', so that no text of it can end the element or begin a comment. In JSON it stands in strings alone. */
static void put_json(FILE *f, const char *json)
{
    for (size_t n; *json; json += n) {
        n = strcspn(json, "<");
        fwrite(json, 1, n, f);
        if (!json[n]) return;
        fputs("\\u003c", f);
        n++;
    }
}

int report_html(const struct report *r, const char *dir)
{
    cJSON *root = cJSON_CreateObject();
    add_head(root, r, dir);
    add_rows(root, r);
    add_cells(root, r);
    add_curves(root, r);
    add_labels(root, "victim", r->victim, r->victims);
    add_labels(root, "defense", r->defense, r->defenses);
    add_labels(root, "attack", r->attack, r->attacks);
    add_tables(root, r);
    cJSON *figures = cJSON_AddArrayToObject(root, "figures");
    for (int v = 0; v < r->victims; v++)
        for (int i = 0; plot_at(i); i++) add_figure(figures, r, dir, plot_at(i), v);

    char *json = cJSON_PrintUnformatted(root), *text = NULL, *path = mem_print("%s/report.html", dir);
    const char *mark = strstr(report_page, MARK);
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f || !json) abort(); /* out of memory */
    fwrite(report_page, 1, (size_t)(mark - report_page), f);
    put_json(f, json);
    fputs(mark + strlen(MARK), f);
    fclose(f);
    int code = file_write(path, text, size);
    free(text);
    cJSON_free(json);
    cJSON_Delete(root);
    mem_free(path);
    return code;
}
