/* The verbs of the command line, and what they share. A verb returns the exit status: 0, 1 (failed) or 2 (wrong usage);
 * a failure is one line on stderr: "heist VERB: what was found, what was expected". */
#ifndef HEIST_EXPERIMENTS_CMD_H
#define HEIST_EXPERIMENTS_CMD_H

#include <stdint.h>

#include "base/spec.h"

int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_reproduce(int argc, char **argv);
int cmd_cost(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_steal(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_peek(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* One flag: "--out DIR" or "--out=DIR"; without an argument it is a switch. */
struct cmd_flag {
    const char *name;     /* "--out" */
    const char *argument; /* "DIR"; NULL: a switch */
    const char *help;
    const char **value;   /* set to the argument; a switch sets it to "1" */
    int most, *count;     /* more than 1: value[] takes several, *count says how many */
};
#define CMD_END {0}

/* What a verb understands. */
struct cmd {
    const char *usage; /* "run SWEEP.ini [--out DIR]" */
    const char *about;
    const struct cmd_flag *flags;
    const struct option *options; /* (optional) each is a flag too: --NAME VALUE, given to `spec` */
    struct spec *spec;
    int least, most;              /* words that are no flags */
    const char *word[64];
    int words;
};

/* Reads argv[1..argc). 0: go on. 1: --help was printed, exit with 0. ERR_OPTION. */
int cmd_parse(struct cmd *c, int argc, char **argv);

/* The value of --seed. ERR_OPTION. */
int cmd_seed(uint64_t *out, const char *text);

/* The exit status of cmd_parse's result other than 0, or of a failure: prints its line. */
int cmd_exit(const char *verb, int code);

#endif
