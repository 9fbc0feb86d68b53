/* A network's life: from its text, copied, initialised, visited, freed. */
#include "nn/model.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nn/arch.h"

int model_new(struct model **out, const char *arch, struct shape input, int classes)
{
    const struct arch *a;
    int code = arch_find(&a, arch);
    return code ? code : model_parse(out, a->name, a->text, input, classes);
}

struct model *model_copy(const struct model *m)
{
    struct model *c = mem_new(1, sizeof *c);
    *c = *m;
    c->layer = mem_new((size_t)m->layers, sizeof *c->layer);
    memcpy(c->layer, m->layer, (size_t)m->layers * sizeof *c->layer);
    for (int i = 0; i < c->layers; i++) {
        if (!m->layer[i].own) continue;
        c->layer[i].own = mem_new(1, m->layer[i].ops->own);
        memcpy(c->layer[i].own, m->layer[i].own, m->layer[i].ops->own);
    }
    c->w = mem_new(m->params, sizeof *c->w);
    c->stat = mem_new(m->stats, sizeof *c->stat);
    memcpy(c->w, m->w, m->params * sizeof *c->w);
    memcpy(c->stat, m->stat, m->stats * sizeof *c->stat);
    return c;
}

void model_free(struct model *m)
{
    if (!m) return;
    for (int i = 0; i < m->layers; i++) mem_free(m->layer[i].own);
    mem_free(m->layer);
    mem_free(m->w);
    mem_free(m->stat);
    mem_free(m);
}

void model_init(struct model *m, uint64_t seed)
{
    for (int i = 1; i < m->layers; i++) { /* but the first: normalisation is of the data */
        const struct layer *l = &m->layer[i];
        if (!l->ops->init) continue;
        char stream[64];
        snprintf(stream, sizeof stream, "init/%s", l->name);
        struct rng r = rng_stream(seed, stream, (uint64_t)i);
        l->ops->init(l, m->w, m->stat, &r);
    }
}

void model_normalise(struct model *m, const float *mean, const float *std)
{
    const struct layer *l = &m->layer[0];
    for (int c = 0; c < m->input.c; c++) {
        m->stat[l->stat[0].at + (size_t)c] = mean[c];
        m->stat[l->stat[1].at + (size_t)c] = std[c];
    }
}

void model_normalisation(const struct model *m, const float **mean, const float **std)
{
    *mean = m->stat + m->layer[0].stat[0].at;
    *std = m->stat + m->layer[0].stat[1].at;
}

static void full_name(char *buf, size_t size, const struct layer *l, const struct param *p)
{
    snprintf(buf, size, "%s%s%s", l->name, l->name[0] ? "." : "", p->name);
}

void model_visit(const struct model *m, void *ctx, void (*visit)(void *, const char *, const struct param *, float *))
{
    char name[96];
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        for (int j = 0; j < l->params; j++) {
            full_name(name, sizeof name, l, &l->param[j]);
            visit(ctx, name, &l->param[j], m->w + l->param[j].at);
        }
        for (int j = 0; j < l->stats; j++) {
            if (l->stat[j].hidden) continue;
            full_name(name, sizeof name, l, &l->stat[j]);
            visit(ctx, name, &l->stat[j], m->stat + l->stat[j].at);
        }
    }
}

const struct param *model_param(const struct model *m, const char *name, int *stat)
{
    char full[96];
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        for (int j = 0; j < l->params + l->stats; j++) {
            const struct param *p = j < l->params ? &l->param[j] : &l->stat[j - l->params];
            full_name(full, sizeof full, l, p);
            if (p->hidden || strcmp(full, name)) continue;
            *stat = j >= l->params;
            return p;
        }
    }
    return NULL;
}

double model_flops(const struct model *m)
{
    double sum = 0;
    for (int i = 0; i < m->layers; i++) sum += m->layer[i].flops;
    return sum;
}
