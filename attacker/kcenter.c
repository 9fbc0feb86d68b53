#include "attacker/kcenter.h"

#include <assert.h>
#include <math.h>

#include "base/mem.h"

static float distance(const float *a, const float *b, int d)
{
    float sum = 0;
    for (int j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* The farthest point, after those nearer to `centre` than to any before came nearer. */
static int next(const float *point, int n, int d, const float *centre, float *near)
{
    enum { PART = 4096 };
    const int parts = (n + PART - 1) / PART;
    int best = 0, top[parts];
#pragma omp parallel for schedule(static)
    for (int p = 0; p < parts; p++) {
        const int end = (p + 1) * PART < n ? (p + 1) * PART : n;
        top[p] = p * PART;
        for (int i = p * PART; i < end; i++) {
            const float far = distance(point + (long)i * d, centre, d);
            if (far < near[i]) near[i] = far;
            if (near[i] > near[top[p]]) top[p] = i;
        }
    }
    for (int p = 0; p < parts; p++)
        if (near[top[p]] > near[best]) best = top[p];
    return best;
}

void kcenter(const float *point, int n, int d, const float *centre, int centres, int k, int *chosen)
{
    assert(k <= n);
    float *near = mem_new((size_t)n, sizeof *near); /* squared; -1: chosen */
    for (int i = 0; i < n; i++) near[i] = INFINITY;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++)
        for (int c = 0; c < centres; c++) {
            const float far = distance(point + (long)i * d, centre + (long)c * d, d);
            if (far < near[i]) near[i] = far;
        }
    int at = 0;
    for (int i = 1; i < n; i++)
        if (near[i] > near[at]) at = i;
    for (int j = 0; j < k; j++) {
        chosen[j] = at;
        near[at] = -1;
        at = next(point, n, d, point + (long)chosen[j] * d, near);
    }
    mem_free(near);
}
