#include "attacker/deepfool.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "nn/loss.h"

enum { BATCH = 128 };

struct search {
    const struct model *m;
    struct tape *tape;
    size_t d;
    int rivals;          /* classes beside an image's own */
    float *x, *r, *at;   /* [BATCH][d] the images, how far they went, where they are */
    float *own, *other;  /* [BATCH][d] gradients of the own class's logit and of a rival's */
    float *step, *far;   /* [BATCH][d], [BATCH] the smallest step, its length */
    float *dz, *z;       /* [BATCH][K] */
    int *rank;           /* [BATCH][K] classes by their first logits */
    int *active;         /* [BATCH] which of the images given each row is */
};

static struct search search_new(const struct model *m, int classes)
{
    struct search s = {.m = m, .d = shape_size(m->input), .rivals = (classes < m->classes ? classes : m->classes) - 1};
    const size_t rows = BATCH * s.d, k = BATCH * (size_t)m->classes;
    s.tape = tape_new(m, BATCH, TAPE_BACKWARD);
    s.x = mem_new(rows, sizeof *s.x);
    s.r = mem_new(rows, sizeof *s.r);
    s.at = mem_new(rows, sizeof *s.at);
    s.own = mem_new(rows, sizeof *s.own);
    s.other = mem_new(rows, sizeof *s.other);
    s.step = mem_new(rows, sizeof *s.step);
    s.far = mem_new(BATCH, sizeof *s.far);
    s.dz = mem_new(k, sizeof *s.dz);
    s.z = mem_new(k, sizeof *s.z);
    s.rank = mem_new(k, sizeof *s.rank);
    s.active = mem_new(BATCH, sizeof *s.active);
    return s;
}

static void search_free(struct search *s)
{
    tape_free(s->tape);
    mem_free(s->x);
    mem_free(s->r);
    mem_free(s->at);
    mem_free(s->own);
    mem_free(s->other);
    mem_free(s->step);
    mem_free(s->far);
    mem_free(s->dz);
    mem_free(s->z);
    mem_free(s->rank);
    mem_free(s->active);
}

/* rank = classes by falling logit; of equals the first. */
static void sort_classes(const float *z, int classes, int *rank)
{
    for (int k = 0; k < classes; k++) {
        int at = k;
        for (; at > 0 && z[rank[at - 1]] < z[k]; at--) rank[at] = rank[at - 1];
        rank[at] = k;
    }
}

/* Gradients [n][d] of the logit of rank j of each image. */
static void slope(struct search *s, int n, int j, float *out)
{
    const int classes = s->m->classes;
    memset(s->dz, 0, (size_t)n * (size_t)classes * sizeof *s->dz);
    for (int i = 0; i < n; i++) s->dz[i * classes + s->rank[i * classes + j]] = 1;
    model_backward(s->m, s->tape, s->dz, NULL, out);
}

/* The smallest step to a boundary: |f_k - f_0| / |w_k - w_0|^2 (w_k - w_0). */
static void smallest_steps(struct search *s, int n)
{
    const int classes = s->m->classes;
    slope(s, n, 0, s->own);
    for (int i = 0; i < n; i++) s->far[i] = INFINITY;
    for (int j = 1; j <= s->rivals; j++) {
        slope(s, n, j, s->other);
        for (int i = 0; i < n; i++) {
            const float *a = s->own + (size_t)i * s->d, *b = s->other + (size_t)i * s->d, *z = s->z + i * classes;
            const int *rank = s->rank + i * classes;
            double norm = 0;
            for (size_t k = 0; k < s->d; k++) norm += ((double)b[k] - (double)a[k]) * ((double)b[k] - (double)a[k]);
            const double gap = fabs((double)z[rank[j]] - (double)z[rank[0]]) + 1e-6, far = gap / sqrt(norm);
            if (!(norm > 0 && far < (double)s->far[i])) continue;
            s->far[i] = (float)far;
            for (size_t k = 0; k < s->d; k++) s->step[(size_t)i * s->d + k] = (float)(gap / norm * ((double)b[k] - (double)a[k]));
        }
    }
}

static void keep_row(struct search *s, int to, int from)
{
    const size_t row = s->d * sizeof *s->x, classes = (size_t)s->m->classes;
    if (to == from) return;
    memcpy(s->x + (size_t)to * s->d, s->x + (size_t)from * s->d, row);
    memcpy(s->r + (size_t)to * s->d, s->r + (size_t)from * s->d, row);
    memcpy(s->at + (size_t)to * s->d, s->at + (size_t)from * s->d, row);
    memcpy(s->rank + (size_t)to * classes, s->rank + (size_t)from * classes, classes * sizeof *s->rank);
    s->active[to] = s->active[from];
}

static void search_batch(struct search *s, const float *x, int n, int steps, double overshoot, float *distance)
{
    const int classes = s->m->classes;
    memcpy(s->x, x, (size_t)n * s->d * sizeof *x);
    memcpy(s->at, x, (size_t)n * s->d * sizeof *x);
    memset(s->r, 0, (size_t)n * s->d * sizeof *s->r);
    for (int i = 0; i < n; i++) s->active[i] = i, distance[i] = 0;
    for (int step = 0; n && step <= steps; step++) {
        int left = 0;
        memcpy(s->z, model_forward(s->m, s->tape, s->at, n), (size_t)(n * classes) * sizeof *s->z);
        for (int i = 0; i < n && step == 0; i++) sort_classes(s->z + i * classes, classes, s->rank + i * classes);
        if (step == steps) break;
        if (step) { /* images that changed their class are through; the tape is of those that go on */
            for (int i = 0; i < n; i++)
                if (argmax(s->z + i * classes, classes) == s->rank[i * classes]) keep_row(s, left++, i);
            if (left < n && left) memcpy(s->z, model_forward(s->m, s->tape, s->at, left), (size_t)(left * classes) * sizeof *s->z);
            n = left;
            if (!n) break;
        }
        smallest_steps(s, n);
        for (int i = 0; i < n; i++) {
            double norm = 0;
            for (size_t k = (size_t)i * s->d; k < (size_t)(i + 1) * s->d && isfinite(s->far[i]); k++) {
                s->r[k] += s->step[k];
                s->at[k] = s->x[k] + (float)(1 + overshoot) * s->r[k];
                norm += (double)s->r[k] * (double)s->r[k];
            }
            distance[s->active[i]] = isfinite(s->far[i]) ? (float)sqrt(norm) : INFINITY; /* no slope: no boundary */
        }
    }
}

void deepfool(const struct model *m, const float *x, int n, int classes, int steps, double overshoot, float *distance)
{
    struct search s = search_new(m, classes);
    for (int i = 0; i < n; i += BATCH) search_batch(&s, x + (size_t)i * s.d, n - i < BATCH ? n - i : BATCH, steps, overshoot, distance + i);
    search_free(&s);
}
