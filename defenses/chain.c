/* Chains of defenses: parsed once, opened together, applied in order, and held to what they promise. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "nn/loss.h"

static const double SLACK = 1e-4;    /* how far rounding may take a row's sum from 1 */
static const double ROUNDING = 1e-5; /* and an answer out of its ball */

/* A link that answers in the victim's place leaves nothing of what stands before it, nor of a training of the victim alone. */
static int check_order(const struct defense *d)
{
    for (int i = 0; i < d->n; i++) {
        const struct defense_ops *own = d->link[i].ops;
        for (int j = 0; own->replaces && j < d->n; j++) {
            const struct defense_ops *other = d->link[j].ops;
            if (j < i && other->answer)
                return err_set(ERR_OPTION, "defense chain: '%s' answers in the victim's place, and '%s' before it would be lost: expected '%s' first", own->name, other->name, own->name);
            if (other->fit && !other->answer)
                return err_set(ERR_OPTION, "defense chain: '%s' trains the victim, and '%s' answers in its place: expected one of them", other->name, own->name);
        }
    }
    return OK;
}

static int resolve(struct defense *d)
{
    const char *fitter = NULL;
    for (int i = 0; i < d->n; i++) {
        struct defense_link *l = &d->link[i];
        char what[96];
        int code = defense_find(&l->ops, l->opt.name);
        if (code) return code;
        snprintf(what, sizeof what, "defense %s", l->ops->name);
        if ((code = spec_resolve(&l->opt, l->ops->options, l->ops->presets, what))) return code;
        if (l->ops->fit && fitter)
            return err_set(ERR_OPTION, "defense chain: '%s' and '%s' both train the victim, expected one", fitter, l->ops->name);
        if (l->ops->fit) fitter = l->ops->name;
        if (l->ops->traits) l->ops->traits(&l->traits, &l->opt);
    }
    return check_order(d);
}

int defense_parse(struct defense **out, const char *chain)
{
    struct spec *spec;
    struct defense *d = mem_new(1, sizeof *d);
    int code = spec_chain(&spec, &d->n, chain);
    if (code) {
        mem_free(d);
        return code;
    }
    d->link = mem_new((size_t)d->n, sizeof *d->link);
    for (int i = 0; i < d->n; i++) d->link[i].opt = spec[i];
    mem_free(spec); /* what it held has moved */
    if ((code = resolve(d))) defense_free(d);
    else *out = d;
    return code;
}

void defense_free(struct defense *d)
{
    if (!d) return;
    for (int i = d->n - 1; i >= 0; i--) {
        struct defense_link *l = &d->link[i];
        if (l->state && l->ops->close) l->ops->close(l->state);
        spec_free(&l->opt);
    }
    mem_free(d->link);
    mem_free(d);
}

static char *text_of(const struct defense *d, int brief)
{
    char *text = NULL;
    for (int i = 0; i < d->n; i++) {
        const struct defense_link *l = &d->link[i];
        char *link = brief ? spec_brief(&l->opt, l->ops->options) : spec_text(&l->opt);
        char *longer = text ? mem_print("%s+%s", text, link) : mem_string(link);
        mem_free(text);
        mem_free(link);
        text = longer;
    }
    return text;
}

char *defense_text(const struct defense *d)
{
    return text_of(d, 0);
}

char *defense_brief(const struct defense *d)
{
    return text_of(d, 1);
}

const struct defense_link *defense_fitter(const struct defense *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->link[i].ops->fit) return &d->link[i];
    return NULL;
}

int defense_needs_ood(const struct defense *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->link[i].ops->needs_ood) return 1;
    return 0;
}

int defense_stateful(const struct defense *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->link[i].traits.stateful) return 1;
    return 0;
}

int defense_oracle(const struct defense *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->link[i].traits.oracle) return 1;
    return 0;
}

int defense_open(struct defense *d, const struct defense_env *env)
{
    int code = OK;
    for (int i = 0; i < d->n && !code; i++) {
        struct defense_link *l = &d->link[i];
        if (l->ops->open) code = l->ops->open(&l->state, env, &l->opt);
        if (code) err_prefix(code, "defense %s", l->ops->name);
    }
    return code;
}

struct defense_cost defense_cost(const struct defense *d)
{
    struct defense_cost c = {0};
    for (int i = 0; i < d->n; i++)
        if (d->link[i].ops->cost && d->link[i].state) d->link[i].ops->cost(d->link[i].state, &c);
    return c;
}

/* ---- answering -------------------------------------------------------------------------------------- */

static double distance(const float *p, const float *q, int classes, int norm)
{
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        const double gap = (double)q[k] - (double)p[k];
        sum += norm == 1 ? fabs(gap) : gap * gap;
    }
    return norm == 1 ? sum : sqrt(sum);
}

/* One row must be finite, not negative, and on the simplex where that is asked. */
static int check_row(const char *what, const float *q, int classes, int on_simplex)
{
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        if (!isfinite(q[k])) return err_set(ERR_NUMERIC, "%s: released %g for class %d", what, (double)q[k], k);
        if (q[k] < 0) return err_set(ERR_NUMERIC, "%s: released %g for class %d, expected 0 or more", what, (double)q[k], k);
        sum += (double)q[k];
    }
    if (on_simplex && fabs(sum - 1) > SLACK) return err_set(ERR_NUMERIC, "%s: an answer sums to %.6f, expected 1", what, sum);
    return OK;
}

/* What a link released keeps what it promised. */
static int check_promises(const struct defense_link *l, const float *p, const float *q, int classes)
{
    const struct defense_traits *t = &l->traits;
    const double moved = t->norm ? distance(p, q, classes, t->norm) : 0;
    if (moved > t->radius + ROUNDING && t->norm)
        return err_set(ERR_NUMERIC, "defense %s: an answer moved by %.6f in L%d, expected up to %g", l->ops->name, moved, t->norm, t->radius);
    if (t->argmax && argmax(q, classes) != argmax(p, classes))
        return err_set(ERR_NUMERIC, "defense %s: the most likely class went from %d to %d, expected it to stay", l->ops->name, argmax(p, classes), argmax(q, classes));
    return OK;
}

static int check_link(const struct defense_link *l, const float *p, const float *q, int n, int classes, int on_simplex)
{
    char what[96];
    int code = OK;
    snprintf(what, sizeof what, "defense %s", l->ops->name);
    for (int i = 0; i < n && !code; i++, p += classes, q += classes) {
        code = check_row(what, q, classes, on_simplex);
        if (!code) code = check_promises(l, p, q, classes);
    }
    return code;
}

/* by NULL: every link answers as it serves. */
static int answer(struct defense *d, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes)
{
    const size_t size = (size_t)n * (size_t)classes;
    float *from = mem_new(size, sizeof *from);
    int code = OK, on_simplex = 1;
    for (int i = 0; i < n && !code; i++) code = check_row("the victim", p + (size_t)i * (size_t)classes, classes, 1);
    memcpy(q, p, size * sizeof *q);
    for (int i = 0; i < d->n && !code; i++) {
        const struct defense_link *l = &d->link[i];
        if (!l->ops->answer) continue;
        memcpy(from, q, size * sizeof *q);
        on_simplex = on_simplex && !l->traits.off_simplex;
        code = by && l->ops->answer_by ? l->ops->answer_by(l->state, by, x, from, q, n, classes) : l->ops->answer(l->state, x, from, q, n, classes);
        if (!code) code = check_link(l, from, q, n, classes, on_simplex);
    }
    mem_free(from);
    return code;
}

int defense_answer(struct defense *d, const float *x, const float *p, float *q, int n, int classes)
{
    return answer(d, NULL, x, p, q, n, classes);
}

int defense_answer_by(struct defense *d, const struct defense_choice *by, const float *x, const float *p, float *q, int n, int classes)
{
    for (int i = 0; i < d->n; i++)
        if (d->link[i].ops->answer_by) return answer(d, by, x, p, q, n, classes);
    return err_set(ERR_OPTION, "the defense has no members to choose from, expected an ensemble (edm)");
}
