#include "experiments/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "experiments/collect.h"

enum { TRIES = 2 };

struct worker {
    pid_t pid;       /* 0: none */
    int to, from;    /* its stdin and stdout */
    int cell;        /* that it runs; -1: none */
};

struct state {
    const struct jobs *j;
    struct worker *worker; /* [j->n] */
    int *tries;            /* [sweep->n] started */
    char *state;           /* [sweep->n] WAITING, RUNNING, ENDED */
    int next;              /* no cell below waits */
};
enum { WAITING, RUNNING, ENDED };

/* ---- the workers' side ------------------------------------------------------------------------------------ */

int jobs_worker(const struct sweep *s, struct store *store, const char *dir, const char *cache)
{
    char line[32];
    int code = OK, cell;
    while (!code && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%d", &cell) != 1 || cell < 0 || cell >= s->n) return err_set(ERR_OPTION, "--worker: found '%s', expected the number of a cell", line);
        code = collect_run(&s->cell[cell], store, cache, dir);
        if (!code) printf("%d\n", cell);
        fflush(stdout);
    }
    return code;
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

static void become_worker(const struct jobs *j, const int to[2], const int from[2], pid_t parent)
{
    char threads[16], *log = mem_print("%s/jobs.log", j->dir);
    const int share = omp_get_max_threads() / j->n, err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    snprintf(threads, sizeof threads, "%d", share > 1 ? share : 1);
    setenv("OMP_NUM_THREADS", threads, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it was gone before */
    if (err < 0 || dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0 || dup2(err, 2) < 0) _exit(1);
    execv("/proc/self/exe", j->argv);
    _exit(1);
}

static int start_worker(struct worker *w, const struct jobs *j)
{
    int to[2], from[2];
    const pid_t parent = getpid();
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) return err_set(ERR_IO, "--jobs: no pipe: %s", strerror(errno));
    w->pid = fork();
    if (w->pid == 0) become_worker(j, to, from, parent);
    close(to[0]);
    close(from[1]);
    if (w->pid < 0) {
        w->pid = 0;
        close(to[1]);
        close(from[0]);
        return err_set(ERR_IO, "--jobs: no process: %s", strerror(errno));
    }
    *w = (struct worker){.pid = w->pid, .to = to[1], .from = from[0], .cell = -1};
    return OK;
}

static int stop_worker(struct worker *w)
{
    int status = 0;
    if (!w->pid) return 0;
    close(w->to);
    close(w->from);
    waitpid(w->pid, &status, 0);
    w->pid = 0;
    return status;
}

/* ---- handing out ------------------------------------------------------------------------------------------------ */

/* The next cell that waits; -1: none. */
static int next_cell(struct state *s)
{
    while (s->next < s->j->sweep->n && s->state[s->next] != WAITING) s->next++;
    return s->next < s->j->sweep->n ? s->next : -1;
}

/* Gives a worker that is free its next cell; one that has nothing to do is stopped. */
static int hand_out(struct state *s, struct worker *w)
{
    char line[16];
    const int cell = next_cell(s);
    if (cell < 0) {
        stop_worker(w);
        return OK;
    }
    if (!w->pid) {
        const int code = start_worker(w, s->j);
        if (code) return code;
    }
    const int n = snprintf(line, sizeof line, "%d\n", cell);
    s->state[cell] = RUNNING;
    s->tries[cell]++;
    w->cell = cell;
    if (write(w->to, line, (size_t)n) != n) return OK; /* it has died: poll says so */
    return OK;
}

static int end_cell(struct state *s, int cell)
{
    s->state[cell] = ENDED;
    return s->j->ended(s->j->ctx, cell);
}

/* A worker is gone: its cell is tried once more, then given up. */
static int bury(struct state *s, struct worker *w)
{
    const int cell = w->cell, status = stop_worker(w);
    char *text = WIFSIGNALED(status) ? mem_print("its process was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)))
                                     : mem_print("its process ended with status %d: see jobs.log", WEXITSTATUS(status));
    int code = OK;
    w->cell = -1;
    if (cell < 0) code = err_set(ERR_IO, "--jobs: a worker could not begin: %s", text);
    else if (collect_has(s->j->dir, s->j->sweep->cell[cell].key)) code = end_cell(s, cell); /* it died behind its row */
    else if (s->tries[cell] < TRIES) {
        progress_say("cell %d: %s; it is tried again", cell + 1, text);
        s->state[cell] = WAITING;
        if (cell < s->next) s->next = cell;
    } else {
        code = collect_failed(&s->j->sweep->cell[cell], text, s->j->dir);
        if (!code) code = end_cell(s, cell);
    }
    mem_free(text);
    return code;
}

/* What a worker says: the number of the cell that has ended, or nothing more. */
static int hear(struct state *s, struct worker *w)
{
    char line[32];
    const ssize_t n = read(w->from, line, sizeof line - 1);
    if (n <= 0) return bury(s, w);
    const int cell = w->cell;
    w->cell = -1;
    return cell < 0 ? err_set(ERR_IO, "--jobs: a worker without a cell says something") : end_cell(s, cell);
}

int jobs_run(const struct jobs *j)
{
    struct state s = {.j = j, .worker = mem_new((size_t)j->n, sizeof *s.worker), .tries = mem_new((size_t)j->sweep->n, sizeof *s.tries), .state = mem_new((size_t)j->sweep->n, 1)};
    struct pollfd *fd = mem_new((size_t)j->n, sizeof *fd);
    int code = OK, running = 1;
    signal(SIGPIPE, SIG_IGN); /* a worker's end is seen by poll */
    for (int i = 0; i < j->sweep->n; i++) s.state[i] = j->todo[i] ? WAITING : ENDED;
    for (int i = 0; i < j->n; i++) s.worker[i].cell = -1;
    while (running && !code) {
        running = 0;
        for (int i = 0; i < j->n && !code; i++) {
            if (s.worker[i].cell < 0) code = hand_out(&s, &s.worker[i]);
            fd[i] = (struct pollfd){.fd = s.worker[i].pid ? s.worker[i].from : -1, .events = POLLIN};
            running += s.worker[i].pid != 0;
        }
        if (!running || code || poll(fd, (nfds_t)j->n, -1) < 0) continue;
        for (int i = 0; i < j->n && !code; i++)
            if (fd[i].revents) code = hear(&s, &s.worker[i]);
    }
    for (int i = 0; i < j->n; i++) {
        if (code && s.worker[i].pid) kill(s.worker[i].pid, SIGKILL);
        stop_worker(&s.worker[i]);
    }
    mem_free(s.worker);
    mem_free(s.tries);
    mem_free(s.state);
    mem_free(fd);
    return code;
}
