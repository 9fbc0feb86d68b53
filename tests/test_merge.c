/* Several results folders as one, and what changed between two. */
#include "experiments/diff.h"
#include "experiments/merge.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/check.h"

static char root[] = "/tmp/heist-merge-XXXXXX";

static const char head[] = "key,dataset,model,defense,attack,label,budget,seed,status,error,victim_acc,defended_acc,clone_acc_last,queries_total,query_us";

/* root/name, with this results.csv ("%h" begins a head) and curve; mem_free frees. */
static char *folder(const char *name, const char *more_head, const char *rows, const char *curve)
{
    char *dir = mem_print("%s/%s", root, name), *path = mem_print("%s/results.csv", dir), *text = mem_print("%s%s\n%s", head, more_head, rows);
    file_remove(dir);
    CHECK_OK(file_folder(dir));
    CHECK_OK(file_write(path, text, strlen(text)));
    mem_free(text);
    mem_free(path);
    path = mem_print("%s/curve.csv", dir);
    if (curve) CHECK_OK(file_write(path, curve, strlen(curve)));
    mem_free(path);
    return dir;
}

/* A row of a seed with this clone accuracy. */
#define ROW(key, defense, seed, last) key ",mnist,lenet5," defense ",knockoff,soft,10," seed ",ok,,0.9,0.9," last ",10,1.5"

static struct table *read_back(const char *dir, const char *name)
{
    struct table *t = NULL;
    char *path = mem_print("%s/%s", dir, name);
    CHECK_OK(table_read(&t, path));
    mem_free(path);
    return t;
}

static void rows_of_all_folders(void)
{
    char *a = folder("a", ",new", ROW("k1", "none", "1", "0.5") ",x\n" ROW("k2", "none", "2", "0.6") ",y\n", "key,queries,epoch,clone_acc\nk1,10,1,0.4\n");
    char *b = folder("b", "", ROW("k2", "none", "2", "0.7") "\n" ROW("k3", "mad", "1", "0.1") "\n", "key,queries,epoch,clone_acc\nk3,10,1,0.1\n");
    char *c = folder("c", "", ROW("k4", "mad", "2", "0.2") "\n", NULL), *out = mem_print("%s/out", root);
    CHECK_OK(merge_results(out, 3, (const char *const[]){a, b, c}));
    struct table *t = read_back(out, "results.csv"), *curve = read_back(out, "curve.csv");
    CHECK_INT(t->rows, 5); /* k2 stands twice: the later one counts in a report */
    CHECK_INT(t->columns, 16);
    CHECK(strcmp(table_get(t, 0, "new"), "x") == 0 && strcmp(table_get(t, 3, "new"), "") == 0 && strcmp(table_get(t, 4, "key"), "k4") == 0);
    CHECK_INT(curve->rows, 2);
    table_free(curve);
    table_free(t);

    /* once more, and with one more folder: nothing is lost, nothing stands twice over */
    CHECK_OK(merge_results(out, 3, (const char *const[]){a, b, c}));
    t = read_back(out, "results.csv");
    CHECK_INT(t->rows, 5);
    table_free(t);
    CHECK_ERR(merge_results(out, 2, (const char *const[]){a, b}), ERR_OPTION, "holds 1 rows that none of the folders has");
    CHECK_ERR(merge_results(c, 1, (const char *const[]){a}), ERR_OPTION, "holds 1 rows");
    t = read_back(c, "results.csv");
    CHECK_INT(t->rows, 1);
    table_free(t);

    /* a folder that is one of them */
    CHECK_OK(merge_results(c, 2, (const char *const[]){c, b}));
    t = read_back(c, "results.csv");
    CHECK_INT(t->rows, 3);
    table_free(t);
    CHECK_ERR(merge_results(out, 2, (const char *const[]){a, "/nonexistent"}), ERR_MISSING, "/nonexistent/results.csv");
    mem_free(out);
    mem_free(c);
    mem_free(b);
    mem_free(a);
}

/* What diff says of two folders' rows; free() frees. */
static char *difference(struct diff_count *n, const char *rows_a, const char *rows_b)
{
    char *a = folder("a", "", rows_a, NULL), *b = folder("b", ",new", rows_b, NULL), *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    CHECK_OK(diff_results(n, a, b, f));
    fclose(f);
    mem_free(b);
    mem_free(a);
    return text;
}

static void what_changed(void)
{
    static const char a[] = ROW("k1", "none", "1", "0.50") "\n" ROW("k2", "none", "2", "0.52") "\n" ROW("k3", "none", "3", "0.54") "\n";
    struct diff_count n;

    /* the same numbers, other keys, another order, other times */
    char *text = difference(&n, a, ROW("x3", "none", "3", "0.54") ",\n" ROW("x1", "none", "1", "0.50") ",\n" ROW("x2", "none", "2", "0.52") ",\n");
    CHECK(n.cells == 1 && n.same == 1 && !n.within && !n.outside);
    free(text);

    /* half the interval of 0.50 0.52 0.54 is 4.3027 * 0.02 / sqrt(3) = 0.0497; of both together 0.0703 */
    text = difference(&n, a, ROW("x1", "none", "1", "0.57") ",\n" ROW("x2", "none", "2", "0.59") ",\n" ROW("x3", "none", "3", "0.61") ",\n");
    CHECK(n.cells == 1 && n.within == 1 && !n.outside);
    free(text);
    text = difference(&n, a, ROW("x1", "none", "1", "0.571") ",\n" ROW("x2", "none", "2", "0.591") ",\n" ROW("x3", "none", "3", "0.611") ",\n");
    CHECK(n.cells == 1 && n.outside == 1 && !n.within);
    CHECK(strstr(text, "clone last %  52.00 ± 4.97  59.10 ± 4.97   7.10  outside the seeds' interval"));
    free(text);

    /* one seed has no interval; a cell of one side; a cell that failed */
    text = difference(&n, ROW("k1", "none", "1", "0.5") "\n" ROW("k2", "mad", "1", "0.5") "\n" ROW("k3", "topk", "1", "0.5") "\n",
                      ROW("k1", "none", "1", "0.5001") ",\n" ROW("k4", "hard", "1", "0.5") ",\nk3,mnist,lenet5,topk,knockoff,soft,10,1,numeric,NaN,,,,,,\n");
    CHECK(n.cells == 2 && n.outside == 1 && n.failed == 1 && n.only[0] == 1 && n.only[1] == 1);
    CHECK(strstr(text, "one seed: no interval") && strstr(text, "| mad | knockoff: only in A") && strstr(text, "| hard | knockoff: only in B") &&
          strstr(text, "| topk | knockoff: failed in B"));
    free(text);

    /* a seed more is no change of the numbers that both have, nor the same */
    text = difference(&n, a, ROW("k1", "none", "1", "0.50") ",\n" ROW("k2", "none", "2", "0.52") ",\n");
    CHECK(n.cells == 1 && n.within == 1);
    free(text);
    CHECK_ERR(diff_results(&n, "/nonexistent", root, stdout), ERR_MISSING, "/nonexistent/results.csv");
}

int main(void)
{
    if (!mkdtemp(root)) return 1;
    RUN(rows_of_all_folders);
    RUN(what_changed);
    file_remove(root);
    return check_done();
}
