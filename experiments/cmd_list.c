/* heist list: what there is, from the registries. */
#include <stdio.h>
#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/fetch.h"
#include "defenses/defense.h"
#include "experiments/cmd.h"
#include "nn/arch.h"
#include "nn/model.h"

static const struct shape GREY = {1, 28, 28, ROWS}, COLOUR = {3, 32, 32, ROWS};
enum { CLASSES = 10 };

static void list_attacks(void)
{
    for (int i = 0; i < attack_count(); i++) printf("  %-16s %s\n", attack_at(i)->name, attack_at(i)->about);
}

static void list_defenses(void)
{
    for (int i = 0; i < defense_count(); i++) printf("  %-16s %s\n", defense_at(i)->name, defense_at(i)->about);
}

/* ---- tables of the README: tests/readme_test.sh compares -------------------------------------------- */

static int defenses_markdown(void)
{
    printf("| defense | what it does | a query costs beside the victim | promises with its defaults | paper |\n|---|---|---|---|---|\n");
    for (int i = 0; i < defense_count(); i++) {
        const struct defense_ops *d = defense_at(i);
        struct defense *one = NULL;
        int code = defense_parse(&one, d->name);
        if (code) return code;
        const struct defense_traits *t = &one->link[0].traits;
        char ball[48] = "";
        if (!d->answer) snprintf(ball, sizeof ball, "moves nothing");
        else if (t->norm) snprintf(ball, sizeof ball, "moves at most %g (L%d)", t->radius, t->norm);
        const char *argmax = d->answer && t->argmax ? "argmax stays" : "";
        printf("| `%s` | %s%s | %s | %s%s%s%s | %s |\n", d->name, d->about, d->needs_ood ? "; needs `ood`" : "", d->work ? d->work : d->answer ? "a few operations a class" : "nothing",
               ball, *ball && *argmax ? ", " : "", argmax, t->stateful ? "; stateful" : "", d->paper ? d->paper : "");
        defense_free(one);
    }
    return OK;
}

/* What an attacker brings to it. */
static const char *needs(const struct attack_ops *a)
{
    if (a->needs_pool) return "a pool of images";
    return a->needs_seeds ? "some of the victim's training images" : "nothing: it makes its images";
}

static int attacks_markdown(void)
{
    printf("| attack | what it does | needs | paper |\n|---|---|---|---|\n");
    for (int i = 0; i < attack_count(); i++) printf("| `%s` | %s | %s | %s |\n", attack_at(i)->name, attack_at(i)->about, needs(attack_at(i)), attack_at(i)->paper);
    return OK;
}

static void list_datasets(void)
{
    data_list(stdout);
}

/* In millions; "-" where the images are too small for it. */
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
    const char *markdown = NULL;
    const struct cmd_flag flags[] = {{"--markdown", NULL, "attacks or defenses as a Markdown table (README.md)", &markdown, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "list [attacks|defenses|datasets|models|layers]", .about = "Lists what this build knows.", .flags = flags, .most = 1};
    int code = cmd_parse(&c, argc, argv), found = 0;
    if (code) return cmd_exit("list", code);
    if (markdown && c.words && strcmp(c.word[0], "attacks") == 0) return cmd_exit("list", attacks_markdown());
    if (markdown && c.words && strcmp(c.word[0], "defenses") == 0) return cmd_exit("list", defenses_markdown());
    if (markdown) return cmd_exit("list", err_set(ERR_OPTION, "--markdown: found %s, expected it with 'attacks' or 'defenses'", c.words ? c.word[0] : "no kind"));
    for (int i = 0; i < KINDS; i++) {
        if (c.words && strcmp(c.word[0], kinds[i])) continue;
        if (!c.words) printf("%s%s\n", i ? "\n" : "", kinds[i]);
        lists[i]();
        found = 1;
    }
    return cmd_exit("list", found ? OK : spec_unknown("kind", c.word[0], kinds, KINDS));
}
