/* Labels. Items (specs or chains) of the same names form a family; a family has slots: one for each option of each link,
 * one for each extra. A slot is shown where its values differ within the family. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"
#include "experiments/report.h"

enum { SLOTS = 512 };

struct slot {
    int link;                /* -1: an extra */
    const char *key, *value; /* the first value seen */
    int seen, differs;       /* items that have it */
};

struct family {
    char *names; /* "ini+topk" */
    int items, slots;
    struct slot slot[SLOTS];
};

struct item {
    struct spec *chain;
    int links, family;
};

/* A text that is no spec stands for itself. */
static void parse_item(struct item *item, const char *text)
{
    if (!spec_chain(&item->chain, &item->links, text)) return;
    item->chain = mem_new(1, sizeof *item->chain);
    item->chain->name = mem_string(*text ? text : "?");
    item->links = 1;
}

static char *join(char *left, const char *between, const char *right)
{
    char *both = mem_print("%s%s%s", left, between, right);
    mem_free(left);
    return both;
}

static int find_family(struct family **family, int *families, const struct item *item)
{
    char *names = mem_string(item->chain[0].name);
    for (int i = 1; i < item->links; i++) names = join(names, "+", item->chain[i].name);
    int at = 0;
    while (at < *families && strcmp(family[at]->names, names)) at++;
    if (at < *families) {
        mem_free(names);
    } else {
        family[at] = mem_new(1, sizeof *family[at]);
        family[at]->names = names;
        ++*families;
    }
    family[at]->items++;
    return at;
}

static void see(struct family *f, int link, const char *key, const char *value)
{
    int at = 0;
    while (at < f->slots && (f->slot[at].link != link || strcmp(f->slot[at].key, key))) at++;
    if (at == SLOTS) return;
    if (at == f->slots) f->slot[f->slots++] = (struct slot){.link = link, .key = key, .value = value};
    f->slot[at].seen++;
    if (strcmp(f->slot[at].value, value)) f->slot[at].differs = 1;
}

/* Is the slot shown? It is when its values differ, or when only some items have it. */
static int shown(const struct family *f, int link, const char *key)
{
    for (int i = 0; i < f->slots; i++)
        if (f->slot[i].link == link && strcmp(f->slot[i].key, key) == 0)
            return f->slot[i].differs || f->slot[i].seen < f->items;
    return 1;
}

static int is_extra(int extras, const struct label_extra *extra, const char *key)
{
    for (int i = 0; i < extras; i++)
        if (strcmp(extra[i].key, key) == 0) return 1;
    return 0;
}

static char *put_extras(char *label, const struct family *f, int extras, const struct label_extra *extra,
                        const char *const *value, int named)
{
    for (int i = 0; i < extras; i++) {
        if ((extra[i].shown != NULL) != named || !*value[i] || !shown(f, -1, extra[i].key)) continue;
        if (named) label = join(join(label, " ", extra[i].shown), "=", value[i]);
        else label = join(label, " ", value[i]);
    }
    return label;
}

static char *make_label(const struct item *item, const struct family *f, int extras, const struct label_extra *extra,
                        const char *const *value)
{
    char *label = mem_string("");
    for (int l = 0; l < item->links; l++) {
        const struct spec *s = &item->chain[l];
        label = join(label, l ? "+" : "", s->name);
        if (l == 0) label = put_extras(label, f, extras, extra, value, 0);
        for (int i = 0; i < s->n; i++)
            if (!is_extra(extras, extra, s->key[i]) && shown(f, l, s->key[i]))
                label = join(join(label, " ", s->key[i]), "=", s->value[i]);
    }
    return put_extras(label, f, extras, extra, value, 1);
}

static void one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 127) *s = ' ';
}

struct named {
    const char *label;
    int at;
};

static int by_label(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = strcmp(x->label, y->label);
    return c ? c : x->at - y->at;
}

/* The second of two equal labels becomes "label #2". */
static void make_unique(char **label, int n)
{
    struct named *v = mem_new((size_t)n, sizeof *v);
    for (int i = 0; i < n; i++) v[i] = (struct named){label[i], i};
    qsort(v, (size_t)n, sizeof *v, by_label);
    char **now = mem_new((size_t)n, sizeof *now);
    for (int i = 0, same = 1; i < n; i++) {
        same = i && strcmp(v[i].label, v[i - 1].label) == 0 ? same + 1 : 1;
        if (same > 1) now[v[i].at] = mem_print("%s #%d", v[i].label, same);
    }
    for (int i = 0; i < n; i++)
        if (now[i]) {
            mem_free(label[i]);
            label[i] = now[i];
        }
    mem_free(now);
    mem_free(v);
}

char **labels_new(int n, const char *const *spec, int extras, const struct label_extra *extra, const char *const *value)
{
    struct item *item = mem_new((size_t)n, sizeof *item);
    struct family **family = mem_new((size_t)n, sizeof *family);
    char **label = mem_new((size_t)n, sizeof *label);
    int families = 0;
    for (int i = 0; i < n; i++) {
        parse_item(&item[i], spec[i]);
        item[i].family = find_family(family, &families, &item[i]);
        for (int l = 0; l < item[i].links; l++)
            for (int k = 0; k < item[i].chain[l].n; k++)
                see(family[item[i].family], l, item[i].chain[l].key[k], item[i].chain[l].value[k]);
        for (int e = 0; e < extras; e++) see(family[item[i].family], -1, extra[e].key, value[i * extras + e]);
    }
    for (int i = 0; i < n; i++) {
        label[i] = make_label(&item[i], family[item[i].family], extras, extra, value + i * extras);
        one_line(label[i]);
    }
    make_unique(label, n);
    for (int i = 0; i < n; i++) spec_chain_free(item[i].chain, item[i].links);
    for (int i = 0; i < families; i++) {
        mem_free(family[i]->names);
        mem_free(family[i]);
    }
    mem_free(family);
    mem_free(item);
    return label;
}

void labels_free(char **label, int n)
{
    for (int i = 0; label && i < n; i++) mem_free(label[i]);
    mem_free(label);
}

char *label_count(const char *count)
{
    double v;
    if (spec_number(&v, count) || v != floor(v) || fabs(v) >= 1e15) return mem_string(count);
    if (v >= 1e6 && fmod(v, 1e5) == 0) return mem_print("%.10gM", v / 1e6);
    if (v >= 1e3 && fmod(v, 1e2) == 0) return mem_print("%.10gk", v / 1e3);
    return mem_print("%.0f", v);
}
