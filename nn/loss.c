#include "nn/loss.h"

#include <assert.h>
#include <math.h>


int argmax(const float *v, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (v[i] > v[best]) best = i;
    return best;
}

/* log sum exp of a row, in double. */
static double lse(const float *z, int classes)
{
    assert(classes > 0);
    const double top = (double)z[argmax(z, classes)];
    double s = 0;
    for (int k = 0; k < classes; k++) s += (double)expf(z[k] - (float)top);
    return top + log(s); // cppcheck-suppress invalidFunctionArg ; the largest entry alone adds 1
}

void softmax_rows(const float *z, int n, int classes, float *p)
{
    for (int i = 0; i < n; i++, z += classes, p += classes) {
        const float top = z[argmax(z, classes)];
        double s = 0;
        for (int k = 0; k < classes; k++) s += (double)(p[k] = expf(z[k] - top));
        for (int k = 0; k < classes; k++) p[k] = (float)((double)p[k] / s);
    }
}

double loss_ce(const float *z, const int *y, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++, z += classes) {
        const double norm = lse(z, classes);
        sum += norm - (double)z[y[i]];
        for (int k = 0; dz && k < classes; k++)
            dz[i * classes + k] = scale / (float)n * (expf((float)((double)z[k] - norm)) - (k == y[i] ? 1.0f : 0.0f));
    }
    return sum / n;
}

double loss_kl(const float *z, const float *q, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++, z += classes, q += classes) {
        const double norm = lse(z, classes);
        double mass = 0;
        for (int k = 0; k < classes; k++) {
            mass += (double)q[k];
            if (q[k] > 0) sum += (double)q[k] * (log((double)q[k]) - ((double)z[k] - norm));
        }
        for (int k = 0; dz && k < classes; k++)
            dz[i * classes + k] = scale / (float)n * ((float)mass * expf((float)((double)z[k] - norm)) - q[k]);
    }
    return sum / n;
}

double loss_l1(const float *z, const float *s, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    const float unit = scale / (float)((double)n * classes);
    for (int i = 0; i < n; i++, z += classes, s += classes) {
        double mean = 0, signs = 0;
        for (int k = 0; k < classes; k++) mean += (double)z[k];
        mean /= classes;
        for (int k = 0; k < classes; k++) {
            const double gap = (double)z[k] - mean - (double)s[k];
            sum += fabs(gap);
            signs += gap > 0 ? 1 : gap < 0 ? -1 : 0;
        }
        for (int k = 0; dz && k < classes; k++) {
            const double gap = (double)z[k] - mean - (double)s[k];
            dz[i * classes + k] = unit * (float)((gap > 0 ? 1 : gap < 0 ? -1 : 0) - signs / classes);
        }
    }
    return sum / n / classes;
}

double loss_kl_logits(const float *z, const float *s, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++, z += classes, s += classes) {
        const double zn = lse(z, classes), sn = lse(s, classes);
        for (int k = 0; k < classes; k++) {
            const double a = exp((double)s[k] - sn);
            sum += a * (((double)s[k] - sn) - ((double)z[k] - zn));
            if (dz) dz[i * classes + k] = scale / (float)n * (float)(exp((double)z[k] - zn) - a);
        }
    }
    return sum / n;
}

double loss_posterior_l1(const float *z, const float *q, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    float p[classes];
    for (int i = 0; i < n; i++, z += classes, q += classes) {
        double mean = 0;
        softmax_rows(z, 1, classes, p);
        for (int k = 0; k < classes; k++) {
            const double gap = (double)p[k] - (double)q[k], sign = (gap > 0) - (gap < 0);
            sum += fabs(gap);
            mean += sign * (double)p[k];
        }
        for (int k = 0; dz && k < classes; k++) {
            const double gap = (double)p[k] - (double)q[k], sign = (gap > 0) - (gap < 0);
            dz[i * classes + k] = (float)((double)scale * ((double)p[k] * (sign - mean) / n));
        }
    }
    return sum / n;
}

double loss_entropy(const float *z, int n, int classes, float scale, float *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++, z += classes) {
        const double norm = lse(z, classes);
        double h = 0;
        for (int k = 0; k < classes; k++) h -= exp((double)z[k] - norm) * ((double)z[k] - norm);
        sum += h;
        for (int k = 0; dz && k < classes; k++) {
            const double logp = (double)z[k] - norm;
            dz[i * classes + k] = scale / (float)n * (float)(-exp(logp) * (logp + h));
        }
    }
    return sum / n;
}
