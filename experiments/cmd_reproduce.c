/* heist reproduce */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "experiments/cmd.h"
#include "experiments/reproduce.h"

enum { KEYS = 256, NAMED = 8 /* keys in a message */ };

static int check_columns(const struct table *t, const char *path)
{
    static const char *const need[] = {"key", "dataset", "training", "defense", "attack", "seed"};
    for (size_t i = 0; i < sizeof need / sizeof *need; i++)
        if (table_column(t, need[i]) < 0) return err_set(ERR_FORMAT, "%s: has no column '%s', expected a results.csv", path, need[i]);
    return OK;
}

/* The row of a key, the last one where there are several. ERR_OPTION: none. */
static int find_row(int *row, const struct table *t, const char *key, const char *path)
{
    for (*row = t->rows - 1; *row >= 0; --*row)
        if (strcmp(table_get(t, *row, "key"), key) == 0) return OK;
    const char **name = mem_new((size_t)t->rows + 1, sizeof *name);
    for (int i = 0; i < t->rows; i++) name[i] = table_get(t, i, "key");
    const char *near = spec_nearest(key, name, t->rows);
    char *some = mem_string("");
    for (int i = 0; i < t->rows && i < NAMED; i++) {
        char *more = mem_print("%s %s", some, name[i]);
        mem_free(some);
        some = more;
    }
    int code = near ? err_set(ERR_OPTION, "%s: no row has the key '%s'; did you mean '%s'?", path, key, near)
                    : err_set(ERR_OPTION, "%s: no row has the key '%s'; of %d rows, found:%s%s", path, key, t->rows, some, t->rows > NAMED ? " ..." : "");
    mem_free(some);
    mem_free(name);
    return code;
}

/* Rows wanted: those of the keys, or each key's last row. */
static int choose(int *row, int *n, const struct table *t, int keys, const char *const *key, const char *path)
{
    int code = OK;
    *n = 0;
    if (keys)
        for (int i = 0; i < keys && !code; i++) code = find_row(&row[(*n)++], t, key[i], path);
    else
        for (int i = 0; i < t->rows; i++) {
            int last = i;
            code = find_row(&last, t, table_get(t, i, "key"), path);
            if (last == i) row[(*n)++] = i;
        }
    return code;
}

static int run_rows(const struct table *t, const int *row, int n, const struct reproduce_options *o)
{
    struct store *store = store_new();
    int others = 0, failed = 0, code = OK;
    for (int i = 0; i < n; i++) {
        int differs = 0;
        code = reproduce_row(&differs, t, row[i], store, o, stdout);
        fflush(stdout);
        if (code && n > 1) fprintf(stderr, "heist reproduce: %s\n", err_text());
        failed += code != OK;
        others += differs > 0;
    }
    store_free(store);
    if (n > 1) printf("%d rows: %d reproduced, %d came out otherwise, %d could not be run\n", n, n - others - failed, others, failed);
    if (code && n == 1) return code;
    if (!others && !failed) return OK;
    return err_set(ERR_NUMERIC, "%d of %d rows not reproduced", others + failed, n);
}

/* The folder of "DIR/results.csv" or of DIR; both are taken. mem_free frees both. */
static void find_results(char **dir, char **path, const char *word)
{
    const size_t n = strlen(word);
    const char *slash = strrchr(word, '/');
    if (n > 4 && strcmp(word + n - 4, ".csv") == 0) {
        *path = mem_string(word);
        *dir = slash ? mem_print("%.*s", (int)(slash - word), word) : mem_string(".");
    } else {
        *path = mem_print("%s/results.csv", word);
        *dir = mem_string(word);
    }
}

static int make_scratch(char **out)
{
    const char *tmp = getenv("TMPDIR");
    char *path = mem_print("%s/heist-reproduce-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(path)) {
        int code = err_set(ERR_IO, "%s: no folder can be made", path);
        mem_free(path);
        return code;
    }
    *out = path;
    return OK;
}

int cmd_reproduce(int argc, char **argv)
{
    const char *key[KEYS], *all = NULL, *cache = NULL;
    int keys = 0, n = 0;
    const struct cmd_flag flags[] = {
        {"--key", "KEY", "the row, by its column 'key'; again for more", key, KEYS, &keys},
        {"--all", NULL, "every row of the file", &all, 0, NULL},
        {"--cache", "DIR", "take victims from this folder where it has them (every victim is trained anew)", &cache, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "reproduce DIR/results.csv --key KEY [--key KEY ...] | --all",
                    .about = "Computes rows of a table anew, from what the rows themselves say, and prints each number beside the recorded one.\n"
                             "The exit status is 0 where all came out bit for bit; what is measured in seconds or megabytes is not compared.",
                    .flags = flags, .least = 1, .most = 1};
    struct table *t = NULL;
    char *dir = NULL, *path = NULL, *scratch = NULL, *own = NULL;
    int *row = NULL, code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("reproduce", code);
    find_results(&dir, &path, c.word[0]);
    if (!keys == !all) code = err_set(ERR_OPTION, "found %s, expected --key KEY or --all", all ? "both --key and --all" : "no key");
    if (!code) code = table_read(&t, path);
    if (!code) code = check_columns(t, path);
    if (code) goto out;
    row = mem_new((size_t)(t->rows + keys) + 1, sizeof *row);
    code = choose(row, &n, t, keys, key, path);
    if (!code) code = make_scratch(&scratch);
    if (code) goto out;
    own = mem_print("%s/cache", scratch);
    code = run_rows(t, row, n, &(struct reproduce_options){.dir = dir, .scratch = scratch, .cache = cache ? cache : own, .brief = n > 1});
    file_remove(scratch);
out:
    mem_free(scratch);
    mem_free(own);
    mem_free(row);
    mem_free(dir);
    mem_free(path);
    table_free(t);
    return cmd_exit("reproduce", code);
}
