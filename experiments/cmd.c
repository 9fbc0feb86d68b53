#include "experiments/cmd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { NAMES = 128 };

static void help(const struct cmd *c)
{
    printf("usage: heist %s\n\n%s\n", c->usage, c->about);
    if (c->flags && c->flags->name) putchar('\n');
    for (const struct cmd_flag *f = c->flags; f && f->name; f++) printf("  %-14s %-8s %s\n", f->name, f->argument ? f->argument : "", f->help);
    for (const struct option *o = c->options; o && o->name; o++) {
        char name[40];
        snprintf(name, sizeof name, "--%s", o->name);
        printf("  %-14s %-8s %s%s%s%s\n", name, "VALUE", o->help, o->value ? " (" : "", o->value ? o->value : "", o->value ? ")" : "");
    }
}

static int unknown(const struct cmd *c, const char *flag)
{
    const char *name[NAMES];
    char *made[NAMES];
    int n = 0, m = 0;
    for (const struct cmd_flag *f = c->flags; f && f->name && n < NAMES - 1; f++) name[n++] = f->name;
    for (const struct option *o = c->options; o && o->name && n < NAMES - 1; o++) name[n++] = made[m++] = mem_print("--%s", o->name);
    name[n++] = "--help";
    int code = spec_unknown("flag", flag, name, n);
    for (int i = 0; i < m; i++) mem_free(made[i]);
    return code;
}

static int take(const struct cmd_flag *f, const char *value)
{
    if (!f->count) *f->value = value;
    else if (*f->count < f->most) f->value[(*f->count)++] = value;
    else return err_set(ERR_OPTION, "%s: given more than %d times", f->name, f->most);
    return OK;
}

/* argv[*i] is "--name", maybe with "=value" behind it; else the value is the next word. */
static int read_flag(struct cmd *c, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *eq = strchr(word, '=');
    char name[64];
    snprintf(name, sizeof name, "%.*s", eq ? (int)(eq - word) : (int)strlen(word), word);
    const struct cmd_flag *f = c->flags;
    const struct option *o = c->options;
    while (f && f->name && strcmp(f->name, name)) f++;
    while (o && o->name && strcmp(o->name, name + 2)) o++;
    const int is_flag = f && f->name, is_option = o && o->name;
    if (!is_flag && !is_option) return unknown(c, name);
    if (is_flag && !f->argument) return eq ? err_set(ERR_OPTION, "%s takes no value, found '%s'", name, eq + 1) : take(f, "1");
    if (!eq && ++*i == argc) return err_set(ERR_OPTION, "%s: found nothing behind it, expected %s", name, is_flag ? f->argument : "a value");
    const char *value = eq ? eq + 1 : argv[*i];
    if (is_flag) return take(f, value);
    spec_set(c->spec, o->name, value);
    return OK;
}

int cmd_parse(struct cmd *c, int argc, char **argv)
{
    int code = OK;
    for (int i = 1; i < argc && !code; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(c);
            return 1;
        }
        if (strncmp(argv[i], "--", 2) == 0) code = read_flag(c, argc, argv, &i);
        else if (c->words == c->most) code = err_set(ERR_OPTION, "found '%s', expected nothing more: heist %s", argv[i], c->usage);
        else c->word[c->words++] = argv[i];
    }
    if (!code && c->words < c->least) code = err_set(ERR_OPTION, "something is missing: heist %s", c->usage);
    return code;
}

int cmd_seed(uint64_t *out, const char *text)
{
    double v = 0;
    if (spec_number(&v, text) || v < 0 || v > 9e15 || v != floor(v)) return err_set(ERR_OPTION, "--seed: found '%s', expected a whole number of 0 or more", text);
    *out = (uint64_t)v;
    return OK;
}

int cmd_exit(const char *verb, int code)
{
    if (code >= 0) return 0;
    fprintf(stderr, "heist %s: %s\n", verb, err_text());
    return code == ERR_OPTION ? 2 : 1;
}
