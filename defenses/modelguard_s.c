/* ModelGuard-S: answers are quantised. Each class keeps a book of answers; a query whose most likely class is that one gets
 * the first entry of the book within epsilon (L1) of its own posterior, and where there is none its posterior, which becomes
 * the book's next entry. Stateful: what a query gets depends on those before it, and the books grow with the traffic. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "nn/loss.h"

struct book {
    int n, room;
    float *entry; /* [n][K] */
};

struct state {
    double epsilon;
    int classes;
    struct book *book; /* [K] */
};

static const struct option options[] = {{"epsilon", OPTION_REAL, "1", 0, 2, 0, "L1 distance within which an entry is used again"}, OPTION_END};
static const struct preset presets[] = {{"mg", "epsilon=1", "ModelGuard's scripts"}, PRESET_END};

static void traits(struct defense_traits *out, const struct spec *opt)
{
    *out = (struct defense_traits){.argmax = 1, .norm = 1, .radius = spec_real(opt, "epsilon"), .stateful = 1};
}

static void close(void *state)
{
    struct state *s = state;
    for (int k = 0; s && s->book && k < s->classes; k++) mem_free(s->book[k].entry);
    if (s) mem_free(s->book);
    mem_free(s);
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    struct state *s = *out = mem_new(1, sizeof *s);
    s->epsilon = spec_real(opt, "epsilon");
    s->classes = env->victim->classes;
    s->book = mem_new((size_t)s->classes, sizeof *s->book);
    return OK;
}

static void append(struct book *b, const float *y, int classes)
{
    const size_t size = (size_t)classes;
    if (b->n == b->room) {
        const int room = b->room ? 2 * b->room : 4;
        float *more = mem_new((size_t)room * size, sizeof *more);
        if (b->n) memcpy(more, b->entry, (size_t)b->n * size * sizeof *more);
        mem_free(b->entry);
        b->entry = more;
        b->room = room;
    }
    memcpy(b->entry + (size_t)b->n++ * size, y, size * sizeof *y);
}

/* The first entry within epsilon of y; y itself, appended, where there is none. */
static const float *entry_for(const struct state *s, struct book *b, const float *y)
{
    for (int i = 0; i < b->n; i++) {
        const float *c = b->entry + (size_t)i * (size_t)s->classes;
        double gap = 0;
        for (int k = 0; k < s->classes && gap <= s->epsilon; k++) gap += fabs((double)c[k] - (double)y[k]);
        if (gap <= s->epsilon) return c;
    }
    append(b, y, s->classes);
    return y;
}

static int answer(void *state, const float *x, const float *p, float *q, int n, int classes)
{
    struct state *s = state;
    (void)x;
    for (int i = 0; i < n; i++, p += classes, q += classes)
        memcpy(q, entry_for(s, &s->book[argmax(p, classes)], p), (size_t)classes * sizeof *q);
    return OK;
}

extern const struct defense_ops defense_modelguard_s;
const struct defense_ops defense_modelguard_s = {.name = "modelguard-s",
    .about = "ModelGuard-S: answers quantised by a codebook a class; depends on the order of queries, and grows with them",
    .formula = "q = the first c in the book of argmax(y) with |c - y|_1 <= epsilon, else y, which joins the book",
    .paper = "Tang et al., ModelGuard: Information-Theoretic Defense Against Model Extraction Attacks, USENIX Security 2024",
    .work = "a walk through a codebook, which grows", .options = options, .presets = presets, .traits = traits, .open = open, .answer = answer, .close = close};
