#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };
static const double REDRAW_S = 0.2, LINE_S = 15; /* how often a terminal, a log is told */

double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *clock_text(char *buf, double seconds)
{
    long s = seconds < 0 ? 0 : (long)(seconds + 0.5);
    if (s >= 3600) snprintf(buf, 24, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(buf, 24, "%ld:%02ld", s / 60, s % 60);
    return buf;
}

static int terminal(void)
{
    return isatty(STDERR_FILENO);
}

void progress_start(struct progress *p, double total, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(p->label, sizeof p->label, format, ap);
    va_end(ap);
    p->total = total > 0 ? total : 1;
    p->start = p->last = clock_s();
    p->drawn = 0;
}

void progress_at(struct progress *p, double done, const char *note)
{
    double now = clock_s();
    if (now - p->last < (terminal() ? REDRAW_S : LINE_S)) return;
    p->last = now;
    double part = done / p->total;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    char eta[24] = "?", bar[BAR + 1];
    if (part > 0) clock_text(eta, (now - p->start) * (1 - part) / part);
    for (int i = 0; i < BAR; i++) bar[i] = i < (int)(part * BAR) ? '#' : '.';
    bar[BAR] = 0;
    if (terminal()) fprintf(stderr, "\r\033[K%s [%s] %3.0f %% eta %s %s", p->label, bar, 100 * part, eta, note ? note : "");
    else fprintf(stderr, "%s: %.0f %%, eta %s%s%s\n", p->label, 100 * part, eta, note ? ", " : "", note ? note : "");
    p->drawn = 1;
    fflush(stderr);
}

void progress_end(struct progress *p, const char *note)
{
    if (p->drawn && terminal()) fprintf(stderr, "\r\033[K");
    if (note) {
        char took[24];
        fprintf(stderr, "%s: %s (%s)\n", p->label, note, clock_text(took, clock_s() - p->start));
    }
    fflush(stderr);
}

void progress_say(const char *format, ...)
{
    if (terminal()) fprintf(stderr, "\r\033[K");
    va_list ap;
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}
