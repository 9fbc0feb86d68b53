/* Building networks: an architecture's text -> a graph of layers over flat blocks of parameters. */
#include "nn/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/arch.h"

enum { WORDS = 32 };
static const size_t MOST_PARAMS = (size_t)1 << 31; /* 8 GiB: more is a mistake in an architecture */

static int known_layers(const char *kind)
{
    const char *name[64];
    int n = layer_count();
    for (int i = 0; i < n; i++) name[i] = layer_at(i)->name;
    return spec_unknown("layer", kind, name, n);
}

/* Index of the layer called `name`; -1 is the input. */
static int find_layer(const struct model *m, const char *name, int *out)
{
    for (int i = m->layers - 1; i >= 0; i--)
        if (strcmp(m->layer[i].name, name) == 0) {
            *out = i;
            return OK;
        }
    *out = -1;
    return strcmp(name, "input") == 0 ? OK : err_set(ERR_OPTION, "no layer is called '%s' above this line", name);
}

/* The words of a line after its kind: name, options (into spec), and what it reads. */
static int read_words(struct model *m, struct layer *l, struct spec *opt, int n, char **word)
{
    int reads = 0, code = OK;
    for (int i = 1; i < n && !code; i++) {
        char *eq = strchr(word[i], '=');
        if (strcmp(word[i], "<") == 0) {
            for (i++; i < n && !code; i++) {
                if (reads == LAYER_INPUTS) return err_set(ERR_OPTION, "layer '%s' reads more than %d", word[0], LAYER_INPUTS);
                code = find_layer(m, word[i], &l->from[reads++]);
            }
        } else if (eq) {
            *eq = 0;
            char classes[16];
            snprintf(classes, sizeof classes, "%d", m->classes);
            spec_set(opt, word[i], strcmp(eq + 1, "K") == 0 ? classes : eq + 1);
        } else if (!l->name[0] && strlen(word[i]) < sizeof l->name) {
            snprintf(l->name, sizeof l->name, "%s", word[i]);
        } else {
            code = err_set(ERR_OPTION, "layer '%s': found '%s', expected key=value", word[0], word[i]);
        }
    }
    if (!reads) {
        l->from[0] = m->layers - 1;
        reads = 1;
    }
    if (!code && reads != l->ops->inputs) code = err_set(ERR_OPTION, "layer '%s' reads %d, found %d", word[0], l->ops->inputs, reads);
    l->inputs = reads;
    if (!code && reads == 2 && l->from[0] == l->from[1]) code = err_set(ERR_OPTION, "layer '%s' reads one layer twice", word[0]);
    return code;
}

static int place(struct model *m, struct param *p, int n, size_t *at)
{
    for (int i = 0; i < n; i++) {
        if (p[i].size > MOST_PARAMS || *at > MOST_PARAMS) return err_set(ERR_SHAPE, "%s: more than %zu parameters", m->arch, MOST_PARAMS);
        p[i].at = *at;
        *at += p[i].size;
    }
    return OK;
}

static int add_layer(struct model *m, char *line)
{
    char *word[WORDS] = {""}, *rest = NULL;
    int n = 0, code;
    struct spec opt = {.name = mem_string("layer")};
    for (char *w = strtok_r(line, " \t", &rest); w && n < WORDS; w = strtok_r(NULL, " \t", &rest)) word[n++] = w;
    struct layer *l = &m->layer[m->layers];
    l->ops = layer_find(word[0], &l->alone);
    if (!l->ops) {
        code = known_layers(word[0]);
        goto out;
    }
    char what[64];
    snprintf(what, sizeof what, "layer %s", word[0]);
    if ((code = read_words(m, l, &opt, n, word)) || (code = spec_resolve(&opt, l->ops->options, NULL, what))) goto out;
    for (int i = 0; i < l->inputs; i++) l->in[i] = l->from[i] < 0 ? m->input : m->layer[l->from[i]].out;
    if (l->ops->own) l->own = mem_new(1, l->ops->own);
    if ((code = l->ops->shape(l, &opt)) || (code = place(m, l->param, l->params, &m->params)) ||
        (code = place(m, l->stat, l->stats, &m->stats)))
        goto out;
    m->layers++;
out:
    if (code) mem_free(l->own);
    spec_free(&opt);
    return code;
}

static int count_lines(const char *text)
{
    int n = 2;
    for (; *text; text++) n += *text == '\n';
    return n + 1;
}

static int add_line(struct model *m, const char *from, size_t n, int number)
{
    char line[256];
    if (n >= sizeof line) return err_set(ERR_OPTION, "model %s, line %d: longer than %zu characters", m->arch, number, sizeof line);
    snprintf(line, sizeof line, "%.*s", (int)n, from);
    if (line[strspn(line, " \t")] == 0) return OK;
    int code = add_layer(m, line);
    return code ? err_prefix(code, "model %s, line %d", m->arch, number) : OK;
}

static void allocate(struct model *m)
{
    m->w = mem_new(m->params, sizeof *m->w);
    m->stat = mem_new(m->stats, sizeof *m->stat);
    struct rng r = {0};
    for (int i = 0; i < m->layers; i++)
        if (m->layer[i].ops->init && m->layer[i].stats) m->layer[i].ops->init(&m->layer[i], m->w, m->stat, &r);
    memset(m->w, 0, m->params * sizeof *m->w);
}

int model_parse(struct model **out, const char *name, const char *text, struct shape input, int classes)
{
    struct model *m = mem_new(1, sizeof *m);
    int code = OK, number = 0;
    snprintf(m->arch, sizeof m->arch, "%s", name);
    input.lanes = ROWS;
    m->input = input;
    m->classes = classes;
    m->layer = mem_new((size_t)count_lines(text), sizeof *m->layer);
    if (input.c < 1 || input.h < 1 || input.w < 1 || input.c > 4096 || shape_size(input) > (1 << 24) || classes < 1 || classes > 1 << 20) {
        code = err_set(ERR_SHAPE, "model %s: found images of %dx%dx%d and %d classes, expected sane sizes", name, input.c, input.h, input.w, classes);
        goto out;
    }
    code = add_line(m, "normalise", 9, 0);
    while (*text && !code) {
        size_t n = strcspn(text, "\n");
        code = add_line(m, text, n, ++number);
        text += n + (text[n] == '\n');
    }
    if (!code) code = add_line(m, "rows", 4, number + 1);
    if (!code && shape_size(m->layer[m->layers - 1].out) != (size_t)classes)
        code = err_set(ERR_SHAPE, "model %s: %zu numbers come out, expected %d classes", name, shape_size(m->layer[m->layers - 1].out), classes);
    if (!code) allocate(m);
out:
    if (code) model_free(m);
    else *out = m;
    return code;
}

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
