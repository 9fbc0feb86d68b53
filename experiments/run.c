#include "experiments/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "nn/loss.h"
#include "nn/optim.h"

/* ---- what a folder holds ------------------------------------------------------------------------ */

/* The row of a key, the last one where there are several; -1: none. */
static int row_of(const struct table *t, const char *key)
{
    for (int i = t ? t->rows - 1 : -1; i >= 0; i--)
        if (strcmp(table_get(t, i, "key"), key) == 0) return i;
    return -1;
}

static int is_done(const struct table *t, const char *key, int retry)
{
    const int row = row_of(t, key);
    return row >= 0 && (!retry || strcmp(table_get(t, row, "status"), "ok") == 0);
}

/* DIR/NAME, or NULL where there is none. */
static int read_table(struct table **out, const char *dir, const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    *out = NULL;
    int code = table_read(out, path);
    mem_free(path);
    return code == ERR_MISSING ? OK : code;
}

/* A cell that was killed between its epochs and its row left epochs behind: they are dropped, as it runs again. */
static int drop_orphans(const char *dir, const struct table *results)
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
    if (r->status) progress_say("  failed (%s): %s", err_name(r->status), r->error);
    else
        progress_say("  victim %.2f %%, defended %.2f %%, clone %.2f %% (val %.2f, best %.2f), fidelity %.2f %%, %lld queries", 100 * r->victim_acc,
                     100 * r->defended_acc, 100 * r->clone_last, 100 * r->clone_val, 100 * r->clone_best, 100 * r->fidelity,
                     (long long)r->queries_total);
}

static int run_cells(const struct sweep *s, struct store *store, const char *dir, const char *cache, const struct table *done, int retry,
                     int *computed, int *failed)
{
    int code = OK;
    const double start = clock_s();
    for (int i = 0; i < s->n && !code; i++) {
        const struct cell *c = &s->cell[i];
        if (is_done(done, c->key, retry)) {
            *failed += strcmp(table_get(done, row_of(done, c->key), "status"), "ok") != 0;
            continue;
        }
        struct cell_result r;
        char *text = cell_text(c), took[24];
        progress_say("[%d/%d] %s  (%s)", i + 1, s->n, text, clock_text(took, clock_s() - start));
        mem_free(text);
        cell_run(c, store, cache, &r);
        say_result(&r);
        code = cell_record(c, &r, dir);
        *failed += r.status != OK;
        (*computed)++;
        cell_result_free(&r);
    }
    return code;
}

int run_sweep(const struct sweep *s, struct store *store, const char *dir, const char *cache, int retry, int *computed, int *failed)
{
    struct table *done = NULL;
    int lock = -1, code = file_folder(dir);
    *computed = *failed = 0;
    if (!code) code = file_lock(&lock, dir);
    if (!code) code = read_table(&done, dir, "results.csv");
    if (!code) code = drop_orphans(dir, done);
    if (!code && done && done->torn) progress_say("%s/results.csv: its last line was torn; that cell runs again", dir);
    if (!code) code = run_cells(s, store, dir, cache, done, retry, computed, failed);
    table_free(done);
    file_unlock(lock);
    return code;
}

/* ---- estimating --------------------------------------------------------------------------------------- */

/* Multiply-adds a second of a few training steps of this cell's victim, measured now. */
static double measured_rate(const struct cell *c, struct store *store)
{
    enum { BATCH = 128 };
    const struct dataset *d;
    struct model *m = NULL;
    if (store_get(&d, store, spec_string(&c->victim, "dataset"), "train") || model_new(&m, spec_string(&c->victim, "model"), d->shape, d->classes)) return NAN;
    const int n = d->n < BATCH ? d->n : BATCH;
    struct tape *t = tape_new(m, n, TAPE_BACKWARD);
    float *x = mem_new((size_t)n * shape_size(m->input), sizeof *x), *dz = mem_new((size_t)(n * m->classes), sizeof *dz);
    float *g = mem_new(m->params, sizeof *g);
    const struct optim o = {.momentum = 0.9};
    float *v = mem_new(m->params, sizeof *v);
    double start = 0;
    int steps = 0;
    for (; steps < 3 || clock_s() - start < 0.2; steps++) {
        if (steps == 2) start = clock_s(); /* the first two warm up */
        dataset_batch(d, NULL, 0, n, x);
        loss_ce(model_forward(m, t, x, n), d->labels, n, m->classes, 1, dz);
        model_backward(m, t, dz, g, NULL);
        optim_step(&o, 1e-9, m->params, m->w, g, v);
    }
    const double rate = 3 * model_flops(m) * n * (steps - 2) / (clock_s() - start);
    tape_free(t);
    model_free(m);
    mem_free(x);
    mem_free(dz);
    mem_free(g);
    mem_free(v);
    return rate;
}

/* Was this cell's victim counted with one before it? */
static int victim_seen(const struct sweep *s, int cell)
{
    const struct cell *c = &s->cell[cell];
    char *victim = spec_text(&c->victim);
    int seen = 0;
    for (int i = 0; i < cell && !seen; i++) {
        const struct cell *o = &s->cell[i];
        char *other = spec_text(&o->victim);
        struct defense *a = NULL, *b = NULL;
        const int same = strcmp(victim, other) == 0 && o->victim_seed == c->victim_seed;
        if (same && !defense_parse(&a, c->defense) && !defense_parse(&b, o->defense)) {
            const int fit_a = defense_fitter(a) != NULL, fit_b = defense_fitter(b) != NULL;
            seen = fit_a == fit_b && (!fit_a || (strcmp(c->defense, o->defense) == 0 && strcmp(c->ood, o->ood) == 0 && c->defense_seed == o->defense_seed));
        }
        defense_free(a);
        defense_free(b);
        mem_free(other);
    }
    mem_free(victim);
    return seen;
}

int run_list(const struct sweep *s, struct store *store, const char *dir, FILE *out)
{
    struct table *done = NULL;
    char took[24];
    double total = 0, rate = NAN;
    const char *model = "";
    int left = 0, code = read_table(&done, dir, "results.csv");
    for (int i = 0; i < s->n && !code; i++) {
        const struct cell *c = &s->cell[i];
        double victim = 0, attack = 0;
        if (strcmp(model, spec_string(&c->victim, "model"))) rate = measured_rate(c, store);
        model = spec_string(&c->victim, "model");
        if ((code = cell_work(c, store, &victim, &attack))) break;
        const double seconds = (attack + (victim_seen(s, i) ? 0 : victim)) / rate;
        const int there = is_done(done, c->key, 0);
        char *text = cell_text(c);
        fprintf(out, "%s  %8s  %s%s\n", c->key, there ? "done" : clock_text(took, seconds), text, c->ood_is_pool ? "  (the defender trains on the attacker's pool)" : "");
        mem_free(text);
        if (!there) total += seconds;
        left += !there;
    }
    if (!code) fprintf(out, "%d cells, %d to compute, about %s (from a training step measured now; a victim in the cache costs nothing)\n", s->n, left, clock_text(took, total));
    table_free(done);
    return code;
}
