/* Passes over a network: buffers of one batch, and the order in which layers see them. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "nn/loss.h"
#include "nn/model.h"

struct tape {
    const struct model *m;
    int batch, n, flags;
    float *stat_out;  /* train mode: where running statistics go */
    float **y;        /* [layers] outputs; an in-place layer shares its input's */
    float **d;        /* [layers] gradients or tangents of the outputs */
    float **saved;    /* [layers] what a layer's forward leaves for its backward */
    int *readers;     /* [layers + 1] how many layers read an output; [layers]: the network's input */
    int *shares;      /* [layers] 1: y and d are another layer's */
    int *trained;     /* [layers] 1: parameters in this layer or in one that it reads */
    float *scratch, *sum; /* sum: a gradient on its way to an output that several layers read */
    const float *x;
};

/* A layer works in place where its only input has no other reader. */
static void plan(struct tape *t)
{
    const struct model *m = t->m;
    for (int i = 0; i < m->layers; i++)
        for (int j = 0; j < m->layer[i].inputs; j++)
            t->readers[m->layer[i].from[j] < 0 ? m->layers : m->layer[i].from[j]]++;
    for (int i = 0; i < m->layers; i++) {
        int from = m->layer[i].from[0];
        t->trained[i] = m->layer[i].params > 0;
        for (int j = 0; j < m->layer[i].inputs; j++)
            if (m->layer[i].from[j] >= 0 && t->trained[m->layer[i].from[j]]) t->trained[i] = 1;
        t->shares[i] = m->layer[i].ops->inplace && from >= 0 && t->readers[from] == 1;
    }
}

static void allocate(struct tape *t)
{
    const struct model *m = t->m;
    size_t scratch = 0, sum = 0;
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        const size_t size = shape_floats(l->out, t->batch), need = l->ops->scratch ? l->ops->scratch(l, t->batch) : 0;
        if (need > scratch) scratch = need;
        if (l->ops->saved) t->saved[i] = mem_new(l->ops->saved(l), sizeof **t->saved);
        if (t->readers[i] > 1 && size > sum) sum = size;
        if (t->shares[i]) {
            t->y[i] = t->y[l->from[0]];
            t->d[i] = t->d[l->from[0]];
            continue;
        }
        t->y[i] = mem_new(size, sizeof **t->y);
        if (t->flags & TAPE_BACKWARD) t->d[i] = mem_new(size, sizeof **t->d);
    }
    t->scratch = mem_new(scratch, sizeof *t->scratch);
    if (t->flags & TAPE_BACKWARD) t->sum = mem_new(sum, sizeof *t->sum);
}

struct tape *tape_new(const struct model *m, int batch, int flags)
{
    assert(batch > 0);
    struct tape *t = mem_new(1, sizeof *t);
    t->m = m;
    t->batch = batch;
    t->flags = flags;
    t->y = mem_new((size_t)m->layers, sizeof *t->y);
    t->d = mem_new((size_t)m->layers, sizeof *t->d);
    t->saved = mem_new((size_t)m->layers, sizeof *t->saved);
    t->readers = mem_new((size_t)m->layers + 1, sizeof *t->readers);
    t->shares = mem_new((size_t)m->layers, sizeof *t->shares);
    t->trained = mem_new((size_t)m->layers, sizeof *t->trained);
    plan(t);
    allocate(t);
    return t;
}

void tape_free(struct tape *t)
{
    if (!t) return;
    for (int i = 0; i < t->m->layers; i++) {
        mem_free(t->saved[i]);
        if (t->shares[i]) continue;
        mem_free(t->y[i]);
        mem_free(t->d[i]);
    }
    mem_free(t->y);
    mem_free(t->d);
    mem_free(t->saved);
    mem_free(t->readers);
    mem_free(t->shares);
    mem_free(t->trained);
    mem_free(t->scratch);
    mem_free(t->sum);
    mem_free(t);
}

void tape_train(struct tape *t, float *stat)
{
    t->stat_out = stat;
}

static struct pass pass_of(const struct tape *t, int i)
{
    const struct layer *l = &t->m->layer[i];
    struct pass p = {.n = t->n, .train = t->stat_out != NULL, .y = t->y[i], .w = t->m->w, .stat = t->m->stat,
                     .stat_out = t->stat_out, .scratch = t->scratch, .saved = t->saved[i]};
    for (int j = 0; j < l->inputs; j++) p.x[j] = l->from[j] < 0 ? t->x : t->y[l->from[j]];
    return p;
}

const float *model_forward(const struct model *m, struct tape *t, const float *x, int n)
{
    assert(t->m == m && n > 0 && n <= t->batch);
    t->n = n;
    t->x = x;
    for (int i = 0; i < m->layers; i++) {
        struct pass p = pass_of(t, i);
        m->layer[i].ops->forward(&m->layer[i], &p);
    }
    return t->y[m->layers - 1];
}

static void add(float *to, const float *v, size_t size)
{
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < size; i++) to[i] += v[i];
}

/* Where the gradient of layer `from`'s output is written: its buffer, or aside where another reader's is there. NULL: not
 * wanted. Two inputs of one layer are never the same output (model_parse refuses it). */
static float *target(struct tape *t, int from, float *dx, const int *seen)
{
    if (from < 0) return dx;
    if (!dx && !t->trained[from]) return NULL;
    return seen[from] ? t->sum : t->d[from];
}

static void arrived(struct tape *t, int from, const float *to, int *seen)
{
    if (from < 0 || !to) return;
    if (seen[from]) add(t->d[from], t->sum, shape_floats(t->m->layer[from].out, t->n));
    seen[from] = 1;
}

void model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx)
{
    assert(t->m == m && (t->flags & TAPE_BACKWARD) && t->n > 0);
    int seen[m->layers];
    memset(seen, 0, sizeof seen);
    memcpy(t->d[m->layers - 1], dlogits, (size_t)t->n * (size_t)m->classes * sizeof *dlogits);
    for (int i = m->layers - 1; i >= 0; i--) {
        const struct layer *l = &m->layer[i];
        const struct pass p = pass_of(t, i);
        if (!dx && !t->trained[i]) continue;
        float *to[LAYER_INPUTS] = {NULL};
        for (int j = 0; j < l->inputs; j++) to[j] = target(t, l->from[j], dx, seen);
        l->ops->backward(l, &p, t->d[i], dparams, to);
        for (int j = 0; j < l->inputs; j++) arrived(t, l->from[j], to[j], seen);
    }
}

void model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits)
{
    assert(t->m == m && (t->flags & TAPE_BACKWARD) && t->n > 0 && !t->stat_out && (vparams || vx));
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        const struct pass p = pass_of(t, i);
        const float *v[LAYER_INPUTS] = {NULL}; /* NULL: does not move */
        for (int j = 0; j < l->inputs; j++) {
            const int from = l->from[j];
            v[j] = from < 0 ? vx : vx || t->trained[from] ? t->d[from] : NULL;
        }
        if (vx || t->trained[i]) l->ops->tangent(l, &p, vparams, v, t->d[i]);
    }
    memcpy(vlogits, t->d[m->layers - 1], (size_t)t->n * (size_t)m->classes * sizeof *vlogits);
}

void model_predict(const struct model *m, const float *x, int n, float *p)
{
    enum { BATCH = 256 };
    struct tape *t = tape_new(m, n < BATCH ? n : BATCH, TAPE_FORWARD);
    for (int i = 0; i < n; i += BATCH) {
        const int count = n - i < BATCH ? n - i : BATCH;
        const float *z = model_forward(m, t, x + (size_t)i * shape_size(m->input), count);
        softmax_rows(z, count, m->classes, p + (size_t)i * (size_t)m->classes);
    }
    tape_free(t);
}
