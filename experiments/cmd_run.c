/* heist run, heist collect, heist report */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/shell.h"
#include "experiments/cmd.h"
#include "experiments/jobs.h"
#include "experiments/manifest.h"
#include "experiments/report.h"
#include "experiments/run.h"
#include "experiments/slurm.h"

enum { SETS = 64 };
static const char CACHE[] = "results/cache"; /* trained victims, shared by all sweeps */

static int run_and_report(const struct sweep *s, struct store *store, const struct run_options *o, int argc, char **argv)
{
    char took[24];
    const char *dir = o->dir;
    const double start = clock_s();
    int computed, failed, code = run_sweep(s, store, o, &computed, &failed);
    if (code) return code;
    if (computed) code = manifest_write(dir, s, store, argc, argv);
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

/* This program and its words once more, as a shell reads them, without the flags of `without` (ends with NULL) and their values. */
static int as_command(char **out, const struct cmd_flag *flags, const char *const *without, int argc, char **argv)
{
    char self[4096] = "";
    const char **word = mem_new((size_t)argc + 1, sizeof *word);
    const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    int n = 0;
    word[n++] = self;
    for (int i = 0; i < argc; i++) {
        const size_t name = strcspn(argv[i], "=");
        const char *const *w = without;
        while (*w && (strlen(*w) != name || strncmp(*w, argv[i], name))) w++;
        if (!*w) {
            word[n++] = argv[i];
            continue;
        }
        const struct cmd_flag *f = flags;
        while (strcmp(f->name, *w)) f++;
        if (f->argument && !argv[i][name]) i++; /* its value is the next word */
    }
    *out = size > 0 ? shell_words(n, word) : NULL;
    mem_free(word);
    return *out ? OK : err_set(ERR_IO, "this program's own path cannot be read");
}

static int submit(const struct sweep *s, struct store *store, const struct run_options *o, const struct slurm_options *want, const char *command, int argc, char **argv)
{
    struct slurm_count n;
    char self[4096] = "";
    const char *const word[] = {self, "collect", o->dir};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return err_set(ERR_IO, "this program's own path cannot be read");
    char *collect = shell_words(3, word);
    int code = slurm_submit(s, store, o, want, command, collect, &n);
    if (!code) code = manifest_write(o->dir, s, store, argc, argv);
    if (!code)
        progress_say("%s: %d cells submitted, after %d victims; %d are with Slurm already, %d are done: heist status %s", o->dir, n.cells, n.victims, n.queued,
                     s->n - n.cells - n.queued, o->dir);
    mem_free(collect);
    return code;
}

static int check_launch(const char *slurm, const struct slurm_options *want, const char *jobs, const char *dry)
{
    double n = 1;
    if (!slurm && (want->partition || want->time || want->mem || want->cpus)) return err_set(ERR_OPTION, "--partition, --time, --cpus and --mem go with --slurm");
    if (slurm && (strcmp(jobs, "1") || dry)) return err_set(ERR_OPTION, "--slurm does not go with %s", dry ? "--dry-run" : "--jobs");
    if (want->cpus && (spec_number(&n, want->cpus) || n < 1 || n > 4096 || n != (int)n)) return err_set(ERR_OPTION, "--cpus: found '%s', expected a number of cores", want->cpus);
    return OK;
}

int cmd_run(int argc, char **argv)
{
    const char *out = NULL, *cache = CACHE, *dry = NULL, *retry = NULL, *jobs = "1", *worker = NULL, *commands = NULL, *cell = NULL, *victim = NULL, *slurm = NULL, *set[SETS];
    static const char *const launch[] = {"--print-commands", "--slurm", "--partition", "--time", "--cpus", "--mem", NULL};
    struct slurm_options want = {0};
    int sets = 0;
    const struct cmd_flag flags[] = {
        {"--out", "DIR", "folder of the results (results/NAME)", &out, 0, NULL},
        {"--set", "S.K=V", "replace an option of the file: section.key=value; again for more", set, SETS, &sets},
        {"--dry-run", NULL, "list the cells, their keys and an estimate of the time", &dry, 0, NULL},
        {"--retry", NULL, "run cells again that failed", &retry, 0, NULL},
        {"--jobs", "N", "cells at once, each in a process of its own; the cores are divided among them (1)", &jobs, 0, NULL},
        {"--print-commands", NULL, "print a shell command for each cell, for another launcher; heist collect merges what they leave", &commands, 0, NULL},
        {"--cell", "KEY", "run this cell alone, into DIR/cells/KEY", &cell, 0, NULL},
        {"--victim", "KEY", "train the victim of this cell alone, into the cache", &victim, 0, NULL},
        {"--slurm", NULL, "submit the cells to Slurm, each a task; again for those that died or were cancelled", &slurm, 0, NULL},
        {"--partition", "P", "of the tasks, as sbatch reads it; so are the next three", &want.partition, 0, NULL},
        {"--time", "T", "limit of a task, as 2:00:00", &want.time, 0, NULL},
        {"--cpus", "N", "cores of a task, which has as many threads (1)", &want.cpus, 0, NULL},
        {"--mem", "M", "memory of a task, as 4G", &want.mem, 0, NULL},
        {"--worker", NULL, "internal: runs the cells whose numbers come on stdin", &worker, 0, NULL},
        {"--cache", "DIR", "folder of trained victims (results/cache)", &cache, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "run SWEEP.ini [--out DIR] [--set section.key=value ...] [--jobs N | --slurm] [--dry-run]",
                    .about = "Runs what the results folder does not hold yet, then draws tables and plots.", .flags = flags, .least = 1, .most = 1};
    struct sweep *s = NULL;
    char *dir = NULL, *command = NULL;
    int n = 1, code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("run", code);
    struct store *store = store_new();
    code = sweep_read(&s, c.word[0], sets, set, store);
    if (!code) dir = out ? mem_string(out) : mem_print("results/%s", s->name);
    if (!code) code = read_jobs(&n, jobs);
    if (!code) code = check_launch(slurm, &want, jobs, dry);
    if (!code && (commands || slurm)) code = as_command(&command, flags, launch, argc, argv);
    char **again = as_worker(argc, argv);
    const struct run_options o = {.dir = dir, .cache = cache, .retry = retry != NULL, .jobs = n, .worker = again};
    if (!code && slurm) code = submit(s, store, &o, &want, command, argc, argv);
    else if (!code && commands) code = run_commands(s, store, &o, command, stdout);
    else if (!code && victim) code = run_victim(s, store, cache, victim);
    else if (!code && cell) code = run_one(s, store, &o, cell);
    else if (!code && worker) code = jobs_worker(s, store, dir, cache);
    else if (!code) code = dry ? run_list(s, store, &o, stdout) : run_and_report(s, store, &o, argc, argv);
    mem_free(again);
    mem_free(command);
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
