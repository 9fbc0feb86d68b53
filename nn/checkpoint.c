/* Checkpoints: networks in safetensors files with PyTorch's names, and the metadata to build them again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/safetensors.h"

/* ---- writing ------------------------------------------------------------------------------------ */

struct collect {
    int n;
    struct tensor *tensor; /* NULL: count */
};

static void collect(void *ctx, const char *name, const struct param *p, float *values)
{
    struct collect *c = ctx;
    if (c->tensor) {
        struct tensor *t = &c->tensor[c->n];
        *t = (struct tensor){.name = mem_string(name), .dims = p->dims, .count = p->size, .bytes = values};
        for (int i = 0; i < p->dims; i++) t->dim[i] = p->dim[i];
    }
    c->n++;
}

/* "0.4914,0.4822,0.4465" with all the digits of a float */
static char *list_of(const float *v, int n)
{
    char *text = mem_string("");
    for (int i = 0; i < n; i++) {
        char *longer = mem_print("%s%s%.9g", text, i ? "," : "", (double)v[i]);
        mem_free(text);
        text = longer;
    }
    return text;
}

int checkpoint_write(const char *path, const struct model *m, int entries, const char *const *key, const char *const *value)
{
    enum { OWN = 5 };
    const float *mean, *std;
    model_normalisation(m, &mean, &std);
    const char **k = mem_new((size_t)(OWN + entries), sizeof *k), **v = mem_new((size_t)(OWN + entries), sizeof *v);
    char *own[OWN] = {mem_string(m->arch), mem_print("%d", m->classes), mem_print("%dx%dx%d", m->input.c, m->input.h, m->input.w),
                      list_of(mean, m->input.c), list_of(std, m->input.c)};
    static const char *const names[OWN] = {"arch", "classes", "input", "mean", "std"};
    for (int i = 0; i < OWN + entries; i++) {
        k[i] = i < OWN ? names[i] : key[i - OWN];
        v[i] = i < OWN ? own[i] : value[i - OWN];
    }
    struct collect c = {0};
    model_visit(m, &c, collect);
    c.tensor = mem_new((size_t)c.n, sizeof *c.tensor);
    c.n = 0;
    model_visit(m, &c, collect);
    int code = safetensors_write(path, c.n, c.tensor, OWN + entries, k, v);
    for (int i = 0; i < c.n; i++) mem_free(c.tensor[i].name);
    for (int i = 0; i < OWN; i++) mem_free(own[i]);
    mem_free(c.tensor);
    mem_free(k);
    mem_free(v);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static int same_shape(const struct tensor *t, const struct param *p)
{
    if (t->dims != p->dims) return 0;
    for (int i = 0; i < p->dims; i++)
        if (t->dim[i] != p->dim[i]) return 0;
    return 1;
}

struct filling {
    const struct safetensors *f;
    const char *prefix, *path;
    int code;
};

static void fill_one(void *ctx, const char *name, const struct param *p, float *values)
{
    struct filling *c = ctx;
    char full[160];
    if (c->code) return;
    snprintf(full, sizeof full, "%s%s", c->prefix, name);
    const struct tensor *t = safetensors_find(c->f, full);
    if (!t) c->code = err_set(ERR_FORMAT, "%s: found no tensor '%s'", c->path, full);
    else if (!same_shape(t, p)) c->code = err_set(ERR_FORMAT, "%s: tensor '%s' has %zu numbers, expected %zu in the network's shape", c->path, full, t->count, p->size);
    else if ((c->code = tensor_floats(t, values))) err_prefix(c->code, "%s", c->path);
    for (size_t i = 0; !c->code && i < p->size; i++)
        if (!isfinite(values[i])) c->code = err_set(ERR_FORMAT, "%s: tensor '%s': number %zu is not finite", c->path, full, i);
}

int checkpoint_fill(struct model *m, const struct safetensors *f, const char *prefix, const char *path)
{
    struct filling c = {f, prefix, path, OK};
    model_visit(m, &c, fill_one);
    return c.code;
}

static int no_strangers(const struct model *m, const struct safetensors *f, const char *path)
{
    static const char tracked[] = "num_batches_tracked";
    for (int i = 0; i < f->n; i++) {
        const char *name = f->tensor[i].name, *dot = strrchr(name, '.');
        int stat;
        if (dot && strcmp(dot + 1, tracked) == 0) continue;
        if (!model_param(m, name, &stat)) return err_set(ERR_FORMAT, "%s: tensor '%s' is not one of %s", path, name, m->arch);
    }
    return OK;
}

static int read_list(const char *text, float *out, int n)
{
    for (int i = 0; i < n; i++) {
        char *end;
        out[i] = text ? strtof(text, &end) : NAN;
        if (!text || end == text || !isfinite(out[i]) || *end != (i < n - 1 ? ',' : 0)) return -1;
        text = end + 1;
    }
    return 0;
}

static int set_normalisation(struct model *m, const struct safetensors *f, const char *path)
{
    float mean[16], std[16];
    const int c = m->input.c;
    if (!safetensors_meta(f, "mean") && !safetensors_meta(f, "std")) return OK; /* PyTorch's own: images as they are */
    if (c > 16 || read_list(safetensors_meta(f, "mean"), mean, c) || read_list(safetensors_meta(f, "std"), std, c))
        return err_set(ERR_FORMAT, "%s: metadata 'mean' and 'std': expected %d numbers each", path, c);
    for (int i = 0; i < c; i++)
        if (!(std[i] > 0)) return err_set(ERR_FORMAT, "%s: metadata 'std': found %g, expected more than 0", path, (double)std[i]);
    model_normalise(m, mean, std);
    return OK;
}

static int read_sizes(const struct safetensors *f, const char *path, struct shape *input, int *classes)
{
    const char *in = safetensors_meta(f, "input"), *k = safetensors_meta(f, "classes");
    char rest;
    input->lanes = ROWS;
    if (!in || sscanf(in, "%6dx%6dx%6d%c", &input->c, &input->h, &input->w, &rest) != 3 || !k || sscanf(k, "%8d%c", classes, &rest) != 1)
        return err_set(ERR_FORMAT, "%s: found no metadata 'input' (as 1x28x28) and 'classes'", path);
    return OK;
}

int checkpoint_read(struct model **out, struct safetensors **file, const char *path, const char *arch)
{
    struct safetensors *f = NULL;
    struct model *m = NULL;
    struct shape input = {0};
    int classes = 0, code = safetensors_read(&f, path);
    if (code) return code;
    if (!arch) arch = safetensors_meta(f, "arch");
    if (!arch) {
        code = err_set(ERR_FORMAT, "%s: found no metadata 'arch'; say which network it is", path);
        goto out;
    }
    if ((code = read_sizes(f, path, &input, &classes))) goto out;
    if ((code = model_new(&m, arch, input, classes))) {
        err_prefix(code, "%s", path);
        goto out;
    }
    if ((code = checkpoint_fill(m, f, "", path)) || (code = no_strangers(m, f, path))) goto out;
    code = set_normalisation(m, f, path);
out:
    if (code) model_free(m);
    else *out = m;
    if (code || !file) safetensors_free(f);
    else *file = f;
    return code;
}
