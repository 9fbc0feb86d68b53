/* Building networks: an architecture's text (nn/arch.h) -> a graph of layers over flat blocks of parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/arch.h"
#include "nn/model.h"

enum { WORDS = 32, BLOCKS = 16, LAYERS = 4096 };
#ifndef MOST_PARAMS /* the fuzzer has less room */
#define MOST_PARAMS ((size_t)1 << 31) /* 8 GiB: more is a mistake in an architecture */
#endif

/* A named run of lines. */
struct block {
    char name[32];
    const char *text; /* its first line */
    int line;         /* the number of that line */
};

struct parser {
    struct model *m;
    int room; /* layers that m->layer has room for */
    struct block block[BLOCKS];
    int blocks;
};

/* Where a block stands: `name` prefixes its layers' names, `in` is the layer it reads, word[] are the words that gave it. */
struct place {
    const char *name;
    int in, words;
    char *const *word;
    unsigned *used; /* bit i: word[i] is an option that a line of the block has read */
};

/* ---- one layer ------------------------------------------------------------------------------------ */

static int known_layers(const struct parser *p, const char *kind)
{
    const char *name[64 + BLOCKS];
    int n = layer_count();
    for (int i = 0; i < n; i++) name[i] = layer_at(i)->name;
    for (int i = 0; i < p->blocks; i++) name[n++] = p->block[i].name;
    return spec_unknown("layer", kind, name, n);
}

static int with_name(const struct model *m, const char *name)
{
    int i = m->layers - 1;
    while (i >= 0 && strcmp(m->layer[i].name, name)) i--;
    return i;
}

/* Index of the layer called `name`, in the block first; -1 is the network's input. */
static int find_layer(const struct model *m, const struct place *at, const char *name, int *out)
{
    char full[96];
    if (at && strcmp(name, "in") == 0) {
        *out = at->in;
        return OK;
    }
    snprintf(full, sizeof full, "%s.%s", at ? at->name : "", name);
    *out = at ? with_name(m, full) : -1;
    if (*out < 0) *out = with_name(m, name);
    return *out >= 0 || strcmp(name, "input") == 0 ? OK : err_set(ERR_OPTION, "no layer is called '%s' above this line", name);
}

/* What `value` of a line stands for: K is the number of classes, $w what the block's line says of w. */
static int read_value(const struct model *m, const struct place *at, const char *value, char classes[16], const char **out)
{
    *out = value;
    if (strcmp(value, "K") == 0) {
        snprintf(classes, 16, "%d", m->classes);
        *out = classes;
    }
    if (*value != '$') return OK;
    const size_t n = strlen(value + 1);
    for (int i = 1; at && i < at->words; i++)
        if (strncmp(at->word[i], value + 1, n) == 0 && at->word[i][n] == '=') {
            *at->used |= 1u << i;
            return read_value(m, NULL, at->word[i] + n + 1, classes, out);
        }
    return err_set(ERR_OPTION, "found '%s', but the block is given no %s=", value, value + 1);
}

static int read_name(const struct model *m, struct layer *l, const struct place *at, const char *word)
{
    const int n = snprintf(l->name, sizeof l->name, "%s%s%s", at ? at->name : "", at ? "." : "", word);
    if (n >= (int)sizeof l->name) return err_set(ERR_OPTION, "a name of %d characters, expected below %zu", n, sizeof l->name);
    return with_name(m, l->name) < 0 ? OK : err_set(ERR_OPTION, "two layers are called '%s'", l->name);
}

/* The words of a line after its kind: name, options (into spec), and what it reads. */
static int read_words(struct model *m, struct layer *l, const struct place *at, struct spec *opt, int n, char **word)
{
    int reads = 0, code = OK;
    for (int i = 1; i < n && !code; i++) {
        char *eq = strchr(word[i], '='), classes[16];
        const char *value;
        if (strcmp(word[i], "<") == 0) {
            for (i++; i < n && !code; i++) {
                if (reads == LAYER_INPUTS) return err_set(ERR_OPTION, "layer '%s' reads more than %d", word[0], LAYER_INPUTS);
                code = find_layer(m, at, word[i], &l->from[reads++]);
            }
        } else if (eq) {
            *eq = 0;
            code = read_value(m, at, eq + 1, classes, &value);
            if (!code) spec_set(opt, word[i], value);
        } else if (!l->name[0]) {
            code = read_name(m, l, at, word[i]);
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

static int place_params(struct model *m, struct param *p, int n, size_t *at)
{
    for (int i = 0; i < n; i++) {
        if (p[i].size > MOST_PARAMS || *at > MOST_PARAMS) return err_set(ERR_SHAPE, "%s: more than %zu parameters", m->arch, MOST_PARAMS);
        p[i].at = *at;
        *at += p[i].size;
    }
    return OK;
}

static int make_room(struct parser *p)
{
    struct model *m = p->m;
    if (m->layers == LAYERS) return err_set(ERR_OPTION, "more than %d layers", LAYERS);
    if (m->layers < p->room) return OK;
    p->room = p->room ? 2 * p->room : 64;
    struct layer *more = mem_new((size_t)p->room, sizeof *more);
    if (m->layers) memcpy(more, m->layer, (size_t)m->layers * sizeof *more);
    mem_free(m->layer);
    m->layer = more;
    return OK;
}

static int add_layer(struct parser *p, const struct place *at, int n, char **word)
{
    struct model *m = p->m;
    struct spec opt = {.name = mem_string("layer")};
    char what[64];
    int code = make_room(p);
    struct layer *l = &m->layer[m->layers];
    if (code) goto out;
    *l = (struct layer){0};
    l->ops = layer_find(word[0], &l->alone);
    snprintf(what, sizeof what, "layer %s", word[0]);
    if ((code = read_words(m, l, at, &opt, n, word)) || (code = spec_resolve(&opt, l->ops->options, NULL, what))) goto out;
    for (int i = 0; i < l->inputs; i++) l->in[i] = l->from[i] < 0 ? m->input : m->layer[l->from[i]].out;
    if (l->ops->own) l->own = mem_new(1, l->ops->own);
    code = l->ops->shape(l, &opt);
    if (!code) code = place_params(m, l->param, l->params, &m->params);
    if (!code) code = place_params(m, l->stat, l->stats, &m->stats);
    if (code) mem_free(l->own);
    else m->layers++;
out:
    spec_free(&opt);
    return code;
}

/* ---- lines and blocks ------------------------------------------------------------------------------- */

static int add_block(struct parser *p, const struct block *b, int n, char **word);

/* A line cut into words; `line` holds them. An empty line has none. */
static int cut(const char *from, char line[256], char *word[WORDS], int *n)
{
    const size_t size = strcspn(from, "\n");
    char *rest = NULL;
    *n = 0;
    if (size >= 256) return err_set(ERR_OPTION, "longer than 255 characters");
    snprintf(line, 256, "%.*s", (int)size, from);
    for (char *w = strtok_r(line, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
        if (*n == WORDS) return err_set(ERR_OPTION, "more than %d words", WORDS);
        word[(*n)++] = w;
    }
    return OK;
}

static const char *next_line(const char *text)
{
    text += strcspn(text, "\n");
    return text + (*text == '\n');
}

/* A layer, or (not inside a block) the use of a block. */
static int add_line(struct parser *p, const struct place *at, int n, char **word)
{
    if (layer_find(word[0], NULL)) return add_layer(p, at, n, word);
    for (int i = 0; i < p->blocks && !at; i++)
        if (strcmp(p->block[i].name, word[0]) == 0) return add_block(p, &p->block[i], n, word);
    return known_layers(p, word[0]);
}

/* The lines of a block, once, under one name. */
static int add_lines(struct parser *p, const struct block *b, const struct place *at)
{
    const char *text = b->text;
    for (int number = b->line;; number++, text = next_line(text)) {
        char line[256], *word[WORDS];
        int n, code = cut(text, line, word, &n);
        if (!code && n && strcmp(word[0], "end") == 0) return OK;
        if (!code && n) code = add_line(p, at, n, word);
        if (code) return err_prefix(code, "%s %s, line %d", b->name, at->name, number);
    }
}

/* BLOCK NAME key=value ... [< FROM]; NAME ends with A-B: once for each number of A .. B. */
static int add_block(struct parser *p, const struct block *b, int n, char **word)
{
    char *dash = n > 1 ? strrchr(word[1], '-') : NULL, name[64];
    int first = 0, last = 0, digits = 0, code = OK, in = p->m->layers - 1;
    unsigned used = 3; /* the block and its name */
    if (n < 2 || strchr(word[1], '=') || strlen(word[1]) >= 40) return err_set(ERR_OPTION, "block '%s': expected a name of up to 39 characters behind it", b->name);
    if (dash) {
        char *from = dash;
        while (from > word[1] && from[-1] >= '0' && from[-1] <= '9') from--;
        digits = (int)(dash - from);
        char rest;
        if (!digits || sscanf(from, "%4d-%4d%c", &first, &last, &rest) != 2 || last < first)
            return err_set(ERR_OPTION, "block '%s': found '%s', expected numbers as in layer1.0-2", b->name, word[1]);
        *from = 0;
    }
    if (n > 3 && strcmp(word[n - 2], "<") == 0) {
        code = find_layer(p->m, NULL, word[n - 1], &in);
        n -= 2;
    }
    for (int i = first; i <= last && !code; i++) {
        if (dash) snprintf(name, sizeof name, "%s%d", word[1], i);
        else snprintf(name, sizeof name, "%s", word[1]);
        code = add_lines(p, b, &(struct place){name, in, n, word, &used});
        in = p->m->layers - 1;
    }
    for (int i = 2; i < n && !code; i++)
        if (!(used & 1u << i)) code = err_set(ERR_OPTION, "block '%s': found '%s', which none of its lines reads", b->name, word[i]);
    return code;
}

/* block NAME: remembers where it begins. */
static int define(struct parser *p, const char *text, int number, int n, char **word)
{
    if (n != 2) return err_set(ERR_OPTION, "found %d words, expected 'block NAME'", n);
    if (p->blocks == BLOCKS) return err_set(ERR_OPTION, "more than %d blocks", BLOCKS);
    struct block *b = &p->block[p->blocks];
    if (strlen(word[1]) >= sizeof b->name || layer_find(word[1], NULL)) return err_set(ERR_OPTION, "block '%s': too long, or a kind of layer", word[1]);
    *b = (struct block){.text = text, .line = number};
    snprintf(b->name, sizeof b->name, "%s", word[1]);
    p->blocks++;
    return OK;
}

/* The whole text: blocks are remembered, other lines added. */
static int add_text(struct parser *p, const char *text)
{
    int inside = 0, number = 1, code = OK;
    for (; *text && !code; number++, text = next_line(text)) {
        char line[256], *word[WORDS];
        int n;
        code = cut(text, line, word, &n);
        if (code || !n) {
        } else if (strcmp(word[0], "end") == 0) {
            if (!inside) code = err_set(ERR_OPTION, "'end' without a block");
            inside = 0;
        } else if (strcmp(word[0], "block") == 0) {
            code = inside ? err_set(ERR_OPTION, "a block in block '%s'", p->block[p->blocks - 1].name) : define(p, next_line(text), number + 1, n, word);
            inside = 1;
        } else if (!inside) {
            code = add_line(p, NULL, n, word);
        }
        if (code) err_prefix(code, "model %s, line %d", p->m->arch, number);
    }
    if (!code && inside) code = err_set(ERR_OPTION, "model %s: block '%s' has no 'end'", p->m->arch, p->block[p->blocks - 1].name);
    return code;
}

/* The layers that every network has at both ends. */
static int add_word(struct parser *p, const char *kind)
{
    char line[32], *word[1] = {line};
    snprintf(line, sizeof line, "%s", kind);
    return add_line(p, NULL, 1, word);
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
    struct parser p = {.m = m};
    int code = OK;
    snprintf(m->arch, sizeof m->arch, "%s", name);
    input.lanes = ROWS;
    m->input = input;
    m->classes = classes;
    if (input.c < 1 || input.h < 1 || input.w < 1 || input.c > 4096 || shape_size(input) > (1 << 24) || classes < 1 || classes > 1 << 20) {
        code = err_set(ERR_SHAPE, "model %s: found images of %dx%dx%d and %d classes, expected sane sizes", name, input.c, input.h, input.w, classes);
        goto out;
    }
    code = add_word(&p, "normalise");
    if (!code) code = add_text(&p, text);
    if (!code) code = add_word(&p, "rows");
    if (!code && shape_size(m->layer[m->layers - 1].out) != (size_t)classes)
        code = err_set(ERR_SHAPE, "model %s: %zu numbers come out, expected %d classes", name, shape_size(m->layer[m->layers - 1].out), classes);
    if (!code) allocate(m);
out:
    if (code) model_free(m);
    else *out = m;
    return code;
}
