#include "experiments/run.h"

#include <dirent.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/collect.h"
#include "experiments/estimate.h"
#include "experiments/jobs.h"
#include "experiments/plan.h"

/* ---- what a folder holds ------------------------------------------------------------------------ */

/* DIR/results.csv by its keys. */
struct done {
    struct table *t; /* NULL: there is none */
    struct keys *row;
};

/* DIR/NAME, or NULL where there is none. */
static int read_table(struct table **out, const char *dir, const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    *out = NULL;
    int code = table_read(out, path);
    mem_free(path);
    return code == ERR_MISSING ? OK : code;
}

static int done_read(struct done *d, const char *dir)
{
    int code = read_table(&d->t, dir, "results.csv");
    d->row = keys_new();
    for (int i = 0; d->t && i < d->t->rows; i++) keys_put(d->row, table_get(d->t, i, "key"), i); /* the last one counts */
    return code;
}

static void done_free(struct done *d)
{
    table_free(d->t);
    keys_free(d->row);
}

/* The row of a key; -1: none. */
static int row_of(const struct done *d, const char *key)
{
    return keys_get(d->row, key);
}

static int is_done(const struct done *d, const char *key, int retry)
{
    const int row = row_of(d, key);
    return row >= 0 && (!retry || strcmp(table_get(d->t, row, "status"), "ok") == 0);
}

/* A cell that was killed between its epochs and its row left epochs behind: they are dropped, as it runs again. */
static int drop_orphans(const char *dir, const struct done *results)
{
    struct table *curve = NULL;
    char *path = mem_print("%s/curve.csv", dir), *fresh = mem_print("%s/curve.csv.part", dir);
    const char **kept = NULL;
    int rows = 0, code = read_table(&curve, dir, "curve.csv");
    if (code || !curve) goto out;
    kept = mem_new((size_t)curve->rows * CURVE_COLUMNS + 1, sizeof *kept);
    const char *last = "";
    int keep = 0;
    for (int i = 0; i < curve->rows; i++) {
        const char *key = table_get(curve, i, "key");
        if (i == 0 || strcmp(key, last)) keep = row_of(results, key) >= 0; /* a cell's epochs stand together */
        last = key;
        for (int c = 0; keep && c < CURVE_COLUMNS; c++) kept[rows * CURVE_COLUMNS + c] = table_get(curve, i, curve_column[c]);
        rows += keep;
    }
    if (rows == curve->rows && !curve->torn) goto out;
    unlink(fresh);
    code = rows ? table_append_rows(fresh, rows, CURVE_COLUMNS, curve_column, kept) : OK;
    if (!code && (rows ? rename(fresh, path) : unlink(path))) code = err_set(ERR_IO, "%s: cannot be replaced", path);
out:
    mem_free(kept);
    table_free(curve);
    mem_free(path);
    mem_free(fresh);
    return code;
}

/* ---- running ---------------------------------------------------------------------------------------- */

static void say_result(const struct cell_result *r)
{
    char val[32];
    snprintf(val, sizeof val, "%.2f", 100 * r->clone_val);
    if (r->status) progress_say("  failed (%s): %s", err_name(r->status), r->error);
    else
        progress_say("  victim %.2f %%, defended %.2f %%, clone %.2f %% (val %s, best %.2f), fidelity %.2f %%, %lld queries", 100 * r->victim_acc,
                     100 * r->defended_acc, 100 * r->clone_last, isfinite(r->clone_val) ? val : "-", 100 * r->clone_best, 100 * r->fidelity,
                     (long long)r->queries_total);
}

/* A sweep on its way into a folder. */
struct course {
    const struct sweep *s;
    const struct run_options *o;
    const struct done *done;
    struct tables to;
    char *ended;     /* [s->n] 1: its rows lie in its own folder */
    int next;        /* cells below are in the tables */
    int *computed, *failed;
    double start;
    struct progress bar; /* of run_jobs */
};

static void say_cell(const struct course *p, int i)
{
    char *text = cell_text(&p->s->cell[i]), took[24];
    progress_say("[%d/%d] %s  (%s)", i + 1, p->s->n, text, clock_text(took, clock_s() - p->start));
    mem_free(text);
}

/* Does nothing more have to be done for a cell? Then it is counted. */
static int skip(struct course *p, int i)
{
    const char *key = p->s->cell[i].key;
    if (!is_done(p->done, key, p->o->retry)) return 0;
    *p->failed += !is_done(p->done, key, 1);
    collect_drop(p->o->dir, key);
    return 1;
}

/* Takes the cell's rows from its folder into the tables. */
static int take(struct course *p, int i)
{
    struct cell_result r;
    int code = collect_merge(&p->to, p->s->cell[i].key, &r);
    if (code) return code;
    say_cell(p, i);
    say_result(&r);
    *p->failed += r.status != OK;
    return OK;
}

static int run_cells(struct course *p, struct store *store)
{
    int code = OK;
    for (int i = 0; i < p->s->n && !code; i++) {
        const struct cell *c = &p->s->cell[i];
        if (skip(p, i)) continue;
        if (collect_has(p->o->dir, c->key)) {
            code = take(p, i);
            continue;
        }
        struct cell_result r;
        say_cell(p, i);
        cell_run(c, store, p->o->cache, &r);
        say_result(&r);
        code = cell_record(c, &r, &p->to);
        *p->failed += r.status != OK;
        (*p->computed)++;
        cell_result_free(&r);
    }
    return code;
}

/* Rows go into the tables in the sweep's order: a cell that ends early waits in its folder. */
static int take_in_order(struct course *p)
{
    int code = OK;
    for (; p->next < p->s->n && !code; p->next++) {
        if (p->ended[p->next] == 2) continue; /* it stood there before */
        if (!p->ended[p->next]) break;
        code = take(p, p->next);
    }
    return code;
}

static int ended(void *ctx, int cell)
{
    struct course *p = ctx;
    p->ended[cell] = 1;
    progress_at(&p->bar, ++*p->computed, NULL);
    return take_in_order(p);
}

static int run_jobs(struct course *p)
{
    char *todo = mem_new((size_t)p->s->n + 1, 1);
    int left = 0;
    p->ended = mem_new((size_t)p->s->n + 1, 1);
    for (int i = 0; i < p->s->n; i++) {
        if (skip(p, i)) p->ended[i] = 2;
        else if (collect_has(p->o->dir, p->s->cell[i].key)) p->ended[i] = 1;
        else todo[i] = 1;
        left += todo[i];
    }
    progress_start(&p->bar, left, "cells, %d at once", p->o->jobs);
    int code = take_in_order(p);
    if (!code) code = jobs_run(&(struct jobs){.sweep = p->s, .dir = p->o->dir, .n = p->o->jobs, .argv = p->o->worker, .todo = todo, .ended = ended, .ctx = p});
    progress_end(&p->bar, NULL);
    mem_free(todo);
    mem_free(p->ended);
    return code;
}

int run_sweep(const struct sweep *s, struct store *store, const struct run_options *o, int *computed, int *failed)
{
    struct done done = {0};
    int lock = -1, code = file_folder(o->dir);
    *computed = *failed = 0;
    if (!code) code = file_lock(&lock, o->dir);
    if (!code) code = done_read(&done, o->dir);
    if (!code) code = drop_orphans(o->dir, &done);
    if (!code) code = plan_write(s, store, o->dir);
    if (!code && done.t && done.t->torn) progress_say("%s/results.csv: its last line was torn; that cell runs again", o->dir);
    struct course p = {.s = s, .o = o, .done = &done, .to = {.dir = o->dir}, .computed = computed, .failed = failed, .start = clock_s()};
    if (!code) code = o->jobs > 1 ? run_jobs(&p) : run_cells(&p, store);
    tables_free(&p.to);
    done_free(&done);
    file_unlock(lock);
    return code;
}

/* ---- cell by cell, by another launcher ------------------------------------------------------------------ */

int run_todo(char *todo, const struct sweep *s, const struct run_options *o)
{
    struct done done = {0};
    int code = done_read(&done, o->dir);
    for (int i = 0; i < s->n && !code; i++) todo[i] = !is_done(&done, s->cell[i].key, o->retry) && !collect_has(o->dir, s->cell[i].key);
    done_free(&done);
    return code;
}

static int find_cell(const struct cell **out, const struct sweep *s, const char *flag, const char *key)
{
    for (int i = 0; i < s->n; i++) {
        *out = &s->cell[i];
        if (strcmp(s->cell[i].key, key) == 0) return OK;
    }
    return err_set(ERR_OPTION, "%s: no cell of the sweep has the key '%s' (--dry-run lists them)", flag, key);
}

int run_one(const struct sweep *s, struct store *store, const struct run_options *o, const char *key)
{
    struct done done = {0};
    const struct cell *c = NULL;
    int code = find_cell(&c, s, "--cell", key);
    if (!code) code = done_read(&done, o->dir);
    if (!code && !is_done(&done, key, o->retry)) code = collect_run(c, store, o->cache, o->dir);
    done_free(&done);
    return code;
}

int run_victim(const struct sweep *s, struct store *store, const char *cache, const char *key)
{
    const struct cell *c = NULL;
    int code = find_cell(&c, s, "--victim", key);
    return code ? code : cell_train(c, store, cache);
}

int run_commands(const struct sweep *s, struct store *store, const struct run_options *o, const char *command, FILE *out)
{
    char *todo = mem_new((size_t)s->n + 1, 1);
    int code = file_folder(o->dir);
    if (!code) code = plan_write(s, store, o->dir);
    if (!code) code = run_todo(todo, s, o);
    for (int i = 0; i < s->n && !code; i++)
        if (todo[i]) fprintf(out, "%s --cell %s\n", command, s->cell[i].key);
    mem_free(todo);
    return code;
}

static int is_key(const struct dirent *e)
{
    return strlen(e->d_name) == CELL_KEY - 1 && strspn(e->d_name, "0123456789abcdef") == CELL_KEY - 1;
}

int run_collect(const char *dir, int *taken)
{
    struct done done = {0};
    struct dirent **entry = NULL;
    struct tables to = {.dir = dir};
    char *cells = mem_print("%s/cells", dir);
    int lock = -1, n = 0, code = file_exists(dir) ? file_lock(&lock, dir) : err_set(ERR_MISSING, "%s: no such folder", dir);
    *taken = 0;
    if (!code) code = done_read(&done, dir);
    if (!code) code = drop_orphans(dir, &done);
    if (!code) n = scandir(cells, &entry, is_key, alphasort);
    for (int i = 0; i < n; i++) {
        struct cell_result r;
        const char *key = entry[i]->d_name;
        if (!code && is_done(&done, key, 1)) collect_drop(dir, key);
        else if (!code && collect_has(dir, key)) {
            code = collect_merge(&to, key, &r);
            *taken += code == OK;
        }
        free(entry[i]);
    }
    free(entry);
    tables_free(&to);
    done_free(&done);
    file_unlock(lock);
    mem_free(cells);
    return code;
}

/* ---- estimating --------------------------------------------------------------------------------------- */

int run_list(const struct sweep *s, struct store *store, const struct run_options *o, FILE *out)
{
    struct done done = {0};
    char took[24], at_once[40] = "";
    double total = 0;
    const int cores = omp_get_max_threads(), share = cores / o->jobs;
    int left = 0, unknown = 0, code = done_read(&done, o->dir);
    for (int i = 0; i < s->n && !code; i++) left += !is_done(&done, s->cell[i].key, 0);
    omp_set_num_threads(share > 1 ? share : 1); /* as a worker has them */
    struct estimate *e = estimate_new(store);
    for (int i = 0; i < s->n && !code; i++) {
        const struct cell *c = &s->cell[i];
        double seconds = 0;
        const int there = is_done(&done, c->key, 0), known = !left || (estimate_cell(&seconds, e, c) == OK && isfinite(seconds)); /* those that are there have victims for others */
        char *text = cell_text(c);
        fprintf(out, "%s  %8s  %s%s\n", c->key, there ? "done" : known ? clock_text(took, seconds) : "?", text, c->ood_is_pool ? "  (the defender trains on the attacker's pool)" : "");
        mem_free(text);
        if (!known && !there && !unknown++) progress_say("  %s", err_text());
        if (!there && known) total += seconds;
    }
    omp_set_num_threads(cores);
    if (o->jobs > 1) snprintf(at_once, sizeof at_once, " with --jobs %d", o->jobs);
    total /= fmin(o->jobs, fmin(cores, left > 0 ? left : 1));
    if (!code) fprintf(out, "%d cells, %d to compute, about %s%s (by what each part takes now; a victim in the cache costs nothing)\n", s->n, left, clock_text(took, total), at_once);
    if (!code && unknown) fprintf(out, "not in it: %d that will fail, or cannot be tried with a few images\n", unknown);
    estimate_free(e);
    done_free(&done);
    return code;
}
