#include "defenses/simplex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/loss.h"

void simplex_keep_top(int classes, const float *p, float *q)
{
    const int top = argmax(p, classes);
    if (argmax(q, classes) == top) return;
    double a = 1;
    for (int k = 0; k < classes; k++) { /* where class k catches up with the top */
        const double lead = (double)p[top] - (double)p[k], loss = (double)q[k] - (double)q[top];
        if (loss > 0 && lead / (lead + loss) < a) a = lead / (lead + loss);
    }
    a *= 1 - 1e-4; /* a hair before the tie, so that rounding does not decide */
    for (int k = 0; k < classes; k++) q[k] = (float)((1 - a) * (double)p[k] + a * (double)q[k]);
    if (argmax(q, classes) != top) memcpy(q, p, (size_t)classes * sizeof *q); /* a tie, or as good as one, in p itself */
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The threshold t with sum max(0, |v_i| - t) = radius. */
static double threshold(int n, double radius, const double *v)
{
    double *size = mem_new((size_t)n, sizeof *size), sum = 0, t = 0;
    for (int i = 0; i < n; i++) size[i] = fabs(v[i]);
    qsort(size, (size_t)n, sizeof *size, descending);
    for (int i = 0; i < n; i++) {
        sum += size[i];
        if (size[i] > (sum - radius) / (i + 1)) t = (sum - radius) / (i + 1);
    }
    mem_free(size);
    return t;
}

void simplex_project(int n, int norm, double radius, double *v)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += norm == 1 ? fabs(v[i]) : v[i] * v[i];
    const double length = norm == 1 ? sum : sqrt(sum);
    if (length <= radius) return;
    const double t = norm == 1 ? threshold(n, radius, v) : 0;
    for (int i = 0; i < n; i++) {
        if (norm == 2) v[i] *= radius / length;
        else v[i] = fabs(v[i]) > t ? copysign(fabs(v[i]) - t, v[i]) : 0;
    }
}
