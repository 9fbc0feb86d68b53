#include <assert.h>
#include <math.h>

#include "experiments/report.h"

/* P(|T| < t) for a whole number of degrees of freedom, in closed form (Abramowitz and Stegun 26.7.3, 26.7.4). */
static double t_inside(double t, int df)
{
    double angle = atan(t / sqrt(df)), c = cos(angle), term = df % 2 ? c : 1, sum = df > 1 ? term : 0;
    for (int k = df % 2 ? 2 : 1; k + 1 < df; k += 2) {
        term *= c * c * k / (k + 1);
        sum += term;
    }
    return df % 2 ? 2 / M_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

double stat_t975(int df)
{
    double low = 1.9, high = 13; /* t is 1.96 for many degrees and 12.71 for one */
    assert(df >= 1);
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (t_inside(middle, df) < 0.95) low = middle;
        else high = middle;
    }
    return low;
}

struct stat_mean stat_of(const double *v, int n)
{
    struct stat_mean s = {.mean = NAN, .half = NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(v[i])) {
            sum += v[i];
            s.n++;
        }
    if (s.n == 0) return s;
    s.mean = sum / s.n;
    for (int i = 0; i < n; i++)
        if (isfinite(v[i])) squares += (v[i] - s.mean) * (v[i] - s.mean);
    if (s.n > 1) s.half = stat_t975(s.n - 1) * sqrt(squares / (s.n - 1) / s.n);
    return s;
}

double stat_paired(const double *difference, int n)
{
    const struct stat_mean s = stat_of(difference, n);
    if (s.n < 2) return NAN;
    const double error = s.half / stat_t975(s.n - 1);
    if (error <= 0) return s.mean > 0 || s.mean < 0 ? 0 : 1; /* all differences are one number */
    return 1 - t_inside(fabs(s.mean) / error, s.n - 1);
}
