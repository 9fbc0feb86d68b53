/* heist: the command line. Each verb is a function in a cmd_*.c. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/spec.h"
#include "experiments/cmd.h"
#include "nn/blas.h"
#include "nn/layer.h"
#include "version.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} verb[] = {
    {"run", cmd_run, "run a sweep: train victims, attack them, write the table, draw the plots"},
    {"report", cmd_report, "redraw tables and plots from a results folder's CSV files"},
    {"train", cmd_train, "train one victim and write its checkpoint"},
    {"steal", cmd_steal, "attack one victim's checkpoint and write the clone's"},
    {"eval", cmd_eval, "accuracy of a checkpoint on a data set"},
    {"list", cmd_list, "list attacks, defenses, datasets, models, layers"},
    {"show", cmd_show, "options, defaults, ranges and paper of one of them"},
    {"data", cmd_data, "get and verify data sets"},
    {"doctor", cmd_doctor, "check this machine: kernels, OpenBLAS, programs, data"},
    {"bench", cmd_bench, "time a training, inference or InI step"},
};
enum { VERBS = sizeof verb / sizeof *verb };

static void usage(FILE *f)
{
    fprintf(f, "heist %s: attacks and defenses of model stealing, side by side\n\nusage: heist VERB ... (heist VERB --help)\n\n", HEIST_VERSION);
    for (int i = 0; i < VERBS; i++) fprintf(f, "  %-8s %s\n", verb[i].name, verb[i].about);
}

int main(int argc, char **argv)
{
    blas_start(argv);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write(), reported as one */
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) return puts(HEIST_VERSION) < 0;
    if (layer_simd_check()) {
        fprintf(stderr, "heist: %s\n", err_text());
        return 2;
    }
    const char *name[VERBS];
    for (int i = 0; i < VERBS; i++) {
        name[i] = verb[i].name;
        if (strcmp(argv[1], verb[i].name) == 0) return verb[i].run(argc - 1, argv + 1);
    }
    spec_unknown("verb", argv[1], name, VERBS);
    fprintf(stderr, "heist: %s\n", err_text());
    return 2;
}
