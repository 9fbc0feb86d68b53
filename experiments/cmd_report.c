/* heist report, heist diff: what results folders say. */
#include "base/err.h"
#include "experiments/cmd.h"
#include "experiments/diff.h"
#include "experiments/merge.h"
#include "experiments/report.h"

enum { DIRS = 64 };

int cmd_report(int argc, char **argv)
{
    const char *out = NULL;
    const struct cmd_flag flags[] = {{"--out", "DIR", "write the rows of all the folders, and their report, there", &out, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "report DIR [DIR ... --out DIR]",
                    .about = "Writes the tables (report.md, report.tex, report.html) and plots of a results folder again, from its CSV files alone; of several\n"
                             "folders, into one of their own. Of a key that several hold the last one's row counts.",
                    .flags = flags, .least = 1, .most = DIRS};
    int code = cmd_parse(&c, argc, argv);
    if (!code && c.words > 1 && !out) code = err_set(ERR_OPTION, "%d folders: say --out DIR, the folder for their rows and report", c.words);
    if (!code && out) code = merge_results(out, c.words, c.word);
    if (!code) code = report_write(out ? out : c.word[0], stdout);
    return cmd_exit("report", code);
}

int cmd_diff(int argc, char **argv)
{
    struct cmd c = {.usage = "diff DIR DIR",
                    .about = "What changed between two results folders: cells that only one has, and numbers further apart than the seeds' interval\n"
                             "(with one seed: any that differ). Times and memory are not compared. Exit status 1 where anything is listed.",
                    .least = 2, .most = 2};
    struct diff_count n = {0};
    int code = cmd_parse(&c, argc, argv);
    if (!code) code = diff_results(&n, c.word[0], c.word[1], stdout);
    if (code) return cmd_exit("diff", code);
    printf("%d cells in both: %d the same to the last digit, %d within the seeds' interval, %d outside or of one seed, %d failed on one side; "
           "%d only in A, %d only in B\n",
           n.cells, n.same, n.within, n.outside, n.failed, n.only[0], n.only[1]);
    return n.outside || n.failed || n.only[0] || n.only[1];
}
