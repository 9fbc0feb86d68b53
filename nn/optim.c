#include "nn/optim.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const double PI = 3.14159265358979323846;

static int read_milestones(struct optim *o, const char *text)
{
    for (const char *c = text; *c;) {
        char *end;
        const double v = strtod(c, &end);
        if (end == c || (*end && *end != ',' && *end != ' ') || v < 0 || o->milestones == MILESTONES)
            return err_set(ERR_OPTION, "option 'milestones': found '%s', expected up to %d epochs as 60,120", text, MILESTONES);
        o->milestone[o->milestones++] = v;
        c = end + strspn(end, ", ");
    }
    return OK;
}

int optim_read(struct optim *out, const struct spec *s)
{
    static const char *const name[] = {"constant", "step", "multistep", "cosine"};
    *out = (struct optim){
        .epochs = (int)spec_int(s, "epochs"), .batch = (int)spec_int(s, "batch"), .lr = spec_real(s, "lr"),
        .momentum = spec_real(s, "momentum"), .weight_decay = spec_real(s, "weight_decay"),
        .nesterov = (int)spec_int(s, "nesterov"), .step = spec_real(s, "step"), .gamma = spec_real(s, "decay"),
        .clip = spec_real(s, "clip")};
    for (int i = 0; i < 4; i++)
        if (spec_is(s, "schedule", name[i])) out->schedule = (enum schedule)i;
    return read_milestones(out, spec_string(s, "milestones"));
}

double optim_lr(const struct optim *o, int epoch)
{
    double lr = o->lr;
    switch (o->schedule) {
    case SCHEDULE_CONSTANT:
        break;
    case SCHEDULE_STEP:
        lr *= pow(o->gamma, floor(epoch / o->step));
        break;
    case SCHEDULE_MULTISTEP:
        for (int i = 0; i < o->milestones; i++)
            if (epoch >= o->milestone[i]) lr *= o->gamma;
        break;
    case SCHEDULE_COSINE:
        lr *= 0.5 * (1 + cos(PI * epoch / o->epochs));
        break;
    }
    return lr;
}

void optim_step(const struct optim *o, double lr, size_t n, float *w, float *g, float *v)
{
    const float rate = (float)lr, decay = (float)o->weight_decay, momentum = (float)o->momentum;
    const int nesterov = o->nesterov;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) {
        const float d = g[i] + decay * w[i];
        v[i] = momentum * v[i] + d;
        w[i] -= rate * (nesterov ? d + momentum * v[i] : v[i]);
    }
}

void adam_step(double lr, int64_t step, size_t n, float *w, const float *g, float *m, float *v)
{
    const float b1 = 0.9f, b2 = 0.999f, c1 = 0.1f, c2 = 0.001f, eps = 1e-8f; /* c = 1 - b, rounded once */
    const float rate = (float)(lr / (1 - pow(0.9, (double)step))), scale = (float)(1 / sqrt(1 - pow(0.999, (double)step)));
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + c1 * g[i];
        v[i] = b2 * v[i] + c2 * g[i] * g[i];
        w[i] -= rate * m[i] / (sqrtf(v[i]) * scale + eps);
    }
}

/* ---- vectors, in blocks of fixed size -------------------------------------------------------------- */

enum { BLOCK = 4096, AT_ONCE = 256 }; /* numbers; blocks whose sums wait to be added up in order */

static size_t block_size(size_t block, size_t n)
{
    return n - block * BLOCK < BLOCK ? n - block * BLOCK : BLOCK;
}

static double sum8(const double s[8])
{
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static double block_dot(size_t n, const float *a, const float *b)
{
    double s[8] = {0};
    size_t j = 0;
    for (; j + 8 <= n; j += 8)
        for (size_t q = 0; q < 8; q++) s[q] += (double)a[j + q] * (double)b[j + q];
    for (; j < n; j++) s[0] += (double)a[j] * (double)b[j];
    return sum8(s);
}

/* sum [pairs] of a[k] . b[k] */
static void dots(size_t n, int pairs, const float *const *a, const float *const *b, double *sum)
{
    const size_t blocks = (n + BLOCK - 1) / BLOCK;
    double part[AT_ONCE][VECTORS_AT_ONCE * (VECTORS_AT_ONCE + 1) / 2];
    for (int k = 0; k < pairs; k++) sum[k] = 0;
    for (size_t first = 0; first < blocks; first += AT_ONCE) {
        const size_t count = blocks - first < AT_ONCE ? blocks - first : AT_ONCE;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++) {
            const size_t at = (first + i) * BLOCK, size = block_size(first + i, n);
            for (int k = 0; k < pairs; k++) part[i][k] = block_dot(size, a[k] + at, b[k] + at);
        }
        for (size_t i = 0; i < count; i++)
            for (int k = 0; k < pairs; k++) sum[k] += part[i][k];
    }
}

double vector_dot(size_t n, const float *a, const float *b)
{
    double sum;
    dots(n, 1, &a, &b, &sum);
    return sum;
}

void vector_gram(size_t n, int count, const float *const *v, double *dot)
{
    enum { PAIRS = VECTORS_AT_ONCE * (VECTORS_AT_ONCE + 1) / 2 };
    const float *a[PAIRS] = {NULL}, *b[PAIRS] = {NULL};
    double sum[PAIRS];
    int pairs = 0;
    assert(count <= VECTORS_AT_ONCE);
    for (int i = 0; i < count; i++)
        for (int j = 0; j <= i; j++, pairs++) a[pairs] = v[i], b[pairs] = v[j];
    dots(n, pairs, a, b, sum);
    for (int i = 0, k = 0; i < count; i++)
        for (int j = 0; j <= i; j++, k++) dot[i * count + j] = dot[j * count + i] = sum[k];
}

void vector_mix(size_t n, int count, const double *a, const float *const *x, float *y)
{
    const size_t blocks = (n + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < blocks; i++) {
        const size_t at = i * BLOCK, size = block_size(i, n);
        for (int k = 0; k < count; k++) {
            const float f = (float)a[k];
#pragma omp simd
            for (size_t j = at; j < at + size; j++) y[j] += f * x[k][j];
        }
    }
}

void vector_add(size_t n, double a, const float *x, float *y)
{
    vector_mix(n, 1, &a, &x, y);
}

double vector_signs(size_t n, float unit, float *a)
{
    const size_t blocks = (n + BLOCK - 1) / BLOCK;
    double sum = 0, part[AT_ONCE];
    for (size_t first = 0; first < blocks; first += AT_ONCE) {
        const size_t count = blocks - first < AT_ONCE ? blocks - first : AT_ONCE;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++) {
            float *v = a + (first + i) * BLOCK;
            const size_t size = block_size(first + i, n);
            double s[8] = {0};
            for (size_t j = 0; j < size; j++) {
                s[j % 8] += fabs((double)v[j]);
                v[j] = v[j] > 0 ? unit : v[j] < 0 ? -unit : 0;
            }
            part[i] = sum8(s);
        }
        for (size_t i = 0; i < count; i++) sum += part[i];
    }
    return sum;
}

double optim_clip(size_t n, float *g, double norm)
{
    const double had = sqrt(vector_dot(n, g, g));
    if (had <= norm) return had;
    const float f = (float)(norm / (had + 1e-6)); /* 1e-6: as PyTorch */
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) g[i] *= f;
    return had;
}
