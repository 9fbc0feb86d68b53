#include "nn/optim.h"

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

enum { BLOCK = 4096 };

double vector_dot(size_t n, const float *a, const float *b)
{
    const size_t blocks = (n + BLOCK - 1) / BLOCK;
    enum { AT_ONCE = 4096 };
    double sum = 0, part[AT_ONCE];
    for (size_t first = 0; first < blocks; first += AT_ONCE) {
        const size_t count = blocks - first < AT_ONCE ? blocks - first : AT_ONCE;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++) {
            const size_t from = (first + i) * BLOCK, to = from + BLOCK < n ? from + BLOCK : n;
            double s[8] = {0};
            size_t j = from;
            for (; j + 8 <= to; j += 8)
                for (int q = 0; q < 8; q++) s[q] += (double)a[j + (size_t)q] * (double)b[j + (size_t)q];
            for (; j < to; j++) s[0] += (double)a[j] * (double)b[j];
            part[i] = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
        }
        for (size_t i = 0; i < count; i++) sum += part[i];
    }
    return sum;
}

void vector_add(size_t n, double a, const float *x, float *y)
{
    const float f = (float)a;
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) y[i] += f * x[i];
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
