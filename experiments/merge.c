#include "experiments/merge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "experiments/words.h"

/* The tables DIR/name of n folders; a folder may lack it where it need not be there (table NULL). */
static int read_all(struct table **table, const char *name, int n, const char *const *dir, int needed)
{
    int code = OK;
    for (int i = 0; i < n && !code; i++) {
        char *path = mem_print("%s/%s", dir[i], name);
        if (needed || file_exists(path)) code = table_read(&table[i], path);
        mem_free(path);
    }
    return code;
}

/* Has every row of OUT's table its key in one of the tables? */
static int covers(const char *out, struct table *const *table, int n)
{
    struct table *old = NULL;
    struct words keys = {0};
    int rows = 0, missing = 0;
    char *path = mem_print("%s/results.csv", out);
    const int code = file_exists(path) ? table_read(&old, path) : OK;
    for (int i = 0; i < n; i++) rows += table[i]->rows;
    words_init(&keys, rows + 1);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < table[i]->rows; k++) words_add(&keys, table_get(table[i], k, "key"));
    for (int k = 0; old && k < old->rows; k++) missing += words_find(&keys, table_get(old, k, "key")) < 0;
    if (missing) err_set(ERR_OPTION, "%s: holds %d rows that none of the folders has: choose another folder, or name this one too", path, missing);
    words_free(&keys);
    table_free(old);
    mem_free(path);
    return code ? code : missing ? ERR_OPTION : OK;
}

/* All rows into OUT/name, which is replaced at once. */
static int write_all(const char *out, const char *name, struct table *const *table, int n)
{
    char *path = mem_print("%s/%s", out, name), *beside = mem_print("%s/.%s.merge", out, name);
    int code = OK;
    file_remove(beside);
    for (int i = 0; i < n && !code; i++)
        if (table[i] && table[i]->columns) code = table_append_rows(beside, table[i]->rows, table[i]->columns, table[i]->column, table[i]->cell);
    if (!code && file_exists(beside) && rename(beside, path)) code = err_set(ERR_IO, "%s: cannot be replaced: %s", path, strerror(errno));
    if (code) file_remove(beside);
    mem_free(beside);
    mem_free(path);
    return code;
}

int merge_results(const char *out, int n, const char *const *dir)
{
    struct table **results = mem_new((size_t)n, sizeof *results), **curve = mem_new((size_t)n, sizeof *curve);
    int lock = -1, code = read_all(results, "results.csv", n, dir, 1);
    if (!code) code = read_all(curve, "curve.csv", n, dir, 0);
    if (!code) code = file_folder(out);
    if (!code) code = file_lock(&lock, out);
    if (!code) code = covers(out, results, n);
    if (!code) code = write_all(out, "curve.csv", curve, n);
    if (!code) code = write_all(out, "results.csv", results, n);
    if (lock >= 0) file_unlock(lock);
    for (int i = 0; i < n; i++) {
        table_free(results[i]);
        table_free(curve[i]);
    }
    mem_free(curve);
    mem_free(results);
    return code;
}
