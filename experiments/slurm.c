/* Each submission is a batch: DIR/slurm/N.tasks has what task I does in its line I + 1, and the job is called heist-HASH.N. The queue
 * itself therefore says which cells run or wait: nothing else is kept that a kill at the wrong moment could leave untrue. */
#include "experiments/slurm.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/shell.h"
#include "data/child.h"
#include "experiments/plan.h"

enum { ARRAY = 1000, WORDS = 32, LIMIT_S = 120 }; /* tasks a job where Slurm does not say (MaxArraySize is 1001 by default); seconds that it may take to answer */

static char *part(const char *dir, int batch, const char *ending)
{
    return mem_print("%s/slurm/%d.%s", dir, batch, ending);
}

/* "heist-" and a hash of where the folder is: the jobs' name up to the number. */
static char *job_name(const char *dir)
{
    char hash[HASH_TEXT], *full = realpath(dir, NULL);
    hash_bytes(hash, full ? full : dir, strlen(full ? full : dir));
    free(full);
    return mem_print("heist-%.12s", hash);
}

/* Runs one of Slurm's programs; *answer: what it printed. */
static int ask(char **answer, const char *const *argv)
{
    const char *tmp = getenv("TMPDIR");
    char *log = mem_print("%s/heist-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    size_t size;
    const int fd = mkstemp(log);
    int status = 0, code = fd < 0 ? err_set(ERR_IO, "%s: cannot be made: %s", log, strerror(errno)) : child_run(&status, argv, NULL, log, argv[0], LIMIT_S);
    if (fd >= 0) close(fd);
    if (code == ERR_MISSING) err_set(code, "%s is not on this machine: submit where Slurm is, or see --print-commands and --jobs", argv[0]);
    if (!code && status) {
        char *why = child_complaint(log);
        code = err_set(ERR_IO, "%s ended with status %d: %s", argv[0], status, why);
        mem_free(why);
    }
    if (!code) code = file_read(answer, &size, log);
    if (fd >= 0) unlink(log);
    mem_free(log);
    return code;
}

/* ---- what Slurm has --------------------------------------------------------------------------------------- */

/* The batches of a folder, as their files say: 1 .. the last, where there are any. */
static int last_batch(const char *dir)
{
    char *folder = mem_print("%s/slurm", dir);
    DIR *d = opendir(folder);
    int last = 0, batch;
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (sscanf(e->d_name, "%d.", &batch) == 1 && batch > last) last = batch;
    if (d) closedir(d);
    mem_free(folder);
    return last;
}

/* The lines of a batch's tasks; NULL: there is no such batch. */
static char *tasks_of(const char *dir, int batch)
{
    char *path = part(dir, batch, "tasks"), *text = NULL;
    size_t size;
    if (file_read(&text, &size, path)) text = NULL;
    mem_free(path);
    return text;
}

/* Line `at` of a text, from 0; mem_free frees. NULL: it has fewer. */
static char *line_of(const char *text, long at)
{
    for (; text && *text && at > 0; at--) text = strchr(text, '\n') ? strchr(text, '\n') + 1 : "";
    return text && *text && at == 0 ? mem_print("%.*s", (int)strcspn(text, "\n"), text) : NULL;
}

/* "heist-1a2b.7,heist-1a2b.8": the batches whose files are here. */
static char *batch_names(const char *dir)
{
    char *name = job_name(dir), *list = mem_string("");
    const int last = last_batch(dir);
    for (int b = 1; b <= last; b++) {
        char *path = part(dir, b, "tasks");
        if (file_exists(path)) {
            char *longer = mem_print("%s%s%s.%d", list, *list ? "," : "", name, b);
            mem_free(list);
            list = longer;
        }
        mem_free(path);
    }
    mem_free(name);
    return list;
}

/* "JOB|TASK|STATE|heist-HASH.BATCH" -> a task of the queue. The batch's text is kept from line to line. */
static void add_task(struct slurm_queue *q, const char *dir, const char *line, int *batch, char **text)
{
    char job[16], task[16], state[32], *what;
    int number;
    if (sscanf(line, "%15[0-9]|%15[^|]|%31[^|]|heist-%*[0-9a-f].%d", job, task, state, &number) != 4) return; /* what squeue has to say beside */
    if (number != *batch) {
        mem_free(*text);
        *text = tasks_of(dir, *batch = number);
    }
    const int array = strcmp(task, "N/A") != 0;
    if (!(what = line_of(*text, array ? atol(task) : 0))) return;
    struct slurm_task *t = &q->task[q->n++];
    snprintf(t->job, sizeof t->job, "%s%s%s", job, array ? "_" : "", array ? task : "");
    t->what = what;
    t->batch = number;
    t->runs = strcmp(state, "RUNNING") == 0 || strcmp(state, "COMPLETING") == 0;
    q->running += t->runs;
}

int slurm_queue(struct slurm_queue *out, const char *dir)
{
    char *names = batch_names(dir), *only = mem_print("--name=%s", names), *answer = NULL, *text = NULL, *rest = NULL;
    const char *const argv[] = {"squeue", "--noheader", "--array", "--format=%F|%K|%T|%j", only, NULL};
    int batch = 0, lines = 1, code = *names ? ask(&answer, argv) : OK;
    *out = (struct slurm_queue){0};
    if (!code && answer) {
        for (const char *c = answer; *c; c++) lines += *c == '\n';
        out->task = mem_new((size_t)lines, sizeof *out->task);
        for (char *line = strtok_r(answer, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) add_task(out, dir, line, &batch, &text);
    }
    mem_free(text);
    mem_free(answer);
    mem_free(only);
    mem_free(names);
    return code;
}

void slurm_queue_free(struct slurm_queue *q)
{
    for (int i = 0; i < q->n; i++) mem_free(q->task[i].what);
    mem_free(q->task);
    *q = (struct slurm_queue){0};
}

/* ---- submitting ----------------------------------------------------------------------------------------------- */

/* A submission under way. */
struct course {
    const struct sweep *s;
    const struct run_options *o;
    const struct slurm_options *want;
    const char *command, *collect;
    char *name;        /* of the jobs */
    char *here, *logs; /* folders, full paths: to run in; DIR/slurm, as Slurm reads the names of files */
    int batch, array;  /* the last batch's number; tasks that a job may have */
    struct slurm_queue queue;
    char *ends;        /* "1:2:3": what the last job waits for */
    struct keys *ending;
};

/* In the names of files that Slurm writes, % begins a pattern (twice: itself), and a backslash has a meaning that cannot be escaped. */
static int log_folder(char **out, const char *folder)
{
    char *full = realpath(folder, NULL), *at = NULL;
    if (!full || strchr(full, '\\')) {
        const int code = err_set(ERR_OPTION, "--slurm: %s: %s", full ? full : folder, full ? "found a backslash in its path, which Slurm cannot write to" : "has no full path");
        free(full);
        return code;
    }
    at = *out = mem_new(2 * strlen(full) + 1, 1);
    for (const char *c = full; *c; *at++ = *c++)
        if (*c == '%') *at++ = '%';
    free(full);
    return OK;
}

/* DIR/slurm/N.tasks and N.sh, which sbatch copies. A task runs in the folder where it was submitted, with as many threads as it has
 * cores; what was tuned for this machine (main.c) is not for another one. */
static int write_batch(const struct course *p, const char *tasks, const char *command, int array)
{
    char *list = part(p->o->dir, p->batch, "tasks"), *script = part(p->o->dir, p->batch, "sh"), *full = NULL, *from = NULL, *here = shell_word(p->here), *text = NULL;
    int code = file_write(list, tasks, strlen(tasks));
    if (!code && !(full = realpath(list, NULL))) code = err_set(ERR_IO, "%s: has no full path", list);
    if (!code) {
        from = shell_word(full);
        text = array ? mem_print("#!/bin/sh\n# by heist run --slurm: task I is line I + 1 of the list\n"
                                 "[ \"${HEIST_TUNED:-1}\" = 1 ] || unset OPENBLAS_CORETYPE\nunset HEIST_TUNED\n"
                                 "export OMP_NUM_THREADS=\"${SLURM_CPUS_PER_TASK:-1}\"\ncd %s || exit 1\n"
                                 "task=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" %s)\n"
                                 "[ -n \"$task\" ] || { echo \"task $SLURM_ARRAY_TASK_ID is not in the list\" >&2; exit 1; }\nexec %s $task\n", here, from, command)
                     : mem_print("#!/bin/sh\n# by heist run --slurm\nunset HEIST_TUNED\ncd %s || exit 1\nexec %s\n", here, command);
        code = file_write(script, text, strlen(text));
    }
    free(full);
    mem_free(from);
    mem_free(here);
    mem_free(text);
    mem_free(list);
    mem_free(script);
    return code;
}

/* The number in what `sbatch --parsable` prints: "12" or "12;cluster" in a line of its own, warnings around it. */
static int job_number(char out[16], char *answer)
{
    char *rest = NULL;
    for (char *line = strtok_r(answer, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const size_t digits = strspn(line, "0123456789");
        if (!digits || digits > 15 || (line[digits] && line[digits] != ';')) continue;
        snprintf(out, 16, "%.*s", (int)digits, line);
        return OK;
    }
    return err_set(ERR_IO, "sbatch: found no job number in its answer");
}

/* Submits one batch; tasks: a line each (one line and array 0: a job without tasks). after: what it waits for, "" for nothing. */
static int submit(struct course *p, const char *tasks, int n, const char *command, const char *after, char job[16])
{
    const int array = command == p->command;
    const char *argv[WORDS], *asked[] = {p->want->partition, p->want->time, p->want->mem};
    static const char *const flag[] = {"--partition", "--time", "--mem"};
    char *made[WORDS], *answer = NULL, *script;
    int words = 0, m = 0;
    p->batch++;
    int code = write_batch(p, tasks, command, array);
    if (code) return code;
    script = part(p->o->dir, p->batch, "sh");
    made[m++] = array ? mem_print("--job-name=%s.%d", p->name, p->batch) : mem_print("--job-name=%s.collect", p->name);
    made[m++] = mem_print("--chdir=%s", p->here);
    made[m++] = mem_print("--output=%s/%d%s.log", p->logs, p->batch, array ? "-%a" : "");
    made[m++] = mem_print("--cpus-per-task=%s", array && p->want->cpus ? p->want->cpus : "1");
    if (array) made[m++] = mem_print("--array=0-%d", n - 1);
    if (*after) made[m++] = mem_print("--dependency=%s", after);
    for (int i = 0; i < 3; i++)
        if (asked[i]) made[m++] = mem_print("%s=%s", flag[i], asked[i]);
    argv[words++] = "sbatch";
    argv[words++] = "--parsable";
    argv[words++] = "--export=ALL";
    argv[words++] = "--open-mode=append";
    for (int i = 0; i < m; i++) argv[words++] = made[i];
    argv[words++] = script;
    argv[words] = NULL;
    code = ask(&answer, argv);
    if (!code) code = job_number(job, answer);
    for (int i = 0; i < m; i++) mem_free(made[i]);
    mem_free(answer);
    mem_free(script);
    return code;
}

static void append(char **list, const char *separator, const char *more)
{
    char *longer = mem_print("%s%s%s", *list, **list ? separator : "", more);
    mem_free(*list);
    *list = longer;
}

/* The last job waits for this one too: "12", or "12_3", a task of it. */
static void add_end(struct course *p, const char *job)
{
    char *number = mem_print("%.*s", (int)strcspn(job, "_"), job);
    if (keys_get(p->ending, number) < 0) append(&p->ends, ":", number);
    keys_put(p->ending, number, 1);
    mem_free(number);
}

/* A victim, and the task that trains it. Group 0: the cells whose victim is in the cache. */
struct group {
    int first;    /* a cell whose victim it is */
    int n;        /* cells to submit */
    char job[32]; /* "12_3"; "": none */
};

/* The place of a task in the queue; -1: it is not there. */
static int queued(struct keys *tasks, const char *kind, const char *key)
{
    char *what = mem_print("--%s %s", kind, key);
    const int at = keys_get(tasks, what);
    mem_free(what);
    return at;
}

/* of[cell] = its group; g has room for one a cell and one more. */
static int make_groups(struct course *p, struct store *store, const char *todo, struct keys *tasks, int *of, struct group *g, int *groups)
{
    struct keys *seen = keys_new();
    int code = OK;
    *groups = 1;
    for (int i = 0; i < p->s->n && !code; i++) {
        char *path = NULL;
        int at = 0;
        code = cell_victim(&path, &p->s->cell[i], store, p->o->cache);
        if (!code && path && !file_exists(path)) {
            at = keys_get(seen, path);
            if (at < 0) {
                keys_put(seen, path, at = (*groups)++);
                g[at] = (struct group){.first = i};
            }
            const int waits = queued(tasks, "victim", p->s->cell[i].key);
            if (waits >= 0) snprintf(g[at].job, sizeof g->job, "%s", p->queue.task[waits].job);
        }
        of[i] = at;
        g[at].n += todo[i];
        mem_free(path);
    }
    keys_free(seen);
    return code;
}

static int submit_victims(struct course *p, struct group *g, int groups, int *submitted)
{
    char job[16];
    int code = OK, next = 1;
    while (next < groups && !code) {
        char *tasks = mem_string("");
        int at[ARRAY], n = 0;
        for (; next < groups && n < p->array; next++) {
            if (!g[next].n || *g[next].job) continue; /* nobody needs it, or it runs or waits already */
            char *line = mem_print("--victim %s\n", p->s->cell[g[next].first].key);
            append(&tasks, "", line);
            mem_free(line);
            at[n++] = next;
        }
        if (n) code = submit(p, tasks, n, p->command, "", job);
        for (int i = 0; i < n && !code; i++) snprintf(g[at[i]].job, sizeof g->job, "%s_%d", job, i);
        if (!code) *submitted += n;
        mem_free(tasks);
    }
    return code;
}

/* The cells of a group, in pieces that a job may have. A victim that fails does not hold them up: the first trains it then. */
static int submit_cells(struct course *p, const char *todo, const int *of, int group, const struct group *g, int *submitted)
{
    char *after = *g->job ? mem_print("afterany:%s", g->job) : mem_string(""), job[16];
    int code = OK, i = 0;
    for (int left = g->n; left && !code;) {
        const int size = left < p->array ? left : p->array;
        char *tasks = mem_new((size_t)size * (CELL_KEY + 16) + 1, 1), *at = tasks;
        for (int n = 0; n < size; i++) {
            if (of[i] != group || !todo[i]) continue;
            at += sprintf(at, "--cell %s\n", p->s->cell[i].key);
            n++;
        }
        code = submit(p, tasks, size, p->command, after, job);
        if (!code) {
            add_end(p, job);
            *submitted += size;
        }
        left -= size;
        mem_free(tasks);
    }
    mem_free(after);
    return code;
}

/* Collects when all that is submitted has ended, however it ended; one such job after the other. */
static int submit_collect(struct course *p)
{
    char *after, job[16];
    for (int i = 0; i < p->queue.n; i++)
        if (strncmp(p->queue.task[i].what, "--cell", 6) == 0) add_end(p, p->queue.task[i].job);
    after = mem_print("afterany:%s,singleton", p->ends);
    int code = submit(p, "collect\n", 1, p->collect, after, job);
    mem_free(after);
    return code;
}

static int submit_all(struct course *p, struct store *store, const char *todo, struct keys *tasks, struct slurm_count *out)
{
    int *of = mem_new((size_t)p->s->n + 1, sizeof *of), groups, code;
    struct group *g = mem_new((size_t)p->s->n + 1, sizeof *g);
    code = make_groups(p, store, todo, tasks, of, g, &groups);
    if (!code) code = submit_victims(p, g, groups, &out->victims);
    for (int i = 0; i < groups && !code; i++) code = submit_cells(p, todo, of, i, &g[i], &out->cells);
    if (*p->ends) { /* also where a later batch was refused */
        char *why = code ? mem_string(err_text()) : NULL;
        const int last = submit_collect(p);
        if (why) err_set(code, "%s", why);
        else code = last;
        mem_free(why);
    }
    mem_free(of);
    mem_free(g);
    return code;
}

/* Files of batches that Slurm has no more; their logs stay. */
static void drop_batches(const struct course *p)
{
    static const char *const ending[] = {"tasks", "sh"};
    char *live = mem_new((size_t)p->batch + 1, 1);
    for (int i = 0; i < p->queue.n; i++) live[p->queue.task[i].batch] = 1;
    for (int b = 1; b <= p->batch; b++)
        for (int i = 0; i < 2 && !live[b]; i++) {
            char *path = part(p->o->dir, b, ending[i]);
            unlink(path);
            mem_free(path);
        }
    mem_free(live);
}

/* Tasks that one job may have: MaxArraySize is the largest index and one more. */
static int largest_array(int *out)
{
    static const char *const argv[] = {"scontrol", "show", "config", NULL};
    char *answer = NULL;
    int code = ask(&answer, argv), most;
    const char *at = code ? NULL : strstr(answer, "MaxArraySize");
    *out = at && sscanf(at, "MaxArraySize = %d", &most) == 1 && most > 1 && most <= ARRAY ? most - 1 : ARRAY;
    mem_free(answer);
    return code;
}

int slurm_submit(const struct sweep *s, struct store *store, const struct run_options *o, const struct slurm_options *want, const char *command,
                 const char *collect, struct slurm_count *out)
{
    struct course p = {.s = s, .o = o, .want = want, .command = command, .collect = collect};
    char *folder = mem_print("%s/slurm", o->dir), *todo = mem_new((size_t)s->n + 1, 1);
    struct keys *tasks = keys_new();
    int lock = -1, code = child_has("sbatch") ? file_folder(folder) : err_set(ERR_MISSING, "--slurm: sbatch is not on this machine: submit where Slurm is, or see --print-commands and --jobs");
    *out = (struct slurm_count){0};
    if (!code) code = file_lock(&lock, o->dir);
    if (!code) code = log_folder(&p.logs, folder);
    if (!code) code = largest_array(&p.array);
    if (!code) code = slurm_queue(&p.queue, o->dir);
    if (!code) code = plan_write(s, store, o->dir);
    if (!code) code = run_todo(todo, s, o);
    p.name = job_name(o->dir);
    p.here = realpath(".", NULL);
    p.ends = mem_string("");
    p.batch = last_batch(o->dir);
    p.ending = keys_new();
    if (!code) drop_batches(&p);
    for (int i = 0; i < p.queue.n && !code; i++) keys_put(tasks, p.queue.task[i].what, i);
    for (int i = 0; i < s->n && !code; i++)
        if (todo[i] && queued(tasks, "cell", s->cell[i].key) >= 0) {
            todo[i] = 0;
            out->queued++;
        }
    if (!code && !p.here) code = err_set(ERR_IO, "--slurm: this folder has no path");
    if (!code) code = submit_all(&p, store, todo, tasks, out);
    file_unlock(lock);
    slurm_queue_free(&p.queue);
    keys_free(tasks);
    keys_free(p.ending);
    mem_free(p.name);
    free(p.here);
    mem_free(p.ends);
    mem_free(p.logs);
    mem_free(todo);
    mem_free(folder);
    return code;
}
