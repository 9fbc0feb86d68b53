/* CSV tables: what is written is read again; the same file cut at every byte; disk full; what is no table. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "experiments/table.h"
#include "tests/check.h"

static char folder[] = "/tmp/heist-table-XXXXXX", path[64];

static void put(const char *bytes, size_t size)
{
    CHECK_OK(file_write(path, bytes, size));
}
static void put_text(const char *text)
{
    put(text, strlen(text));
}

static void check_file(const char *want)
{
    char *got = NULL;
    size_t size = 0;
    if (CHECK_OK(file_read(&got, &size, path))) CHECK_STR(got, want);
    mem_free(got);
}

/* Reads `text`; the caller frees. NULL where it fails. */
static struct table *read_text(const char *text)
{
    struct table *t = NULL;
    put_text(text);
    CHECK_OK(table_read(&t, path));
    return t;
}

static void refuse(const char *text, size_t size, const char *part)
{
    struct table *t = NULL;
    put(text, size);
    CHECK_ERR(table_read(&t, path), ERR_FORMAT, part);
    CHECK(!t);
}
#define REFUSE(text, part) refuse(text, sizeof text - 1, part)

static void values_by_name(void)
{
    struct table *t = read_text("key,seed,clone_acc_last\nk1,3,0.25\nk2,,nan\nk3,x7,1e400\n");
    CHECK_INT(t->columns, 3);
    CHECK_INT(t->rows, 3);
    CHECK_INT(t->torn, 0);
    CHECK_INT(table_column(t, "seed"), 1);
    CHECK_INT(table_column(t, "sed"), -1);
    CHECK_STR(table_get(t, 0, "key"), "k1");
    CHECK_STR(table_get(t, 1, "seed"), "");
    CHECK_STR(table_get(t, 2, "absent"), "");
    CHECK_NEAR(table_number(t, 0, "clone_acc_last"), 0.25, 0);
    CHECK(isnan(table_number(t, 1, "seed")));
    CHECK(isnan(table_number(t, 1, "clone_acc_last")));
    CHECK(isnan(table_number(t, 2, "seed")));
    CHECK(isnan(table_number(t, 2, "clone_acc_last")));
    CHECK(isnan(table_number(t, 2, "absent")));
    table_free(t);
    table_free(NULL);
}

static void any_text_comes_back(void)
{
    static const char *const column[] = {"a", "b, \"c\"", "d"};
    static const char *const value[][3] = {
        {"plain", "a,b", "say \"no\""},  {"two\nlines", "\r\n", "\""}, {" lead", "trail\t", ""}, {"", "", ""},
        {NULL, "+-\xc2\xb1", "a=b:c+d"}, {"\"\"", ",", "\n\n"},
    };
    enum { ROWS = sizeof value / sizeof *value };
    struct table *t = NULL;
    unlink(path);
    for (int i = 0; i < ROWS; i++) CHECK_OK(table_append(path, 3, column, value[i]));
    if (!CHECK_OK(table_read(&t, path))) return;
    CHECK_INT(t->rows, ROWS);
    CHECK_INT(t->torn, 0);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < 3; j++) CHECK_STR(table_get(t, i, column[j]), value[i][j] ? value[i][j] : "");
    table_free(t);
}

static void one_column_of_nothing(void)
{
    static const char *const column[] = {"a"}, *const value[] = {""};
    struct table *t = NULL;
    unlink(path);
    CHECK_OK(table_append(path, 1, column, value));
    CHECK_OK(table_append(path, 1, column, value));
    if (!CHECK_OK(table_read(&t, path))) return;
    CHECK_INT(t->rows, 2);
    table_free(t);
}

static void the_file_keeps_its_columns(void)
{
    static const char *const column[] = {"a", "b"}, *const value[] = {"1", "2"}, *const other[] = {"z", "a"};
    put_text("b,extra,a\n5,6,7\n");
    CHECK_OK(table_append(path, 2, column, value));
    check_file("b,extra,a\n5,6,7\n2,,1\n");
    CHECK_ERR(table_append(path, 2, other, value), ERR_FORMAT, "no column 'z'");
    check_file("b,extra,a\n5,6,7\n2,,1\n");
}

static void a_file_of_an_older_version_gets_the_new_columns(void)
{
    static const char *const column[] = {"a", "new", "b", "newer"}, *const value[] = {"1", "2, 3", "4", NULL};
    put_text("b,extra,a\n5,\"6\n6\",7\n8,9,0\ntorn");
    CHECK_OK(table_append(path, 4, column, value));
    check_file("b,extra,a,new,newer\n5,\"6\n6\",7,,\n8,9,0,,\n4,,1,\"2, 3\",\n");
    CHECK_OK(table_append(path, 4, column, value));
    check_file("b,extra,a,new,newer\n5,\"6\n6\",7,,\n8,9,0,,\n4,,1,\"2, 3\",\n4,,1,\"2, 3\",\n");
    put_text("a\n");
    CHECK_OK(table_append_rows(path, 0, 4, column, value));
    check_file("a,new,b,newer\n");
}

static void many_rows_at_once(void)
{
    static const char *const value[] = {"k", "100", "1", "0.5", "k", "100", "2", "0.625"};
    unlink(path);
    CHECK_OK(table_append_rows(path, 2, CURVE_COLUMNS, curve_column, value));
    CHECK_OK(table_append_rows(path, 1, CURVE_COLUMNS, curve_column, value));
    CHECK_OK(table_append_rows(path, 0, CURVE_COLUMNS, curve_column, value));
    check_file("key,queries,epoch,clone_acc\nk,100,1,0.5\nk,100,2,0.625\nk,100,1,0.5\n");
}

static void every_field_has_a_name_and_help(void)
{
    for (int i = 0; i < RESULT_COLUMNS; i++) CHECK(*result_column[i] && *result_help[i]);
    for (int i = 0; i < CURVE_COLUMNS; i++) CHECK(*curve_column[i] && *curve_help[i]);
    CHECK_STR(result_column[RESULT_ood_is_pool], "ood_is_pool");
    CHECK_STR(result_column[RESULT_COLUMNS - 1], "openblas");
    CHECK_STR(curve_column[CURVE_epoch], "epoch");
}

/* Rows of the uncut file, and the bytes at which each ends: what must be left after a cut. */
static const char *const cut_row[] = {"name,text,n\n", "one,plain,1\n", "two,\"a,b\n\"\"c\"\"\nd\",2\n", "\"x\n\",,\n",
                                      "four,\"\",4\n"};
enum { CUT_ROWS = sizeof cut_row / sizeof *cut_row };

static void check_cut(const char *all, size_t size)
{
    static const char *const column[] = {"name", "text", "n"}, *const value[] = {"last", "l\n\"1\"", "9"};
    struct table *t = NULL;
    int rows = 0;
    size_t whole = 0;
    while (rows < CUT_ROWS && whole + strlen(cut_row[rows]) <= size) whole += strlen(cut_row[rows++]);
    put(all, size);
    if (!CHECK_OK(table_read(&t, path))) return;
    CHECK_INT(t->rows, rows ? rows - 1 : 0);
    CHECK_INT(t->columns, rows ? 3 : 0);
    CHECK_INT(t->torn, whole < size);
    if (rows > 2) CHECK_STR(table_get(t, 1, "text"), "a,b\n\"c\"\nd");
    table_free(t);

    CHECK_OK(table_append(path, 3, column, value));
    char *want =
        mem_print("%.*s%s", (int)whole, all, rows ? "last,\"l\n\"\"1\"\"\",9\n" : "name,text,n\nlast,\"l\n\"\"1\"\"\",9\n");
    check_file(want);
    mem_free(want);
}

static void torn_at_every_byte(void)
{
    char all[256] = "";
    for (int i = 0; i < CUT_ROWS; i++) strcat(all, cut_row[i]);
    for (size_t size = 0; size <= strlen(all); size++) check_cut(all, size);
}

static void torn_in_other_ways(void)
{
    static const char *const column[] = {"a", "b"}, *const value[] = {"1", "2"};
    struct table *t = read_text("a,b\n5,6\n7\n"); /* a row that lacks a field, with its newline */
    CHECK_INT(t->rows, 1);
    CHECK_INT(t->torn, 1);
    CHECK_OK(table_append(path, 2, column, value));
    check_file("a,b\n5,6\n1,2\n");
    table_free(t);

    put("a,b\n5,6\n\0\0\0\0", 12); /* what some file systems leave after a power cut */
    CHECK_OK(table_append(path, 2, column, value));
    check_file("a,b\n5,6\n1,2\n");
}

static void lenient_reading(void)
{
    struct table *t = read_text("\xef\xbb\xbf"
                                "a,b\r\n\r\n1, 2 \r\n\n\"3\",4\r\n");
    CHECK_INT(t->rows, 2);
    CHECK_STR(t->column[0], "a");
    CHECK_STR(table_get(t, 0, "b"), "2");
    CHECK_STR(table_get(t, 1, "a"), "3");
    table_free(t);
}

static void no_table(void)
{
    REFUSE("a,b\n1,2\n3\n4,5\n", "line 3: 1 fields, expected 2");
    REFUSE("a,b\n\"1\n\",2\n3,4,5\n", "line 4: 3 fields, expected 2");
    REFUSE("a,b,a\n", "column 'a' stands there twice");
    REFUSE("a,,b\n", "column 2 has no name");
    REFUSE("a,b\n1,2\n3,\0\n", "line 3: a NUL byte");
    REFUSE("\x89PNG\0\1\2", "NUL byte");
    REFUSE("a,b\n1\"2,3\n", "line 2: a quote");
    REFUSE("a,b\n\"1\"2,3\n", "line 2: a quote");
    REFUSE("a,b\n1,2\r3,4\n", "line 2: a carriage return");
    REFUSE("a,b\n1,2\n\"3,4\n5,6\n7,8\n", "line 3: a quote that is never closed"); /* not: two rows dropped */

    enum { LONG = (1 << 20) + 64 };
    char *text = mem_new(LONG, 1);
    memset(text, 'x', LONG);
    refuse(text, LONG, "expected at most 1048576");
    memcpy(text, "a\n", 2);
    text[LONG - 1] = '\n';
    refuse(text, LONG, "line 2:");
    mem_free(text);

    struct table *t = NULL;
    unlink(path);
    CHECK_ERR(table_read(&t, path), ERR_MISSING, path);
}

static void foreign_files_are_left_alone(void)
{
    static const char *const column[] = {"a", "b"}, *const value[] = {"1", "2"};
    put_text("dear diary");
    CHECK_ERR(table_append(path, 2, column, value), ERR_FORMAT, "line 1: no line of column names");
    check_file("dear diary");
    put_text("a,b\n\"1,2\n3,4\n5,6\n");
    CHECK_ERR(table_append(path, 2, column, value), ERR_FORMAT, "never closed");
    check_file("a,b\n\"1,2\n3,4\n5,6\n");
    unlink(path);
    CHECK_ERR(table_append(folder, 2, column, value), ERR_IO, "not a regular file");
    CHECK_ERR(table_append("/nonexistent/t.csv", 2, column, value), ERR_IO, "/nonexistent/t.csv");
}

/* A limit on the size of files stands for a full disk, at every byte of the row. */
static void full_disk_leaves_no_half_row(void)
{
    static const char *const column[] = {"a", "b"}, *const value[] = {"value", "other"};
    static const char before[] = "a,b\n1,2\n", after[] = "a,b\n1,2\nvalue,other\n";
    struct rlimit was, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    for (size_t most = strlen(before); most <= strlen(after); most++) {
        put_text(before);
        limit = (struct rlimit){.rlim_cur = most, .rlim_max = was.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
        int code = table_append(path, 2, column, value);
        setrlimit(RLIMIT_FSIZE, &was);
        CHECK_INT(code, most < strlen(after) ? ERR_IO : OK);
        check_file(most < strlen(after) ? before : after);
    }
    unlink(path);
    limit = (struct rlimit){.rlim_cur = 6, .rlim_max = was.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK_ERR(table_append(path, 2, column, value), ERR_IO, "cannot be written");
    setrlimit(RLIMIT_FSIZE, &was);
    CHECK(!file_exists(path));
}

int main(void)
{
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    snprintf(path, sizeof path, "%s/t.csv", folder);
    RUN(values_by_name);
    RUN(any_text_comes_back);
    RUN(one_column_of_nothing);
    RUN(the_file_keeps_its_columns);
    RUN(a_file_of_an_older_version_gets_the_new_columns);
    RUN(many_rows_at_once);
    RUN(every_field_has_a_name_and_help);
    RUN(torn_at_every_byte);
    RUN(torn_in_other_ways);
    RUN(lenient_reading);
    RUN(no_table);
    RUN(foreign_files_are_left_alone);
    RUN(full_disk_leaves_no_half_row);
    unlink(path);
    rmdir(folder);
    return check_done();
}
