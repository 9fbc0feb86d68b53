/* heist list, heist show: what there is, and its options. All from the registries. */
#include <stdio.h>
#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "data/fetch.h"
#include "defenses/defense.h"
#include "experiments/cmd.h"
#include "nn/arch.h"
#include "nn/model.h"

static const struct shape GREY = {1, 28, 28, ROWS}, COLOUR = {3, 32, 32, ROWS};
enum { CLASSES = 10 };

/* ---- list ------------------------------------------------------------------------------------- */

static void list_attacks(void)
{
    for (int i = 0; i < attack_count(); i++) printf("  %-16s %s\n", attack_at(i)->name, attack_at(i)->about);
}

static void list_defenses(void)
{
    for (int i = 0; i < defense_count(); i++) printf("  %-16s %s\n", defense_at(i)->name, defense_at(i)->about);
}

static void list_datasets(void)
{
    data_list(stdout);
}

/* "44,426 parameters, 281,640 multiply-adds", or why not */
static void print_size(const char *arch, struct shape in)
{
    struct model *m = NULL;
    if (model_new(&m, arch, in, CLASSES)) {
        printf("  %9s %10s", "-", "-");
        return;
    }
    printf("  %8.2fM %9.2fM", (double)m->params / 1e6, model_flops(m) / 1e6);
    model_free(m);
}

static void list_models(void)
{
    printf("  %-10s  %20s  %20s\n", "", "1x28x28", "3x32x32");
    printf("  %-10s  %9s %10s  %9s %10s\n", "", "parameters", "mult-adds", "parameters", "mult-adds");
    for (int i = 0; i < arch_count(); i++) {
        printf("  %-10s", arch_at(i)->name);
        print_size(arch_at(i)->name, GREY);
        print_size(arch_at(i)->name, COLOUR);
        printf("  %s\n", arch_at(i)->about);
    }
}

static void list_layers(void)
{
    for (int i = 0; i < layer_count(); i++) printf("  %-16s %s\n", layer_at(i)->name, layer_at(i)->about);
}

static const char *const kinds[] = {"attacks", "defenses", "datasets", "models", "layers"};
static void (*const lists[])(void) = {list_attacks, list_defenses, list_datasets, list_models, list_layers};
enum { KINDS = 5 };

int cmd_list(int argc, char **argv)
{
    struct cmd c = {.usage = "list [attacks|defenses|datasets|models|layers]", .about = "Lists what this build knows.", .most = 1};
    int code = cmd_parse(&c, argc, argv), found = 0;
    if (code) return cmd_exit("list", code);
    for (int i = 0; i < KINDS; i++) {
        if (c.words && strcmp(c.word[0], kinds[i])) continue;
        if (!c.words) printf("%s%s\n", i ? "\n" : "", kinds[i]);
        lists[i]();
        found = 1;
    }
    return cmd_exit("list", found ? OK : spec_unknown("kind", c.word[0], kinds, KINDS));
}

/* ---- show ------------------------------------------------------------------------------------- */

static void print_options(const struct option *options)
{
    if (options && options->name) printf("\noptions\n");
    for (const struct option *o = options; o && o->name; o++) {
        char range[96] = "";
        if (o->type == OPTION_CHOICE) snprintf(range, sizeof range, "%s", o->choices);
        else if (o->type != OPTION_TEXT) snprintf(range, sizeof range, "%g .. %g", o->min, o->max);
        printf("  %-16s %-12s %-20s %s\n", o->name, o->value ? o->value : "(required)", range, o->help);
    }
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
    print_options(a->options);
    print_presets(a->presets);
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
    if (d->fit) printf("trains the victim itself\n");
    if (d->needs_ood) printf("needs an OOD set (ood = ...)\n");
    if (d->stateful) printf("stateful: an answer depends on the queries before it\n");
    if (d->off_simplex) printf("its answers need not sum to 1\n");
    print_options(d->options);
    print_presets(d->presets);
    return OK;
}

static int show_dataset(const char *name)
{
    const struct dataset_info *d = dataset_find(name);
    if (!d) return dataset_unknown(name);
    printf("%s: %s\n%d training and %d test images of %dx%dx%d, %d classes\nmean %g, std %g\n", d->name, d->about, d->n[0], d->n[1], d->shape.c,
           d->shape.h, d->shape.w, d->classes, (double)d->mean[0], (double)d->std[0]);
    for (int i = 0; d->class_name && i < d->classes; i++) printf("  %d %s\n", i, d->class_name[i]);
    return OK;
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
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        size_t params = 0;
        for (int j = 0; j < l->params; j++) params += l->param[j].size;
        printf("  %-11s %-26s %4dx%dx%d", l->ops->name, l->name, l->out.c, l->out.h, l->out.w);
        if (params) printf("  %zu parameters", params);
        for (int j = 0; j < l->inputs; j++) /* only what is not the line above */
            if (l->from[j] != i - 1) printf("  < %s", l->from[j] < 0 ? "input" : m->layer[l->from[j]].name);
        printf("\n");
    }
    model_free(m);
    return OK;
}

static int show_layer(const char *name)
{
    const struct layer_ops *l = layer_find(name);
    const char *names[64];
    for (int i = 0; i < layer_count(); i++) names[i] = layer_at(i)->name;
    if (!l) return spec_unknown("layer", name, names, layer_count());
    printf("%s: %s\n", l->name, l->about);
    print_options(l->options);
    return OK;
}

int cmd_show(int argc, char **argv)
{
    static const char *const what[] = {"attack", "defense", "dataset", "model", "layer"};
    static int (*const show[])(const char *) = {show_attack, show_defense, show_dataset, show_model, show_layer};
    struct cmd c = {.usage = "show attack|defense|dataset|model|layer NAME", .about = "Options, defaults, ranges and paper.", .least = 2, .most = 2};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("show", code);
    code = spec_unknown("kind", c.word[0], what, KINDS);
    for (int i = 0; i < KINDS; i++)
        if (strcmp(c.word[0], what[i]) == 0) code = show[i](c.word[1]);
    return cmd_exit("show", code);
}
