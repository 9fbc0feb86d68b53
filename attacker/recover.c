#include "attacker/recover.h"

#include <string.h>

#include "attacker/nearby.h"
#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "nn/train.h"

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

void pairs_bayes(const struct pairs *pairs, const float *q, int n, double tolerance, float *out)
{
    struct nearby *near = nearby_new(pairs->shown, pairs->clean, pairs->n, pairs->classes);
    const int classes = pairs->classes;
#pragma omp parallel for schedule(dynamic, 16)
    for (int i = 0; i < n; i++) {
        const float *answer = q + (size_t)i * (size_t)classes;
        double sum[classes];
        const double least = nearby_least(near, answer);
        memset(sum, 0, sizeof sum);
        const int count = nearby_sum(near, answer, least > tolerance ? least : tolerance, sum);
        for (int k = 0; k < classes; k++) out[(size_t)i * (size_t)classes + (size_t)k] = (float)(sum[k] / count);
    }
    nearby_free(near);
}

/* ---- reading backwards: a network -------------------------------------------------------------------------- */

struct denoiser {
    const struct pairs *pairs;
    struct model *m;
    struct tape *tape;
    float *x, *p, *dz; /* [batch][K] */
};

static int learn_pairs(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct denoiser *s = ctx;
    const size_t classes = (size_t)s->pairs->classes;
    for (int i = 0; i < n; i++) {
        memcpy(s->x + (size_t)i * classes, s->pairs->shown + (size_t)index[i] * classes, classes * sizeof *s->x);
        memcpy(s->p + (size_t)i * classes, s->pairs->clean + (size_t)index[i] * classes, classes * sizeof *s->p);
    }
    *loss = loss_posterior_l1(model_forward(s->m, s->tape, s->x, n), s->p, n, s->pairs->classes, 1, s->dz);
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
