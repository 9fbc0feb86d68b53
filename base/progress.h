/* Progress of long work: a bar with the time to go on a terminal, plain lines in a log. On stderr. */
#ifndef HEIST_BASE_PROGRESS_H
#define HEIST_BASE_PROGRESS_H

#include <stdint.h>

struct progress {
    char label[96];
    double total, start, last;
    int drawn; /* what stands on the terminal's line */
};

/* `total` in any unit (steps, bytes). */
void progress_start(struct progress *p, double total, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* `done` of total; `note` (may be NULL) stands behind, as "loss 0.123". Cheap: draws a few times a second at most. */
void progress_at(struct progress *p, double done, const char *note);

/* Clears the bar; a line with `note` stays where it is not NULL. */
void progress_end(struct progress *p, const char *note);

/* A line of the log, above a bar where there is one. */
void progress_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds of a clock that only goes forwards. */
double clock_s(void);

/* "1:02:03", "4:05"; buf of at least 24. */
const char *clock_text(char *buf, double seconds);

#endif
