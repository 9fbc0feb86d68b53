#include "data/mixture.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/dataset.h"

enum { PARTS = 16 };

static int open_parts(struct dataset **part, int *n, const char *text, const char *split)
{
    int code = OK;
    for (const char *from = text; !code; from += strcspn(from, "+") + 1) {
        char *one = mem_print("%.*s", (int)strcspn(from, "+"), from);
        if (*n == PARTS) code = err_set(ERR_OPTION, "'%s': more than %d data sets in a mixture", text, PARTS);
        else if (!*one) code = err_set(ERR_OPTION, "'%s': a data set is missing beside '+'", text);
        else if (!(code = dataset_open(&part[*n], one, split))) (*n)++;
        mem_free(one);
        if (!from[strcspn(from, "+")]) break;
    }
    return code;
}

static int one_shape(struct dataset *const *part, int n)
{
    for (int i = 1; i < n; i++) {
        const struct shape a = part[0]->shape, b = part[i]->shape;
        if (a.c != b.c || a.h != b.h || a.w != b.w)
            return err_set(ERR_SHAPE, "%s has images of %dx%dx%d and %s of %dx%dx%d, a mixture expects one shape", part[0]->name, a.c, a.h, a.w,
                           part[i]->name, b.c, b.h, b.w);
    }
    return OK;
}

int mixture_open(struct images *out, char **name, const char *text, const char *split)
{
    struct dataset *part[PARTS] = {NULL};
    int n = 0, share = 0, code = open_parts(part, &n, text, split);
    if (!code) code = one_shape(part, n);
    if (code || !part[0]) goto out;
    share = part[0]->n;
    for (int i = 1; i < n; i++) share = part[i]->n < share ? part[i]->n : share;
    const size_t size = shape_size(part[0]->shape);
    out->n = n * share;
    out->shape = part[0]->shape;
    out->pixels = mem_new((size_t)out->n, size);
    for (int j = 0; j < share; j++)
        for (int i = 0; i < n; i++) {
            const size_t from = (size_t)((int64_t)j * part[i]->n / share);
            memcpy(out->pixels + (size_t)(j * n + i) * size, part[i]->pixels + from * size, size);
        }
    for (int i = 0; i < n; i++) {
        char *longer = i ? mem_print("%s+%s", *name, part[i]->name) : mem_string(part[i]->name);
        mem_free(i ? *name : NULL);
        *name = longer;
    }
out:
    for (int i = 0; i < n; i++) dataset_free(part[i]);
    return code;
}
