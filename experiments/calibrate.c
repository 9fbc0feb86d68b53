#include "experiments/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/loss.h"
#include "victim/victim.h"

enum { BATCH = 256, HALVINGS = 16 };
static const double CLOSE = 0.01, NEAR = 0.05, LEAST = 0.005; /* of the target: good enough to stop, to go on; absolute */

enum measure { MEASURE_L1, MEASURE_DROP };

/* ---- what is asked -------------------------------------------------------------------------------------- */

static int read_target(enum measure *m, double *target, const char *text)
{
    const char *at = strchr(text, '@');
    const int l1 = at && at - text == 2 && strncmp(text, "l1", 2) == 0, drop = at && at - text == 4 && strncmp(text, "drop", 4) == 0;
    double v = 0;
    if ((!l1 && !drop) || spec_number(&v, at + 1) || v <= 0 || v > (l1 ? 2 : 1))
        return err_set(ERR_OPTION, "'target': found '%s', expected as l1@0.2 (0 to 2) or drop@0.01 (0 to 1)", text);
    *m = l1 ? MEASURE_L1 : MEASURE_DROP;
    *target = v;
    return OK;
}

/* Which link and row of its options a knob names: "option" of the first link that has it, or "link.option". */
static const struct option *find_knob(const struct defense *d, const char *knob, int *link)
{
    const char *dot = strchr(knob, '.'), *name = dot ? dot + 1 : knob;
    for (*link = 0; *link < d->n; (*link)++) {
        const struct defense_ops *ops = d->link[*link].ops;
        if (dot && (strlen(ops->name) != (size_t)(dot - knob) || strncmp(ops->name, knob, strlen(ops->name)))) continue;
        for (const struct option *o = ops->options; o && o->name; o++)
            if (strcmp(o->name, name) == 0) return o;
    }
    return NULL;
}

int calibration_check(char **knob, const char *chain, const char *option, const char *target)
{
    struct defense *d = NULL;
    enum measure m;
    double v;
    int link, code = read_target(&m, &v, target);
    if (!code) code = defense_parse(&d, chain);
    if (code) return code;
    const struct option *o = find_knob(d, option, &link);
    if (!o) {
        const char *name[256];
        int n = 0;
        for (int i = 0; i < d->n; i++)
            for (const struct option *p = d->link[i].ops->options; p && p->name && n < 256; p++) name[n++] = p->name;
        code = err_prefix(spec_unknown("option", option, name, n), "'calibrate'");
    } else if (o->type != OPTION_REAL) {
        code = err_set(ERR_OPTION, "'calibrate': found %s, expected an option that is a real number", option);
    } else {
        *knob = mem_print("%s.%s", d->link[link].ops->name, o->name);
    }
    defense_free(d);
    return code;
}

char *calibration_chain(const char *chain, const char *knob, const char *value)
{
    struct defense *d = NULL;
    int link;
    char *text = NULL;
    if (defense_parse(&d, chain) == OK && find_knob(d, knob, &link)) {
        spec_set(&d->link[link].opt, strchr(knob, '.') + 1, value);
        text = defense_text(d);
    }
    defense_free(d);
    return text ? text : mem_string(chain);
}

/* ---- measuring ------------------------------------------------------------------------------------------- */

/* The measure on images first, first + 2, ... */
static int measure(double *out, enum measure m, const struct model *victim, struct defense *d, const struct dataset *test, int first)
{
    const int classes = victim->classes;
    float *x = mem_new(BATCH * shape_size(victim->input), sizeof *x), *p = mem_new((size_t)(BATCH * classes), sizeof *p);
    float *q = mem_new((size_t)(BATCH * classes), sizeof *q);
    double l1 = 0;
    int index[BATCH], clean = 0, right = 0, all = 0, code = OK;
    for (int at = first; at < test->n && !code;) {
        int n = 0;
        for (; n < BATCH && at < test->n; at += 2) index[n++] = at;
        dataset_batch(test, index, 0, n, x);
        model_predict(victim, x, n, p);
        if ((code = defense_answer(d, x, p, q, n, classes))) break;
        for (int i = 0; i < n; i++) {
            clean += argmax(p + i * classes, classes) == test->labels[index[i]];
            right += argmax(q + i * classes, classes) == test->labels[index[i]];
            for (int k = 0; k < classes; k++) l1 += fabs((double)q[i * classes + k] - (double)p[i * classes + k]);
        }
        all += n;
    }
    mem_free(x);
    mem_free(p);
    mem_free(q);
    *out = m == MEASURE_L1 ? l1 / all : (double)(clean - right) / all;
    return code;
}

/* The measure with the knob at `value`: on the half that calibrates, and on the other one (NULL: not wanted). */
static int try_value(double *half, double *other, const struct calibration *c, enum measure m, double value)
{
    struct defense *d = NULL, *second = NULL;
    struct victim *v = NULL;
    struct optim optim;
    struct augment augment;
    char number[40];
    snprintf(number, sizeof number, "%.6g", value);
    char *text = calibration_chain(c->chain, c->knob, number);
    int code = defense_parse(&d, text);
    if (!code) code = victim_training(&optim, &augment, c->victim);
    if (!code) code = victim_get(&v, c->victim, c->train, d, c->ood, c->victim_seed, c->defense_seed, c->cache);
    if (!code) {
        const struct defense_env env = {.victim = v->model, .train = c->train, .ood = c->ood, .optim = &optim, .augment = &augment, .seed = c->defense_seed,
                                        .pool = c->pool, .cache = c->cache};
        code = defense_open(d, &env);
        if (!code) code = measure(half, m, v->model, d, c->test, 0);
        if (!code && other) code = defense_parse(&second, text); /* a fresh one: some remember what they were asked */
        if (!code && other) code = defense_open(second, &env);
        if (!code && other) code = measure(other, m, v->model, second, c->test, 1);
    }
    defense_free(d);
    defense_free(second);
    victim_free(v);
    mem_free(text);
    return code;
}

/* ---- searching -------------------------------------------------------------------------------------------- */

/* The ends of the search: the option's range, or where that is wide, as far as 1, 2, 4, ... are needed. */
static int bracket(double *low, double *high, double *at_low, double *at_high, const struct calibration *c, enum measure m, double target)
{
    struct defense *d = NULL;
    int link, code = defense_parse(&d, c->chain);
    if (code) return code;
    const struct option *o = find_knob(d, c->knob, &link);
    *low = o->min;
    const double end = o->max;
    defense_free(d);
    *high = end > 2 && *low < 1 ? 1 : end;
    code = try_value(at_low, NULL, c, m, *low);
    if (!code) code = try_value(at_high, NULL, c, m, *high);
    while (!code && *high < end && (*at_low - target) * (*at_high - target) > 0) {
        *high = fmin(2 * *high, end);
        code = try_value(at_high, NULL, c, m, *high);
    }
    return code;
}

int calibrate(double *value, double *reached, const struct calibration *c)
{
    enum measure m = MEASURE_L1;
    double target = 0, low = 0, high = 0, at_low = 0, at_high = 0;
    int code = read_target(&m, &target, c->target);
    if (!code) code = bracket(&low, &high, &at_low, &at_high, c, m, target);
    if (code) return err_prefix(code, "calibrating %s", c->knob);
    double best = fabs(at_low - target) < fabs(at_high - target) ? low : high, at_best = best == low ? at_low : at_high;
    for (int i = 0; i < HALVINGS && fabs(at_best - target) > CLOSE * target; i++) {
        const double middle = (low + high) / 2;
        double at;
        if ((code = try_value(&at, NULL, c, m, middle))) return err_prefix(code, "calibrating %s", c->knob);
        if (fabs(at - target) < fabs(at_best - target)) best = middle, at_best = at;
        if ((at < target) == (at_low < at_high)) low = middle;
        else high = middle;
    }
    if (fabs(at_best - target) > fmax(NEAR * target, LEAST))
        return err_set(ERR_NUMERIC, "calibrating %s to %s: the nearest is %.4g, at %.6g", c->knob, c->target, at_best, best);
    char text[40];
    snprintf(text, sizeof text, "%.6g", best); /* as it is used, and recorded */
    if ((code = spec_number(value, text))) return code;
    return try_value(&at_best, reached, c, m, *value);
}
