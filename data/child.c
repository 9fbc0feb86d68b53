#include "data/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"

extern char **environ;
static const double SAY_S = 10;

int child_has(const char *program)
{
    const char *at = getenv("PATH");
    for (size_t n; at && *at; at += n + (at[n] == ':')) {
        n = strcspn(at, ":");
        char *path = mem_print("%.*s/%s", (int)n, at, program);
        int found = n && access(path, X_OK) == 0;
        mem_free(path);
        if (found) return 1;
    }
    return 0;
}

static int start(pid_t *pid, const char *const *argv, const char *folder, const char *log)
{
    posix_spawn_file_actions_t act;
    posix_spawn_file_actions_init(&act);
    posix_spawn_file_actions_addopen(&act, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (log) posix_spawn_file_actions_addopen(&act, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (log) posix_spawn_file_actions_adddup2(&act, STDOUT_FILENO, STDERR_FILENO);
    else posix_spawn_file_actions_adddup2(&act, STDERR_FILENO, STDOUT_FILENO);
    if (folder) posix_spawn_file_actions_addchdir_np(&act, folder);
    int why = posix_spawnp(pid, argv[0], &act, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&act);
    if (!why) return OK;
    if (why == ENOENT && !strchr(argv[0], '/') && !child_has(argv[0]))
        return err_set(ERR_MISSING, "%s is not on this machine", argv[0]);
    return err_set(ERR_IO, "%s: cannot be started in %s with its log in %s: %s", argv[0], folder ? folder : "this folder",
                   log ? log : "no file", strerror(why));
}

int child_run(int *status, const char *const *argv, const char *folder, const char *log, const char *label, double limit_s)
{
    pid_t pid, got;
    int how = 0, code = start(&pid, argv, folder, log), stopped = 0;
    if (code) return code;
    double began = clock_s(), said = began;
    while ((got = waitpid(pid, &how, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        double now = clock_s();
        if (log && now - said >= SAY_S) {
            progress_say("%s: %.0f s", label, now - began);
            said = now;
        }
        if (now - began > limit_s && !stopped) {
            kill(pid, SIGKILL);
            stopped = 1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (stopped) return err_set(ERR_IO, "%s: stopped, it took more than %.0f s", argv[0], limit_s);
    if (got < 0 || !WIFEXITED(how)) return err_set(ERR_IO, "%s: killed by signal %d", argv[0], got < 0 ? 0 : WTERMSIG(how));
    *status = WEXITSTATUS(how);
    return OK;
}

/* The first line that names an error, else the last that is not empty. */
char *child_complaint(const char *log)
{
    char *text = NULL, *rest = NULL, *best = NULL;
    size_t size = 0;
    if (file_read(&text, &size, log)) return mem_string("it does not say why");
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        best = line;
        int named = strncmp(line, "E: ", 3) == 0 || strncmp(line, "curl: ", 6) == 0;
        if (named || strcasestr(line, "error") || strstr(line, "ERR!")) break;
    }
    char *out = mem_string(best && *best ? best : "it does not say why");
    mem_free(text);
    return out;
}
