#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

static void out_of_memory(size_t bytes)
{
    fprintf(stderr, "heist: out of memory: %zu bytes were not to be had\n", bytes);
    abort();
}

void *mem_new(size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGN) / size) out_of_memory(SIZE_MAX);
    size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0) bytes = ALIGN;
    const int huge = bytes >= HUGE_PAGE; /* large buffers on large pages: a network's pass walks all of them */
    void *p = aligned_alloc(huge ? HUGE_PAGE : ALIGN, huge ? (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE : bytes);
    if (!p) out_of_memory(bytes);
    if (huge) (void)madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);
    return p;
}

void mem_free(void *p)
{
    free(p);
}

char *mem_string(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = mem_new(n, 1);
    memcpy(copy, s, n);
    return copy;
}

char *mem_print(const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *s = mem_new((size_t)n + 1, 1);
    vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

double mem_peak_mb(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    if (!f) return 0;
    char line[256];
    double kb = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf", &kb) == 1) break;
    fclose(f);
    return kb / 1024;
}

void mem_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

double mem_live_mb(void)
{
    const struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd) / (1 << 20);
}
