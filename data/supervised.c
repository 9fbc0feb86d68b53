#include "data/supervised.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/feed.h"
#include "nn/loss.h"

int supervised_fits(const struct model *m, const struct dataset *d, int labels)
{
    const struct shape a = m->input, b = d->shape;
    if (a.c != b.c || a.h != b.h || a.w != b.w)
        return err_set(ERR_SHAPE, "%s has images of %dx%dx%d, the network takes %dx%dx%d", d->name, b.c, b.h, b.w, a.c, a.h, a.w);
    if (labels && !d->labels) return err_set(ERR_SHAPE, "%s has no labels", d->name);
    if (labels && d->classes > m->classes) return err_set(ERR_SHAPE, "%s has %d classes, the network %d", d->name, d->classes, m->classes);
    return OK;
}

struct training {
    struct model *m;
    const struct dataset *d;
    struct feed *feed;
    const struct train_watch *watch;
    struct tape *tape;
    float *x, *dz; /* [batch][c][h][w], [batch][K] */
    int *y;
};

static int step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *t = ctx;
    feed_batch(t->feed, index, n, t->x);
    for (int i = 0; i < n; i++) t->y[i] = t->d->labels[index[i]];
    *loss = loss_ce(model_forward(t->m, t->tape, t->x, n), t->y, n, t->m->classes, 1, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    return OK;
}

static int after_epoch(void *ctx, int epoch, double loss)
{
    const struct training *t = ctx;
    return t->watch ? t->watch->epoch(t->watch->ctx, t->m, epoch, loss) : OK;
}

int supervised_train(struct model *m, const struct dataset *d, const struct optim *o, const struct augment *augment, uint64_t seed, const char *label,
                     const struct train_watch *watch)
{
    int code = supervised_fits(m, d, 1);
    if (code) return code;
    const size_t rows = (size_t)o->batch;
    struct training t = {.m = m, .d = d, .feed = feed_new(d, augment, seed, o->batch), .watch = watch, .tape = tape_new(m, o->batch, TAPE_BACKWARD)};
    tape_train(t.tape, m->stat);
    t.x = mem_new(rows * shape_size(m->input), sizeof *t.x);
    t.dz = mem_new(rows * (size_t)m->classes, sizeof *t.dz);
    t.y = mem_new(rows, sizeof *t.y);
    code = train_run(o, &(struct train_task){.model = m, .n = d->n, .seed = seed, .label = label, .step = step, .epoch = after_epoch, .ctx = &t});
    tape_free(t.tape);
    feed_free(t.feed);
    mem_free(t.x);
    mem_free(t.dz);
    mem_free(t.y);
    return code;
}

double supervised_accuracy(const struct model *m, const struct dataset *d)
{
    enum { BATCH = 256 };
    struct tape *tape = tape_new(m, BATCH, TAPE_FORWARD);
    float *x = mem_new(BATCH * shape_size(m->input), sizeof *x);
    int right = 0;
    for (int i = 0; i < d->n; i += BATCH) {
        const int n = d->n - i < BATCH ? d->n - i : BATCH;
        dataset_batch(d, NULL, i, n, x);
        const float *z = model_forward(m, tape, x, n);
        for (int j = 0; j < n; j++) right += argmax(z + j * m->classes, m->classes) == d->labels[i + j];
    }
    tape_free(tape);
    mem_free(x);
    return (double)right / d->n;
}
