/* Sweeps of many cells: the work is counted (bytes read, networks built, pictures drawn), not timed. */
#include <stdio.h>

#include "experiments/collect.h"
#include "experiments/plan.h"
#include "experiments/report.h"
#include "experiments/run.h"
#include "tests/idx_file.h"

/* Bytes that this process has read so far. */
static long long bytes_read(void)
{
    long long n = -1;
    FILE *f = fopen("/proc/self/io", "r");
    if (f && fscanf(f, "rchar: %lld", &n) != 1) n = -1;
    if (f) fclose(f);
    CHECK(n >= 0);
    return n;
}

static void append_rows(struct table_end *end, const char *path, int from, int to)
{
    static const char *const column[] = {"key", "note"};
    for (int i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        const char *const value[] = {key, "a \"note\", that\nneeds quotes"};
        CHECK_OK(table_append_at(end, path, 1, 2, column, value));
    }
}

/* The thousandth append reads no more than the first. */
static void appends_do_not_read_the_file(void)
{
    char *path = path_of("t.csv");
    struct table_end end = {0};
    struct table *t = NULL;
    append_rows(&end, path, 0, 2);
    const long long before = bytes_read();
    append_rows(&end, path, 2, 1000);
    CHECK_INT(bytes_read() - before < 1000, 1); /* but for reading /proc itself: nothing */
    CHECK_OK(table_read(&t, path));
    CHECK_INT(t->rows, 1000);
    for (int i = 0; i < 1000; i++) CHECK_INT(atoi(table_get(t, i, "key")), i);
    table_free(t);
    table_end_free(&end);
    unlink(path);
    mem_free(path);
}

/* What another process did in between is seen: a torn end is cut off, other columns are kept to. */
static void another_writer_is_seen(void)
{
    char *path = path_of("t.csv");
    struct table_end end = {0};
    struct table *t = NULL;
    append_rows(&end, path, 0, 3);
    FILE *f = fopen(path, "a");
    CHECK(f && fputs("3,\"torn", f) >= 0 && fclose(f) == 0);
    append_rows(&end, path, 3, 5);
    CHECK_OK(table_read(&t, path));
    CHECK_INT(t->rows, 5);
    CHECK_INT(t->torn, 0);
    CHECK_STR(table_get(t, 3, "key"), "3");
    table_free(t);
    write_at("t.csv", "note,more,key\nx,y,z\n", 20);
    append_rows(&end, path, 5, 6);
    append_rows(&end, path, 6, 7);
    CHECK_OK(table_read(&t, path));
    CHECK_STR(table_get(t, 2, "key"), "6");
    CHECK_STR(table_get(t, 2, "more"), "");
    table_free(t);
    table_end_free(&end);
    unlink(path);
    mem_free(path);
}

static const char text[] =
    "[sweep]\nname = many\npool = noise:n=200\nseeds = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\n[victim]\ndataset = few\nmodel = softmax\nepochs = 1\n"
    "[defense none]\n[defense mad]\nepsilon = 0.1 0.2 0.3 0.4\noracle = argmax\n"
    "[attack knockoff]\nbudget = 10 20 30 40 50 60 70 80 90 100\nlabel = soft hard\nepochs = 1\n";
enum { CELLS = 20 * 5 * 20 };

/* results.csv as a finished run would leave it: every cell's key, in the order of the sweep. */
static void finish(const struct sweep *s, const char *dir)
{
    const char **value = mem_new((size_t)s->n * RESULT_COLUMNS, sizeof *value);
    char *path = mem_print("%s/results.csv", dir);
    for (int i = 0; i < s->n; i++) {
        const struct cell *c = &s->cell[i];
        const char **row = value + i * RESULT_COLUMNS;
        row[RESULT_key] = c->key;
        row[RESULT_dataset] = "few";
        row[RESULT_model] = "softmax";
        row[RESULT_defense] = c->defense;
        row[RESULT_attack] = spec_text(&c->attack);
        row[RESULT_label] = c->label;
        row[RESULT_status] = "ok";
        row[RESULT_seed] = "1";
        row[RESULT_clone_acc_last] = "0.5";
    }
    CHECK_OK(file_folder(dir));
    CHECK_OK(table_append_rows(path, s->n, RESULT_COLUMNS, result_column, value));
    for (int i = 0; i < s->n; i++) mem_free((char *)(uintptr_t)value[i * RESULT_COLUMNS + RESULT_attack]);
    mem_free(value);
    mem_free(path);
}

/* Listing and resuming: networks are built once, the tables are read a fixed number of times. */
static void a_run_with_nothing_to_do_does_nothing(void)
{
    struct sweep *s = NULL;
    struct store *store = store_new();
    char *dir = path_of("out"), *results = path_of("out/results.csv");
    int computed = -1, failed = -1;
    if (!CHECK_OK(sweep_parse(&s, "many.ini", text, 0, NULL, store))) return;
    CHECK_INT(s->n, CELLS);
    CHECK_INT(store_built(store), 1);
    finish(s, dir);
    CHECK_OK(plan_write(s, store, dir));
    CHECK_INT(store_built(store), 1);
    const long long size = file_size(results), before = bytes_read();
    const struct run_options o = {.dir = dir, .cache = dir, .jobs = 1};
    CHECK_OK(run_sweep(s, store, &o, &computed, &failed));
    CHECK_INT(computed, 0);
    CHECK_INT(failed, 0);
    CHECK_INT((bytes_read() - before) / size, 1); /* results.csv once, plan.csv, which is shorter, once */
    store_free(store);
    sweep_free(s);
    mem_free(results);
    mem_free(dir);
}

/* Collecting n cells reads their rows, and not the tables anew for each. */
static void collecting_reads_each_row_once(void)
{
    enum { N = 60 };
    struct sweep *s = NULL;
    struct store *store = store_new();
    char *dir = path_of("collected"), *row = NULL;
    int taken = 0;
    if (!CHECK_OK(sweep_parse(&s, "many.ini", text, 0, NULL, store))) return;
    for (int i = 0; i < N; i++) CHECK_OK(collect_failed(&s->cell[i], "a test's row", dir));
    row = mem_print("%s/cells/%s/results.csv", dir, s->cell[0].key);
    const long long size = file_size(row), before = bytes_read();
    CHECK_OK(run_collect(dir, &taken));
    CHECK_INT(taken, N);
    CHECK_INT((bytes_read() - before) / size <= 3 * N, 1); /* whether it is there, itself, and little more; anew it would be 30 a cell */
    store_free(store);
    sweep_free(s);
    mem_free(row);
    mem_free(dir);
}

/* A figure of a bar or a curve a cell is not drawn where there are too many: a line says so, its data is there. */
static void crowds_are_not_drawn(void)
{
    enum { MANY = 1001 };
    static const char *const column[] = {"key", "dataset", "model", "defense", "attack", "label", "budget", "seed", "status", "clone_acc_last"};
    const char **value = mem_new(MANY * 10, sizeof *value);
    char *dir = path_of("crowd"), *results = path_of("crowd/results.csv"), *svg = path_of("crowd/plots/clone_accuracy.svg"), *csv = path_of("crowd/plots/clone_accuracy.csv");
    char key[MANY][12], *report = NULL, *md = path_of("crowd/report.md");
    size_t size;
    for (int i = 0; i < MANY; i++) {
        snprintf(key[i], sizeof key[i], "%d", i + 1);
        const char *const row[] = {key[i], "mnist", "lenet5", "none", "knockoff", "soft", key[i], "1", "ok", "0.5"};
        memcpy(value + i * 10, row, sizeof row);
    }
    CHECK_OK(file_folder(dir));
    CHECK_OK(table_append_rows(results, MANY, 10, column, value));
    CHECK_OK(report_write(dir, NULL));
    CHECK(file_exists(csv));
    CHECK(!file_exists(svg));
    if (CHECK_OK(file_read(&report, &size, md))) {
        CHECK(strstr(report, "Not drawn: too many pairs of defense and attack. Files: [data](plots/clone_accuracy.csv)") != NULL);
        CHECK(strstr(report, "plots/clone_accuracy.svg") == NULL);
    }
    mem_free(report);
    mem_free(md);
    mem_free(csv);
    mem_free(svg);
    mem_free(results);
    mem_free(dir);
    mem_free(value);
}

int main(void)
{
    if (!mkdtemp(scratch)) return EXIT_FAILURE;
    setenv("HEIST_DATA", scratch, 1);
    write_set("few", "train", 60, 1, 28, 10, 0);
    write_set("few", "t10k", 20, 1, 28, 10, 0);
    RUN(appends_do_not_read_the_file);
    RUN(another_writer_is_seen);
    RUN(a_run_with_nothing_to_do_does_nothing);
    RUN(collecting_reads_each_row_once);
    RUN(crowds_are_not_drawn);
    remove_all(scratch);
    return check_done();
}
