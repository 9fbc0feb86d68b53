/* Checks for tests: a failure prints file, line and both values, and the program exits non-zero.
 *
 *     static void empty_is_zero(void) { CHECK_INT(sum(NULL, 0), 0); }
 *     int main(void) { RUN(empty_is_zero); return check_done(); }
 */
#ifndef HEIST_TESTS_CHECK_H
#define HEIST_TESTS_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static int check_passed, check_failed, check_bad; /* tests; failures in the one that runs */

#define RUN(test)                                                          \
    do {                                                                   \
        check_bad = 0;                                                     \
        test();                                                            \
        printf("%s %s\n", check_bad ? "FAIL" : "ok  ", #test);             \
        fflush(stdout);                                                    \
        *(check_bad ? &check_failed : &check_passed) += 1;                 \
    } while (0)

#define CHECK(condition) check_true((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_INT(got, want) check_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_NEAR(got, want, tolerance) check_near((got), (want), (tolerance), #got, __FILE__, __LINE__)
#define CHECK_OK(call) check_code((call), #call, __FILE__, __LINE__)
/* The call fails with this status and its text contains `part`. */
#define CHECK_ERR(call, status, part) check_err((call), (status), (part), #call, __FILE__, __LINE__)

static inline int check_true(int ok, const char *what, const char *file, int line)
{
    if (!ok) {
        check_bad++;
        printf("%s:%d: not true: %s\n", file, line, what);
    }
    return ok;
}

static inline int check_int(long long got, long long want, const char *what, const char *file, int line)
{
    if (got == want) return 1;
    check_bad++;
    printf("%s:%d: %s: got %lld, want %lld\n", file, line, what, got, want);
    return 0;
}

static inline int check_str(const char *got, const char *want, const char *what, const char *file, int line)
{
    if (got && want && strcmp(got, want) == 0) return 1;
    check_bad++;
    printf("%s:%d: %s: got '%s', want '%s'\n", file, line, what, got ? got : "(null)", want ? want : "(null)");
    return 0;
}

static inline int check_near(double got, double want, double tolerance, const char *what, const char *file, int line)
{
    if (fabs(got - want) <= tolerance) return 1; /* false for NaN */
    check_bad++;
    printf("%s:%d: %s: got %.9g, want %.9g within %g\n", file, line, what, got, want, tolerance);
    return 0;
}

static inline int check_code(int code, const char *what, const char *file, int line)
{
    if (code == OK) return 1;
    check_bad++;
    printf("%s:%d: %s: %s error: %s\n", file, line, what, err_name(code), err_text());
    return 0;
}

static inline int check_err(int code, int want, const char *part, const char *what, const char *file, int line)
{
    if (code == want && strstr(err_text(), part)) return 1;
    check_bad++;
    printf("%s:%d: %s: got %s '%s', want %s '...%s...'\n", file, line, what, err_name(code), err_text(), err_name(want), part);
    return 0;
}

/* Prints the count; the program's exit status. */
static inline int check_done(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
