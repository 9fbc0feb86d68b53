#include "experiments/collect.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

char *collect_folder(const char *dir, const char *key)
{
    return mem_print("%s/cells/%s", dir, key);
}

static char *part(const char *dir, const char *key, const char *name)
{
    return mem_print("%s/cells/%s/%s", dir, key, name);
}

void collect_drop(const char *dir, const char *key)
{
    char *folder = collect_folder(dir, key), *cells = mem_print("%s/cells", dir), *row = part(dir, key, "results.csv");
    unlink(row); /* without it nothing counts */
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;) { /* and what a killed process left half written */
        char *path = part(dir, key, e->d_name);
        unlink(path);
        mem_free(path);
    }
    if (d) closedir(d);
    rmdir(folder);
    rmdir(cells); /* where it was the last */
    mem_free(row);
    mem_free(folder);
    mem_free(cells);
}

static int record(const struct cell *c, const struct cell_result *r, const char *dir)
{
    char *folder = collect_folder(dir, c->key);
    int code = file_folder(folder);
    if (!code) code = cell_record(c, r, folder);
    mem_free(folder);
    return code;
}

int collect_run(const struct cell *c, struct store *store, const char *cache, const char *dir)
{
    struct cell_result r;
    collect_drop(dir, c->key);
    cell_run(c, store, cache, &r);
    int code = record(c, &r, dir);
    cell_result_free(&r);
    return code;
}

int collect_failed(const struct cell *c, const char *text, const char *dir)
{
    struct cell_result r;
    cell_result_empty(&r);
    r.status = ERR_CRASHED;
    snprintf(r.error, sizeof r.error, "%s", text);
    collect_drop(dir, c->key);
    return record(c, &r, dir);
}

/* The cell's rows; *out NULL where there are none. */
static int read_part(struct table **out, const char *dir, const char *key, const char *name)
{
    char *path = part(dir, key, name);
    *out = NULL;
    int code = table_read(out, path);
    mem_free(path);
    return code == ERR_MISSING ? OK : code;
}

int collect_has(const char *dir, const char *key)
{
    struct table *t = NULL;
    const int there = read_part(&t, dir, key, "results.csv") == OK && t && t->rows == 1 && !t->torn;
    table_free(t);
    return there;
}

static int append(const char *dir, const char *name, const struct table *t, int columns, const char *const *column)
{
    if (!t || !t->rows) return OK;
    const char **value = mem_new((size_t)(t->rows * columns), sizeof *value);
    char *path = mem_print("%s/%s", dir, name);
    for (int i = 0; i < t->rows; i++)
        for (int c = 0; c < columns; c++) value[i * columns + c] = table_get(t, i, column[c]);
    int code = table_append_rows(path, t->rows, columns, column, value);
    mem_free(value);
    mem_free(path);
    return code;
}

/* As cell_record wrote it. */
static void read_result(struct cell_result *out, const struct table *row)
{
    cell_result_empty(out);
    for (int code = OK; code >= ERR_CRASHED; code--)
        if (strcmp(table_get(row, 0, "status"), err_name(code)) == 0) out->status = code;
    snprintf(out->error, sizeof out->error, "%s", table_get(row, 0, "error"));
    out->victim_acc = table_number(row, 0, "victim_acc");
    out->defended_acc = table_number(row, 0, "defended_acc");
    out->clone_last = table_number(row, 0, "clone_acc_last");
    out->clone_val = table_number(row, 0, "clone_acc_val");
    out->clone_best = table_number(row, 0, "clone_acc_best");
    out->fidelity = table_number(row, 0, "fidelity");
    out->queries_total = (int64_t)table_number(row, 0, "queries_total");
}

int collect_merge(const char *dir, const char *key, struct cell_result *out)
{
    struct table *curve = NULL, *row = NULL;
    int code = read_part(&curve, dir, key, "curve.csv");
    if (!code) code = read_part(&row, dir, key, "results.csv");
    if (!code && (!row || row->rows != 1)) code = err_set(ERR_FORMAT, "%s/cells/%s/results.csv: found %d rows, expected 1", dir, key, row ? row->rows : 0);
    if (!code) code = append(dir, "curve.csv", curve, CURVE_COLUMNS, curve_column);
    if (!code) code = append(dir, "results.csv", row, RESULT_COLUMNS, result_column);
    if (!code) {
        read_result(out, row);
        collect_drop(dir, key);
    }
    table_free(curve);
    table_free(row);
    return code;
}
