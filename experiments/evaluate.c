#include "experiments/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"

enum { BATCH = 256 };

void evaluate_classes(const struct model *m, const struct dataset *test, int *top)
{
    struct tape *tape = tape_new(m, BATCH, TAPE_FORWARD);
    float *x = mem_new(BATCH * shape_size(m->input), sizeof *x);
    for (int i = 0; i < test->n; i += BATCH) {
        const int n = test->n - i < BATCH ? test->n - i : BATCH;
        dataset_batch(test, NULL, i, n, x);
        const float *z = model_forward(m, tape, x, n);
        for (int j = 0; j < n; j++) top[i + j] = argmax(z + j * m->classes, m->classes);
    }
    tape_free(tape);
    mem_free(x);
}

int evaluate_released(double *accuracy, const struct model *victim, struct defense *defense, const struct dataset *test)
{
    const int classes = victim->classes;
    float *x = mem_new(BATCH * shape_size(victim->input), sizeof *x), *p = mem_new((size_t)(BATCH * classes), sizeof *p);
    float *q = mem_new((size_t)(BATCH * classes), sizeof *q);
    int right = 0, code = OK;
    for (int i = 0; i < test->n && !code; i += BATCH) {
        const int n = test->n - i < BATCH ? test->n - i : BATCH;
        dataset_batch(test, NULL, i, n, x);
        model_predict(victim, x, n, p);
        code = defense_answer(defense, x, p, q, n, classes);
        for (int j = 0; j < n && !code; j++) right += argmax(q + j * classes, classes) == test->labels[i + j];
    }
    *accuracy = (double)right / test->n;
    mem_free(x);
    mem_free(p);
    mem_free(q);
    return code;
}

double evaluate_agreement(const int *a, const int *b, int n)
{
    int same = 0;
    for (int i = 0; i < n; i++) same += a[i] == b[i];
    return (double)same / n;
}

double evaluate_kl(const struct model *victim, const struct model *clone, const struct dataset *test)
{
    const int classes = victim->classes;
    struct tape *tape = tape_new(clone, BATCH, TAPE_FORWARD);
    float *x = mem_new(BATCH * shape_size(victim->input), sizeof *x), *p = mem_new((size_t)(BATCH * classes), sizeof *p);
    double sum = 0;
    for (int i = 0; i < test->n; i += BATCH) {
        const int n = test->n - i < BATCH ? test->n - i : BATCH;
        dataset_batch(test, NULL, i, n, x);
        model_predict(victim, x, n, p);
        sum += n * loss_kl(model_forward(clone, tape, x, n), p, n, classes, 1, NULL);
    }
    tape_free(tape);
    mem_free(x);
    mem_free(p);
    return sum / test->n;
}

void curve_observe(void *curve, const struct model *clone, int64_t queries, int epoch, double val)
{
    struct curve *c = curve;
    if (c->n == c->room) {
        const int room = c->room ? 2 * c->room : 64;
        struct curve_point *more = mem_new((size_t)room, sizeof *more);
        if (c->n) memcpy(more, c->point, (size_t)c->n * sizeof *more);
        mem_free(c->point);
        c->point = more;
        c->room = room;
    }
    int *top = mem_new((size_t)c->test->n, sizeof *top);
    evaluate_classes(clone, c->test, top);
    c->point[c->n++] = (struct curve_point){queries, epoch, evaluate_agreement(top, c->test->labels, c->test->n), val};
    mem_free(top);
}

void curve_free(struct curve *c)
{
    mem_free(c->point);
    c->point = NULL;
    c->n = c->room = 0;
}

double curve_last(const struct curve *c)
{
    return c->n ? c->point[c->n - 1].acc : NAN;
}

double curve_val(const struct curve *c)
{
    double loss = INFINITY, acc = NAN;
    for (int i = c->n - 1; i >= 0 && c->point[i].queries == c->point[c->n - 1].queries; i--) {
        if (!(c->point[i].val <= loss)) continue; /* of equals the first epoch */
        loss = c->point[i].val;
        acc = c->point[i].acc;
    }
    return acc;
}

double curve_best(const struct curve *c)
{
    double best = NAN;
    for (int i = 0; i < c->n; i++)
        if (!(c->point[i].acc <= best)) best = c->point[i].acc;
    return best;
}
