#include "experiments/collect.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static const char LOCK[] = ".lock";

char *collect_folder(const char *dir, const char *key)
{
    return mem_print("%s/cells/%s", dir, key);
}

static char *part(const char *dir, const char *key, const char *name)
{
    return mem_print("%s/cells/%s/%s", dir, key, name);
}

/* Empties the folder but for its lock. */
static void clear(const char *dir, const char *key)
{
    char *folder = collect_folder(dir, key), *row = part(dir, key, "results.csv");
    unlink(row); /* without it nothing counts */
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;) { /* and what a killed process left half written */
        char *path = part(dir, key, e->d_name);
        if (strcmp(e->d_name, LOCK)) unlink(path);
        mem_free(path);
    }
    if (d) closedir(d);
    mem_free(row);
    mem_free(folder);
}

void collect_drop(const char *dir, const char *key)
{
    char *folder = collect_folder(dir, key), *cells = mem_print("%s/cells", dir), *lock = part(dir, key, LOCK);
    clear(dir, key);
    unlink(lock);
    rmdir(folder);
    rmdir(cells); /* where it was the last */
    mem_free(folder);
    mem_free(cells);
    mem_free(lock);
}

static int record(const struct cell *c, const struct cell_result *r, const char *dir)
{
    char *folder = collect_folder(dir, c->key);
    int code = file_folder(folder);
    struct tables own = {.dir = folder};
    if (!code) code = cell_record(c, r, &own);
    tables_free(&own);
    mem_free(folder);
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

struct table *collect_row(const char *dir, const char *key)
{
    struct table *t = NULL;
    if (read_part(&t, dir, key, "results.csv") == OK && t && t->rows == 1 && !t->torn) return t;
    table_free(t);
    return NULL;
}

int collect_has(const char *dir, const char *key)
{
    struct table *t = collect_row(dir, key);
    const int there = t != NULL;
    table_free(t);
    return there;
}

/* ---- running --------------------------------------------------------------------------------------------- */

/* Takes the cell's lock, which is held as long as the cell runs: one that is started twice (Slurm does where it believes a node lost)
 * runs once. *lock is that of a folder that is still there. */
static int take_lock(int *lock, const char *dir, const char *key)
{
    char *folder = collect_folder(dir, key), *path = part(dir, key, LOCK);
    struct stat st = {0};
    int code = OK;
    while (!code && !st.st_nlink) {
        file_unlock(*lock);
        *lock = -1;
        code = file_folder(folder);
        if (!code) code = file_lock_wait(lock, path);
        if (code == ERR_MISSING) code = OK; /* the folder was dropped in between */
        else if (!code && fstat(*lock, &st)) code = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    }
    mem_free(folder);
    mem_free(path);
    return code;
}

int collect_run(const struct cell *c, struct store *store, const char *cache, const char *dir)
{
    struct cell_result r;
    int lock = -1, code = take_lock(&lock, dir, c->key);
    if (!code && !collect_has(dir, c->key)) {
        clear(dir, c->key);
        cell_run(c, store, cache, &r);
        code = record(c, &r, dir);
        cell_result_free(&r);
    }
    file_unlock(lock);
    return code;
}

int collect_runs(const char *dir, const char *key)
{
    char *path = part(dir, key, LOCK);
    const int runs = file_is_locked(path);
    mem_free(path);
    return runs;
}

/* ---- merging ---------------------------------------------------------------------------------------------- */

static int append(struct table_end *end, const char *dir, const char *name, const struct table *t, int columns, const char *const *column)
{
    if (!t || !t->rows) return OK;
    const char **value = mem_new((size_t)(t->rows * columns), sizeof *value);
    char *path = mem_print("%s/%s", dir, name);
    for (int i = 0; i < t->rows; i++)
        for (int c = 0; c < columns; c++) value[i * columns + c] = table_get(t, i, column[c]);
    int code = table_append_at(end, path, t->rows, columns, column, value);
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

int collect_merge(struct tables *to, const char *key, struct cell_result *out)
{
    const char *dir = to->dir;
    struct table *curve = NULL, *row = NULL;
    int code = read_part(&curve, dir, key, "curve.csv");
    if (!code) code = read_part(&row, dir, key, "results.csv");
    if (!code && (!row || row->rows != 1)) code = err_set(ERR_FORMAT, "%s/cells/%s/results.csv: found %d rows, expected 1", dir, key, row ? row->rows : 0);
    if (!code) code = append(&to->curve, dir, "curve.csv", curve, CURVE_COLUMNS, curve_column);
    if (!code) code = append(&to->results, dir, "results.csv", row, RESULT_COLUMNS, result_column);
    if (!code) {
        read_result(out, row);
        collect_drop(dir, key);
    }
    table_free(curve);
    table_free(row);
    return code;
}
