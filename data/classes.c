#include "data/classes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"
#include "data/catalogue.h"

/* The next range of a list; what stands behind it, NULL where it is none. */
static const char *range(const char *text, long *from, long *to)
{
    char *end;
    if (*text < '0' || *text > '9') return NULL;
    *from = *to = strtol(text, &end, 10);
    if (*end == '-') {
        text = end + 1;
        if (*text < '0' || *text > '9') return NULL;
        *to = strtol(text, &end, 10);
    }
    if (*to < *from || *to == LONG_MAX || (*end && (*end != ',' || !end[1]))) return NULL;
    return *end ? end + 1 : end;
}

static char *ranges_of(const char *keep, int n)
{
    char *text = NULL;
    for (int i = 0, to; i < n; i = to) {
        for (to = i + 1; to < n && keep[i] && keep[to]; to++) {}
        if (!keep[i]) continue;
        char *one = to - 1 > i ? mem_print("%d-%d", i, to - 1) : mem_print("%d", i);
        char *longer = text ? mem_print("%s,%s", text, one) : mem_string(one);
        mem_free(one);
        mem_free(text);
        text = longer;
    }
    return text;
}

int classes_read(char *keep, char **canonical, int n, const char *text)
{
    long from, to;
    int all = 1;
    memset(keep, 0, (size_t)n);
    for (const char *at = text; *at || at == text;) {
        at = range(at, &from, &to);
        if (!at) return err_set(ERR_OPTION, "found classes=%s, expected numbers and ranges, as 0-4,7", text);
        if (to >= n) return err_set(ERR_OPTION, "found classes=%s, expected classes of 0 to %d", text, n - 1);
        for (long i = from; i <= to; i++) keep[i] = 1;
    }
    for (int i = 0; i < n; i++) all &= keep[i];
    *canonical = all ? NULL : ranges_of(keep, n);
    return OK;
}

static int overlap(const char *a, const char *b)
{
    long a0, a1, b0, b1;
    for (const char *i = a; *i;) {
        const char *next = range(i, &a0, &a1);
        if (!next) return 0;
        i = next;
        for (const char *j = b; *j; j = next) {
            if (!(next = range(j, &b0, &b1))) break;
            if (a0 <= b1 && b0 <= a1) return 1;
        }
    }
    return 0;
}

/* The images that a set's name stands for, whatever files they come from. */
static const char *images_of(const char *name)
{
    const struct dataset_info *info = dataset_find(name);
    return info && info->same_as ? info->same_as : name;
}

static int specs_shared(const struct spec *a, const struct spec *b, int split)
{
    const char *ca = spec_find(a, "classes"), *cb = spec_find(b, "classes"), *sa = spec_find(a, "split"), *sb = spec_find(b, "split");
    if (strcmp(images_of(a->name), images_of(b->name)) != 0) return 0;
    if (split && sa && sb && strcmp(sa, sb) != 0) return 0;
    return !ca || !cb || overlap(ca, cb);
}

int classes_shared(const char *a, const char *b, int split)
{
    struct spec *x = NULL, *y = NULL;
    int n = 0, m = 0, shared = 0;
    if (!*a || !*b || spec_chain(&x, &n, a)) return 0;
    if (spec_chain(&y, &m, b)) m = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++) shared |= specs_shared(&x[i], &y[j], split);
    spec_chain_free(x, n);
    if (m) spec_chain_free(y, m);
    return shared;
}
