#include "experiments/store.h"

#include <string.h>

#include "base/err.h"
#include "base/keys.h"
#include "base/mem.h"
#include "experiments/distance.h"
#include "nn/model.h"

enum { SETS = 256 };

struct store {
    int n;
    char *asked[SETS]; /* "train mnist:n=2000" */
    struct dataset *set[SETS];
    struct keys *model; /* "lenet5 1x28x28 10" -> its place */
    int models;
    double flops[SETS];
    int pairs;
    struct pair {
        const struct dataset *a, *b;
        double distance;
    } pair[SETS];
};

struct store *store_new(void)
{
    struct store *s = mem_new(1, sizeof *s);
    s->model = keys_new();
    return s;
}

void store_free(struct store *s)
{
    for (int i = 0; s && i < s->n; i++) {
        mem_free(s->asked[i]);
        dataset_free(s->set[i]);
    }
    if (s) keys_free(s->model);
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

int store_flops(double *out, struct store *s, const char *model, const struct dataset *d)
{
    struct model *m = NULL;
    char *text = mem_print("%s %dx%dx%d %d", model, d->shape.c, d->shape.h, d->shape.w, d->classes);
    const int at = keys_get(s->model, text);
    int code = OK;
    if (at >= 0) *out = s->flops[at];
    else if (!(code = model_new(&m, model, d->shape, d->classes))) {
        *out = model_flops(m);
        if (s->models < SETS) {
            keys_put(s->model, text, s->models);
            s->flops[s->models] = *out;
        }
        s->models++;
    }
    model_free(m);
    mem_free(text);
    return code;
}

int store_built(const struct store *s)
{
    return s->models;
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
