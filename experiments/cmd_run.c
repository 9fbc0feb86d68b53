/* heist run, heist collect, heist report */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/cmd.h"
#include "experiments/jobs.h"
#include "experiments/manifest.h"
#include "experiments/report.h"
#include "experiments/run.h"

enum { SETS = 64 };
static const char CACHE[] = "results/cache"; /* trained victims, shared by all sweeps */

static int run_and_report(const struct sweep *s, struct store *store, const struct run_options *o, int argc, char **argv)
{
    char took[24];
    const char *dir = o->dir;
    const double start = clock_s();
    int computed, failed, code = run_sweep(s, store, o, &computed, &failed);
    if (code) return code;
    if (computed) code = manifest_write(dir, store, argc, argv);
    progress_say("%s: %d cells, %d computed now in %s, %d failed", dir, s->n, computed, clock_text(took, clock_s() - start), failed);
    if (!code) code = report_write(dir, stdout);
    if (!code && failed) code = err_set(ERR_NUMERIC, "%d of %d cells failed: column 'error' of %s/results.csv says why (--retry runs them again)", failed, s->n, dir);
    return code;
}

static int read_jobs(int *out, const char *text)
{
    double n;
    if (spec_number(&n, text) || n < 1 || n > 1024 || n != (int)n) return err_set(ERR_OPTION, "--jobs: found '%s', expected a number of processes, 1 to 1024", text);
    *out = (int)n;
    return OK;
}

/* This program and its arguments once more, as a worker; ends with NULL. mem_free frees. */
static char **as_worker(int argc, char **argv)
{
    static char self[] = "heist", flag[] = "--worker";
    char **again = mem_new((size_t)argc + 3, sizeof *again);
    again[0] = self;
    for (int i = 0; i < argc; i++) again[i + 1] = argv[i];
    again[argc + 1] = flag;
    return again;
}

/* The command line as a shell reads it again, without --print-commands. */
static int print_commands(const struct sweep *s, const char *dir, int argc, char **argv)
{
    char self[4096] = "", *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f || readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        if (f) fclose(f);
        free(text);
        return err_set(ERR_IO, "--print-commands: this program's own path cannot be read");
    }
    for (int i = -1; i < argc; i++) {
        const char *word = i < 0 ? self : argv[i];
        if (strcmp(word, "--print-commands") == 0) continue;
        fputs(i < 0 ? "'" : " '", f);
        for (; *word; word++) *word == '\'' ? fputs("'\\''", f) : fputc(*word, f);
        fputc('\'', f);
    }
    fclose(f);
    int code = run_commands(s, dir, text, stdout);
    free(text);
    return code;
}

int cmd_run(int argc, char **argv)
{
    const char *out = NULL, *cache = CACHE, *dry = NULL, *retry = NULL, *jobs = "1", *worker = NULL, *commands = NULL, *cell = NULL, *set[SETS];
    int sets = 0;
    const struct cmd_flag flags[] = {
        {"--out", "DIR", "folder of the results (results/NAME)", &out, 0, NULL},
        {"--set", "S.K=V", "replace an option of the file: section.key=value; again for more", set, SETS, &sets},
        {"--dry-run", NULL, "list the cells, their keys and an estimate of the time", &dry, 0, NULL},
        {"--retry", NULL, "run cells again that failed", &retry, 0, NULL},
        {"--jobs", "N", "cells at once, each in a process of its own; the cores are divided among them (1)", &jobs, 0, NULL},
        {"--print-commands", NULL, "print a shell command for each cell, for another launcher; heist collect merges what they leave", &commands, 0, NULL},
        {"--cell", "KEY", "run this cell alone, into DIR/cells/KEY", &cell, 0, NULL},
        {"--worker", NULL, "internal: runs the cells whose numbers come on stdin", &worker, 0, NULL},
        {"--cache", "DIR", "folder of trained victims (results/cache)", &cache, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "run SWEEP.ini [--out DIR] [--set section.key=value ...] [--jobs N] [--dry-run]",
                    .about = "Runs what the results folder does not hold yet, then draws tables and plots.", .flags = flags, .least = 1, .most = 1};
    struct sweep *s = NULL;
    char *dir = NULL;
    int n = 1, code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("run", code);
    struct store *store = store_new();
    code = sweep_read(&s, c.word[0], sets, set, store);
    if (!code) dir = out ? mem_string(out) : mem_print("results/%s", s->name);
    if (!code) code = read_jobs(&n, jobs);
    char **again = as_worker(argc, argv);
    const struct run_options o = {.dir = dir, .cache = cache, .retry = retry != NULL, .jobs = n, .worker = again};
    if (!code && commands) code = print_commands(s, dir, argc, argv);
    else if (!code && cell) code = run_one(s, store, &o, cell);
    else if (!code && worker) code = jobs_worker(s, store, dir, cache);
    else if (!code) code = dry ? run_list(s, store, dir, stdout) : run_and_report(s, store, &o, argc, argv);
    mem_free(again);
    sweep_free(s);
    store_free(store);
    mem_free(dir);
    return cmd_exit("run", code);
}

int cmd_collect(int argc, char **argv)
{
    struct cmd c = {.usage = "collect DIR", .about = "Merges the cells that were run one by one (run --print-commands) into DIR's tables, and reports.", .least = 1, .most = 1};
    int taken = 0, code = cmd_parse(&c, argc, argv);
    if (!code) code = run_collect(c.word[0], &taken);
    if (!code) progress_say("%s: %d cells taken", c.word[0], taken);
    if (!code) code = report_write(c.word[0], stdout);
    return cmd_exit("collect", code);
}

int cmd_report(int argc, char **argv)
{
    struct cmd c = {.usage = "report DIR", .about = "Draws report.md and the plots of a results folder again, from its CSV files alone.", .least = 1, .most = 1};
    int code = cmd_parse(&c, argc, argv);
    if (!code) code = report_write(c.word[0], stdout);
    return cmd_exit("report", code);
}
