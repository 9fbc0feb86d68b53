#include "nn/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"

struct state {
    const struct optim *o;
    const struct train_task *task;
    int *order;
    float *g, *v; /* gradient, momentum: [params] */
    struct progress bar;
    double done; /* examples */
};

static int one_step(struct state *s, double lr, const int *index, int n, double *loss)
{
    const struct train_task *t = s->task;
    const size_t params = t->model->params;
    memset(s->g, 0, params * sizeof *s->g);
    int code = t->step(t->ctx, index, n, s->g, loss);
    if (code) return code;
    if (!isfinite(*loss)) return err_set(ERR_NUMERIC, "%s: the loss is %g", t->label, *loss);
    if (s->o->clip > 0) optim_clip(params, s->g, s->o->clip);
    optim_step(s->o, lr, params, t->model->w, s->g, s->v);
    return OK;
}

static int one_epoch(struct state *s, int epoch, double *mean)
{
    const struct train_task *t = s->task;
    const double lr = optim_lr(s->o, epoch);
    double sum = 0;
    struct rng r = rng_stream(t->seed, "order", (uint64_t)epoch);
    rng_permutation(&r, s->order, t->n);
    for (int i = 0; i < t->n; i += s->o->batch) {
        const int n = t->n - i < s->o->batch ? t->n - i : s->o->batch;
        double loss;
        int code = one_step(s, lr, s->order + i, n, &loss);
        if (code) return err_prefix(code, "epoch %d", epoch + 1);
        sum += loss * n;
        s->done += n;
        char note[64];
        snprintf(note, sizeof note, "epoch %d, loss %.4f", epoch + 1, loss);
        progress_at(&s->bar, s->done, note);
    }
    *mean = sum / t->n;
    return OK;
}

int train_run(const struct optim *o, const struct train_task *task)
{
    const size_t params = task->model->params;
    struct state s = {.o = o, .task = task, .order = mem_new((size_t)task->n, sizeof *s.order),
                      .g = mem_new(params, sizeof *s.g), .v = mem_new(params, sizeof *s.v)};
    int code = task->n > 0 ? OK : err_set(ERR_SHAPE, "%s: nothing to train on", task->label);
    double loss = 0;
    progress_start(&s.bar, (double)task->n * o->epochs, "%s", task->label);
    for (int epoch = 0; epoch < o->epochs && !code; epoch++) {
        code = one_epoch(&s, epoch, &loss);
        if (!code && task->epoch) code = task->epoch(task->ctx, epoch + 1, loss);
    }
    char note[64];
    snprintf(note, sizeof note, "%d epochs, loss %.4f", o->epochs, loss);
    progress_end(&s.bar, code ? NULL : note);
    mem_free(s.order);
    mem_free(s.g);
    mem_free(s.v);
    return code;
}
