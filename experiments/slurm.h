/* A sweep on a cluster: its cells as tasks of Slurm's array jobs, each into its own folder of DIR (experiments/collect.h). */
#ifndef HEIST_EXPERIMENTS_SLURM_H
#define HEIST_EXPERIMENTS_SLURM_H

#include "experiments/run.h"

/* What the tasks ask of Slurm; NULL: its defaults. */
struct slurm_options {
    const char *partition, *time, *mem;
    const char *cpus; /* of a task, which has as many threads */
};

/* How many tasks were submitted, and how many of the sweep run or wait already. */
struct slurm_count {
    int victims, cells, queued;
};

/* Submits what neither DIR holds nor Slurm has: the victims that the cache lacks, the cells after their victims, and at the end
 * `heist collect DIR`. command: `heist run SWEEP.ini ...` as a shell reads it; collect: the same of the last job. What was submitted
 * before a failure stays submitted. ERR_MISSING: no sbatch here; ERR_IO: Slurm refuses; ERR_LOCKED. */
int slurm_submit(const struct sweep *s, struct store *store, const struct run_options *o, const struct slurm_options *want, const char *command,
                 const char *collect, struct slurm_count *out);

/* The tasks of DIR that Slurm has. */
struct slurm_queue {
    int n, running;
    struct slurm_task {
        char job[32]; /* "12_3": task 3 of job 12 */
        char *what;   /* "--cell KEY", "--victim KEY" */
        int batch, runs;
    } *task;
};

/* Asks squeue; slurm_queue_free frees. A folder that was never submitted has none. ERR_MISSING: no squeue here; ERR_IO. */
int slurm_queue(struct slurm_queue *out, const char *dir);
void slurm_queue_free(struct slurm_queue *q);

#endif
