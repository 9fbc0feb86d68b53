/* For tests of reports: a results folder with rows of a small sweep, what a report writes there, and whether it was drawn. */
#ifndef HEIST_TESTS_REPORT_SCENE_H
#define HEIST_TESTS_REPORT_SCENE_H

#include <glob.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "experiments/report.h"
#include "tests/check.h"

static char root[] = "/tmp/heist-report-XXXXXX", dir[64];

static void put(const char *name, const char *text)
{
    char *path = mem_print("%s/%s", dir, name);
    CHECK_OK(file_write(path, text, strlen(text)));
    mem_free(path);
}

/* A file below dir; mem_free frees. "" where there is none. */
static char *get(const char *name)
{
    char *path = mem_print("%s/%s", dir, name), *text = NULL;
    size_t size;
    if (file_read(&text, &size, path)) text = mem_string("");
    mem_free(path);
    return text;
}

static void remove_all(const char *pattern)
{
    char *path = mem_print("%s/%s", dir, pattern);
    glob_t g;
    if (glob(path, 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) unlink(g.gl_pathv[i]);
        globfree(&g);
    }
    mem_free(path);
}

static void clear(void)
{
    remove_all("plots/*");
    remove_all("tables/*");
    remove_all("*.csv");
    remove_all("*.md");
    remove_all("*.html");
    remove_all("*.tex");
}

static void has(const char *text, const char *part, int line)
{
    if (strstr(text, part)) return;
    check_bad++;
    printf("%s:%d: '%s' is missing in:\n%s\n", __FILE__, line, part, text);
}
#define HAS(text, part) has(text, part, __LINE__)

/* The report of dir's files as printed; free() frees. Without gnuplot, which most tests do not need and which takes time. */
static char *printed(int draw)
{
    char *text = NULL, *path = mem_string(getenv("PATH"));
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!draw) setenv("PATH", "/nonexistent", 1);
    int quiet = draw ? -1 : dup(2); /* the line that says so is tested elsewhere */
    if (!draw && !freopen("/dev/null", "w", stderr)) abort();
    CHECK_OK(report_write(dir, f));
    if (!draw) {
        fflush(stderr);
        dup2(quiet, 2);
        close(quiet);
    }
    setenv("PATH", path, 1);
    mem_free(path);
    fclose(f);
    return text;
}

static const char head[] =
    "key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,error,victim_acc,defended_acc,"
    "mean_l1,clone_acc_last,clone_acc_val,clone_acc_best,clone_ratio,fidelity,queries_total,queries_distinct,query_us\n";

/* Two defenses (one with two OOD sets) by two attacks by three seeds. */
static char *sample(void)
{
    static const char *const defense[3][4] = {{"none", "", "0", "0.99"},
                                              {"ini:gamma=0.3:beta=0", "strokes:n=5:seed=0", "0", "0.98"},
                                              {"ini:gamma=0.3:beta=0", "fashion-mnist:split=train", "1", "0.97"}};
    static const char *const label[2] = {"soft", "hard"};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs(head, f);
    for (int s = 1; s <= 3; s++)
        for (int d = 0; d < 3; d++)
            for (int a = 0; a < 2; a++)
                fprintf(
                    f,
                    "k%d%d%d,mnist:split=train,lenet5,%s,knockoff:epochs=10,fashion-mnist:split=train,%s,%s,%s,50000,%d,ok,,%s,%s,"
                    "%d,%.4f,%.4f,%.4f,%.3f,0.5,50000,49999,12.25\n",
                    s, d, a, defense[d][0], defense[d][1], defense[d][2], label[a], s, defense[d][3], defense[d][3], d,
                    0.9 - 0.2 * d - 0.1 * a + 0.01 * s, 0.9 - 0.2 * d, 0.95 - 0.2 * d, 0.7);
    fclose(f);
    return text;
}

static void put_sample(void)
{
    char *text = sample();
    clear();
    put("results.csv", text);
    put("curve.csv", "key,queries,epoch,clone_acc\nk100,0,1,0.5\nk100,0,2,0.6\nk200,0,1,0.7\nk200,0,2,0.6\nk999,0,1,0.1\n");
    free(text);
}

static int scene_open(void)
{
    if (!mkdtemp(root)) return -1;
    snprintf(dir, sizeof dir, "%s/r", root);
    return file_folder(dir);
}

static int scene_close(void)
{
    file_remove(root);
    return check_done();
}

#endif
