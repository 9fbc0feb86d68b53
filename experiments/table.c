#include "experiments/table.h"

#include <assert.h>
#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define FIELD_NAME(name, help) #name,
#define FIELD_HELP(name, help) help,
const char *const result_column[RESULT_COLUMNS] = {RESULT_FIELDS(FIELD_NAME)};
const char *const result_help[RESULT_COLUMNS] = {RESULT_FIELDS(FIELD_HELP)};
const char *const curve_column[CURVE_COLUMNS] = {CURVE_FIELDS(FIELD_NAME)};
const char *const curve_help[CURVE_COLUMNS] = {CURVE_FIELDS(FIELD_HELP)};

enum {
    ROW_BYTES = 1 << 20, /* longest row: far beyond any of ours, so that a wrong file is told early */
    MAX_COLUMNS = 4096,
    MAX_ROWS = 1 << 26
};

/* ---- reading ---------------------------------------------------------------------------- */

/* Collects what the parser finds. Fields end up one behind the other in `text`, which is as long as the file: a field
 * never outgrows its bytes in the file, and its comma or newline makes room for the 0. */
struct reader {
    const char *path;
    struct csv_parser parser;
    char *text;
    size_t used;
    const char **cell; /* fields in the order of the file */
    size_t cells, room;
    int columns;      /* 0 until the header has been read */
    int rows;         /* complete ones behind the header */
    int fields, ends; /* of the row that is being read: fields, ends of row */
    int line;         /* of the file, from 1, where the row begins */
};

static void on_field(void *bytes, size_t size, void *to)
{
    struct reader *r = to;
    if (r->cells == r->room) {
        size_t room = r->room ? 2 * r->room : 1024;
        const char **cell = mem_new(room, sizeof *cell);
        if (r->cells) memcpy(cell, r->cell, r->cells * sizeof *cell);
        mem_free(r->cell);
        r->cell = cell;
        r->room = room;
    }
    char *at = r->text + r->used;
    if (size) memcpy(at, bytes, size);
    at[size] = 0;
    r->used += size + 1;
    r->cell[r->cells++] = at;
    r->fields++;
}

static void on_row(int terminator, void *to)
{
    (void)terminator;
    ((struct reader *)to)->ends++;
}

static int check_header(const struct reader *r)
{
    if (r->fields > MAX_COLUMNS)
        return err_set(ERR_FORMAT, "%s: line %d: %d columns, expected at most %d", r->path, r->line, r->fields, MAX_COLUMNS);
    for (int i = 0; i < r->fields; i++) {
        if (!*r->cell[i]) return err_set(ERR_FORMAT, "%s: line %d: column %d has no name", r->path, r->line, i + 1);
        for (int j = 0; j < i; j++)
            if (strcmp(r->cell[i], r->cell[j]) == 0)
                return err_set(ERR_FORMAT, "%s: line %d: column '%.80s' stands there twice", r->path, r->line, r->cell[i]);
    }
    return OK;
}

/* Where the row that begins at bytes[at] ends, its newline included (a newline within quotes does not end it); 0: torn. */
static size_t row_end(const char *bytes, size_t at, size_t size)
{
    int quoted = 0;
    for (; at < size; at++) {
        if (bytes[at] == '"') quoted = !quoted;
        if (bytes[at] == '\n' && !quoted) return at + 1;
    }
    return 0;
}

/* Reads one row, bytes[0..size) with its newline: r->fields behind r->cells, 0 fields for an empty line. */
static int read_row(struct reader *r, const char *bytes, size_t size)
{
    r->fields = r->ends = 0;
    if (size > ROW_BYTES)
        return err_set(ERR_FORMAT, "%s: line %d: %zu bytes, expected at most %d", r->path, r->line, size, ROW_BYTES);
    if (memchr(bytes, 0, size)) return err_set(ERR_FORMAT, "%s: line %d: a NUL byte, expected text", r->path, r->line);
    if (csv_parse(&r->parser, bytes, size, on_field, on_row, r) != size)
        return err_set(ERR_FORMAT, "%s: line %d: a quote where none may stand", r->path, r->line);
    if (r->ends > 1) return err_set(ERR_FORMAT, "%s: line %d: a carriage return inside the line", r->path, r->line);
    if (!r->columns && r->fields) {
        int code = check_header(r);
        if (code) return code;
        r->columns = r->fields;
    } else if (r->fields > r->columns) {
        return err_set(ERR_FORMAT, "%s: line %d: %d fields, expected %d", r->path, r->line, r->fields, r->columns);
    }
    return OK;
}

/* The file's end after the last whole row: one torn row is left out, but a quote that is never closed hides whole rows,
 * and those must not be lost. They show as lines with as many commas as the header has. */
static int check_torn(struct reader *r, const char *tail, size_t size)
{
    const char *end = tail + size, *line = memchr(tail, '\n', size), *next;
    if (size > ROW_BYTES)
        return err_set(ERR_FORMAT, "%s: line %d: %zu bytes, expected at most %d", r->path, r->line, size, ROW_BYTES);
    for (; line && (next = memchr(line + 1, '\n', (size_t)(end - line - 1))); line = next) {
        int commas = 0;
        for (const char *c = line; c < next; c++) commas += *c == ',';
        if (r->columns > 1 && commas == r->columns - 1)
            return err_set(ERR_FORMAT, "%s: line %d: a quote that is never closed", r->path, r->line);
    }
    if (!r->columns && memchr(tail, 0, size))
        return err_set(ERR_FORMAT, "%s: line %d: a NUL byte, expected the columns' names", r->path, r->line);
    if (csv_parse(&r->parser, tail, size, on_field, on_row, r) != size)
        return err_set(ERR_FORMAT, "%s: line %d: a quote where none may stand", r->path, r->line);
    return OK;
}

/* Some editors put this mark before UTF-8 text. */
static size_t skip_mark(const char *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static void count_lines(struct reader *r, const char *bytes, size_t size)
{
    for (const char *end = bytes + size; bytes < end && (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
        r->line++;
}

/* Reads every whole row of bytes[0..size); *whole: up to where they go. */
static int read_rows(struct reader *r, const char *bytes, size_t size, size_t *whole)
{
    size_t at = skip_mark(bytes, size), end;
    int code = OK;
    *whole = 0;
    for (; !code && (end = row_end(bytes, at, size)); at = end) {
        int header = !r->columns;
        code = read_row(r, bytes + at, end - at);
        if (code) break;
        if (r->fields && r->fields < r->columns) {
            if (end == size) return OK; /* torn */
            code = err_set(ERR_FORMAT, "%s: line %d: %d fields, expected %d", r->path, r->line, r->fields, r->columns);
        }
        r->rows += r->fields && !header;
        *whole = end;
        count_lines(r, bytes + at, end - at);
    }
    return code ? code : check_torn(r, bytes + *whole, size - *whole);
}

static int reader_start(struct reader *r, const char *path, size_t size)
{
    *r = (struct reader){.path = path, .line = 1};
    if (csv_init(&r->parser, CSV_STRICT)) return err_set(ERR_IO, "%s: libcsv cannot be set up", path);
    r->text = mem_new(size + 1, 1);
    return OK;
}

static void reader_end(struct reader *r)
{
    csv_free(&r->parser);
    mem_free(r->cell);
    mem_free(r->text);
}

int table_read(struct table **out, const char *path)
{
    struct reader r = {0};
    struct table *t = NULL;
    char *bytes = NULL;
    size_t size = 0, whole = 0;
    int code = file_read(&bytes, &size, path);
    if (!code) code = reader_start(&r, path, size);
    if (!code) code = read_rows(&r, bytes, size, &whole);
    if (code) goto out;
    t = mem_new(1, sizeof *t);
    t->columns = r.columns;
    t->rows = r.rows;
    t->torn = whole < size;
    t->column = r.cell;
    t->cell = r.cell ? r.cell + r.columns : NULL;
    t->text = r.text;
    r.cell = NULL;
    r.text = NULL;
    *out = t;
out:
    reader_end(&r);
    mem_free(bytes);
    return code;
}

void table_free(struct table *t)
{
    if (!t) return;
    mem_free(t->column);
    mem_free(t->text);
    mem_free(t);
}

int table_column(const struct table *t, const char *column)
{
    for (int i = 0; i < t->columns; i++)
        if (strcmp(t->column[i], column) == 0) return i;
    return -1;
}

const char *table_get(const struct table *t, int row, const char *column)
{
    assert(row >= 0 && row < t->rows);
    int i = table_column(t, column);
    return i < 0 ? "" : t->cell[(size_t)row * (size_t)t->columns + (size_t)i];
}

double table_number(const struct table *t, int row, const char *column)
{
    const char *text = table_get(t, row, column);
    char *end;
    double v = strtod(text, &end);
    return end == text || *end || !isfinite(v) ? NAN : v;
}

/* ---- writing ---------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t size, room;
};

static void reserve(struct text *t, size_t more)
{
    if (t->room - t->size >= more) return;
    size_t room = 2 * (t->size + more);
    char *bytes = mem_new(room, 1);
    if (t->size) memcpy(bytes, t->bytes, t->size);
    mem_free(t->bytes);
    t->bytes = bytes;
    t->room = room;
}

static int needs_quotes(const char *s, int alone)
{
    size_t n = strlen(s);
    if (n == 0) return alone; /* a row of one empty field would be an empty line */
    return strpbrk(s, ",\"\r\n") || strchr(" \t", s[0]) || strchr(" \t", s[n - 1]);
}

/* One field and what stands behind it: a comma or a newline. */
static void put_field(struct text *t, const char *s, char behind, int alone)
{
    size_t n = strlen(s), most = 2 * n + 3; /* every byte a quote, quotes around, `behind` */
    reserve(t, most);
    assert(t->bytes);
    if (needs_quotes(s, alone)) {
        t->size += csv_write(t->bytes + t->size, most, s, n);
    } else {
        memcpy(t->bytes + t->size, s, n);
        t->size += n;
    }
    t->bytes[t->size++] = behind;
}

static void put_row(struct text *t, int n, const char *const *value)
{
    for (int i = 0; i < n; i++) put_field(t, value[i] ? value[i] : "", i + 1 < n ? ',' : '\n', n == 1);
}

/* place[i] = the file's column for our column i; what the file lacks goes behind its own. Returns how many columns that makes. */
static int find_columns(int *place, const struct reader *header, int n, const char *const *column)
{
    int columns = header->columns;
    for (int i = 0; i < n; i++) {
        place[i] = -1;
        for (int j = 0; j < header->columns; j++)
            if (strcmp(column[i], header->cell[j]) == 0) place[i] = j;
        if (place[i] < 0) place[i] = columns++;
    }
    return columns;
}

/* Our rows as rows of the file: its columns, its order. */
static void put_rows(struct text *t, const int *place, int columns, int rows, int n, const char *const *value)
{
    const char **row = mem_new((size_t)columns, sizeof *row);
    for (int k = 0; k < rows; k++) {
        for (int i = 0; i < n; i++) row[place[i]] = value[(size_t)k * (size_t)n + (size_t)i];
        put_row(t, columns, row);
    }
    mem_free(row);
}

/* Does the file end with a whole row? Without parsing all of it, as a long sweep appends often: its quotes pair up, it
 * ends with a newline and its last row has every field. `header` has been read. */
static int ends_whole(struct reader *header, const char *bytes, size_t size)
{
    size_t quotes = 0, start = size - 1;
    if (bytes[size - 1] != '\n') return 0;
    for (size_t i = 0; i < size; i++) quotes += bytes[i] == '"';
    if (quotes % 2) return 0;
    for (int quoted = 0; start > 0; start--) {
        if (bytes[start - 1] == '"') quoted = !quoted;
        if (bytes[start - 1] == '\n' && !quoted) break;
    }
    if (start == 0) return 1; /* the header itself */
    return read_row(header, bytes + start, size - start) == OK && header->fields == header->columns;
}

/* Adds bytes at the end of a file whose first `whole` bytes stay. Whatever fails, no part of them is left behind. */
static int add_bytes(const char *path, size_t whole, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), why = 0;
    size_t done = 0;
    if (fd < 0) return err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (ftruncate(fd, (off_t)whole)) why = errno;
    while (done < size && !why) { /* one write; a second only tells why the first fell short */
        ssize_t n = write(fd, bytes + done, size - done);
        if (n > 0) done += (size_t)n;
        else if (n == 0) why = ENOSPC;
        else if (errno != EINTR) why = errno;
    }
    if (!why && fsync(fd)) why = errno;
    if (why && done && ftruncate(fd, (off_t)whole)) why = errno; /* a torn end, which the next append cuts off */
    if (close(fd) && !why) why = errno;
    return why ? err_set(ERR_IO, "%s: cannot be written: %s", path, strerror(why)) : OK;
}

/* A file that does not exist yet, or whose header was torn: header and rows appear together. */
static int new_file(const char *path, const char *old, size_t old_size, int rows, int n, const char *const *column,
                    const char *const *value)
{
    struct text t = {0};
    int code = OK;
    put_row(&t, n, column);
    assert(t.bytes);
    if (old_size >= t.size || (old && old_size && memcmp(old, t.bytes, old_size)))
        code = err_set(ERR_FORMAT, "%s: line 1: no line of column names; move the file away and run again", path);
    for (int k = 0; k < rows && !code; k++) put_row(&t, n, value + (size_t)k * (size_t)n);
    if (!code) code = file_write(path, t.bytes, t.size);
    mem_free(t.bytes);
    return code;
}

/* Behind the rows of a file that has every column. */
static int extend(struct reader *header, const char *bytes, size_t size, const struct text *t)
{
    struct reader all = {0};
    size_t whole = size;
    int code = OK;
    if (!ends_whole(header, bytes, size)) {
        code = reader_start(&all, header->path, size);
        if (!code) code = read_rows(&all, bytes, size, &whole);
    }
    if (!code) code = add_bytes(header->path, whole, t->bytes, t->size);
    reader_end(&all);
    return code;
}

/* A file of an older version: written anew with the columns that it lacks. */
static int widen(const char *path, const int *place, int columns, int n, const char *const *column, const struct text *rows)
{
    struct table *old = NULL;
    struct text t = {0};
    int code = table_read(&old, path);
    if (code) return code;
    const char **row = mem_new((size_t)columns, sizeof *row);
    for (int i = 0; i < n; i++) row[place[i]] = column[i];
    for (int i = 0; i < old->columns; i++) row[i] = old->column[i];
    put_row(&t, columns, row);
    for (int i = old->columns; i < columns; i++) row[i] = NULL; /* empty */
    for (int k = 0; k < old->rows; k++) {
        for (int i = 0; i < old->columns; i++) row[i] = old->cell[(size_t)k * (size_t)old->columns + (size_t)i];
        put_row(&t, columns, row);
    }
    reserve(&t, rows->size + 1);
    assert(t.bytes);
    if (rows->size) memcpy(t.bytes + t.size, rows->bytes, rows->size);
    code = file_write(path, t.bytes, t.size + rows->size);
    mem_free(row);
    mem_free(t.bytes);
    table_free(old);
    return code;
}

static int old_file(const char *path, const char *bytes, size_t size, int rows, int n, const char *const *column,
                    const char *const *value)
{
    struct reader header = {0};
    struct text t = {0};
    int *place = mem_new((size_t)n, sizeof *place);
    size_t at = skip_mark(bytes, size), end = row_end(bytes, at, size);
    int columns = 0, code = reader_start(&header, path, size);
    if (!code) code = read_row(&header, bytes + at, end - at);
    if (!code && !header.columns) code = err_set(ERR_FORMAT, "%s: line 1: empty, expected the columns' names", path);
    if (code) goto out;
    columns = find_columns(place, &header, n, column);
    if (place[0] >= header.columns) {
        code = err_set(ERR_FORMAT, "%s: has no column '%s': another kind of table? move it away and run again", path, column[0]);
        goto out;
    }
    put_rows(&t, place, columns, rows, n, value);
    code = columns > header.columns ? widen(path, place, columns, n, column, &t) : extend(&header, bytes, size, &t);
out:
    mem_free(place);
    mem_free(t.bytes);
    reader_end(&header);
    return code;
}

int table_append_rows(const char *path, int rows, int n, const char *const *column, const char *const *value)
{
    char *bytes = NULL;
    size_t size = 0;
    int code = OK;
    assert(n > 0 && rows >= 0);
    if (file_size(path) >= 0) code = file_read(&bytes, &size, path);
    if (!code && bytes && row_end(bytes, skip_mark(bytes, size), size))
        code = old_file(path, bytes, size, rows, n, column, value);
    else if (!code) code = new_file(path, bytes, size, rows, n, column, value);
    mem_free(bytes);
    return code;
}

/* What stands in the file now, for the next append; nothing where it cannot be told. */
static void keep_end(struct table_end *end, const char *path, const char *bytes, size_t size)
{
    const size_t at = bytes ? skip_mark(bytes, size) : 0, stop = bytes ? row_end(bytes, at, size) : 0;
    table_end_free(end);
    if (!stop) return;
    end->path = mem_string(path);
    end->header = mem_print("%.*s", (int)(stop - at), bytes + at);
    end->size = file_size(path);
}

/* Behind a file that ends as `end` says; *lacks: it has not all of the columns, and nothing was done. */
static int append_known(int *lacks, struct table_end *end, int rows, int n, const char *const *column, const char *const *value)
{
    struct reader header = {0};
    struct text t = {0};
    const size_t size = strlen(end->header);
    int *place = mem_new((size_t)n, sizeof *place), code = reader_start(&header, end->path, size);
    if (!code) code = read_row(&header, end->header, size);
    *lacks = !code && find_columns(place, &header, n, column) > header.columns;
    if (!code && !*lacks) {
        put_rows(&t, place, header.columns, rows, n, value);
        code = add_bytes(end->path, (size_t)end->size, t.bytes, t.size);
        if (!code) end->size += (int64_t)t.size;
    }
    if (code) table_end_free(end);
    mem_free(place);
    mem_free(t.bytes);
    reader_end(&header);
    return code;
}

int table_append_at(struct table_end *end, const char *path, int rows, int n, const char *const *column, const char *const *value)
{
    char *bytes = NULL;
    size_t size = 0;
    int lacks = 1, code = OK;
    if (end->path && strcmp(end->path, path) == 0 && end->size == file_size(path)) code = append_known(&lacks, end, rows, n, column, value);
    if (code || !lacks) return code;
    code = table_append_rows(path, rows, n, column, value);
    if (!code) code = file_read(&bytes, &size, path);
    if (!code) keep_end(end, path, bytes, size);
    mem_free(bytes);
    return code;
}

void table_end_free(struct table_end *end)
{
    mem_free(end->path);
    mem_free(end->header);
    *end = (struct table_end){0};
}

int table_append(const char *path, int n, const char *const *column, const char *const *value)
{
    return table_append_rows(path, 1, n, column, value);
}
