#include "data/audit.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/catalogue.h"
#include "data/classes.h"
#include "data/format.h"
#include "data/twins.h"

static const char VERSION[] = "twins 1"; /* raised when twins_find gives other answers */
static const double FAR = 2, MEAN_OFF = 0.05, STD_OFF = 1.25, DOUBT = 0.001; /* deviations; of pixels in [0,1]; a ratio; a share */
enum { DARK = 8 };

/* ---- what was found ----------------------------------------------------------------------------- */

static char *joined(char *a, const char *between, char *b)
{
    char *text = a ? mem_print("%s%s%s", a, between, b) : mem_string(b);
    mem_free(a);
    mem_free(b);
    return text;
}

static void add(struct audit *out, char *word, char *sentence)
{
    out->words = joined(out->words, " ", word);
    out->text = joined(out->text, "\n", sentence);
}

/* ---- twins ------------------------------------------------------------------------------------------ */

/* CACHE/audit/HASH.txt: "same nearly shown", and a line "a b likeness" for each that is shown. */
static char *cache_path(const char *cache, const struct dataset *a, const struct dataset *b)
{
    char *text = mem_print("%s %s %s", VERSION, a->hash, b->hash), hash[HASH_TEXT];
    hash_bytes(hash, text, strlen(text));
    mem_free(text);
    return mem_print("%s/audit/%.16s.txt", cache, hash);
}

static int from_cache(struct twins *t, const char *path)
{
    char *text = NULL;
    size_t size;
    int at = 0, used = 0;
    *t = (struct twins){0};
    if (file_read(&text, &size, path)) return 0;
    int good = sscanf(text, "%d %d %d\n%n", &t->same, &t->nearly, &t->shown, &at) == 3 && t->shown >= 0 && t->shown <= TWINS_SHOWN;
    for (int i = 0; good && i < t->shown; i++, at += used)
        good = sscanf(text + at, "%d %d %lf\n%n", &t->twin[i].a, &t->twin[i].b, &t->twin[i].likeness, &used) == 3;
    mem_free(text);
    return good;
}

/* A cache that cannot be written costs time and nothing else. */
static void to_cache(const struct twins *t, const char *cache, const char *path)
{
    char *folder = mem_print("%s/audit", cache), *text = mem_print("%d %d %d\n", t->same, t->nearly, t->shown);
    for (int i = 0; i < t->shown; i++) text = joined(text, "", mem_print("%d %d %.6f\n", t->twin[i].a, t->twin[i].b, t->twin[i].likeness));
    int code = file_folder(folder);
    if (!code) code = file_write(path, text, strlen(text));
    if (code) progress_say("audit: what was found is not kept: %s", err_text());
    mem_free(folder);
    mem_free(text);
}

/* d in the shape of v: itself, or *own is it, which dataset_free does not know: its pixels and itself are mem_free's. */
static int in_shape(const struct dataset **out, struct dataset **own, const struct dataset *d, const struct dataset *v)
{
    const struct shape s = d->shape, t = v->shape;
    *own = NULL;
    *out = d;
    if (s.c == t.c && s.h == t.h && s.w == t.w) return OK;
    if (s.c != 1 && s.c != 3) return err_set(ERR_SHAPE, "%s has images of %d channels, expected 1 or 3", d->name, s.c);
    const struct transform how = {.to = t};
    uint8_t *pixels = mem_new((size_t)d->n, shape_size(t));
#pragma omp parallel for schedule(static)
    for (int i = 0; i < d->n; i++) transform_image(&how, d->pixels + (size_t)i * shape_size(s), s, pixels + (size_t)i * shape_size(t));
    *own = mem_new(1, sizeof **own);
    **own = *d;
    (*own)->pixels = pixels;
    (*own)->shape = t;
    *out = *own;
    return OK;
}

static void own_free(struct dataset *own)
{
    if (own) mem_free((void *)(uintptr_t)own->pixels);
    mem_free(own);
}

/* The lock of a comparison, -1: there is none to be had. */
static int wait_for(const char *path)
{
    int lock = -1;
    char *folder = path ? mem_print("%.*s", (int)(strrchr(path, '/') - path), path) : NULL, *name = path ? mem_print("%s.lock", path) : NULL;
    if (path && (file_folder(folder) || file_lock_wait(&lock, name))) lock = -1;
    mem_free(folder);
    mem_free(name);
    return lock;
}

static int find_twins(struct twins *t, const struct dataset *a, const struct dataset *b, const struct dataset *victim, const char *cache)
{
    const struct dataset *x, *y;
    struct dataset *own_x = NULL, *own_y = NULL;
    char *path = cache ? cache_path(cache, a, b) : NULL;
    int code = OK, lock = -1;
    if (path && from_cache(t, path)) goto out;
    lock = wait_for(path); /* who comes second finds it there */
    if (path && from_cache(t, path)) goto out;
    code = in_shape(&x, &own_x, a, victim);
    if (!code) code = in_shape(&y, &own_y, b, victim);
    if (code) goto out;
    const double start = clock_s();
    twins_find(t, x, y);
    if (clock_s() - start > 1) progress_say("audit: %s and %s compared in %.1f s", a->name, b->name, clock_s() - start);
    if (path) to_cache(t, cache, path);
out:
    if (lock >= 0) file_unlock(lock);
    own_free(own_x);
    own_free(own_y);
    mem_free(path);
    return code;
}

/* One side of a comparison. */
struct side {
    const char *name;
    const struct dataset *set;
};

/* Images of b that have a twin in a. Where `matters`, they put numbers in doubt when they are DOUBT of b. */
static int add_twins(struct audit *out, struct side a, struct side b, int matters, const struct dataset *victim, const char *cache)
{
    struct twins t;
    char *pairs = NULL;
    if (!a.set || !b.set) return OK;
    int code = find_twins(&t, a.set, b.set, victim, cache);
    if (code || !(t.same + t.nearly)) return code;
    for (int i = 0; i < t.shown; i++) pairs = joined(pairs, ", ", mem_print("%d-%d (%.3f)", t.twin[i].b, t.twin[i].a, t.twin[i].likeness));
    add(out, mem_print("%s~%s:%d%s", b.name, a.name, t.same + t.nearly, matters && t.same + t.nearly >= DOUBT * b.set->n ? "!" : ""),
        mem_print("%s~%s: of %d images of %s, %d are in %s too, and %d nearly: %s%s", b.name, a.name, b.set->n, b.set->name, t.same, a.set->name, t.nearly, pairs,
                  t.same + t.nearly > t.shown ? ", ..." : ""));
    mem_free(pairs);
    return OK;
}

/* ---- names ------------------------------------------------------------------------------------------ */

/* The next name of a list (a line, or what stands between two commas), lower case and without signs; NULL: there is none. */
static const char *next_name(char name[64], const char *at)
{
    size_t n = 0;
    while (*at == ',' || *at == '\n') at++;
    if (!*at) return NULL;
    for (; *at && *at != ',' && *at != '\n'; at++)
        if (isalnum((unsigned char)*at) && n < 63) name[n++] = (char)tolower((unsigned char)*at);
    name[n] = 0;
    return at;
}

static void add_classes(struct audit *out, const char *kind, const struct dataset *victim, const struct dataset *d)
{
    char mine[64], other[64], *shared = NULL;
    int n = 0;
    if (!d || !victim->names || !d->names) return;
    for (const char *i = victim->names; (i = next_name(mine, i));)
        for (const char *j = d->names; (j = next_name(other, j));)
            if (*mine && strcmp(mine, other) == 0) {
                if (n++ < 20) shared = joined(shared, ", ", mem_string(mine));
                break;
            }
    if (n) add(out, mem_print("%s-classes:%d!", kind, n), mem_print("%s-classes: %s has %d classes of %s: %s%s", kind, d->name, n, victim->name, shared, n > 20 ? ", ..." : ""));
    mem_free(shared);
}

/* ---- pixels --------------------------------------------------------------------------------------------- */

static void add_pixels(struct audit *out, const char *kind, const struct dataset *victim, const struct dataset *d)
{
    if (!d) return;
    const size_t size = (size_t)d->n * shape_size(d->shape);
    const int channels = d->shape.c < victim->shape.c ? d->shape.c : victim->shape.c;
    int most = 0;
    for (size_t i = 0; i < size && most <= DARK; i++) most = d->pixels[i] > most ? d->pixels[i] : most;
    if (most <= DARK) {
        add(out, mem_print("%s-range!", kind), mem_print("%s-range: the brightest pixel of %s is %d, expected 255: written as 0 .. 1?", kind, d->name, most));
        return;
    }
    for (int c = 0; c < channels; c++) {
        const double off = fabs((double)d->mean[c] - (double)victim->mean[c]);
        if (off <= FAR * (double)victim->std[c]) continue;
        add(out, mem_print("%s-brightness!", kind), mem_print("%s-brightness: channel %d of %s has the mean %.3f, that of %s %.3f with deviation %.3f: inverted?", kind, c, d->name,
            (double)d->mean[c], victim->name, (double)victim->mean[c], (double)victim->std[c]));
        return;
    }
}

/* Does the victim's network normalise by what its images have? */
static void add_normalisation(struct audit *out, const struct dataset *d)
{
    struct images m = {.n = d->n, .shape = d->shape, .pixels = (uint8_t *)(uintptr_t)d->pixels};
    images_measure(&m);
    for (int c = 0; c < d->shape.c; c++) {
        const double ratio = (double)m.std[c] / (double)d->std[c];
        if (fabs((double)m.mean[c] - (double)d->mean[c]) <= MEAN_OFF && ratio <= STD_OFF && ratio >= 1 / STD_OFF) continue;
        add(out, mem_string("normalisation!"), mem_print("normalisation: channel %d of %s has mean %.4f and deviation %.4f, the network takes %.4f and %.4f", c, d->name,
            (double)m.mean[c], (double)m.std[c], (double)d->mean[c], (double)d->std[c]));
        return;
    }
}

static void add_lossy(struct audit *out, const struct dataset *d)
{
    char *name = mem_print("%.*s", (int)strcspn(d->name, ":"), d->name);
    const struct dataset_info *info = dataset_find(name);
    if (info && info->lossy) add(out, mem_print("lossy:%s", name), mem_print("lossy: %s is a lossy copy of %s: its numbers are not those of the original", name, info->same_as));
    mem_free(name);
}

int audit_run(struct audit *out, const struct audit_sets *s, const char *cache)
{
    *out = (struct audit){0};
    add_lossy(out, s->train);
    const struct side train = {"train", s->train}, test = {"test", s->test}, pool = {"pool", s->pool}, ood = {"ood", s->ood};
    int code = add_twins(out, train, test, 0, s->train, cache);
    if (!code) code = add_twins(out, train, pool, 1, s->train, cache);
    if (!code) code = add_twins(out, test, pool, 1, s->train, cache);
    if (!code) code = add_twins(out, train, ood, 1, s->train, cache);
    if (!code) code = add_twins(out, test, ood, 1, s->train, cache);
    if (!code) code = add_twins(out, pool, ood, 1, s->train, cache);
    if (code) {
        audit_free(out);
        return code;
    }
    if (s->pool && s->ood && (strcmp(s->pool->hash, s->ood->hash) == 0 || classes_shared(s->pool->name, s->ood->name, 0)))
        add(out, mem_string("pool=ood!"), mem_print("pool=ood: %s and %s are one set, or parts of one", s->pool->name, s->ood->name));
    add_classes(out, "pool", s->train, s->pool);
    add_classes(out, "ood", s->train, s->ood);
    add_pixels(out, "pool", s->train, s->pool);
    add_pixels(out, "ood", s->train, s->ood);
    add_normalisation(out, s->train);
    if (!out->words) *out = (struct audit){mem_string("clean"), mem_string("nothing was found")};
    return OK;
}

void audit_free(struct audit *a)
{
    mem_free(a->words);
    mem_free(a->text);
    *a = (struct audit){0};
}
