#include "experiments/report.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static int write_markdown(const struct report *r, const char *dir)
{
    char *text = NULL, *path = mem_print("%s/report.md", dir);
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort(); /* out of memory */
    report_markdown(r, f);
    fclose(f);
    int code = file_write(path, text, size);
    free(text);
    mem_free(path);
    return code;
}

int report_write(const char *dir, FILE *print)
{
    struct report *r = NULL;
    char *plots = mem_print("%s/plots", dir);
    int code = report_load(&r, dir);
    if (!code) code = write_markdown(r, dir);
    if (!code) code = report_latex(r, dir);
    if (!code && print) report_text(r, print, dir);
    if (!code && print) fflush(print);
    if (!code) code = report_plots(r, plots);
    if (!code) code = report_html(r, dir); /* the figures stand in it */
    report_free(r);
    mem_free(plots);
    return code;
}
