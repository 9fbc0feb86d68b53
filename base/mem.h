/* Memory: allocate or abort, in one place. */
#ifndef HEIST_BASE_MEM_H
#define HEIST_BASE_MEM_H

#include <stddef.h>

/* `count` elements of `size` bytes, zeroed, aligned to 64 bytes (a vector register); mem_free frees. */
void *mem_new(size_t count, size_t size);

/* Accepts NULL. */
void mem_free(void *p);

/* A copy of a string; mem_free frees. */
char *mem_string(const char *s);

/* A formatted string; mem_free frees. */
char *mem_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The process's peak resident memory, in MiB. */
double mem_peak_mb(void);

/* Memory that is allocated now, in MiB; where the system does not say: 0. */
double mem_live_mb(void);

/* Starts mem_peak_mb anew where the system allows it (Linux: /proc/self/clear_refs). */
void mem_peak_reset(void);

#endif
