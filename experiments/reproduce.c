#include "experiments/reproduce.h"

#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "experiments/calibrate.h"
#include "victim/victim.h"

/* ---- from a row to its cell ----------------------------------------------------------------------------- */

/* "lenet5:epochs=10:..." and the data set -> the victim's options. */
static int read_victim(struct spec *out, const char *training, const char *dataset)
{
    struct spec s;
    int code = spec_parse(&s, training);
    if (code) return code;
    *out = (struct spec){.name = mem_string("victim")};
    spec_set(out, "dataset", dataset);
    spec_set(out, "model", s.name);
    for (int i = 0; i < s.n; i++) spec_set(out, s.key[i], s.value[i]);
    spec_free(&s);
    return spec_resolve(out, victim_options, NULL, "column 'training'");
}

/* The canonical text of a chain. A calibrated option stands there as what it is to cost: as in the cell, it has its default again. */
static int read_chain(char **out, const char *chain, const char *knob)
{
    struct defense *d = NULL;
    struct spec *link = NULL;
    char *plain = NULL;
    int links = 0, code = spec_chain(&link, &links, chain);
    const char *dot = strchr(knob, '.');
    for (int i = 0; i < links && !code; i++) {
        if (dot && strncmp(knob, link[i].name, strlen(link[i].name)) == 0 && strlen(link[i].name) == (size_t)(dot - knob)) {
            mem_free(spec_take(&link[i], dot + 1));
            dot = NULL; /* the first that has it */
        }
        char *text = spec_text(&link[i]), *longer = plain ? mem_print("%s+%s", plain, text) : mem_string(text);
        mem_free(text);
        mem_free(plain);
        plain = longer;
    }
    if (!code) code = defense_parse(&d, plain);
    if (!code) *out = defense_text(d);
    defense_free(d);
    spec_chain_free(link, links);
    mem_free(plain);
    return code ? err_prefix(code, "column 'defense'") : OK;
}

static int read_attack(struct spec *out, const char *text)
{
    const struct attack_ops *ops;
    int code = spec_parse(out, text);
    if (!code) code = attack_find(&ops, out->name);
    return code ? code : spec_resolve(out, ops->options, ops->presets, "column 'attack'");
}

/* Whole numbers below 2^53, as sweeps allow them. */
static int read_seed(uint64_t *out, const char *text, const char *column)
{
    double v;
    if (spec_number(&v, text) || v < 0 || v > 9e15 || v != (double)(uint64_t)v)
        return err_set(ERR_FORMAT, "column '%s': found '%.40s', expected a whole number of 0 or more", column, text);
    *out = (uint64_t)v;
    return OK;
}

static int read_seeds(struct cell *c, const struct table *t, int row)
{
    uint64_t *const seed[] = {&c->victim_seed, &c->defense_seed, &c->attack_seed};
    static const int column[] = {RESULT_victim_seed, RESULT_defense_seed, RESULT_attack_seed};
    int code = read_seed(&c->seed, table_get(t, row, "seed"), "seed");
    for (int i = 0; i < 3 && !code; i++) {
        const char *text = table_get(t, row, result_column[column[i]]);
        *seed[i] = c->seed;
        if (*text) code = read_seed(seed[i], text, result_column[column[i]]);
    }
    return code;
}

static int check_data(const struct cell *c, const struct table *t, int row)
{
    const struct {
        const char *column, *name, *here;
    } set[] = {{"train_sha256", spec_string(&c->victim, "dataset"), c->train_hash}, {"test_sha256", spec_string(&c->victim, "dataset"), c->test_hash},
               {"ood_sha256", c->ood, c->ood_hash}, {"pool_sha256", c->pool, c->pool_hash}};
    for (int i = 0; i < 4; i++) {
        const char *was = table_get(t, row, set[i].column);
        if (*was && strcmp(was, set[i].here))
            return err_set(ERR_FORMAT, "%s: %s has %.16s..., the row was computed from %.16s...: other data", set[i].column, set[i].name, set[i].here, was);
    }
    return OK;
}

int reproduce_cell(struct cell *out, const struct table *t, int row, struct store *store)
{
    struct cell c = {.sweep = mem_string(table_get(t, row, "sweep")), .knob = mem_string(table_get(t, row, "knob")), .target = mem_string(table_get(t, row, "target")),
                     .label = mem_string(table_get(t, row, "label")), .ood = mem_string(table_get(t, row, "ood")), .pool = mem_string(table_get(t, row, "pool")),
                     .clone_model = mem_string(table_get(t, row, "clone_model"))};
    char *knob = NULL;
    int code = read_victim(&c.victim, table_get(t, row, "training"), table_get(t, row, "dataset"));
    if (!code) code = read_chain(&c.defense, table_get(t, row, "defense"), c.knob);
    if (!code && *c.target) code = calibration_check(&knob, c.defense, c.knob, c.target);
    if (!code) code = read_attack(&c.attack, table_get(t, row, "attack"));
    if (!code) code = read_seeds(&c, t, row);
    if (!code) code = cell_resolve(&c, store);
    if (!code) code = check_data(&c, t, row);
    mem_free(knob);
    if (code) cell_free(&c);
    else *out = c;
    return code;
}

/* ---- comparing -------------------------------------------------------------------------------------------- */

/* Not compared: the options, which are the same by construction (their hash, the key, is compared), and what is measured, or says where. */
static const int apart[] = {
    RESULT_sweep, RESULT_dataset, RESULT_model, RESULT_training, RESULT_defense, RESULT_knob, RESULT_target, RESULT_attack, RESULT_clone_model, RESULT_pool, RESULT_ood,
    RESULT_label, RESULT_budget, RESULT_seed, RESULT_victim_seed, RESULT_defense_seed, RESULT_attack_seed, RESULT_train_sha256, RESULT_test_sha256, RESULT_ood_sha256,
    RESULT_pool_sha256, RESULT_victim_train_s, RESULT_fit_s, RESULT_query_us, RESULT_attack_s, RESULT_peak_mb, RESULT_version, RESULT_machine, RESULT_threads,
    RESULT_kernels, RESULT_openblas};

static int is_apart(int column)
{
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (apart[i] == column) return 1;
    return 0;
}

/* What is compared, under way. */
struct comparison {
    const struct reproduce_options *o;
    FILE *out;
    int values, differs, epochs;
};

static void compare(struct comparison *c, const char *name, const char *was, const char *is)
{
    const int same = strcmp(was, is) == 0;
    c->values++;
    c->differs += !same;
    if (!same || !c->o->brief) fprintf(c->out, "  %-18s %-16.16s %-16.16s%s\n", name, was, *is ? is : "-", same ? "" : "  differs");
}

static void say_origin(FILE *out, const char *who, const struct table *t, int row)
{
    fprintf(out, "  %-8s heist %s", who, table_get(t, row, "version"));
    if (*table_get(t, row, "machine"))
        fprintf(out, ", %s, %s threads, %s, OpenBLAS %s", table_get(t, row, "machine"), table_get(t, row, "threads"), table_get(t, row, "kernels"), table_get(t, row, "openblas"));
    fputc('\n', out);
}

static void say_origins(FILE *out, const struct table *old, int row, const struct table *now)
{
    say_origin(out, "row:", old, row);
    say_origin(out, "now:", now, 0);
}

/* The next row of a cell in curve.csv from `i` on; curve->rows: there is none. */
static int next_epoch(const struct table *curve, const char *key, int i)
{
    while (i < curve->rows && strcmp(table_get(curve, i, "key"), key)) i++;
    return i;
}

static void compare_curves(struct comparison *c, const struct table *old, const char *old_key, const struct table *now, const char *key)
{
    int i = next_epoch(old, old_key, 0), k = next_epoch(now, key, 0);
    if (i == old->rows) return; /* nothing recorded */
    while (i < old->rows || k < now->rows) {
        const int both = i < old->rows && k < now->rows, values = c->values;
        char name[40];
        const char *was = i < old->rows ? table_get(old, i, "clone_acc") : "", *is = k < now->rows ? table_get(now, k, "clone_acc") : "";
        const int same = both && strcmp(was, is) == 0 && strcmp(table_get(old, i, "epoch"), table_get(now, k, "epoch")) == 0 &&
                         strcmp(table_get(old, i, "queries"), table_get(now, k, "queries")) == 0;
        snprintf(name, sizeof name, "curve.csv, %d", ++c->epochs);
        if (!same) compare(c, name, was, both && strcmp(was, is) == 0 ? "(another epoch)" : is);
        c->values = values;
        if (i < old->rows) i = next_epoch(old, old_key, i + 1);
        if (k < now->rows) k = next_epoch(now, key, k + 1);
    }
}

static void compare_rows(struct comparison *c, const struct table *old, int row, const struct table *now)
{
    if (!c->o->brief) fprintf(c->out, "  %-18s %-16s %s\n", "", "row", "now");
    for (int i = 0; i < RESULT_COLUMNS; i++) {
        const char *was = table_get(old, row, result_column[i]);
        if (*was && !is_apart(i)) compare(c, result_column[i], was, table_get(now, 0, result_column[i]));
    }
}

static void say_verdict(const struct comparison *c, const struct table *old, int row, const struct table *now)
{
    if (c->differs && c->o->brief) say_origins(c->out, old, row, now);
    const int hashed = *table_get(old, row, "clone_sha256") != 0;
    if (c->differs) fprintf(c->out, "  NOT REPRODUCED: %d of %d values and %d epochs differ\n", c->differs, c->values, c->epochs);
    else if (hashed) fprintf(c->out, "  reproduced bit for bit: %d values, %d epochs, the weights of victim and clone\n", c->values, c->epochs);
    else fprintf(c->out, "  reproduced: %d values, %d epochs, in every digit of the row (which has no hash of the clone)\n", c->values, c->epochs);
    if (strcmp(table_get(old, row, "key"), table_get(now, 0, "key")))
        fputs("  the key is a hash of options and data, and here it is another: another protocol wrote the row, or it was changed\n", c->out);
}

/* ---- running ------------------------------------------------------------------------------------------------ */

static int read_here(struct table **out, const char *dir, const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    int code = table_read(out, path);
    mem_free(path);
    return code;
}

/* The cell's rows alone, in scratch/KEY. */
static int run(const struct cell *c, struct store *store, const struct reproduce_options *o, const char *folder)
{
    struct cell_result r;
    int code = file_folder(folder);
    if (code) return code;
    cell_run(c, store, o->cache, &r);
    struct tables own = {.dir = folder};
    code = cell_record(c, &r, &own);
    tables_free(&own);
    cell_result_free(&r);
    return code;
}

int reproduce_row(int *differs, const struct table *t, int row, struct store *store, const struct reproduce_options *o, FILE *out)
{
    const char *key = table_get(t, row, "key");
    struct comparison c = {.o = o, .out = out};
    struct table *now = NULL, *old_curve = NULL, *curve = NULL;
    struct cell cell = {0};
    char *folder = NULL, *text = NULL;
    int code = reproduce_cell(&cell, t, row, store);
    *differs = 0;
    if (code) goto out;
    text = cell_text(&cell);
    fprintf(out, "%s  %s\n", key, text);
    fflush(out);
    folder = mem_print("%s/row-%d", o->scratch, row);
    if ((code = run(&cell, store, o, folder)) || (code = read_here(&now, folder, "results.csv"))) goto out;
    if (!o->brief) say_origins(out, t, row, now);
    compare_rows(&c, t, row, now);
    if (!read_here(&old_curve, o->dir, "curve.csv") && !read_here(&curve, folder, "curve.csv")) compare_curves(&c, old_curve, key, curve, cell.key);
    say_verdict(&c, t, row, now);
    *differs = c.differs;
out:
    table_free(now);
    table_free(old_curve);
    table_free(curve);
    cell_free(&cell);
    mem_free(folder);
    mem_free(text);
    return code ? err_prefix(code, "%s", key) : OK;
}
