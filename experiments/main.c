/* heist: the command line. Each verb is a function in a cmd_*.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {"status", cmd_status, "how far a run in a results folder is, and the time to go"},
    {"collect", cmd_collect, "merge cells that were run one by one into a results folder"},
    {"report", cmd_report, "redraw tables and plots from a results folder's CSV files, or from several"},
    {"diff", cmd_diff, "what changed between two results folders"},
    {"reproduce", cmd_reproduce, "compute a row of a table again, and say whether it comes out the same"},
    {"cost", cmd_cost, "what the defenses of a sweep cost: passes, memory, latency"},
    {"train", cmd_train, "train one victim and write its checkpoint"},
    {"steal", cmd_steal, "attack one victim's checkpoint and write the clone's"},
    {"eval", cmd_eval, "accuracy of a checkpoint on a data set"},
    {"list", cmd_list, "list attacks, defenses, datasets, models, layers"},
    {"show", cmd_show, "options, defaults, ranges and paper of one of them"},
    {"data", cmd_data, "get and verify data sets"},
    {"audit", cmd_audit, "images and classes that the sets of an experiment share, and pixels that do not fit"},
    {"peek", cmd_peek, "a contact sheet (PNG) of a set, of its augmented images, or of an attack's queries"},
    {"doctor", cmd_doctor, "check this machine: kernels, OpenBLAS, programs, data"},
    {"bench", cmd_bench, "time a training, inference or InI step"},
};
enum { VERBS = sizeof verb / sizeof *verb };

static void usage(FILE *f)
{
    fprintf(f, "heist %s: attacks and defenses of model stealing, side by side\n\nusage: heist VERB ... (heist VERB --help)\n\n", HEIST_VERSION);
    for (int i = 0; i < VERBS; i++) fprintf(f, "  %-9s %s\n", verb[i].name, verb[i].about);
}

/* Two libraries read the environment when they are loaded: OpenBLAS its core, OpenMP how long a thread spins before it
 * sleeps. Spinning for long is ruinous as soon as anything else wants a core: 8 ms a step became 300. Where the user
 * has not said otherwise, both are set, and the program starts anew, once. */
static void tune(char **argv)
{
    static const char mark[] = "HEIST_TUNED", core[] = "OPENBLAS_CORETYPE", spin[] = "GOMP_SPINCOUNT";
    const char *wanted = blas_wanted();
    const int spins = !getenv(spin) && !getenv("OMP_WAIT_POLICY");
    if (getenv(mark) || (!wanted && !spins)) return;
    if (wanted) setenv(core, wanted, 1);
    if (spins) setenv(spin, "1000", 1);
    setenv(mark, wanted ? wanted : "1", 1);
    execv("/proc/self/exe", argv);
    if (wanted) unsetenv(core); /* could not: go on as it is; `heist doctor` says so */
    unsetenv(mark);
}

int main(int argc, char **argv)
{
    tune(argv);
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
