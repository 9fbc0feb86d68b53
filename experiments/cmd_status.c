/* heist status: how far a run is, from what lies in its folder, and from Slurm where it was submitted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/cmd.h"
#include "experiments/collect.h"
#include "experiments/plan.h"
#include "experiments/slurm.h"

enum { SHOWN = 20 }; /* cells that are named, of a kind */

enum state { DONE, FAILED, RUNS, QUEUED, TO_DO, STATES };

/* A run as it stands. */
struct standing {
    const char *dir;
    struct table *plan, *results;
    struct keys *row;    /* of results, by key; the last one counts */
    struct keys *queued; /* what Slurm has: its place in queue.task */
    struct slurm_queue queue;
    enum state *state;   /* [plan->rows] */
    int n[STATES], waiting; /* rows that wait to be taken from cells/ */
    double left, rate;   /* work to do, work a second of what is done; NaN: not known */
    char *holder;        /* who has the folder; NULL: nobody */
};

/* Seconds of a row beside its victim's, if it is the first of it. */
static double seconds_of(const struct table *t, int row, int victim)
{
    const double attack = table_number(t, row, "attack_s"), train = table_number(t, row, "victim_train_s"), fit = table_number(t, row, "fit_s");
    return attack + (victim ? (isfinite(train) ? train : 0) + (isfinite(fit) ? fit : 0) : 0);
}

/* A cell without a row. */
static enum state state_of(struct standing *s, const char *key)
{
    char *what = mem_print("--cell %s", key);
    const int task = keys_get(s->queued, what);
    mem_free(what);
    if (collect_runs(s->dir, key) || (task >= 0 && s->queue.task[task].runs)) return RUNS;
    return task >= 0 ? QUEUED : TO_DO;
}

/* One cell of the plan: counted, and what it took, or still takes. */
static void look_at(struct standing *s, int i, double *work, double *seconds)
{
    const char *key = table_get(s->plan, i, "key");
    const double victim = table_number(s->plan, i, "victim_work"), all = victim + table_number(s->plan, i, "attack_work");
    int row = keys_get(s->row, key);
    struct table *own = row < 0 ? collect_row(s->dir, key) : NULL, *t = own ? own : s->results;
    if (own) row = 0;
    s->waiting += own != NULL;
    s->state[i] = row < 0 ? state_of(s, key) : strcmp(table_get(t, row, "status"), "ok") ? FAILED : DONE;
    s->n[s->state[i]]++;
    if (s->state[i] > FAILED) s->left += all;
    const double took = s->state[i] == DONE ? seconds_of(t, row, victim > 0) : NAN;
    if (isfinite(took)) {
        *work += all;
        *seconds += took;
    }
    table_free(own);
}

static void look(struct standing *s)
{
    double work = 0, seconds = 0;
    for (int i = 0; i < s->plan->rows; i++) look_at(s, i, &work, &seconds);
    for (int i = 0; i < s->plan->rows && s->holder && !s->n[RUNS]; i++) /* a serial run has no cell in a folder: the first that is to do runs */
        if (s->state[i] == TO_DO) {
            s->state[i] = RUNS;
            s->n[RUNS]++;
            s->n[TO_DO]--;
        }
    s->rate = work / seconds;
}

static void name_cells(const struct standing *s, enum state which, const char *label)
{
    int shown = 0;
    for (int i = 0; i < s->plan->rows; i++) {
        if (s->state[i] != which) continue;
        const char *key = table_get(s->plan, i, "key");
        const int row = keys_get(s->row, key);
        if (shown++ < SHOWN)
            printf("  %s %s  %s%s%s\n", label, key, table_get(s->plan, i, "cell"), row < 0 ? "" : ": ", row < 0 ? "" : table_get(s->results, row, "error"));
    }
    if (shown > SHOWN) printf("  ... and %d more\n", shown - SHOWN);
}

static void say(const struct standing *s, const char *slurm)
{
    const int open = s->n[RUNS] + s->n[QUEUED] + s->n[TO_DO], at_once = s->n[RUNS] > 1 ? s->n[RUNS] : 1;
    char took[24];
    printf("%s: %d cells: %d done, %d running, %d failed, %d to go\n", s->dir, s->plan->rows, s->n[DONE], s->n[RUNS], s->n[FAILED], s->n[QUEUED] + s->n[TO_DO]);
    name_cells(s, RUNS, "running");
    name_cells(s, FAILED, "failed ");
    if (s->waiting) printf("  %d rows wait in %s/cells for heist collect, or for the runner\n", s->waiting, s->dir);
    if (s->holder) printf("  in use by %s\n", s->holder);
    if (s->queue.n) printf("  Slurm: %d tasks run, %d wait\n", s->queue.running, s->queue.n - s->queue.running);
    if (slurm) printf("  Slurm: %s\n", slurm);
    if (open && !s->n[RUNS] && !s->n[QUEUED]) printf("  nobody runs it; the same command again goes on\n");
    if (!open) return;
    if (isfinite(s->rate) && s->rate > 0) printf("time to go: about %s (%d at once, at the speed of the %d that are done)\n", clock_text(took, s->left / s->rate / at_once), at_once, s->n[DONE]);
    else printf("time to go: not known before the first cell is done; heist run SWEEP.ini --dry-run estimates it\n");
}

static int read(struct standing *s)
{
    char *plan = mem_print("%s/plan.csv", s->dir), *results = mem_print("%s/results.csv", s->dir);
    int code = table_read(&s->plan, plan);
    if (code == ERR_MISSING) code = err_set(code, "%s: no plan.csv: heist run writes it", s->dir);
    if (!code && table_read(&s->results, results) != OK && file_exists(results)) code = ERR_FORMAT;
    for (int i = 0; !code && s->results && i < s->results->rows; i++) keys_put(s->row, table_get(s->results, i, "key"), i);
    mem_free(plan);
    mem_free(results);
    return code;
}

int cmd_status(int argc, char **argv)
{
    struct cmd c = {.usage = "status DIR", .about = "Says how far a run in DIR is: cells done, running, failed, and the time to go. Asks squeue where it was submitted with --slurm.",
                    .least = 1, .most = 1};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("status", code);
    struct standing s = {.dir = c.word[0], .row = keys_new(), .queued = keys_new()};
    char *slurm = NULL;
    code = read(&s);
    if (!code && slurm_queue(&s.queue, s.dir)) slurm = mem_string(err_text());
    for (int i = 0; i < s.queue.n; i++) keys_put(s.queued, s.queue.task[i].what, i);
    if (!code) {
        s.holder = file_holder(s.dir);
        s.state = mem_new((size_t)s.plan->rows + 1, sizeof *s.state);
        look(&s);
        say(&s, slurm);
    }
    slurm_queue_free(&s.queue);
    keys_free(s.queued);
    keys_free(s.row);
    table_free(s.plan);
    table_free(s.results);
    mem_free(s.state);
    mem_free(s.holder);
    mem_free(slurm);
    return cmd_exit("status", code);
}
