/* Tables of text: aligned by characters, not bytes. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "experiments/report.h"

struct grid *grid_new(const char *align)
{
    struct grid *g = mem_new(1, sizeof *g);
    g->align = mem_string(align);
    g->columns = (int)strlen(align);
    return g;
}

void grid_free(struct grid *g)
{
    if (!g) return;
    for (int i = 0; i < g->rows * g->columns; i++) mem_free(g->cell[i]);
    mem_free(g->cell);
    mem_free(g->span);
    mem_free(g->align);
    mem_free(g);
}

void grid_row(struct grid *g)
{
    if (g->rows == g->room) {
        size_t used = (size_t)(g->rows * g->columns);
        g->room = g->room ? 2 * g->room : 16;
        char **cell = mem_new((size_t)(g->room * g->columns), sizeof *cell);
        int *span = mem_new((size_t)g->room, sizeof *span);
        if (used) memcpy(cell, g->cell, used * sizeof *cell);
        if (used) memcpy(span, g->span, (size_t)g->rows * sizeof *span);
        mem_free(g->cell);
        mem_free(g->span);
        g->cell = cell;
        g->span = span;
    }
    g->rows++;
    for (int j = 0; j < g->columns; j++) grid_put(g, j, "");
}

void grid_put(struct grid *g, int column, const char *text)
{
    assert(g->rows > 0 && column < g->columns);
    char **cell = &g->cell[(g->rows - 1) * g->columns + column];
    mem_free(*cell);
    *cell = mem_string(text);
}

void grid_span(struct grid *g, const char *text)
{
    grid_row(g);
    grid_put(g, 0, text);
    g->span[g->rows - 1] = 1;
}

/* Characters of UTF-8 text, each taken as one column wide. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void pad(FILE *f, int n)
{
    if (n > 0) fprintf(f, "%*s", n, "");
}

/* At most `width` characters of the text, with ".." where it goes on, padded to the width where asked. */
static void put_clipped(FILE *f, const char *text, int width, char align, int padded)
{
    int n = width_of(text);
    if (align == 'r') pad(f, width - n);
    if (n <= width) {
        fputs(text, f);
    } else {
        const char *end = text;
        for (int left = width - 2; left > 0; left--) do
                end++;
            while (((unsigned char)*end & 0xc0) == 0x80);
        fprintf(f, "%.*s..", (int)(end - text), text);
    }
    if (align == 'l' && padded) pad(f, width - n);
}

/* width[j] = characters of column j's longest text. */
static int *column_widths(const struct grid *g)
{
    int *width = mem_new((size_t)g->columns, sizeof *width);
    for (int i = 0; i < g->rows; i++)
        for (int j = 0; j < g->columns && !g->span[i]; j++) {
            int n = width_of(g->cell[i * g->columns + j]);
            if (n > width[j]) width[j] = n;
        }
    return width;
}

void grid_markdown(const struct grid *g, FILE *f)
{
    int *width = column_widths(g);
    for (int i = 0; i < g->rows; i++) {
        for (int j = 0; j < g->columns; j++) {
            fputs("| ", f);
            put_clipped(f, g->cell[i * g->columns + j], width[j], g->align[j], 1);
            fputc(' ', f);
        }
        fputs("|\n", f);
        for (int j = 0; j < g->columns && i == 0; j++) {
            fputs(g->align[j] == 'r' ? "|-" : "|:", f);
            for (int k = 0; k < width[j]; k++) fputc('-', f);
            fputs(g->align[j] == 'r' ? ":" : "-", f);
        }
        if (i == 0) fputs("|\n", f);
    }
    mem_free(width);
}

void grid_text(const struct grid *g, FILE *f, int width)
{
    enum { GAP = 2, LEAST = 8 };
    int *column = column_widths(g), total = 0;
    for (int j = 0; j < g->columns; j++) total += column[j] + (j ? GAP : 0);
    if (total > width) column[0] = column[0] - (total - width) > LEAST ? column[0] - (total - width) : LEAST;
    for (int i = 0; i < g->rows; i++) {
        char **cell = &g->cell[i * g->columns];
        int last = g->columns - 1;
        while (last > 0 && !*cell[last]) last--;
        if (g->span[i]) put_clipped(f, cell[0], width, 'l', 0);
        for (int j = 0; j <= last && !g->span[i]; j++) {
            pad(f, j ? GAP : 0);
            put_clipped(f, cell[j], column[j], g->align[j], j < last);
        }
        fputc('\n', f);
    }
    mem_free(column);
}

char *md_text(const char *text)
{
    char *out = mem_new(2 * strlen(text) + 1, 1), *to = out;
    for (; *text; text++) {
        if (strchr("\\`*_|<>[]#&~$", *text)) *to++ = '\\';
        *to++ = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    return out;
}

/* 50000 -> "50,000" */
static void put_count(char *buf, double v)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", v), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > (digits[0] == '-') && (n - i) % 3 == 0) buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = 0;
}

/* The number's unit, and digits behind the point. */
static double unit_of(enum metric m, int *digits)
{
    switch (m) {
    case METRIC_L1:
    case METRIC_RATIO:
    case METRIC_DISTANCE: *digits = 3; return 1;
    case METRIC_VICTIM_S:
    case METRIC_FIT_S:
    case METRIC_QUERY_US:
    case METRIC_ATTACK_S: *digits = 1; return 1;
    case METRIC_TOTAL:
    case METRIC_DISTINCT:
    case METRIC_BUDGET: *digits = 0; return 1;
    default: *digits = 2; return 100;
    }
}

const char *stat_text(char buf[STAT_TEXT], struct stat_mean s, enum metric m)
{
    int digits;
    double unit = unit_of(m, &digits);
    if (s.n == 0 || fabs(s.mean) > 1e15) snprintf(buf, STAT_TEXT, "-");
    else if (digits == 0) put_count(buf, s.mean);
    else snprintf(buf, STAT_TEXT, "%.*f", digits, unit * s.mean);
    if (s.n > 1 && digits && s.half < 1e9) {
        size_t at = strlen(buf);
        snprintf(buf + at, STAT_TEXT - at, " ± %.*f", digits, unit * s.half);
    }
    return buf;
}
