#include "experiments/store.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "experiments/distance.h"

enum { SETS = 256 };

struct store {
    int n;
    char *asked[SETS]; /* "train mnist:n=2000" */
    struct dataset *set[SETS];
    int pairs;
    struct pair {
        const struct dataset *a, *b;
        double distance;
    } pair[SETS];
};

struct store *store_new(void)
{
    return mem_new(1, sizeof(struct store));
}

void store_free(struct store *s)
{
    for (int i = 0; s && i < s->n; i++) {
        mem_free(s->asked[i]);
        dataset_free(s->set[i]);
    }
    mem_free(s);
}

int store_get(const struct dataset **out, struct store *s, const char *spec, const char *split)
{
    char *asked = mem_print("%s %s", split, spec);
    int code = OK, i = 0;
    while (i < s->n && strcmp(s->asked[i], asked)) i++;
    if (i == SETS) code = err_set(ERR_OPTION, "more than %d data sets in one run", SETS);
    else if (i == s->n) {
        code = dataset_open(&s->set[i], spec, split);
        if (!code) s->asked[s->n++] = mem_string(asked);
    }
    if (!code) *out = s->set[i];
    mem_free(asked);
    return code;
}

int store_distance(double *out, struct store *s, const struct dataset *a, const struct dataset *b)
{
    for (int i = 0; i < s->pairs; i++) {
        *out = s->pair[i].distance;
        if (s->pair[i].a == a && s->pair[i].b == b) return OK;
    }
    int code = distance_between(out, a, b);
    if (!code && s->pairs < SETS) s->pair[s->pairs++] = (struct pair){a, b, *out};
    return code;
}

const struct dataset *store_at(const struct store *s, int i)
{
    return i < s->n ? s->set[i] : NULL;
}
