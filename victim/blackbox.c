/* The black box: answers, counts and stops at the budget. The only place where a query is charged. */
#include "victim/blackbox.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/progress.h"
#include "nn/loss.h"
#include "victim/serve.h"

struct blackbox {
    const struct model *victim;
    struct defense *defense;
    int64_t budget;
    int members; /* 1: the attacker may choose who answers */
    struct ledger ledger;
    uint64_t *seen; /* hashes of the rows asked so far: a table with open addressing; 0 is an empty place */
    size_t places;
    void (*tap)(void *ctx, const float *x, int n);
    void *tap_ctx;
};

int blackbox_open(struct blackbox **out, const struct model *victim, struct defense *defense, int64_t budget)
{
    if (budget < 1) return err_set(ERR_OPTION, "budget: found %lld, expected 1 or more", (long long)budget);
    struct blackbox *b = mem_new(1, sizeof *b);
    *b = (struct blackbox){.victim = victim, .defense = defense, .budget = budget, .places = 1 << 12};
    b->seen = mem_new(b->places, sizeof *b->seen);
    *out = b;
    return OK;
}

void blackbox_close(struct blackbox *b)
{
    if (!b) return;
    mem_free(b->seen);
    mem_free(b);
}

/* ---- the ledger ----------------------------------------------------------------------------------- */

/* 1 where the hash is new. */
static int put(uint64_t *table, size_t places, uint64_t hash)
{
    for (size_t i = hash;; i++) {
        uint64_t *at = &table[i & (places - 1)];
        if (*at == hash) return 0;
        if (*at) continue;
        *at = hash;
        return 1;
    }
}

static void grow(struct blackbox *b)
{
    uint64_t *more = mem_new(2 * b->places, sizeof *more);
    for (size_t i = 0; i < b->places; i++)
        if (b->seen[i]) put(more, 2 * b->places, b->seen[i]);
    mem_free(b->seen);
    b->seen = more;
    b->places *= 2;
}

static void record(struct blackbox *b, const float *x, const float *p, const float *q, int n)
{
    const int classes = b->victim->classes;
    const size_t d = shape_size(b->victim->input);
    for (int i = 0; i < n; i++, x += d, p += classes, q += classes) {
        const uint64_t hash = hash_row(x, d * sizeof *x);
        if (2 * (size_t)b->ledger.distinct >= b->places) grow(b);
        b->ledger.distinct += put(b->seen, b->places, hash ? hash : 1);
        b->ledger.flips += argmax(p, classes) != argmax(q, classes);
        for (int k = 0; k < classes; k++) b->ledger.l1 += fabs((double)q[k] - (double)p[k]);
    }
    b->ledger.total += n;
    b->ledger.calls++;
}

struct ledger blackbox_ledger(const struct blackbox *b)
{
    return b->ledger;
}

void blackbox_tap(struct blackbox *b, void (*tap)(void *ctx, const float *x, int n), void *ctx)
{
    b->tap = tap;
    b->tap_ctx = ctx;
}

/* ---- what the attacker sees -------------------------------------------------------------------------- */

/* by NULL: as the defense serves. */
static int query(struct blackbox *b, const struct defense_choice *by, const float *x, int n, float *q)
{
    if (n < 0 || n > blackbox_left(b))
        return err_set(ERR_BUDGET, "budget: %d queries were asked, %lld of %lld are left", n, (long long)blackbox_left(b), (long long)b->budget);
    if (n == 0) return OK;
    const double start = clock_s();
    const int classes = b->victim->classes;
    float *p = mem_new((size_t)n * (size_t)classes, sizeof *p);
    model_predict(b->victim, x, n, p);
    int code = by ? defense_answer_by(b->defense, by, x, p, q, n, classes) : defense_answer(b->defense, x, p, q, n, classes);
    b->ledger.seconds += clock_s() - start;
    if (!code) record(b, x, p, q, n);
    if (!code && b->tap) b->tap(b->tap_ctx, x, n);
    mem_free(p);
    return code;
}

int blackbox_query(struct blackbox *b, const float *x, int n, float *q)
{
    return query(b, NULL, x, n, q);
}

int blackbox_query_member(struct blackbox *b, const float *x, const int *member, const float *hashed, int n, float *q)
{
    if (!b->members) return err_set(ERR_OPTION, "the black box chooses the member that answers, expected knowledge=members");
    return query(b, &(struct defense_choice){.member = member, .hashed = hashed}, x, n, q);
}

void blackbox_grant_members(struct blackbox *b)
{
    b->members = 1;
}

int64_t blackbox_left(const struct blackbox *b)
{
    return b->budget - b->ledger.total;
}

int64_t blackbox_asked(const struct blackbox *b)
{
    return b->ledger.total;
}

struct shape blackbox_input(const struct blackbox *b)
{
    return b->victim->input;
}

int blackbox_classes(const struct blackbox *b)
{
    return b->victim->classes;
}
