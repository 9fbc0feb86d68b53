/* Passes over a network: buffers of one batch, and the order in which layers see them.
 *
 * A run of layers that treat every image alone (a stretch) goes depth first: each thread takes a few images (a piece)
 * through all of its layers while they are in its cache, and threads meet at the end. A layer that needs the whole batch
 * (batch statistics; the gradient of parameters, a sum over images) and a batch of fewer pieces than threads go layer by
 * layer, and the layer shares out its work. Either way the numbers are the same: no layer's result depends on how a batch
 * is cut.
 *
 * What a pass does not leave behind (gradients, tangents, outputs that nobody looks at again) lives from the block of layers that
 * writes it to the block of its last reader, forward and backward alike; what is not alive at the same time shares memory. */
#include <assert.h>
#include <omp.h>
#include <string.h>

#include "base/mem.h"
#include "nn/loss.h"
#include "nn/model.h"

enum { BLOCK = 1 << 19 }; /* floats of a piece in one block of layers: about what a core's cache holds */

struct tape {
    const struct model *m;
    int batch, n, flags;
    float *stat_out; /* train mode: where running statistics go */
    float **y;       /* [layers] outputs; an in-place layer shares its input's */
    float **d;       /* [layers] gradients or tangents of the outputs, in `work` */
    float **saved;   /* [layers] what a layer's forward leaves for its backward */
    int *readers;    /* [layers + 1] how many layers read an output; [layers]: the network's input */
    int *shares;     /* [layers] 1: y and d are another layer's */
    int *trained;    /* [layers] 1: parameters in this layer or in one that it reads */
    int *kept;       /* [layers] 1: y is there after the forward pass; else it stands where d will */
    int *unit;       /* [layers] images that it takes at once: the wider of its lanes */
    int *block;      /* [layers] which block of layers it belongs to: no stretch goes beyond */
    int *until;      /* [layers] the block of the last layer that reads its output */
    size_t *at;      /* [layers] where in `work` d begins, behind scratch and sum */
    int threads;                     /* that pieces are shared out to: each has scratch of its own */
    size_t piece_scratch, image_sum; /* floats of a piece and of an image, whatever the layer */
    float *scratch, *sum;            /* sum: a gradient on its way to an output that several layers read; in `work` */
    float *work;                     /* what a pass uses and does not leave behind */
    size_t work_size;
    int borrowed;                    /* `work` is another tape's */
    const float *x;
};

/* Images [first, first + n) of a batch, with memory of their own. first is a multiple of the unit of every layer they see. */
struct piece {
    int first, n;
    float *scratch, *sum;
    int alone; /* it belongs to one thread, among others */
};

/* A layer works in place where its only input has no other reader. */
static void plan(struct tape *t)
{
    const struct model *m = t->m;
    for (int i = 0; i < m->layers; i++)
        for (int j = 0; j < m->layer[i].inputs; j++)
            t->readers[m->layer[i].from[j] < 0 ? m->layers : m->layer[i].from[j]]++;
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        const int from = l->from[0];
        t->trained[i] = l->params > 0;
        for (int j = 0; j < l->inputs; j++)
            if (l->from[j] >= 0 && t->trained[l->from[j]]) t->trained[i] = 1;
        t->shares[i] = l->ops->inplace && from >= 0 && t->readers[from] == 1;
        t->unit[i] = l->in[0].lanes > l->out.lanes ? l->in[0].lanes : l->out.lanes;
    }
    for (int i = m->layers - 1; i >= 0; i--) { /* whoever looks at an output keeps it; a shared one for all who share */
        const struct layer *l = &m->layer[i];
        const int forgets = t->flags & TAPE_BACKWARD ? l->ops->forgets : FORGETS_X | FORGETS_Y;
        if (i == m->layers - 1 || !(forgets & FORGETS_Y)) t->kept[i] = 1;
        for (int j = 0; j < l->inputs; j++)
            if (l->from[j] >= 0 && (!(forgets & FORGETS_X) || (t->shares[i] && t->kept[i]))) t->kept[l->from[j]] = 1;
    }
}

/* Cuts the layers into blocks. Where maps are large each layer is one: depth first they would not stay in the cache either. */
static void cut(struct tape *t)
{
    const struct model *m = t->m;
    size_t floats = 0;
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        const size_t more = t->shares[i] ? 0 : shape_size(l->out) * (size_t)t->unit[i];
        const int next = i > 0 && more && floats + more > BLOCK;
        t->block[i] = t->until[i] = i > 0 ? t->block[i - 1] + next : 0;
        floats = (next ? 0 : floats) + more;
        for (int j = 0; j < l->inputs; j++)
            if (l->from[j] >= 0) t->until[l->from[j]] = t->block[i];
    }
    for (int i = m->layers - 1; i >= 0; i--) /* a shared output is there until the last of those who share it has been read */
        if (t->shares[i]) t->until[m->layer[i].from[0]] = t->until[i];
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static size_t scratch_of(const struct layer_ops *ops, const struct layer *l, int n)
{
    const size_t floats = ops->scratch ? ops->scratch(l, n) : 0;
    return (floats + MAPS - 1) / MAPS * MAPS;
}

static int pieces(int unit, int n)
{
    return (n + unit - 1) / unit;
}

static size_t rounded(size_t floats) /* to cache lines */
{
    return (floats + MAPS - 1) / MAPS * MAPS;
}

static size_t floats_of(const struct tape *t, int i) /* of layer i's d */
{
    return rounded(shape_floats(t->m->layer[i].out, t->batch));
}

/* Where layer i's d can begin, given those before it: beside all that are alive with it. */
static size_t lowest(const struct tape *t, int i)
{
    size_t at = 0;
    for (int j = 0; j < i; j++) {
        if (t->shares[j] || t->until[j] < t->block[i] || at >= t->at[j] + floats_of(t, j) || t->at[j] >= at + floats_of(t, i)) continue;
        at = t->at[j] + floats_of(t, j);
        j = -1; /* further up it may meet one that it has passed */
    }
    return at;
}

/* Places the d of every layer. Returns the floats of them all. */
static size_t lay_out(struct tape *t)
{
    size_t end = 0;
    for (int i = 0; i < t->m->layers; i++) {
        t->at[i] = t->shares[i] ? t->at[t->m->layer[i].from[0]] : lowest(t, i);
        end = larger(end, t->at[i] + floats_of(t, i));
    }
    return end;
}

static void allocate(struct tape *t, const struct tape *lender)
{
    const struct model *m = t->m;
    size_t whole = 0, images = 0;
    int most = 0;
    for (int i = 0; i < m->layers; i++) {
        const struct layer *l = &m->layer[i];
        if (pieces(t->unit[i], t->batch) > most) most = pieces(t->unit[i], t->batch);
        whole = larger(whole, scratch_of(l->ops, l, t->batch));
        if (!l->together) t->piece_scratch = larger(t->piece_scratch, scratch_of(l->alone, l, t->unit[i]));
        images = larger(images, (size_t)(pieces(t->unit[i], t->batch) * t->unit[i]));
        if (t->readers[i] > 1 && t->flags & TAPE_BACKWARD) t->image_sum = larger(t->image_sum, shape_size(l->out));
        if (l->ops->saved && (l->ops->whole || t->flags & TAPE_BACKWARD)) t->saved[i] = mem_new(l->ops->saved(l, t->batch), sizeof **t->saved);
        if (t->shares[i]) t->y[i] = t->y[l->from[0]];
        else if (t->kept[i]) t->y[i] = mem_new(shape_floats(l->out, t->batch), sizeof **t->y);
    }
    t->threads = smaller(omp_get_max_threads(), most);
    const size_t scratch = rounded(larger(whole, (size_t)t->threads * t->piece_scratch)), sum = rounded(images * t->image_sum);
    t->work_size = scratch + sum + lay_out(t);
    t->borrowed = lender && lender->work_size >= t->work_size;
    t->work = t->borrowed ? lender->work : mem_new(t->work_size, sizeof *t->work);
    t->scratch = t->work, t->sum = t->work + scratch;
    for (int i = 0; i < m->layers; i++) {
        t->d[i] = t->work + scratch + sum + t->at[i];
        if (!t->y[i]) t->y[i] = t->d[i];
    }
}

struct tape *tape_new(const struct model *m, int batch, int flags)
{
    return tape_beside(m, batch, flags, NULL);
}

struct tape *tape_beside(const struct model *m, int batch, int flags, const struct tape *lender)
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
    t->kept = mem_new((size_t)m->layers, sizeof *t->kept);
    t->unit = mem_new((size_t)m->layers, sizeof *t->unit);
    t->block = mem_new((size_t)m->layers, sizeof *t->block);
    t->until = mem_new((size_t)m->layers, sizeof *t->until);
    t->at = mem_new((size_t)m->layers, sizeof *t->at);
    plan(t);
    cut(t);
    allocate(t, lender);
    return t;
}

void tape_free(struct tape *t)
{
    if (!t) return;
    for (int i = 0; i < t->m->layers; i++) {
        mem_free(t->saved[i]);
        if (!t->shares[i] && t->y[i] != t->d[i]) mem_free(t->y[i]);
    }
    if (!t->borrowed) mem_free(t->work);
    mem_free(t->y);
    mem_free(t->d);
    mem_free(t->saved);
    mem_free(t->readers);
    mem_free(t->shares);
    mem_free(t->trained);
    mem_free(t->kept);
    mem_free(t->unit);
    mem_free(t->block);
    mem_free(t->until);
    mem_free(t->at);
    mem_free(t);
}

void tape_turn_to(struct tape *t, const struct model *m)
{
    assert(m->layers == t->m->layers && m->params == t->m->params && strcmp(m->arch, t->m->arch) == 0);
    t->m = m;
}

void tape_train(struct tape *t, float *stat)
{
    t->stat_out = stat;
}

static int last_trained(const struct model *m)
{
    int i = m->layers - 1;
    while (i > 0 && !m->layer[i].params) i--;
    return i;
}

int model_features(const struct model *m)
{
    return (int)shape_size(m->layer[last_trained(m)].in[0]);
}

void tape_features(const struct tape *t, float *features)
{
    const struct layer *l = &t->m->layer[last_trained(t->m)];
    const size_t size = shape_size(l->in[0]), lanes = (size_t)l->in[0].lanes;
    assert(l->from[0] >= 0 && t->kept[l->from[0]] && (t->flags & TAPE_BACKWARD));
    const float *y = t->y[l->from[0]];
    for (size_t i = 0; i < (size_t)t->n; i++)
        for (size_t j = 0; j < size; j++) features[i * size + j] = y[(i / lanes * size + j) * lanes + i % lanes];
}

/* ---- stretches and pieces ----------------------------------------------------------------------- */

/* A layer that is not cut into pieces: it needs the whole batch, or overwrites the dy that its parameters' gradient needs. */
static int is_whole(const struct tape *t, int i)
{
    const struct layer *l = &t->m->layer[i];
    return l->together || (t->stat_out && l->ops->whole) || (t->shares[i] && l->params);
}

/* The stretch that layer i belongs to ends before the layer returned (step 1), or begins after it (step -1). */
static int stretch_end(const struct tape *t, int i, int step)
{
    int end = i + step;
    if (is_whole(t, i)) return end;
    while (end >= 0 && end < t->m->layers && t->block[end] == t->block[i] && t->unit[end] == t->unit[i] && !is_whole(t, end)) end += step;
    return end;
}

/* Whether layer i's stretch goes depth first: the pieces keep the threads busy (at most a fifth of the time lost). */
static int is_deep(const struct tape *t, int i)
{
    const int count = pieces(t->unit[i], t->n), threads = omp_get_max_threads();
    return !is_whole(t, i) && pieces(threads, count) * threads * 4 <= count * 5;
}

static int threads_of(const struct tape *t) /* for pieces: no more than there is scratch for */
{
    return smaller(omp_get_max_threads(), t->threads);
}

/* In the thread that will take it. */
static struct piece piece_of(const struct tape *t, int unit, int k)
{
    const int first = k * unit;
    return (struct piece){first, t->n - first < unit ? t->n - first : unit, t->scratch + (size_t)omp_get_thread_num() * t->piece_scratch,
                          t->sum + (size_t)first * t->image_sum, 1};
}

static struct piece whole_batch(const struct tape *t)
{
    return (struct piece){0, t->n, t->scratch, t->sum, 0};
}

static const struct layer_ops *ops_of(const struct tape *t, int i, const struct piece *c)
{
    return c->alone ? t->m->layer[i].alone : t->m->layer[i].ops;
}

/* Where image `first` stands in a buffer of layer `from`'s outputs (-1: the network's input); NULL stays NULL. */
static float *part(const struct tape *t, int from, float *buffer, int first)
{
    const struct shape s = from < 0 ? t->m->input : t->m->layer[from].out;
    return buffer ? buffer + (size_t)first * shape_size(s) : NULL;
}

static const float *part_const(const struct tape *t, int from, const float *buffer, int first)
{
    const struct shape s = from < 0 ? t->m->input : t->m->layer[from].out;
    return buffer ? buffer + (size_t)first * shape_size(s) : NULL;
}

static struct pass pass_of(const struct tape *t, int i, const struct piece *c)
{
    const struct layer *l = &t->m->layer[i];
    struct pass p = {.n = c->n, .train = t->stat_out != NULL, .y = part(t, i, t->y[i], c->first), .w = t->m->w, .stat = t->m->stat,
                     .stat_out = t->stat_out, .scratch = c->scratch, .saved = t->saved[i]};
    if (p.saved && !l->ops->whole) p.saved += l->ops->saved(l, c->first);
    for (int j = 0; j < l->inputs; j++) p.x[j] = part_const(t, l->from[j], l->from[j] < 0 ? t->x : t->y[l->from[j]], c->first);
    return p;
}

/* ---- forward ------------------------------------------------------------------------------------ */

static void forward_layers(const struct tape *t, int from, int to, struct piece c)
{
    for (int i = from; i < to; i++) {
        const struct pass p = pass_of(t, i, &c);
        ops_of(t, i, &c)->forward(&t->m->layer[i], &p);
    }
}

const float *model_forward(const struct model *m, struct tape *t, const float *x, int n)
{
    assert(t->m == m && n > 0 && n <= t->batch);
    t->n = n;
    t->x = x;
    for (int i = 0, end; i < m->layers; i = end) {
        end = stretch_end(t, i, 1);
        if (!is_deep(t, i)) {
            forward_layers(t, i, end, whole_batch(t));
            continue;
        }
        const int unit = t->unit[i], count = pieces(unit, n);
#pragma omp parallel for schedule(static) num_threads(threads_of(t))
        for (int k = 0; k < count; k++) forward_layers(t, i, end, piece_of(t, unit, k));
    }
    return t->y[m->layers - 1];
}

/* ---- backward ----------------------------------------------------------------------------------- */

/* What one backward pass wants. */
struct wanted {
    float *dparams, *dx;
};

static void add(float *to, const float *v, size_t size, int alone)
{
#pragma omp parallel for simd schedule(static) if (!alone)
    for (size_t i = 0; i < size; i++) to[i] += v[i];
}

/* Where the gradient of layer `from`'s output is written: its buffer, or aside where another reader's is there. NULL: not
 * wanted. Two inputs of one layer are never the same output (model_parse refuses it). */
static float *target(const struct tape *t, const struct wanted *w, int from, const struct piece *c, const int *seen)
{
    if (from < 0) return part(t, from, w->dx, c->first);
    if (!w->dx && !t->trained[from]) return NULL;
    return seen[from] ? c->sum : part(t, from, t->d[from], c->first);
}

static void arrived(const struct tape *t, int from, const float *to, const struct piece *c, int *seen)
{
    if (from < 0 || !to) return;
    if (seen[from]) add(part(t, from, t->d[from], c->first), c->sum, shape_floats(t->m->layer[from].out, c->n), c->alone);
    seen[from] = 1;
}

/* Layers `from` down to, without, `end`; dparams may be NULL. `seen` [layers]: the gradients that are there. */
static void backward_layers(const struct tape *t, const struct wanted *w, int from, int end, struct piece c, float *dparams, int *seen)
{
    for (int i = from; i > end; i--) {
        const struct layer *l = &t->m->layer[i];
        const struct pass p = pass_of(t, i, &c);
        float *to[LAYER_INPUTS] = {NULL};
        int any = dparams && l->params;
        if (!w->dx && !t->trained[i]) continue;
        for (int j = 0; j < l->inputs; j++) any |= (to[j] = target(t, w, l->from[j], &c, seen)) != NULL;
        if (any) ops_of(t, i, &c)->backward(l, &p, part_const(t, i, t->d[i], c.first), dparams, to);
        for (int j = 0; j < l->inputs; j++) arrived(t, l->from[j], to[j], &c, seen);
    }
}

/* The same depth first, and then the gradients of the stretch's parameters. */
static void backward_deep(const struct tape *t, const struct wanted *w, int from, int end, int *seen)
{
    const int unit = t->unit[from], count = pieces(unit, t->n), layers = t->m->layers;
    const struct piece whole = whole_batch(t);
    float *nowhere[LAYER_INPUTS] = {NULL};
#pragma omp parallel for schedule(static) num_threads(threads_of(t))
    for (int k = 0; k < count; k++) {
        int mine[layers];
        memcpy(mine, seen, sizeof mine);
        backward_layers(t, w, from, end, piece_of(t, unit, k), NULL, mine);
        if (k == 0) memcpy(seen + layers, mine, sizeof mine);
    }
    memcpy(seen, seen + layers, (size_t)layers * sizeof *seen);
    for (int i = from; i > end && w->dparams; i--) {
        const struct pass p = pass_of(t, i, &whole);
        if (t->m->layer[i].params) t->m->layer[i].ops->backward(&t->m->layer[i], &p, t->d[i], w->dparams, nowhere);
    }
}

void model_backward(const struct model *m, struct tape *t, const float *dlogits, float *dparams, float *dx)
{
    assert(t->m == m && (t->flags & TAPE_BACKWARD) && t->n > 0);
    const struct wanted w = {dparams, dx};
    int seen[2 * m->layers]; /* the second half: what the stretch leaves */
    memset(seen, 0, sizeof seen);
    memcpy(t->d[m->layers - 1], dlogits, (size_t)t->n * (size_t)m->classes * sizeof *dlogits);
    for (int i = m->layers - 1, end; i >= 0; i = end) {
        end = stretch_end(t, i, -1);
        if (is_deep(t, i)) backward_deep(t, &w, i, end, seen);
        else backward_layers(t, &w, i, end, whole_batch(t), dparams, seen);
    }
}

/* ---- tangent ------------------------------------------------------------------------------------ */

static void tangent_layers(const struct tape *t, const float *vparams, const float *vx, int from, int to, struct piece c)
{
    for (int i = from; i < to; i++) {
        const struct layer *l = &t->m->layer[i];
        const struct pass p = pass_of(t, i, &c);
        const float *v[LAYER_INPUTS] = {NULL}; /* NULL: does not move */
        for (int j = 0; j < l->inputs; j++) {
            const int in = l->from[j];
            v[j] = part_const(t, in, in < 0 ? vx : vx || t->trained[in] ? t->d[in] : NULL, c.first);
        }
        if (vx || t->trained[i]) ops_of(t, i, &c)->tangent(l, &p, vparams, v, part(t, i, t->d[i], c.first));
    }
}

void model_tangent(const struct model *m, struct tape *t, const float *vparams, const float *vx, float *vlogits)
{
    assert(t->m == m && (t->flags & TAPE_BACKWARD) && t->n > 0 && !t->stat_out && (vparams || vx));
    for (int i = 0, end; i < m->layers; i = end) {
        end = stretch_end(t, i, 1);
        if (!is_deep(t, i)) {
            tangent_layers(t, vparams, vx, i, end, whole_batch(t));
            continue;
        }
        const int unit = t->unit[i], count = pieces(unit, t->n);
#pragma omp parallel for schedule(static) num_threads(threads_of(t))
        for (int k = 0; k < count; k++) tangent_layers(t, vparams, vx, i, end, piece_of(t, unit, k));
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
