#include "data/dataset.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"
#include "data/format.h"
#include "data/mixture.h"
#include "data/place.h"

/* ---- formats ---------------------------------------------------------------------------- */

#define X(name) extern const struct dataset_format name##_format;
#include "data/list.h"
#undef X

const struct dataset_format *dataset_format(const struct dataset_info *info)
{
    static const struct dataset_format *const formats[] = {
#define X(name) &name##_format,
#include "data/list.h"
#undef X
        NULL,
    };
    for (const struct dataset_format *const *f = formats; *f; f++)
        if (strcmp((*f)->name, info->format) == 0) return *f;
    assert(0 && "a format that list.h does not have");
    return NULL;
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

static void images_free(struct images *m)
{
    if (!m) return;
    mem_free(m->pixels);
    mem_free(m->labels);
    mem_free(m);
}

/* Per channel over every pixel; the sums are whole numbers, so no order of adding changes them. */
static void measure(struct images *m)
{
    size_t plane = (size_t)m->shape.h * (size_t)m->shape.w;
    for (int c = 0; c < m->shape.c; c++) {
        uint64_t sum = 0, squares = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum, squares)
        for (int i = 0; i < m->n; i++) {
            const uint8_t *p = m->pixels + ((size_t)i * (size_t)m->shape.c + (size_t)c) * plane;
            uint64_t a = 0, b = 0;
            for (size_t k = 0; k < plane; k++) {
                a += p[k];
                b += (unsigned)p[k] * p[k];
            }
            sum += a;
            squares += b;
        }
        double count = (double)plane * m->n, mean = (double)sum / count / 255;
        double variance = (double)squares / count / (255.0 * 255.0) - mean * mean;
        m->mean[c] = (float)mean;
        m->std[c] = variance > 1e-6 ? (float)sqrt(variance) : 1; /* a set of one colour is only centred */
    }
}

/* Keeps `n` images drawn by seed, in the order they have. */
static void keep(struct images *m, int n, int64_t seed)
{
    size_t size = shape_size(m->shape);
    int *order = mem_new((size_t)m->n, sizeof *order), at = 0;
    char *chosen = mem_new((size_t)m->n, 1);
    uint8_t *pixels = mem_new((size_t)n, size);
    int *labels = m->labels ? mem_new((size_t)n, sizeof *labels) : NULL;
    struct rng r = rng_stream((uint64_t)seed, "subset", 0);
    rng_permutation(&r, order, m->n);
    for (int i = 0; i < n; i++) chosen[order[i]] = 1;
    for (int i = 0; i < m->n; i++) {
        if (!chosen[i]) continue;
        memcpy(pixels + (size_t)at * size, m->pixels + (size_t)i * size, size);
        if (labels) labels[at] = m->labels[i];
        at++;
    }
    mem_free(m->pixels);
    mem_free(m->labels);
    m->pixels = pixels;
    m->labels = labels;
    m->n = n;
    mem_free(chosen);
    mem_free(order);
}

/* `n` and `seed` of the spec; a subset that is the whole set is named as the whole set. */
static int subset(struct images *m, struct spec *s, const struct dataset_info *info)
{
    if (!spec_is(s, "n", "all") && spec_int(s, "n") > m->n)
        return err_set(ERR_OPTION, "data set %s: found n=%s, expected at most the %d images of split=%s", info->name,
                       spec_string(s, "n"), m->n, spec_string(s, "split"));
    if (!spec_is(s, "n", "all") && spec_int(s, "n") < m->n) {
        keep(m, (int)spec_int(s, "n"), spec_int(s, "seed"));
        return OK;
    }
    spec_set(s, "n", "all");
    spec_set(s, "seed", "0");
    return OK;
}

/* SHA-256 over the shape's text and the hash of each 4 MiB: these are hashed in parallel. */
static void content_hash(char out[HASH_TEXT], const struct images *m)
{
    const size_t piece = (size_t)4 << 20;
    size_t bytes[2] = {(size_t)m->n * shape_size(m->shape), m->labels ? (size_t)m->n * sizeof *m->labels : 0};
    const uint8_t *from[2] = {m->pixels, (const uint8_t *)m->labels};
    int pieces[2], total;
    for (int k = 0; k < 2; k++) pieces[k] = (int)((bytes[k] + piece - 1) / piece);
    total = pieces[0] + pieces[1];
    char(*text)[HASH_TEXT] = mem_new((size_t)total + 1, sizeof *text);
    snprintf(text[0], sizeof text[0], "%d %dx%dx%d %d", m->n, m->shape.c, m->shape.h, m->shape.w, m->classes);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < total; i++) {
        int k = i >= pieces[0];
        size_t at = (size_t)(k ? i - pieces[0] : i) * piece;
        hash_bytes(text[i + 1], from[k] + at, bytes[k] - at < piece ? bytes[k] - at : piece);
    }
    hash_bytes(out, text, ((size_t)total + 1) * sizeof *text);
    mem_free(text);
}

/* ---- opening ---------------------------------------------------------------------------- */

/* A set of the catalogue, or a folder of HEIST_DATA that is not in it: then *out is `own`, filled. */
static int find_info(const struct dataset_info **out, struct dataset_info *own, const char *name)
{
    *out = dataset_find(name);
    if (*out) return OK;
    *own = (struct dataset_info){.name = name, .about = "a set of your own", .format = "idx"};
    const struct dataset_format *f = dataset_format(own);
    char *folder = NULL;
    for (int split = 0; split < 2 && !folder && !strchr(name, '/') && *name != '.'; split++) folder = f->where(own, split);
    if (!folder) return dataset_unknown(name);
    mem_free(folder);
    *out = own;
    return OK;
}

static struct dataset *dataset_new(struct images *m, const struct dataset_info *info, const struct spec *s)
{
    struct dataset *d = mem_new(1, sizeof *d);
    *d = (struct dataset){.name = spec_text(s), .n = m->n, .shape = m->shape, .classes = m->classes, .pixels = m->pixels,
                          .labels = m->labels, .memory = m};
    memcpy(d->mean, info->std[0] > 0 ? info->mean : m->mean, sizeof d->mean);
    memcpy(d->std, info->std[0] > 0 ? info->std : m->std, sizeof d->std);
    content_hash(d->hash, m);
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
    measure(m);
    struct dataset *d = *out = mem_new(1, sizeof *d);
    *d = (struct dataset){.name = name, .n = m->n, .shape = m->shape, .pixels = m->pixels, .memory = m};
    memcpy(d->mean, m->mean, sizeof d->mean);
    memcpy(d->std, m->std, sizeof d->std);
    content_hash(d->hash, m);
    return OK;
}

int dataset_open(struct dataset **out, const char *text, const char *split)
{
    if (strchr(text, '+')) return open_mixture(out, text, split);
    struct spec s = {0};
    struct dataset_info own;
    const struct dataset_info *info = NULL;
    struct images *m = mem_new(1, sizeof *m);
    char *name = NULL; /* resolving frees the spec's own */
    int code = spec_parse(&s, text);
    if (code) goto out;
    name = mem_string(s.name);
    code = find_info(&info, &own, name);
    if (code) goto out;
    const struct dataset_format *f = dataset_format(info);
    code = resolve(&s, info, f, split ? split : "train");
    if (!code) code = f->open(m, info, &s);
    if (code) goto out;
    if (!(info->std[0] > 0)) measure(m);
    if (!f->makes_n) code = subset(m, &s, info);
    if (code) goto out;
    *out = dataset_new(m, info, &s);
    m = NULL;
out:
    images_free(m);
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
