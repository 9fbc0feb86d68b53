/* gnuplot is a program of its own: started here, waited for, its complaints made one line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "experiments/report.h"

enum { NOT_FOUND = 127 }; /* what a shell returns for a program that is not there */

static void run_child(const char *folder, const char *script, int err)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || chdir(folder) || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err, 2) < 0) _exit(1);
    execlp("gnuplot", "gnuplot", "-d", script, (char *)NULL); /* -d: nobody's .gnuplot changes the figures */
    _exit(errno == ENOENT || errno == EACCES ? NOT_FOUND : 1);
}

/* Reads to the end, keeps what fits, one line of it. */
static void drain(int fd, char *text, size_t room)
{
    char rest[512];
    size_t used = 0;
    for (;;) {
        ssize_t n = used + 1 < room ? read(fd, text + used, room - 1 - used) : read(fd, rest, sizeof rest);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        if (used + 1 < room) used += (size_t)n;
    }
    text[used] = 0;
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
}

int gnuplot_run(const char *folder, const char *script)
{
    char text[400] = "";
    int pipes[2], status = 0;
    if (pipe2(pipes, O_CLOEXEC)) return err_set(ERR_IO, "gnuplot cannot be started: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) run_child(folder, script, pipes[1]);
    close(pipes[1]);
    if (child > 0) drain(pipes[0], text, sizeof text);
    close(pipes[0]);
    if (child < 0) return err_set(ERR_IO, "gnuplot cannot be started: %s", strerror(errno));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return err_set(ERR_IO, "gnuplot is lost: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return err_set(ERR_MISSING, "plots were not drawn: no program 'gnuplot' here (Debian package gnuplot-nox)");
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return err_set(ERR_IO, "%s/%s: gnuplot failed: %s", folder, script, *text ? text : "it says nothing");
    return OK;
}
