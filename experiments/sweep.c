#include "experiments/sweep.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/file.h"
#include "base/keys.h"
#include "base/mem.h"
#include "experiments/calibrate.h"
#include "victim/victim.h"

enum { KEYS = 64, SECTIONS = 64, VALUES = 256, LINE = 198 /* libinih's longest line */ };

/* ---- the file: sections of key = value, values still lists ----------------------------------------- */

struct section {
    char *header;     /* "defense ini (upper bound)" */
    char kind[16];    /* sweep, victim, defense, attack */
    char *name;       /* "ini", "" for sweep and victim */
    int n;
    char *key[KEYS], *value[KEYS];
};

struct file {
    const char *path;
    int n;
    struct section section[SECTIONS];
    int code; /* the first error */
};

static void file_free_parts(struct file *f)
{
    for (int i = 0; i < f->n; i++) {
        struct section *s = &f->section[i];
        mem_free(s->header);
        mem_free(s->name);
        for (int j = 0; j < s->n; j++) {
            mem_free(s->key[j]);
            mem_free(s->value[j]);
        }
    }
}

static int find_key(const struct section *s, const char *key)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->key[i], key) == 0) return i;
    return -1;
}

static const char *value_of(const struct section *s, const char *key)
{
    const int i = s ? find_key(s, key) : -1;
    return i < 0 ? NULL : s->value[i];
}

static int set_key(struct section *s, const char *key, const char *value)
{
    int i = find_key(s, key);
    if (i < 0) {
        if (s->n == KEYS) return err_set(ERR_OPTION, "[%s]: more than %d keys", s->header, KEYS);
        i = s->n++;
        s->key[i] = mem_string(key);
    } else {
        mem_free(s->value[i]);
    }
    s->value[i] = mem_string(value);
    return OK;
}

/* "defense ini (a remark)" -> kind "defense", name "ini" */
static int add_section(struct file *f, const char *header)
{
    static const char *const kinds[] = {"sweep", "victim", "defense", "attack"};
    const size_t kind = strcspn(header, " \t");
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->section[i].header, header) == 0)
            return err_set(ERR_OPTION, "%s: [%s] is there twice; a remark in parentheses tells two apart: [%s (second)]", f->path, header, header);
    if (f->n == SECTIONS) return err_set(ERR_OPTION, "%s: more than %d sections", f->path, SECTIONS);
    struct section *s = &f->section[f->n];
    snprintf(s->kind, sizeof s->kind, "%.*s", (int)kind, header);
    int known = 0;
    for (int i = 0; i < 4; i++) known |= strcmp(s->kind, kinds[i]) == 0;
    if (!known) return err_prefix(spec_unknown("section", s->kind, kinds, 4), "%s", f->path);
    s->header = mem_string(header);
    const char *name = header + kind + strspn(header + kind, " \t");
    size_t n = strcspn(name, "(");
    while (n && (name[n - 1] == ' ' || name[n - 1] == '\t')) n--;
    s->name = mem_print("%.*s", (int)n, name);
    f->n++;
    const int named = s->kind[0] == 'd' || s->kind[0] == 'a';
    if (named && !n) return err_set(ERR_OPTION, "%s: [%s]: a name is missing, as [%s %s]", f->path, header, s->kind, s->kind[0] == 'd' ? "ini" : "knockoff");
    if (!named && n) return err_set(ERR_OPTION, "%s: [%s]: found '%s', expected [%s]", f->path, header, s->name, s->kind);
    return OK;
}

/* libinih says nothing of sections without keys, and cuts long lines: both are seen to here. */
static int find_sections(struct file *f, const char *text)
{
    int line = 1;
    for (const char *c = text; *c; line++) {
        const size_t n = strcspn(c, "\n");
        const char *start = c + strspn(c, " \t\r");
        if (n > LINE) return err_set(ERR_OPTION, "%s, line %d: %zu characters, expected up to %d", f->path, line, n, LINE);
        if (*start == '[' && start < c + n) {
            const char *end = memchr(start, ']', (size_t)(c + n - start));
            if (!end) return err_set(ERR_OPTION, "%s, line %d: found '[' without ']'", f->path, line);
            char header[LINE + 1];
            snprintf(header, sizeof header, "%.*s", (int)(end - start - 1), start + 1);
            int code = add_section(f, header);
            if (code) return code;
        }
        c += n + (c[n] == '\n');
    }
    return OK;
}

static int handle(void *user, const char *section, const char *key, const char *value)
{
    struct file *f = user;
    if (f->code) return 1;
    for (int i = 0; i < f->n; i++) {
        struct section *s = &f->section[i];
        if (strcmp(s->header, section)) continue;
        if (find_key(s, key) >= 0) f->code = err_set(ERR_OPTION, "%s: [%s]: '%s' is given twice", f->path, section, key);
        else f->code = set_key(s, key, value);
        return 1;
    }
    f->code = err_set(ERR_OPTION, "%s: '%s' stands before any [section]", f->path, key);
    return 1;
}

/* "knockoff.budget=1000" */
static int apply_set(struct file *f, const char *set)
{
    const char *eq = strchr(set, '='), *dot = NULL;
    for (const char *c = set; eq && c < eq; c++)
        if (*c == '.') dot = c;
    if (!dot || dot == set || eq == dot + 1) return err_set(ERR_OPTION, "--set: found '%s', expected section.key=value", set);
    char *where = mem_print("%.*s", (int)(dot - set), set), *key = mem_print("%.*s", (int)(eq - dot - 1), dot + 1);
    const char *names[2 * SECTIONS];
    int hits = 0, n = 0, code = OK;
    for (int i = 0; i < f->n && !code; i++) {
        struct section *s = &f->section[i];
        names[n++] = s->header;
        names[n++] = *s->name ? s->name : s->kind;
        if (strcmp(where, s->header) && strcmp(where, s->name) && strcmp(where, s->kind)) continue;
        code = set_key(s, key, eq + 1);
        hits++;
    }
    if (!code && !hits) code = err_prefix(spec_unknown("section", where, names, n), "--set");
    mem_free(where);
    mem_free(key);
    return code;
}

static int load(struct file *f, const char *text, int sets, const char *const *set)
{
    int code = find_sections(f, text);
    if (code) return code;
    const int line = ini_parse_string(text, handle, f);
    if (f->code) return f->code;
    if (line) return err_set(ERR_OPTION, "%s, line %d: found neither [section] nor key = value", f->path, line);
    for (int i = 0; i < sets && !code; i++) code = apply_set(f, set[i]);
    return code;
}

/* ---- grids: a section with lists -> one spec a combination ------------------------------------------- */

/* The words of a list. */
struct list {
    int n;
    char *text, *word[VALUES];
};

static int list_of(struct list *l, const struct section *s, const char *key, const char *text)
{
    char *rest = NULL;
    *l = (struct list){.text = mem_string(text)};
    for (char *w = strtok_r(l->text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
        if (l->n == VALUES) {
            mem_free(l->text);
            return err_set(ERR_OPTION, "[%s]: '%s': more than %d values", s->header, key, VALUES);
        }
        l->word[l->n++] = w;
    }
    if (l->n) return OK;
    mem_free(l->text);
    return err_set(ERR_OPTION, "[%s]: '%s': found no value", s->header, key);
}

/* Walks over every combination of a section's values; `visit` gets one value a key, in the order of the keys. */
static int walk(const struct section *s, void *ctx, int (*visit)(void *ctx, const struct section *s, char *const *value))
{
    struct list list[KEYS];
    int at[KEYS] = {0}, code = OK, n = 0;
    for (; n < s->n && !code; n++)
        if ((code = list_of(&list[n], s, s->key[n], s->value[n]))) break;
    while (!code) {
        char *value[KEYS] = {NULL};
        for (int i = 0; i < n; i++) value[i] = list[i].word[at[i]];
        code = visit(ctx, s, value);
        int i = n - 1;
        for (; i >= 0 && ++at[i] == list[i].n; i--) at[i] = 0;
        if (i < 0) break;
    }
    for (int i = 0; i < n; i++) mem_free(list[i].text);
    return code;
}

/* ---- cells ------------------------------------------------------------------------------------------- */

/* The cell under construction as the walks go inwards: victim, defense, attack, seed. */
struct builder {
    const struct file *file;
    const struct section *head; /* [sweep] */
    struct store *store;
    struct sweep *out;
    int room;
    struct keys *keys; /* of the cells so far */
    struct spec victim;
    const struct section *section;             /* [defense ...] */
    const char *victim_ood, *victim_pool, *ood, *chain; /* of the combination at hand */
    const char *victim_seed, *defense_seed;
    const char *knob, *target;                 /* "" where nothing is calibrated */
    int needs_ood;
};

static int read_seed(uint64_t *out, const struct section *s, const char *text)
{
    double v;
    if (spec_number(&v, text) || v < 0 || v > 9e15 || v != (double)(uint64_t)v)
        return err_set(ERR_OPTION, "[%s]: 'seed': found '%s', expected a whole number of 0 or more", s->header, text);
    *out = (uint64_t)v;
    return OK;
}

static int add_cell(struct builder *b, struct cell *c)
{
    int code = cell_resolve(c, b->store);
    if (code || keys_get(b->keys, c->key) >= 0) { /* two ways to say the same */
        cell_free(c);
        return code;
    }
    keys_put(b->keys, c->key, b->out->n);
    if (b->out->n == b->room) {
        const int room = b->room ? 2 * b->room : 64;
        struct cell *more = mem_new((size_t)room, sizeof *more);
        if (b->out->n) memcpy(more, b->out->cell, (size_t)b->out->n * sizeof *more);
        mem_free(b->out->cell);
        b->out->cell = more;
        b->room = room;
    }
    b->out->cell[b->out->n++] = *c;
    return OK;
}

static struct spec copy_spec(const struct spec *s)
{
    struct spec c = {.name = mem_string(s->name)};
    for (int i = 0; i < s->n; i++) spec_set(&c, s->key[i], s->value[i]);
    return c;
}

/* soft | a link that releases less, as hard or topk:k=3 */
static int resolve_label(char **out, const char *label)
{
    struct defense *d;
    if (strcmp(label, "soft") == 0) {
        *out = mem_string(label);
        return OK;
    }
    int code = defense_parse(&d, label);
    if (code) return err_prefix(code, "label '%s' (soft, or a defense that releases less: hard, topk:k=3, round:digits=1)", label);
    char *text = defense_text(d);
    *out = text;
    defense_free(d);
    return OK;
}

static int cells_of_seeds(struct builder *b, const struct section *s, const struct spec *attack, int needs_pool, const char *pool,
                          const char *label, const char *clone_model, const char *seed)
{
    struct list seeds;
    const char *all = value_of(b->head, "seeds");
    int code = list_of(&seeds, b->head ? b->head : s, "seeds", all ? all : "1");
    if (code) return code;
    for (int i = 0; i < seeds.n && !code; i++) {
        struct cell c = {.sweep = mem_string(b->out->name), .victim = copy_spec(&b->victim), .defense = mem_string(b->chain), .knob = mem_string(b->knob), .target = mem_string(b->target),
                         .attack = copy_spec(attack), .clone_model = mem_string(clone_model ? clone_model : spec_string(&b->victim, "model"))};
        const char *ood = !b->needs_ood ? "" : b->ood ? b->ood : b->victim_ood ? b->victim_ood : "";
        c.ood = mem_string(strcmp(ood, "pool") == 0 ? pool : ood);
        c.pool = mem_string(needs_pool ? pool : "");
        code = resolve_label(&c.label, label);
        if (!code && b->needs_ood && !*c.ood && strcmp(ood, "pool") == 0)
            code = err_set(ERR_OPTION, "[%s]: 'ood = pool', but [%s] has no pool; expected `pool = SET` there or in [sweep]", b->section->header, s->header);
        else if (!code && b->needs_ood && !*c.ood)
            code = err_set(ERR_OPTION, "[%s]: no OOD set is given, expected `ood = strokes` there or in [victim]", b->section->header);
        if (!code) code = read_seed(&c.seed, b->head ? b->head : s, seeds.word[i]);
        c.victim_seed = c.defense_seed = c.attack_seed = c.seed;
        if (!code && b->victim_seed) code = read_seed(&c.victim_seed, s, b->victim_seed);
        if (!code && b->defense_seed) code = read_seed(&c.defense_seed, s, b->defense_seed);
        if (!code && seed) code = read_seed(&c.attack_seed, s, seed);
        if (code) cell_free(&c);
        else code = add_cell(b, &c);
    }
    mem_free(seeds.text);
    return code;
}

static int one_attack(void *ctx, const struct section *s, char *const *value)
{
    struct builder *b = ctx;
    const struct attack_ops *ops;
    struct spec opt = {0};
    const char *pool = b->victim_pool ? b->victim_pool : value_of(b->head, "pool"), *label = "soft", *clone_model = NULL, *seed = NULL;
    char what[96];
    int code = attack_find(&ops, s->name);
    if (code) return code;
    opt.name = mem_string(ops->name);
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->key[i], "pool") == 0) pool = value[i];
        else if (strcmp(s->key[i], "label") == 0) label = value[i];
        else if (strcmp(s->key[i], "clone_model") == 0) clone_model = value[i];
        else if (strcmp(s->key[i], "seed") == 0) seed = value[i];
        else spec_set(&opt, s->key[i], value[i]);
    }
    snprintf(what, sizeof what, "[%s]", s->header);
    code = spec_resolve(&opt, ops->options, ops->presets, what);
    if (!code && ops->needs_pool && !pool) code = err_set(ERR_OPTION, "[%s]: 'pool' must be given: the data set to query with", s->header);
    if (!code) code = cells_of_seeds(b, s, &opt, ops->needs_pool, pool ? pool : "", label, clone_model, seed);
    spec_free(&opt);
    return code;
}

/* Options of a [defense] section go to the first link that has an option of that name, unless they say link.key. */
static int give_option(struct defense *d, struct spec *chain, const struct section *s, const char *key, const char *value)
{
    const char *dot = strchr(key, '.');
    const size_t link = dot ? (size_t)(dot - key) : 0;
    for (int i = 0; i < d->n; i++) {
        const struct defense_ops *ops = d->link[i].ops;
        const char *k = dot ? dot + 1 : key;
        if (dot && (strlen(ops->name) != link || strncmp(ops->name, key, link))) continue;
        int has = ops->presets && strcmp(k, "preset") == 0;
        for (const struct option *o = ops->options; o && o->name; o++) has |= strcmp(o->name, k) == 0;
        if (!has) continue;
        spec_set(&chain[i], k, value);
        return OK;
    }
    const char *name[256];
    int n = 0;
    for (int i = 0; i < d->n; i++)
        for (const struct option *o = d->link[i].ops->options; o && o->name && n < 250; o++) name[n++] = o->name;
    name[n++] = "ood";
    name[n++] = "seed";
    name[n++] = "calibrate";
    name[n++] = "target";
    return err_prefix(spec_unknown("option", key, name, n), "[%s]", s->header);
}

/* "a:k=1+b" */
static char *join(const struct spec *chain, int n)
{
    char *text = NULL;
    for (int i = 0; i < n; i++) {
        char *link = spec_text(&chain[i]), *longer = text ? mem_print("%s+%s", text, link) : mem_string(link);
        mem_free(text);
        mem_free(link);
        text = longer;
    }
    return text;
}

/* Keys of a [defense] section that are no options of its links. */
static int is_ours(const char *key)
{
    static const char *const ours[] = {"ood", "seed", "calibrate", "target"};
    for (int i = 0; i < 4; i++)
        if (strcmp(key, ours[i]) == 0) return 1;
    return 0;
}

/* The chain of a section with the options that stand in it, resolved. */
static int resolve_chain(char **out, int *needs_ood, const struct section *s, char *const *value)
{
    struct defense *bare = NULL, *full = NULL;
    struct spec *chain = NULL;
    char *text = NULL;
    int links = 0, code = defense_parse(&bare, s->name);
    if (!code) code = spec_chain(&chain, &links, s->name);
    for (int i = 0; i < s->n && !code; i++)
        if (!is_ours(s->key[i])) code = give_option(bare, chain, s, s->key[i], value[i]);
    if (code) goto out;
    text = join(chain, links);
    if ((code = defense_parse(&full, text))) goto out;
    *out = defense_text(full);
    *needs_ood = defense_needs_ood(full);
out:
    mem_free(text);
    spec_chain_free(chain, links);
    defense_free(bare);
    defense_free(full);
    return code ? err_prefix(code, "[%s]", s->header) : OK;
}

/* Runs `visit` on every combination of every section of a kind. */
static int each(struct builder *b, const char *kind, int (*visit)(void *, const struct section *, char *const *))
{
    int code = OK, found = 0;
    for (int i = 0; i < b->file->n && !code; i++) {
        if (strcmp(b->file->section[i].kind, kind)) continue;
        code = walk(&b->file->section[i], b, visit);
        found = 1;
    }
    return found || code ? code : err_set(ERR_OPTION, "no [%s ...] section", kind);
}

static int one_defense(void *ctx, const struct section *s, char *const *value)
{
    struct builder *b = ctx;
    char *chain = NULL, *knob = NULL;
    const char *option = NULL, *target = NULL;
    int code = resolve_chain(&chain, &b->needs_ood, s, value);
    if (code) return code;
    b->chain = chain;
    b->section = s;
    b->ood = b->defense_seed = NULL;
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->key[i], "ood") == 0) b->ood = value[i];
        if (strcmp(s->key[i], "seed") == 0) b->defense_seed = value[i];
        if (strcmp(s->key[i], "calibrate") == 0) option = value[i];
        if (strcmp(s->key[i], "target") == 0) target = value[i];
    }
    if (!option != !target) code = err_set(ERR_OPTION, "[%s]: '%s' is given alone, expected calibrate = OPTION and target = l1@0.2", s->header, option ? "calibrate" : "target");
    else if (option && (code = calibration_check(&knob, chain, option, target))) err_prefix(code, "[%s]", s->header);
    b->knob = knob ? knob : "";
    b->target = knob ? target : "";
    if (!code && b->ood && !b->needs_ood) code = err_set(ERR_OPTION, "[%s]: 'ood' is given, but this defense uses none", s->header);
    if (!code) code = each(b, "attack", one_attack);
    mem_free(chain);
    mem_free(knob);
    return code;
}

static int one_victim(void *ctx, const struct section *s, char *const *value)
{
    struct builder *b = ctx;
    struct spec opt = {.name = mem_string("victim")};
    char what[96];
    b->victim_ood = b->victim_pool = b->victim_seed = NULL;
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->key[i], "ood") == 0) b->victim_ood = value[i];
        else if (strcmp(s->key[i], "pool") == 0) b->victim_pool = value[i];
        else if (strcmp(s->key[i], "seed") == 0) b->victim_seed = value[i];
        else spec_set(&opt, s->key[i], value[i]);
    }
    snprintf(what, sizeof what, "[%s]", s->header);
    int code = spec_resolve(&opt, victim_options, NULL, what);
    if (!code) {
        b->victim = opt;
        code = each(b, "defense", one_defense);
    }
    spec_free(&opt);
    return code;
}

static int check_head(const struct section *head)
{
    static const char *const known[] = {"name", "seeds", "pool"};
    for (int i = 0; head && i < head->n; i++) {
        int ok = 0;
        for (int j = 0; j < 3; j++) ok |= strcmp(head->key[i], known[j]) == 0;
        if (!ok) return err_prefix(spec_unknown("option", head->key[i], known, 3), "[sweep]");
    }
    return OK;
}

/* "dir/quick.ini" -> "quick" */
static char *name_of(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return mem_print("%.*s", (int)strcspn(base, "."), base);
}

int sweep_parse(struct sweep **out, const char *path, const char *text, int sets, const char *const *set, struct store *store)
{
    struct file *f = mem_new(1, sizeof *f);
    struct sweep *s = mem_new(1, sizeof *s);
    f->path = path;
    struct builder b = {.file = f, .store = store, .out = s, .keys = keys_new()};
    int code = load(f, text, sets, set);
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->section[i].kind, "sweep") == 0) b.head = &f->section[i];
    if (!code) code = check_head(b.head);
    const char *name = value_of(b.head, "name");
    s->name = name ? mem_string(name) : name_of(path);
    if (!code) code = each(&b, "victim", one_victim);
    if (code && strncmp(err_text(), path, strlen(path))) err_prefix(code, "%s", path);
    keys_free(b.keys);
    file_free_parts(f);
    mem_free(f);
    if (code) sweep_free(s);
    else *out = s;
    return code;
}

int sweep_read(struct sweep **out, const char *path, int sets, const char *const *set, struct store *store)
{
    char *text;
    size_t size;
    int code = file_read(&text, &size, path);
    if (code) return code;
    code = strlen(text) == size ? sweep_parse(out, path, text, sets, set, store)
                                : err_set(ERR_FORMAT, "%s: a NUL byte in it: not a sweep file", path);
    mem_free(text);
    return code;
}

void sweep_free(struct sweep *s)
{
    if (!s) return;
    for (int i = 0; i < s->n; i++) cell_free(&s->cell[i]);
    mem_free(s->cell);
    mem_free(s->name);
    mem_free(s);
}

int sweep_first_with_data(const struct sweep *s, int cell)
{
    const struct cell *c = &s->cell[cell], *o = s->cell;
    for (; o < c; o++)
        if (!strcmp(spec_string(&c->victim, "dataset"), spec_string(&o->victim, "dataset")) && !strcmp(c->pool, o->pool) && !strcmp(c->ood, o->ood)) return 0;
    return 1;
}
