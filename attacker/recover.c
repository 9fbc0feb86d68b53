#include "attacker/recover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "nn/train.h"

enum { BATCH = 256 };

struct pairs *pairs_new(int n, int classes)
{
    struct pairs *t = mem_new(1, sizeof *t);
    const size_t all = (size_t)n * (size_t)classes;
    *t = (struct pairs){.n = n, .classes = classes, .clean = mem_new(all, sizeof(float)), .shown = mem_new(all, sizeof(float))};
    return t;
}

void pairs_free(struct pairs *t)
{
    if (!t) return;
    mem_free(t->clean);
    mem_free(t->shown);
    mem_free(t);
}

/* ---- reading backwards: the mean of what fits ------------------------------------------------------------- */

/* The table's rows in order of the class they say, and of how surely: rows far from an answer are never looked at, as the
 * distance in L1 is at least the difference in one class. */
struct sorted {
    const struct pairs *pairs;
    int *row;   /* [n] */
    int *start; /* [K + 1]: where each class begins */
};

static float top_of(const struct pairs *t, int row, int *class)
{
    const float *q = t->shown + (size_t)row * (size_t)t->classes;
    *class = argmax(q, t->classes);
    return q[*class];
}

static int by_top(const void *a, const void *b, void *pairs)
{
    int ca, cb;
    const int ra = *(const int *)a, rb = *(const int *)b;
    const float ta = top_of(pairs, ra, &ca), tb = top_of(pairs, rb, &cb);
    if (ca != cb) return ca < cb ? -1 : 1;
    if (ta < tb || ta > tb) return ta < tb ? -1 : 1;
    return (ra > rb) - (ra < rb);
}

static struct sorted sort(const struct pairs *t)
{
    struct sorted s = {t, mem_new((size_t)t->n, sizeof *s.row), mem_new((size_t)t->classes + 1, sizeof *s.start)};
    for (int i = 0; i < t->n; i++) s.row[i] = i;
    qsort_r(s.row, (size_t)t->n, sizeof *s.row, by_top, (void *)(uintptr_t)t);
    for (int i = 0, class; i < t->n; i++) {
        top_of(t, s.row[i], &class);
        s.start[class + 1] = i + 1;
    }
    for (int k = 0; k < t->classes; k++)
        if (s.start[k + 1] < s.start[k]) s.start[k + 1] = s.start[k];
    return s;
}

/* Rows within `radius` of the answer: their number, the least distance, and the sum of their clean posteriors (may be NULL). With
 * shrink, the radius becomes the least distance on the way. */
static int within(const struct sorted *s, const float *q, double radius, int shrink, double *least, double *sum)
{
    const struct pairs *t = s->pairs;
    const size_t classes = (size_t)t->classes;
    int count = 0;
    for (int k = 0; k < t->classes; k++) {
        int low = s->start[k], high = s->start[k + 1];
        while (low < high) { /* the first row of the class that is at least as sure */
            const int middle = low + (high - low) / 2;
            if (t->shown[(size_t)s->row[middle] * classes + (size_t)k] < q[k]) low = middle + 1;
            else high = middle;
        }
        for (int way = -1; way <= 1; way += 2)
            for (int i = way < 0 ? low - 1 : low; i >= s->start[k] && i < s->start[k + 1]; i += way) {
                const float *shown = t->shown + (size_t)s->row[i] * classes, *clean = t->clean + (size_t)s->row[i] * classes;
                if (fabs((double)shown[k] - (double)q[k]) > radius) break;
                double far = 0;
                for (size_t j = 0; j < classes && far <= radius; j++) far += fabs((double)shown[j] - (double)q[j]);
                if (far > radius) continue;
                count++;
                if (far < *least) *least = far;
                if (shrink && far < radius) radius = far;
                for (size_t j = 0; sum && j < classes; j++) sum[j] += (double)clean[j];
            }
    }
    return count;
}

void pairs_bayes(const struct pairs *pairs, const float *q, int n, double tolerance, float *out)
{
    const struct sorted s = sort(pairs);
    const int classes = pairs->classes;
#pragma omp parallel for schedule(dynamic, 16)
    for (int i = 0; i < n; i++) {
        const float *answer = q + (size_t)i * (size_t)classes;
        double sum[classes], least = INFINITY;
        memset(sum, 0, sizeof sum);
        within(&s, answer, INFINITY, 1, &least, NULL);
        const int count = within(&s, answer, least > tolerance ? least : tolerance, 0, &least, sum);
        for (int k = 0; k < classes; k++) out[(size_t)i * (size_t)classes + (size_t)k] = (float)(sum[k] / count);
    }
    mem_free(s.row);
    mem_free(s.start);
}

/* ---- reading backwards: a network -------------------------------------------------------------------------- */

struct denoiser {
    const struct pairs *pairs;
    struct model *m;
    struct tape *tape;
    float *x, *p, *dz; /* [batch][K] */
};

/* sum_k |y_k - p_k| of y = softmax(z), batch mean, and its gradient. */
static double loss_sum(const float *z, const float *p, int n, int classes, float *dz)
{
    double sum = 0;
    float y[classes];
    for (int i = 0; i < n; i++, z += classes, p += classes, dz += classes) {
        double mean = 0;
        softmax_rows(z, 1, classes, y);
        for (int k = 0; k < classes; k++) {
            const double gap = (double)y[k] - (double)p[k], sign = (gap > 0) - (gap < 0);
            sum += fabs(gap);
            mean += sign * (double)y[k];
        }
        for (int k = 0; k < classes; k++) {
            const double gap = (double)y[k] - (double)p[k], sign = (gap > 0) - (gap < 0);
            dz[k] = (float)((double)y[k] * (sign - mean) / n);
        }
    }
    return sum / n;
}

static int learn_pairs(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct denoiser *s = ctx;
    const size_t classes = (size_t)s->pairs->classes;
    for (int i = 0; i < n; i++) {
        memcpy(s->x + (size_t)i * classes, s->pairs->shown + (size_t)index[i] * classes, classes * sizeof *s->x);
        memcpy(s->p + (size_t)i * classes, s->pairs->clean + (size_t)index[i] * classes, classes * sizeof *s->p);
    }
    *loss = loss_sum(model_forward(s->m, s->tape, s->x, n), s->p, n, s->pairs->classes, s->dz);
    model_backward(s->m, s->tape, s->dz, g, NULL);
    return OK;
}

/* The sizes of D-DAE's networks, by the number of classes (ModelGuard's code). */
static int denoiser_new(struct model **out, int classes, uint64_t seed)
{
    const int wide = classes <= 10 ? 128 : classes <= 100 ? 512 : classes <= 200 ? 1024 : 2048;
    char *text = mem_print("flatten\nlinear fc1 out=%d\nbatchnorm bn1\nleakyrelu slope=0.2\nlinear fc2 out=%d\nbatchnorm bn2\nleakyrelu slope=0.2\nlinear fc3 out=K\n", wide, wide / 2);
    int code = model_parse(out, "denoiser", text, (struct shape){classes, 1, 1, ROWS}, classes);
    mem_free(text);
    if (!code) model_init(*out, seed);
    return code;
}

int pairs_network(const struct pairs *pairs, const struct optim *o, uint64_t seed, const float *q, int n, float *out)
{
    struct denoiser s = {.pairs = pairs};
    int code = denoiser_new(&s.m, pairs->classes, rng_stream(seed, "denoiser/init", 0).state);
    if (code) return code;
    const size_t rows = (size_t)o->batch * (size_t)pairs->classes;
    s.tape = tape_new(s.m, o->batch, TAPE_BACKWARD);
    tape_train(s.tape, s.m->stat);
    s.x = mem_new(rows, sizeof *s.x);
    s.p = mem_new(rows, sizeof *s.p);
    s.dz = mem_new(rows, sizeof *s.dz);
    code = train_run(o, &(struct train_task){.model = s.m, .n = pairs->n, .seed = rng_stream(seed, "denoiser/order", 0).state, .label = "denoiser", .step = learn_pairs, .ctx = &s});
    if (!code) model_predict(s.m, q, n, out);
    tape_free(s.tape);
    model_free(s.m);
    mem_free(s.x);
    mem_free(s.p);
    mem_free(s.dz);
    return code;
}
