/* What networks really did, to hold against the work that attacks and defenses say they will do: the linker lets these stand
 * between the library's files and its passes (Makefile: --wrap). */
#ifndef HEIST_TESTS_PASSES_H
#define HEIST_TESTS_PASSES_H

#include <string.h>

#include "base/work.h"
#include "nn/model.h"
#include "tests/check.h"

/* Passes of the networks called `arch`, and of all others but `not`. train stays 0: it counts as forward and backward. */
static struct {
    const char *arch;
    const struct model *not;
    struct passes own, other;
} done;

static inline struct passes *done_by(const struct model *m)
{
    static struct passes nobody;
    return m == done.not ? &nobody : done.arch && strcmp(m->arch, done.arch) == 0 ? &done.own : &done.other;
}

const float *__real_model_forward(const struct model *m, struct tape *t, const float *x, int n);
const float *__wrap_model_forward(const struct model *m, struct tape *t, const float *x, int n);
void __real_model_predict(const struct model *m, const float *x, int n, float *p);
void __wrap_model_predict(const struct model *m, const float *x, int n, float *p);
void __real_model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits);
void __wrap_model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits);
void __real_model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx);
void __wrap_model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx);

static struct {
    const struct tape *tape;
    int n;
} on_tape[64]; /* images that each tape holds */

static inline int *rows_on(const struct tape *t)
{
    int i = 0;
    while (i < 63 && on_tape[i].tape && on_tape[i].tape != t) i++;
    on_tape[i].tape = t;
    return &on_tape[i].n;
}

const float *__wrap_model_forward(const struct model *m, struct tape *t, const float *x, int n)
{
    done_by(m)->forward += *rows_on(t) = n;
    return __real_model_forward(m, t, x, n);
}

void __wrap_model_predict(const struct model *m, const float *x, int n, float *p)
{
    done_by(m)->forward += n;
    __real_model_predict(m, x, n, p);
}

void __wrap_model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits)
{
    done_by(m)->tangent += *rows_on(t);
    __real_model_tangent(m, t, vparams, vx, vlogits);
}

void __wrap_model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx)
{
    *(dparams ? &done_by(m)->backward : &done_by(m)->slope) += *rows_on(t);
    __real_model_backward(m, t, dlogits, dparams, dx);
}

static inline void done_start(const char *arch, const struct model *not)
{
    memset(&done, 0, sizeof done);
    memset(on_tape, 0, sizeof on_tape);
    done.arch = arch;
    done.not = not;
}

/* Did they do what was said, but for a part of it? */
static inline int done_as_said(const struct passes *did, const struct passes *said, double part)
{
    int same = CHECK_NEAR(did->forward, said->train + said->forward, part * (said->train + said->forward));
    same &= CHECK_NEAR(did->backward, said->train + said->backward, part * (said->train + said->backward));
    same &= CHECK_NEAR(did->slope, said->slope, part * said->slope);
    return CHECK_NEAR(did->tangent, said->tangent, part * said->tangent) && same;
}

#endif
