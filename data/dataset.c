#include "data/dataset.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"
#include "data/classes.h"
#include "data/format.h"
#include "data/mixture.h"
#include "data/place.h"

/* ---- formats ---------------------------------------------------------------------------- */

#define X(name) extern const struct dataset_format name##_format;
#include "data/list.h"
#undef X

static const struct dataset_format *const formats[] = {
#define X(name) &name##_format,
#include "data/list.h"
#undef X
    NULL,
};

static const struct dataset_format *format_named(const char *name)
{
    for (const struct dataset_format *const *f = formats; *f; f++)
        if (strcmp((*f)->name, name) == 0) return *f;
    assert(0 && "a format that list.h does not have");
    return NULL;
}

/* 2: a split of the set is in a folder of HEIST_DATA, which is searched first; 1: elsewhere; 0: none is here. */
static int is_here(const struct dataset_format *f, const struct dataset_info *info)
{
    int rank = 0;
    for (int split = 0; split < 2 && rank < 2 && f->where; split++) {
        char *folder = f->where(info, split), *given;
        if (folder && !rank) rank = 1;
        for (int i = 0; folder && (given = place_given(i)) != NULL; i++) {
            if (strncmp(folder, given, strlen(given)) == 0) rank = 2;
            mem_free(given);
        }
        mem_free(folder);
    }
    return rank;
}

const struct dataset_format *dataset_format(const struct dataset_info *info)
{
    const struct dataset_format *best = format_named(info->format);
    int rank = info->also ? is_here(best, info) : 2;
    for (const char *const *name = info->also; rank < 2 && *name; name++) {
        const struct dataset_format *other = format_named(*name);
        const int now = is_here(other, info);
        if (now > rank) best = other, rank = now;
    }
    return best;
}

int dataset_missing(const struct dataset_info *info, int split)
{
    char *advice = dataset_advice(info), *other = dataset_format(info)->where(info, !split);
    if (other) err_set(ERR_MISSING, "%s: %s has no split '%s'", info->name, other, split ? "test" : "train");
    else err_set(ERR_MISSING, "%s: not on this machine; %s", info->name, advice);
    mem_free(other);
    mem_free(advice);
    return ERR_MISSING;
}

int dataset_own(struct dataset_info *own, const char *name)
{
    if (strchr(name, '/') || *name == '.') return 0;
    for (const struct dataset_format *const *f = formats; *f; f++) {
        *own = (struct dataset_info){.name = name, .about = "a set of your own", .format = (*f)->name};
        if ((*f)->own && is_here(*f, own)) return 1;
    }
    return 0;
}

/* ---- the spec --------------------------------------------------------------------------- */

static int resolve(struct spec *s, const struct dataset_info *info, const struct dataset_format *f, const char *split)
{
    struct option table[SPEC_ITEMS];
    int n = 0;
    for (const struct option *o = f->options; o->name; o++) {
        assert(n < SPEC_ITEMS - 1);
        table[n] = *o;
        if (strcmp(o->name, "split") == 0) table[n].value = split;
        n++;
    }
    table[n] = (struct option)OPTION_END;
    char *what = mem_print("data set %s", info->name);
    int code = spec_resolve(s, table, NULL, what);
    mem_free(what);
    if (!code && info->n[0] && !info->n[1] && spec_is(s, "split", "test"))
        code = err_set(ERR_OPTION, "data set %s: found split=test, but it has one split: split=train is all of it",
                       info->name);
    return code;
}

/* ---- images ----------------------------------------------------------------------------- */

/* Keeps the n chosen images, in the order they have. */
static void keep(struct images *m, const char *chosen, int n)
{
    size_t size = shape_size(m->shape);
    int at = 0;
    uint8_t *pixels = mem_new((size_t)n, size);
    int *labels = m->labels ? mem_new((size_t)n, sizeof *labels) : NULL;
    for (int i = 0; i < m->n; i++) {
        if (!chosen[i]) continue;
        memcpy(pixels + (size_t)at * size, m->pixels + (size_t)i * size, size);
        if (labels) labels[at] = m->labels[i];
        at++;
    }
    images_drop(m);
    mem_free(m->labels);
    m->pixels = pixels;
    m->labels = labels;
    m->n = n;
}

/* Keeps `n` images drawn by seed. */
static void draw(struct images *m, int n, int64_t seed)
{
    int *order = mem_new((size_t)m->n, sizeof *order);
    char *chosen = mem_new((size_t)m->n, 1);
    struct rng r = rng_stream((uint64_t)seed, "subset", 0);
    rng_permutation(&r, order, m->n);
    for (int i = 0; i < n; i++) chosen[order[i]] = 1;
    keep(m, chosen, n);
    mem_free(chosen);
    mem_free(order);
}

/* The names of the classes kept. */
static void keep_names(struct images *m, const char *keep_class)
{
    char *kept = NULL;
    const char *line = m->names;
    for (int c = 0; line && c < m->classes; c++) {
        const size_t n = strcspn(line, "\n");
        char *longer = keep_class[c] ? mem_print("%s%.*s\n", kept ? kept : "", (int)n, line) : NULL;
        if (longer) {
            mem_free(kept);
            kept = longer;
        }
        line += n + (line[n] == '\n');
    }
    mem_free(m->names);
    m->names = kept;
}

/* The `classes` option; *text becomes NULL where it keeps all. */
static int some_classes(struct images *m, char **text, const char *name)
{
    if (!*text) return OK;
    if (!m->labels) return err_set(ERR_OPTION, "data set %s: found classes=%s, but it has no labels", name, *text);
    const int classes = m->classes;
    char *keep_class = mem_new((size_t)classes, 1), *chosen = mem_new((size_t)m->n, 1), *canonical = NULL;
    int *number = mem_new((size_t)classes, sizeof *number), n = 0, kept = 0, code = classes_read(keep_class, &canonical, classes, *text);
    if (code) {
        err_prefix(code, "data set %s", name);
        goto out;
    }
    for (int c = 0; c < classes; c++) number[c] = keep_class[c] ? kept++ : -1;
    for (int i = 0; i < m->n; i++) n += chosen[i] = number[m->labels[i]] >= 0;
    if (canonical && !n) code = err_set(ERR_OPTION, "data set %s: classes=%s has no image", name, canonical);
    if (canonical && !code) {
        keep(m, chosen, n);
        for (int i = 0; i < n; i++) m->labels[i] = number[m->labels[i]];
        keep_names(m, keep_class);
        m->classes = kept;
    }
    mem_free(*text);
    *text = canonical;
    canonical = NULL;
out:
    mem_free(canonical);
    mem_free(number);
    mem_free(chosen);
    mem_free(keep_class);
    return code;
}

static void transform_one(uint8_t *out, const uint8_t *pixels, struct shape from, const void *transform)
{
    transform_image(transform, pixels, from, out);
}

static int transform_all(struct images *m, const struct transform *t, const char *name)
{
    if (m->transformed || !transform_changes(t, m->shape)) return OK;
    if (m->shape.c != 1 && m->shape.c != 3)
        return err_set(ERR_SHAPE, "data set %s: its images have %d channels, to= expects 1 or 3", name, m->shape.c);
    static const char *const fit[] = {[FIT_COVER] = "cover", [FIT_STRETCH] = "stretch", [FIT_PAD] = "pad"};
    images_remake(m, t->to, fit[t->fit], transform_one, t);
    m->transformed = 1;
    return OK;
}

/* `n` and `seed` of the spec; a subset that is the whole set is named as the whole set. */
static int subset(struct images *m, struct spec *s, const struct dataset_info *info)
{
    if (!spec_is(s, "n", "all") && spec_int(s, "n") > m->n)
        return err_set(ERR_OPTION, "data set %s: found n=%s, expected at most the %d images of split=%s", info->name,
                       spec_string(s, "n"), m->n, spec_string(s, "split"));
    if (!spec_is(s, "n", "all") && spec_int(s, "n") < m->n) {
        draw(m, (int)spec_int(s, "n"), spec_int(s, "seed"));
        return OK;
    }
    spec_set(s, "n", "all");
    spec_set(s, "seed", "0");
    return OK;
}

/* ---- opening ---------------------------------------------------------------------------- */

/* A set of the catalogue, or a folder of HEIST_DATA that is not in it: then *out is `own`, filled. */
static int find_info(const struct dataset_info **out, struct dataset_info *own, const char *name)
{
    *out = dataset_find(name);
    if (*out) return OK;
    if (!dataset_own(own, name)) return dataset_unknown(name);
    *out = own;
    return OK;
}

const struct option dataset_options[] = {
    {"classes", OPTION_TEXT, "all", 0, 0, NULL, "some classes, numbered anew: 0-4,7"},
    {"to", OPTION_TEXT, "as it is", 0, 0, NULL, "another shape, CxHxW: 3x32x32"},
    {"fit", OPTION_CHOICE, "cover", 0, 0, "cover stretch pad", "how: resized and cut, resized to the shape, or centred on black"},
    OPTION_END,
};

/* Their values in a spec. */
struct common {
    char *classes, *to, *fit;
};

static void common_free(struct common *c)
{
    mem_free(c->classes);
    mem_free(c->to);
    mem_free(c->fit);
}

static char *name_of(const struct spec *s, const struct common *c, const struct images *m)
{
    char *base = spec_text(s);
    char *name = mem_print("%s%s%s%s%s%s%s", base, c->classes ? ":classes=" : "", c->classes ? c->classes : "", m->transformed ? ":to=" : "",
                           m->transformed ? c->to : "", m->transformed && c->fit ? ":fit=" : "", m->transformed && c->fit ? c->fit : "");
    mem_free(base);
    return name;
}

static char *catalogue_names(const struct dataset_info *info)
{
    char *names = NULL;
    for (int i = 0; info->class_name && i < info->classes; i++) {
        char *longer = mem_print("%s%s\n", names ? names : "", info->class_name[i]);
        mem_free(names);
        names = longer;
    }
    return names;
}

/* Reads, then what every set's options ask for, in this order: shape, classes, n. */
static int read_images(struct images *m, struct spec *s, struct common *c, const struct dataset_info *info, const struct dataset_format *f)
{
    struct transform t;
    int code = transform_read(&t, c->to, c->fit);
    if (code) return err_prefix(code, "data set %s", info->name);
    code = f->open(m, info, s, &t);
    if (code) return code;
    if (!m->names && m->classes == info->classes) m->names = catalogue_names(info);
    code = transform_all(m, &t, info->name);
    if (code) return code;
    if (info->std[0] > 0 && !m->transformed) {
        memcpy(m->mean, info->mean, sizeof m->mean);
        memcpy(m->std, info->std, sizeof m->std);
    } else if (!(m->std[0] > 0)) images_measure(m);
    code = some_classes(m, &c->classes, info->name);
    return code || f->makes_n ? code : subset(m, s, info);
}

static void images_free(struct images *m)
{
    if (m) images_clear(m);
    mem_free(m);
}

static struct dataset *dataset_new(struct images *m, char *name)
{
    struct dataset *d = mem_new(1, sizeof *d);
    *d = (struct dataset){.name = name, .n = m->n, .shape = m->shape, .classes = m->classes, .pixels = m->pixels, .labels = m->labels, .names = m->names,
                          .memory = m};
    memcpy(d->mean, m->mean, sizeof d->mean);
    memcpy(d->std, m->std, sizeof d->std);
    if (*m->hash) memcpy(d->hash, m->hash, sizeof d->hash);
    else images_hash(d->hash, m);
    return d;
}

static int open_mixture(struct dataset **out, const char *text, const char *split)
{
    struct images *m = mem_new(1, sizeof *m);
    char *name = NULL;
    int code = mixture_open(m, &name, text, split);
    if (code) {
        images_free(m);
        return code;
    }
    images_measure(m);
    *out = dataset_new(m, name);
    return OK;
}

int dataset_open(struct dataset **out, const char *text, const char *split)
{
    if (strchr(text, '+')) return open_mixture(out, text, split);
    struct spec s = {0};
    struct dataset_info own;
    const struct dataset_info *info = NULL;
    struct images *m = mem_new(1, sizeof *m);
    struct common c = {0};
    char *name = NULL; /* resolving frees the spec's own */
    int code = spec_parse(&s, text);
    if (code) goto out;
    name = mem_string(s.name);
    code = find_info(&info, &own, name);
    if (code) goto out;
    const struct dataset_format *f = dataset_format(info);
    c = (struct common){spec_take(&s, "classes"), spec_take(&s, "to"), spec_take(&s, "fit")};
    code = resolve(&s, info, f, split ? split : "train");
    if (!code) code = read_images(m, &s, &c, info, f);
    if (code) goto out;
    *out = dataset_new(m, name_of(&s, &c, m));
    m = NULL;
out:
    images_free(m);
    common_free(&c);
    spec_free(&s);
    mem_free(name);
    return code;
}

void dataset_free(struct dataset *d)
{
    if (!d) return;
    images_free(d->memory);
    mem_free(d->name);
    mem_free(d);
}

void dataset_batch(const struct dataset *d, const int *index, int first, int n, float *x)
{
    size_t size = shape_size(d->shape);
    for (int i = 0; i < n; i++) {
        int k = index ? index[i] : first + i;
        assert(k >= 0 && k < d->n);
        const uint8_t *p = d->pixels + (size_t)k * size;
        float *row = x + (size_t)i * size;
        for (size_t j = 0; j < size; j++) row[j] = (float)p[j] / 255.0f;
    }
}
