/* Errors: a status code that travels up, and one line of text set where the fault is found. */
#ifndef HEIST_BASE_ERR_H
#define HEIST_BASE_ERR_H

enum status {
    OK = 0,
    ERR_OPTION = -1,  /* an option, name or value that does not exist or is out of range */
    ERR_FORMAT = -2,  /* a file that is not what it claims to be */
    ERR_IO = -3,      /* the system refused: open, read, write, rename */
    ERR_MISSING = -4, /* a data set or program that is not on this machine */
    ERR_SHAPE = -5,   /* two things that do not fit together */
    ERR_BUDGET = -6,  /* the black box has fewer queries left than were asked */
    ERR_NUMERIC = -7, /* a NaN or an infinity where a number must be */
    ERR_LOCKED = -8,  /* another run holds the folder */
    ERR_CRASHED = -9  /* the process that ran it died */
};

/* Sets this thread's error text (one line: what was found, what was expected); returns `code`. */
int err_set(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the error text that is set, for a caller that knows where; returns `code`. */
int err_prefix(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text of the last error of this thread; never NULL. */
const char *err_text(void);

/* The name of a status as it stands in a result row: "budget", "numeric", ... */
const char *err_name(int code);

#endif
