/* Other programs: npm, apt-get, curl, tar. Called with a list of arguments, never through a shell. */
#ifndef HEIST_DATA_CHILD_H
#define HEIST_DATA_CHILD_H

/* Is there such a program on PATH? */
int child_has(const char *program);

/* Runs argv[0] from PATH in `folder` (NULL: this one) and waits; argv ends with NULL. Its output goes to the file `log`,
 * but to our stderr where log is NULL. Says every ten seconds that `label` goes on; stops it after limit_s seconds.
 * *status is its exit status. ERR_MISSING: no such program; ERR_IO: it was killed, stopped, or could not start. */
int child_run(int *status, const char *const *argv, const char *folder, const char *log, const char *label, double limit_s);

/* The line of a log that says what went wrong; mem_free frees. */
char *child_complaint(const char *log);

#endif
