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
    mem_free(g->mark);
    mem_free(g->span);
    mem_free(g->align);
    mem_free(g);
}

static void grow(struct grid *g)
{
    const size_t used = (size_t)(g->rows * g->columns), rows = g->room ? 2 * (size_t)g->room : 16, cells = rows * (size_t)g->columns;
    char **cell = mem_new(cells, sizeof *cell);
    struct grid_mark *mark = mem_new(cells, sizeof *mark);
    int *span = mem_new(rows, sizeof *span);
    if (used) {
        memcpy(cell, g->cell, used * sizeof *cell);
        memcpy(mark, g->mark, used * sizeof *mark);
        memcpy(span, g->span, (size_t)g->rows * sizeof *span);
    }
    mem_free(g->cell);
    mem_free(g->mark);
    mem_free(g->span);
    g->cell = cell;
    g->mark = mark;
    g->span = span;
    g->room = (int)rows;
}

void grid_row(struct grid *g)
{
    if (g->rows == g->room) grow(g);
    g->rows++;
    for (int j = 0; j < g->columns; j++) grid_put(g, j, "");
}

void grid_head(struct grid *g, const char *const *head)
{
    grid_row(g);
    for (int j = 0; j < g->columns; j++) grid_put(g, j, head[j]);
}

void grid_put(struct grid *g, int column, const char *text)
{
    assert(g->rows > 0 && column < g->columns);
    char **cell = &g->cell[(g->rows - 1) * g->columns + column];
    mem_free(*cell);
    *cell = mem_string(text);
}

void grid_mark(struct grid *g, int column, struct grid_mark mark)
{
    assert(g->rows > 0 && column < g->columns);
    g->mark[(g->rows - 1) * g->columns + column] = mark;
}

struct grid *grid_turned(const struct grid *g)
{
    char *align = mem_new((size_t)g->rows + 1, 1);
    for (int i = 0; i < g->rows; i++) align[i] = i ? 'r' : 'l';
    struct grid *t = grid_new(align);
    for (int j = 0; j < g->columns; j++) {
        grid_row(t);
        for (int i = 0; i < g->rows; i++) {
            grid_put(t, i, g->cell[i * g->columns + j]);
            grid_mark(t, i, g->mark[i * g->columns + j]);
        }
    }
    mem_free(align);
    return t;
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
static int *column_widths(const struct grid *g, char *const *cell)
{
    int *width = mem_new((size_t)g->columns, sizeof *width);
    for (int i = 0; i < g->rows; i++)
        for (int j = 0; j < g->columns && !g->span[i]; j++) {
            int n = width_of(cell[i * g->columns + j]);
            if (n > width[j]) width[j] = n;
        }
    return width;
}

/* Every cell as `write` makes it of its text and mark, [rows][columns]; free_cells frees. */
static char **written_cells(const struct grid *g, char *(*write)(const char *text, struct grid_mark mark))
{
    char **cell = mem_new((size_t)(g->rows * g->columns) + 1, sizeof *cell);
    for (int i = 0; i < g->rows * g->columns; i++) cell[i] = write(g->cell[i], g->mark[i]);
    return cell;
}

static void free_cells(const struct grid *g, char **cell)
{
    for (int i = 0; i < g->rows * g->columns; i++) mem_free(cell[i]);
    mem_free(cell);
}

/* ---- Markdown --------------------------------------------------------------------------- */

static char *md_cell(const char *text, struct grid_mark m)
{
    static const char *const arrow[] = {" ↓↓↓", " ↓↓", " ↓", "", " ↑", " ↑↑", " ↑↑↑"};
    char *safe = md_text(text);
    char *cell = mem_print("%s%s%s%s%s%s%s%s", m.bold ? "**" : "", safe, m.bold ? "**" : "", arrow[m.sure + 3], m.bound || m.leaks || m.doubt ? " " : "",
                           m.bound ? "(\\*)" : "", m.leaks ? "(†)" : "", m.doubt ? "(§)" : "");
    mem_free(safe);
    return cell;
}

void grid_markdown(const struct grid *g, FILE *f)
{
    char **cell = written_cells(g, md_cell);
    int *width = column_widths(g, cell);
    for (int i = 0; i < g->rows; i++) {
        for (int j = 0; j < g->columns; j++) {
            fputs("| ", f);
            put_clipped(f, cell[i * g->columns + j], width[j], g->align[j], 1);
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
    free_cells(g, cell);
}

/* ---- LaTeX ------------------------------------------------------------------------------ */

static char *tex_cell(const char *text, struct grid_mark m)
{
    static const char *const star[] = {"", "*", "**", "***"};
    const char *stars = star[m.sure < 0 ? -m.sure : m.sure];
    char *safe = tex_text(text);
    char *cell = mem_print("%s%s%s%s%s%s%s%s%s%s", m.bold ? "\\textbf{" : "", safe, m.bold ? "}" : "", *stars ? "$^{" : "", stars, *stars ? "}$" : "",
                           m.bound || m.leaks || m.doubt ? "\\," : "", m.bound ? "\\ddag{}" : "", m.leaks ? "\\dag{}" : "", m.doubt ? "\\S{}" : "");
    mem_free(safe);
    return cell;
}

void grid_latex(const struct grid *g, FILE *f)
{
    char **cell = written_cells(g, tex_cell);
    int *width = column_widths(g, cell);
    fprintf(f, "\\begin{tabular}{@{}%s@{}}\n\\toprule\n", g->align);
    for (int i = 0; i < g->rows; i++) {
        for (int j = 0; j < g->columns; j++) {
            put_clipped(f, cell[i * g->columns + j], width[j], 'l', 1);
            fputs(j + 1 < g->columns ? " & " : " \\\\\n", f);
        }
        if (i == 0) fputs("\\midrule\n", f);
    }
    fputs("\\bottomrule\n\\end{tabular}\n", f);
    mem_free(width);
    free_cells(g, cell);
}

/* ---- a terminal ------------------------------------------------------------------------- */

void grid_text(const struct grid *g, FILE *f, int width)
{
    enum { GAP = 2, LEAST = 8 };
    int *column = column_widths(g, g->cell), total = 0;
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

/* LaTeX's own signs by name; letters of Latin alphabets as they are, which T1 fonts have; what else is no ASCII as "?". */
char *tex_text(const char *text)
{
    static const struct {
        const char *found, *written;
    } sign[] = {{"\\", "\\textbackslash{}"}, {"{", "\\{"}, {"}", "\\}"}, {"$", "\\$"}, {"&", "\\&"}, {"#", "\\#"}, {"%", "\\%"}, {"_", "\\_"},
                {"^", "\\textasciicircum{}"}, {"~", "\\textasciitilde{}"}, {"<", "\\textless{}"}, {">", "\\textgreater{}"}, {"|", "\\textbar{}"},
                {"\"", "\\textquotedbl{}"}, {" ± ", " $\\pm$ "}, {"†", "\\dag{}"}};
    enum { LONGEST = 20 };
    char *out = mem_new(LONGEST * strlen(text) + 1, 1), *to = out;
    while (*text) {
        size_t i = 0;
        const unsigned char c = (unsigned char)*text;
        while (i < sizeof sign / sizeof *sign && strncmp(text, sign[i].found, strlen(sign[i].found)) != 0) i++;
        if (i < sizeof sign / sizeof *sign) {
            to += sprintf(to, "%s", sign[i].written);
            text += strlen(sign[i].found);
        } else if (c >= 0xc3 && c <= 0xc5 && ((unsigned char)text[1] & 0xc0) == 0x80) { /* U+00C0 to U+017F */
            *to++ = *text++;
            *to++ = *text++;
        } else {
            *to++ = c < ' ' ? ' ' : c < 0x7f ? (char)c : '?';
            for (text++; ((unsigned char)*text & 0xc0) == 0x80;) text++;
        }
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
