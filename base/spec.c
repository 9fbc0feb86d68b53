#include "base/spec.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- parsing ---------------------------------------------------------------------------- */

static char *copy_range(const char *from, const char *to)
{
    while (from < to && *from == ' ') from++;
    while (to > from && to[-1] == ' ') to--;
    size_t n = (size_t)(to - from);
    char *s = mem_new(n + 1, 1);
    memcpy(s, from, n);
    return s;
}

static int find(const struct spec *s, const char *key)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->key[i], key) == 0) return i;
    return -1;
}

static int parse_item(struct spec *s, const char *from, const char *to, const char *text)
{
    const char *eq = memchr(from, '=', (size_t)(to - from));
    if (!eq || eq == from) return err_set(ERR_OPTION, "'%s': found '%.*s', expected key=value", text, (int)(to - from), from);
    if (s->n == SPEC_ITEMS) return err_set(ERR_OPTION, "'%s': more than %d options", text, SPEC_ITEMS);
    char *key = copy_range(from, eq);
    if (find(s, key) >= 0) {
        int code = err_set(ERR_OPTION, "'%s': option '%s' is given twice", text, key);
        mem_free(key);
        return code;
    }
    s->key[s->n] = key;
    s->value[s->n++] = copy_range(eq + 1, to);
    return OK;
}

int spec_parse(struct spec *out, const char *text)
{
    *out = (struct spec){0};
    const char *end = strchr(text, ':');
    if (!end) end = text + strlen(text);
    out->name = copy_range(text, end);
    int code = OK;
    if (!*out->name) code = err_set(ERR_OPTION, "'%s': a name is missing before its options", text);
    while (code == OK && *end == ':') {
        const char *from = end + 1;
        end = strchr(from, ':');
        if (!end) end = from + strlen(from);
        code = parse_item(out, from, end, text);
    }
    if (code) spec_free(out);
    return code;
}

void spec_free(struct spec *s)
{
    if (!s) return;
    mem_free(s->name);
    for (int i = 0; i < s->n; i++) {
        mem_free(s->key[i]);
        mem_free(s->value[i]);
    }
    *s = (struct spec){0};
}

void spec_set(struct spec *s, const char *key, const char *value)
{
    char *copy = mem_string(value);
    int i = find(s, key);
    if (i < 0) {
        assert(s->n < SPEC_ITEMS);
        i = s->n++;
        s->key[i] = mem_string(key);
    } else {
        mem_free(s->value[i]);
    }
    s->value[i] = copy;
}

int spec_chain(struct spec **out, int *n, const char *text)
{
    int links = 1, code = OK;
    for (const char *c = text; *c; c++) links += *c == '+';
    struct spec *chain = mem_new((size_t)links, sizeof *chain);
    const char *from = text;
    for (int i = 0; i < links && !code; i++) {
        const char *to = strchr(from, '+');
        if (!to) to = from + strlen(from);
        char *one = copy_range(from, to);
        code = spec_parse(&chain[i], one);
        mem_free(one);
        from = to + 1;
    }
    if (code) {
        spec_chain_free(chain, links);
        return code;
    }
    *out = chain;
    *n = links;
    return OK;
}

void spec_chain_free(struct spec *chain, int n)
{
    for (int i = 0; chain && i < n; i++) spec_free(&chain[i]);
    mem_free(chain);
}

/* ---- names ------------------------------------------------------------------------------ */

/* Levenshtein distance of two short words. */
static int distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    int n = (int)strlen(a), m = (int)strlen(b), row[MOST + 1];
    if (n > MOST || m > MOST) return MOST;
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *spec_nearest(const char *word, const char *const *names, int n)
{
    const char *near = NULL;
    int best = (int)strlen(word) / 2 + 1;
    for (int i = 0; i < n; i++) {
        int d = distance(word, names[i]);
        if (strncmp(word, names[i], strlen(word)) == 0 && d > 1) d = 1;
        if (d < best) {
            best = d;
            near = names[i];
        }
    }
    return near;
}

int spec_unknown(const char *what, const char *word, const char *const *names, int n)
{
    const char *near = spec_nearest(word, names, n);
    char known[600] = "";
    for (int i = 0; i < n; i++) {
        size_t at = strlen(known);
        snprintf(known + at, sizeof known - at, " %s", names[i]);
    }
    return err_set(ERR_OPTION, "unknown %s '%s'%s%s%s; known:%s", what, word, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "", n ? known : " none");
}

int spec_lookup(int *at, const char *what, const char *word, int n, const char *(*name)(int i))
{
    const char **names = mem_new((size_t)n, sizeof *names);
    int code = ERR_OPTION;
    for (int i = 0; i < n && code; i++) {
        names[i] = name(i);
        if (strcmp(word, names[i])) continue;
        *at = i;
        code = OK;
    }
    if (code) spec_unknown(what, word, names, n);
    mem_free(names);
    return code;
}

/* ---- checking --------------------------------------------------------------------------- */

int spec_number(double *out, const char *text)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out) || errno == ERANGE) return err_set(ERR_OPTION, "'%s' is not a number", text);
    return OK;
}

static int check_number(const struct option *o, const char *value, const char *what)
{
    double v;
    if (spec_number(&v, value)) return err_set(ERR_OPTION, "%s: option '%s': found '%s', expected a number", what, o->name, value);
    if (o->type == OPTION_INT && v != floor(v))
        return err_set(ERR_OPTION, "%s: option '%s': found '%s', expected a whole number", what, o->name, value);
    if (v < o->min || v > o->max)
        return err_set(ERR_OPTION, "%s: option '%s': found %s, expected %g to %g", what, o->name, value, o->min, o->max);
    return OK;
}

static int check_choice(const struct option *o, const char *value, const char *what)
{
    char words[256], *name[32], *rest = NULL;
    int n = 0;
    snprintf(words, sizeof words, "%s", o->choices);
    for (char *w = strtok_r(words, " ", &rest); w && n < 32; w = strtok_r(NULL, " ", &rest)) {
        if (strcmp(w, value) == 0) return OK;
        name[n++] = w;
    }
    const char *near = spec_nearest(value, (const char *const *)name, n);
    return err_set(ERR_OPTION, "%s: option '%s': found '%s', expected one of: %s%s%s%s", what, o->name, value, o->choices,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int check(const struct option *o, const char *value, const char *what)
{
    if (o->value && strcmp(value, o->value) == 0) return OK;
    if (o->type == OPTION_CHOICE) return check_choice(o, value, what);
    if (o->type == OPTION_TEXT) return OK;
    return check_number(o, value, what);
}

static int unknown_option(const char *key, const struct option *options, const struct preset *presets, const char *what)
{
    const char *name[SPEC_ITEMS];
    int n = 0;
    for (const struct option *o = options; o && o->name; o++) name[n++] = o->name;
    if (presets) name[n++] = "preset";
    int code = spec_unknown("option", key, name, n);
    return err_prefix(code, "%s", what);
}

static int apply_preset(struct spec *s, const struct preset *presets, const char *what)
{
    int at = find(s, "preset");
    if (at < 0) return OK;
    const char *name[32];
    int n = 0;
    for (const struct preset *p = presets; p->name; p++) {
        name[n++] = p->name;
        if (strcmp(p->name, s->value[at])) continue;
        struct spec set;
        char *text = mem_print("preset:%s", p->settings);
        int code = spec_parse(&set, text);
        mem_free(text);
        assert(code == OK);
        for (int i = 0; i < set.n; i++)
            if (find(s, set.key[i]) < 0) spec_set(s, set.key[i], set.value[i]);
        spec_free(&set);
        return code;
    }
    int code = spec_unknown("preset", s->value[at], name, n);
    return err_prefix(code, "%s", what);
}

/* A number as it is kept: 0.50 and 5e-1 become one text, so that equal settings have equal keys. */
static char *canonical(const struct option *o, const char *value)
{
    double v;
    if (o->type == OPTION_CHOICE || o->type == OPTION_TEXT || spec_number(&v, value)) return mem_string(value);
    return o->type == OPTION_INT ? mem_print("%.0f", v) : mem_print("%.10g", v);
}

static int check_all(const struct spec *s, const struct option *options, const struct preset *presets, const char *what)
{
    int code = OK;
    for (int i = 0; i < s->n && !code; i++) {
        const struct option *o = options;
        while (o && o->name && strcmp(o->name, s->key[i])) o++;
        if (o && o->name) code = check(o, s->value[i], what);
        else if (!presets || strcmp(s->key[i], "preset")) code = unknown_option(s->key[i], options, presets, what);
    }
    return code;
}

/* No two options of a table have one name: the second would never be read. */
static int unique(const struct option *options)
{
    for (const struct option *o = options; o && o->name; o++)
        for (const struct option *p = o + 1; p->name; p++)
            if (strcmp(o->name, p->name) == 0) return 0;
    return 1;
}

int spec_resolve(struct spec *s, const struct option *options, const struct preset *presets, const char *what)
{
    assert(unique(options));
    struct spec out = {.name = mem_string(s->name)};
    int code = check_all(s, options, presets, what); /* first: a spec full of unknown keys has no room for a preset's */
    if (!code && presets) code = apply_preset(s, presets, what);
    if (!code && presets) code = check_all(s, options, presets, what);
    for (const struct option *o = options; o && o->name && !code; o++) {
        int at = find(s, o->name);
        if (at < 0 && !o->value) {
            code = err_set(ERR_OPTION, "%s: option '%s' must be given (%s)", what, o->name, o->help);
            break;
        }
        char *value = canonical(o, at < 0 ? o->value : s->value[at]);
        spec_set(&out, o->name, value);
        mem_free(value);
    }
    if (code) {
        spec_free(&out);
        return code;
    }
    spec_free(s);
    *s = out;
    return OK;
}

/* Does the option have its default? */
static int is_default(const struct option *options, const char *key, const char *value)
{
    for (const struct option *o = options; o && o->name; o++) {
        if (strcmp(o->name, key) || !o->value) continue;
        char *usual = canonical(o, o->value);
        const int same = strcmp(usual, value) == 0;
        mem_free(usual);
        return same;
    }
    return 0;
}

char *spec_text(const struct spec *s)
{
    return spec_brief(s, NULL);
}

char *spec_brief(const struct spec *s, const struct option *options)
{
    char *text = mem_string(s->name);
    for (int i = 0; i < s->n; i++) {
        if (is_default(options, s->key[i], s->value[i])) continue;
        char *longer = mem_print("%s:%s=%s", text, s->key[i], s->value[i]);
        mem_free(text);
        text = longer;
    }
    return text;
}

/* ---- reading ---------------------------------------------------------------------------- */

char *spec_take(struct spec *s, const char *key)
{
    const int i = find(s, key);
    if (i < 0) return NULL;
    char *value = s->value[i];
    mem_free(s->key[i]);
    s->n--;
    memmove(s->key + i, s->key + i + 1, (size_t)(s->n - i) * sizeof *s->key);
    memmove(s->value + i, s->value + i + 1, (size_t)(s->n - i) * sizeof *s->value);
    return value;
}

const char *spec_find(const struct spec *s, const char *key)
{
    int i = find(s, key);
    return i < 0 ? NULL : s->value[i];
}

const char *spec_string(const struct spec *s, const char *key)
{
    const char *v = spec_find(s, key);
    assert(v && "an option that the table does not declare");
    return v;
}

double spec_real(const struct spec *s, const char *key)
{
    double v = 0;
    int code = spec_number(&v, spec_string(s, key));
    assert(code == OK);
    (void)code;
    return v;
}

int64_t spec_int(const struct spec *s, const char *key)
{
    return (int64_t)spec_real(s, key);
}

int spec_is(const struct spec *s, const char *key, const char *value)
{
    return strcmp(spec_string(s, key), value) == 0;
}
