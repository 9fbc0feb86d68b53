#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[1024];

static void one_line(char *s)
{
    for (; *s; s++)
        if (*s == '\n' || *s == '\r') *s = ' ';
}

int err_set(enum status code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    one_line(text);
    return code;
}

int err_prefix(int code, const char *format, ...)
{
    char was[sizeof text], head[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(head, sizeof head, format, ap);
    va_end(ap);
    memcpy(was, text, sizeof was);
    return err_set((enum status)code, "%s: %.500s", head, was);
}

const char *err_text(void)
{
    return text[0] ? text : "no error text was set";
}

const char *err_name(int code)
{
    static const char *const name[] = {"ok", "option", "format", "io", "missing",
                                       "shape", "budget", "numeric", "locked", "crashed"};
    int i = -code;
    return i >= 0 && i < (int)(sizeof name / sizeof *name) ? name[i] : "unknown";
}
