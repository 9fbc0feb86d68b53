/* golden_check DIR: computes every golden case of a folder and compares. A line for each expected tensor,
 *
 *     FILE NAME rel_err=VALUE            (FAIL behind it where the tolerance is exceeded)
 *
 * and exit status 1 where one fails. The format of the files, and the error, are specified in
 * tests/golden/make_golden.py: |got - want| / (|want| + 0.01 |group|), L2 norms, the group being all tensors of one loss or
 * of the state. Large networks store no weights: fill() makes them, and large results are summarised by two numbers. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attacker/jbda.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "defenses/ini_step.h"
#include "nn/arch.h"
#include "nn/loss.h"
#include "nn/optim.h"
#include "tests/golden.h"

enum { SUMMARY_ABOVE = 64 };

/* ---- fill() ----------------------------------------------------------------------------------- */

/* Where the numbers of a name begin: hash(name) + seed. */
static uint64_t start(uint64_t seed, const char *name)
{
    return rng_hash(name) + seed;
}

/* The i-th double in [0,1) from there: splitmix64. */
static double unit(uint64_t from, size_t i)
{
    uint64_t z = from + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    return (double)(z >> 11) * 0x1p-53;
}

static void fill_images(const struct golden *g, const char *name, size_t n, double scale, float *out)
{
    const uint64_t from = start(g->seed, name);
    for (size_t i = 0; i < n; i++) out[i] = (float)(scale * (2 * unit(from, i) - 1) * sqrt(3));
}

struct filling {
    const struct golden *g;
    const struct model *m;
    const char *prefix;
};

/* Batch norm's scale has no input dimension: its weight is a vector. */
static void fill_tensor(void *ctx, const char *name, const struct param *p, float *values)
{
    const struct filling *c = ctx;
    char full[160];
    const char *leaf = strrchr(name, '.') + 1;
    const int shift = strcmp(leaf, "bias") == 0 || strcmp(leaf, "running_mean") == 0;
    const double bound = sqrt(3.0 / ((double)p->size / p->dim[0]));
    snprintf(full, sizeof full, "%s.%s", c->prefix, name);
    const uint64_t from = start(c->g->seed, full);
    for (size_t i = 0; i < p->size; i++) {
        const double u = unit(from, i);
        values[i] = (float)(shift ? 0.4 * u - 0.2 : p->dims == 1 ? 0.5 + u : (2 * u - 1) * bound);
    }
}

/* ---- reading a case ----------------------------------------------------------------------------- */

const char *golden_meta(const struct golden *g, const char *key, const char *otherwise)
{
    const char *v = safetensors_meta(g->f, key);
    return v ? v : otherwise;
}

double golden_number(const struct golden *g, const char *key, double otherwise)
{
    const char *v = safetensors_meta(g->f, key);
    return v ? strtod(v, NULL) : otherwise;
}

static int is(const struct golden *g, const char *key, const char *otherwise, const char *value)
{
    return strcmp(golden_meta(g, key, otherwise), value) == 0;
}

/* The numbers of a tensor, *count of them; mem_free frees. NULL: there is none. */
float *golden_floats(const struct golden *g, const char *name, size_t *count)
{
    const struct tensor *t = safetensors_find(g->f, name);
    if (!t) return NULL;
    float *v = mem_new(t->count, sizeof *v);
    if (tensor_floats(t, v)) exit(fprintf(stderr, "%s: %s\n", g->name, err_text()) ? 1 : 1);
    if (count) *count = t->count;
    return v;
}

int *golden_integers(const struct golden *g, const char *name, size_t *count)
{
    float *v = golden_floats(g, name, count);
    int *out = mem_new(*count, sizeof *out);
    for (size_t i = 0; i < *count; i++) out[i] = (int)v[i];
    mem_free(v);
    return out;
}

float *golden_images(const struct golden *g, const char *name, size_t numbers)
{
    float *x = golden_floats(g, name, NULL);
    if (x) return x;
    x = mem_new(numbers, sizeof *x);
    fill_images(g, name, numbers, 1, x);
    return x;
}

int golden_network(struct model **m, const struct golden *g, const char *prefix)
{
    const char *name = golden_meta(g, "model", "lenet5");
    const int rgb = strcmp(name, "lenet5") != 0; /* the format: lenet5 is 1x28x28, all else 3x32x32 */
    const struct shape in = rgb ? (struct shape){3, 32, 32, ROWS} : (struct shape){1, 28, 28, ROWS};
    char dotted[64];
    int code = model_new(m, strcmp(name, "lenet5c") ? name : "lenet5", in, 10);
    if (code) return code;
    snprintf(dotted, sizeof dotted, "%s.", prefix);
    if (!g->filled) return checkpoint_fill(*m, g->f, dotted, g->name);
    struct filling c = {g, *m, prefix};
    model_visit(*m, &c, fill_tensor);
    return OK;
}

/* ---- comparing ----------------------------------------------------------------------------------- */

/* "expect.grad.ood.conv1.weight" -> the length of "expect.grad.ood." ; tensors of one group share so much */
static size_t group_length(const char *name)
{
    static const char *const states[] = {"expect.pcgrad.", "expect.total.", "expect.victim_after.", "expect.net."};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strncmp(name, states[i], strlen(states[i])) == 0) return strlen(states[i]);
    if (strncmp(name, "expect.grad.", 12) == 0) return 12 + strcspn(name + 12, ".") + 1;
    return strlen(name);
}

/* got [n] against the tensor of this name, where the file has it. */
void golden_compare(struct golden *g, const char *name, const float *got, size_t n)
{
    size_t count = 0;
    const struct tensor *t = safetensors_find(g->f, name);
    if (!t || g->n == RESULTS) return;
    float *want = golden_floats(g, name, &count);
    double gap = 0, size = 0, summary[2] = {0};
    const uint64_t from = start(g->seed + 1, name);
    const int summarised = g->filled && n > SUMMARY_ABOVE;
    if (count != (summarised ? 2 : n)) exit(fprintf(stderr, "%s: %s: found %zu numbers, computed %zu\n", g->name, name, count, n) ? 1 : 1);
    for (size_t i = 0; summarised && i < n; i++) {
        summary[0] += (double)got[i] * (2 * unit(from, i) - 1);
        summary[1] += (double)got[i] * (double)got[i];
    }
    summary[1] = sqrt(summary[1]);
    for (size_t i = 0; i < count; i++) {
        const double v = summarised ? summary[i] : (double)got[i];
        gap += (v - (double)want[i]) * (v - (double)want[i]);
        size += (double)want[i] * (double)want[i];
    }
    g->result[g->n++] = (struct compared){t->name, sqrt(gap), sqrt(size), 0};
    mem_free(want);
}

struct comparing {
    struct golden *g;
    const char *prefix;
    const struct model *m;
    const float *flat; /* a block of parameters; NULL: the model's own state */
    int stats;         /* compare running statistics too */
};

static void compare_one(void *ctx, const char *name, const struct param *p, float *values)
{
    struct comparing *c = ctx;
    char full[160];
    int stat;
    const struct param *known = model_param(c->m, name, &stat);
    if (stat && !c->stats) return;
    snprintf(full, sizeof full, "%s.%s", c->prefix, name);
    golden_compare(c->g, full, c->flat ? c->flat + known->at : values, p->size);
}

static void compare_block(struct golden *g, const char *prefix, const struct model *m, const float *flat)
{
    struct comparing c = {g, prefix, m, flat, flat == NULL};
    model_visit(m, &c, compare_one);
}

/* ---- the cases -------------------------------------------------------------------------------------- */

static struct ini_options ini_options(const struct golden *g)
{
    return (struct ini_options){
        .weight = {1, golden_number(g, "beta", 0), golden_number(g, "gamma", 0.3), golden_number(g, "delta", 1), golden_number(g, "epsilon", 1000)},
        .kl = is(g, "loss", "l1", "kl"), .entropy = is(g, "loss", "l1", "entropy"), .ce = is(g, "grad_loss", "kl", "ce"),
        .pcgrad = is(g, "pcgrad", "1", "1"), .merge_sum = is(g, "merge", "mean", "sum")};
}

/* The gradient of one term: a step's with that term alone. */
static void ini_term_gradient(struct model *v, const struct model *s, struct ini_options o, int term, const float *id, const int *y, const float *ood, int n, float *g)
{
    double loss[INI_TERMS];
    for (int t = 0; t < INI_TERMS; t++)
        if (t != term) o.weight[t] = 0;
    o.pcgrad = 0;
    struct ini_step *step = ini_step_new(v, &s, 1, &o, n);
    memset(g, 0, v->params * sizeof *g);
    ini_step_gradient(step, id, y, ood, n, NULL, loss, g);
    ini_step_free(step);
}

static int case_ini(struct golden *g)
{
    static const char *const term[INI_TERMS] = {"benign", "id", "ood", "grad_id", "grad_ood"};
    struct model *v = NULL, *s = NULL;
    int code = golden_network(&v, g, "victim");
    if (!code) code = golden_network(&s, g, "student");
    if (code) return code;
    const struct ini_options o = ini_options(g);
    size_t n = 0;
    int *y = golden_integers(g, "id_labels", &n);
    float *id = golden_images(g, "id_images", n * shape_size(v->input)), *ood = golden_images(g, "ood_images", n * shape_size(v->input));
    float *grad = mem_new(v->params, sizeof *grad);
    struct ini_step *step = ini_step_new(v, &(const struct model *){s}, 1, &o, (int)n);
    double loss[INI_TERMS];
    char name[64];
    ini_step_gradient(step, id, y, ood, (int)n, NULL, loss, grad);
    compare_block(g, "expect.victim_after", v, NULL);
    const double clip = golden_number(g, "clip", 0);
    if (clip > 0) optim_clip(v->params, grad, clip);
    compare_block(g, o.pcgrad ? "expect.pcgrad" : "expect.total", v, grad);
    for (int t = 0; t < INI_TERMS; t++) {
        if (o.weight[t] == 0) continue;
        const float value = (float)loss[t];
        snprintf(name, sizeof name, "expect.loss.%s", term[t]);
        golden_compare(g, name, &value, 1);
        ini_term_gradient(v, s, o, t, id, y, ood, (int)n, grad);
        snprintf(name, sizeof name, "expect.grad.%s", term[t]);
        compare_block(g, name, v, grad);
    }
    ini_step_free(step);
    model_free(v);
    model_free(s);
    mem_free(y);
    mem_free(id);
    mem_free(ood);
    mem_free(grad);
    return OK;
}

/* Soft targets of a filled file: softmax(2 fill("targets", image kind)). */
static float *targets(const struct golden *g, size_t n)
{
    float *q = golden_floats(g, "targets", NULL);
    if (q || !g->filled) return q;
    q = mem_new(n * 10, sizeof *q);
    fill_images(g, "targets", n * 10, 2, q);
    softmax_rows(q, (int)n, 10, q);
    return q;
}

static int case_train(struct golden *g)
{
    struct model *m = NULL;
    int code = golden_network(&m, g, "net");
    if (code) return code;
    size_t n = 0;
    const int batch = (int)golden_number(g, "batch", 1), steps = (int)golden_number(g, "steps", 1), soft = is(g, "loss", "ce", "kl");
    const struct optim o = {.lr = golden_number(g, "lr", 0.1), .momentum = golden_number(g, "momentum", 0), .weight_decay = golden_number(g, "weight_decay", 0)};
    int *y = golden_integers(g, "labels", &n);
    const size_t d = shape_size(m->input);
    float *x = golden_images(g, "images", n * d), *q = soft ? targets(g, n) : NULL;
    float *grad = mem_new(m->params, sizeof *grad), *v = mem_new(m->params, sizeof *v), *dz = mem_new((size_t)batch * 10, sizeof *dz);
    float *loss = mem_new((size_t)steps, sizeof *loss);
    struct tape *t = tape_new(m, batch, TAPE_BACKWARD);
    tape_train(t, m->stat);
    for (int i = 0; i < steps; i++) {
        const float *z = model_forward(m, t, x + (size_t)(i * batch) * d, batch);
        loss[i] = (float)(soft ? loss_kl(z, q + i * batch * 10, batch, 10, 1, dz) : loss_ce(z, y + i * batch, batch, 10, 1, dz));
        memset(grad, 0, m->params * sizeof *grad);
        model_backward(m, t, dz, grad, NULL);
        optim_step(&o, o.lr, m->params, m->w, grad, v);
    }
    golden_compare(g, "expect.loss", loss, (size_t)steps);
    compare_block(g, "expect.net", m, NULL);
    tape_train(t, NULL);
    golden_compare(g, "expect.logits", model_forward(m, t, x, batch), (size_t)batch * 10);
    tape_free(t);
    model_free(m);
    mem_free(y);
    mem_free(x);
    mem_free(q);
    mem_free(grad);
    mem_free(v);
    mem_free(dz);
    mem_free(loss);
    return OK;
}

/* A network and normalised images, with the range of their pixels: [channels] each. */
struct jbda_scene {
    struct model *m;
    struct tape *t;
    size_t n, d, channels;
    float *x, *dz, *dx, *moved;
    float low[4], high[4];
};

static void jbda_scene_free(struct jbda_scene *s)
{
    tape_free(s->t);
    model_free(s->m);
    mem_free(s->x);
    mem_free(s->dz);
    mem_free(s->dx);
    mem_free(s->moved);
}

static int jbda_scene_open(struct jbda_scene *s, struct golden *g, size_t n)
{
    int code = golden_network(&s->m, g, "net");
    if (code) return code;
    s->n = n;
    s->channels = (size_t)s->m->input.c;
    s->d = shape_size(s->m->input);
    const size_t all = n * s->d, plane = s->d / s->channels;
    float *mean = golden_floats(g, "mean", NULL), *std = golden_floats(g, "std", NULL);
    s->x = golden_floats(g, "images", NULL);
    if (!s->x) {
        const int rgb = s->channels == 3;
        const float m3[] = {0.4914f, 0.4822f, 0.4465f}, s3[] = {0.2023f, 0.1994f, 0.2010f}, m1[] = {0.1307f}, s1[] = {0.3081f};
        mean = mem_new(s->channels, sizeof *mean);
        std = mem_new(s->channels, sizeof *std);
        memcpy(mean, rgb ? m3 : m1, s->channels * sizeof *mean);
        memcpy(std, rgb ? s3 : s1, s->channels * sizeof *std);
        s->x = mem_new(all, sizeof *s->x);
        for (size_t i = 0; i < all; i++)
            s->x[i] = (float)((unit(start(g->seed, "images"), i) - (double)mean[i / plane % s->channels]) / (double)std[i / plane % s->channels]);
    }
    for (size_t c = 0; c < s->channels; c++) {
        s->low[c] = (0 - mean[c]) / std[c];
        s->high[c] = (1 - mean[c]) / std[c];
    }
    s->t = tape_new(s->m, (int)n, TAPE_BACKWARD);
    s->dz = mem_new(n * 10, sizeof *s->dz);
    s->dx = mem_new(all, sizeof *s->dx);
    s->moved = mem_new(all, sizeof *s->moved);
    mem_free(mean);
    mem_free(std);
    return OK;
}

static int case_jbda(struct golden *g)
{
    struct jbda_scene s = {0};
    size_t n = 0;
    int *y = golden_integers(g, "labels", &n), code = jbda_scene_open(&s, g, n);
    float step[4];
    for (size_t c = 0; c < 4; c++) step[c] = (float)golden_number(g, "lambda", 0.1);
    if (!code) {
        jbda_step(s.m, s.t, JBDA_LOGIT_UP, s.x, y, (int)n, step, NULL, NULL, s.low, s.high, s.dz, s.dx, s.moved);
        golden_compare(g, "expect.input_gradient", s.dx, n * s.d);
        golden_compare(g, "expect.augmented", s.moved, n * s.d);
    }
    jbda_scene_free(&s);
    mem_free(y);
    return code;
}

static int case_jbda_moves(struct golden *g)
{
    struct jbda_scene s = {0};
    size_t n = 0;
    const int iters = (int)golden_number(g, "iters", 1);
    int *target = golden_integers(g, "targets", &n), code = jbda_scene_open(&s, g, n /= (size_t)iters);
    const enum jbda_slope slope = strcmp(golden_meta(g, "slope", ""), "ce_down") ? JBDA_LOGIT_UP : JBDA_CE_DOWN;
    float step[4], total[4];
    for (size_t c = 0; c < 4; c++) {
        step[c] = (float)golden_number(g, "step", 0.1);
        total[c] = (float)golden_number(g, "total", 0);
    }
    for (int i = 0; i < iters && !code; i++) {
        jbda_step(s.m, s.t, slope, i ? s.moved : s.x, target + (size_t)i * n, (int)n, step, total[0] > 0 ? s.x : NULL, total, s.low, s.high, s.dz, s.dx, s.moved);
        if (i == 0) golden_compare(g, "expect.first", s.moved, n * s.d);
    }
    if (!code) golden_compare(g, "expect.augmented", s.moved, n * s.d);
    jbda_scene_free(&s);
    mem_free(target);
    return code;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static double tolerance(const struct golden *g, const char *name)
{
    const int lenet = strncmp(golden_meta(g, "model", "lenet5"), "lenet5", 6) == 0;
    return lenet || strncmp(name, "expect.loss.", 12) == 0 ? 1e-4 : 2e-2;
}

/* Prints a line a tensor; the number that failed, counting expected tensors that nothing computed. */
static int judge(struct golden *g)
{
    int failed = 0, expected = 0;
    for (int i = 0; i < g->n; i++) {
        struct compared *c = &g->result[i];
        double group = 0;
        for (int j = 0; j < g->n; j++)
            if (group_length(g->result[j].name) == group_length(c->name) && strncmp(g->result[j].name, c->name, group_length(c->name)) == 0)
                group += g->result[j].want * g->result[j].want;
        const double error = c->gap / (c->want + 0.01 * sqrt(group) + 1e-300);
        const int bad = !(error <= tolerance(g, c->name));
        printf("%s %s rel_err=%.3g%s\n", g->name, c->name, error, bad ? " FAIL" : "");
        failed += bad;
    }
    for (int t = 0; t < g->f->n; t++) expected += strncmp(g->f->tensor[t].name, "expect.", 7) == 0;
    if (expected != g->n) printf("%s: %d expected tensors, %d computed FAIL\n", g->name, expected, g->n);
    return failed + (expected != g->n);
}

/* The number of failures; -1: the case needs a network that this build does not have. */
static int check_file(const char *dir, const char *name)
{
    static const struct {
        const char *name;
        int (*run)(struct golden *g);
    } cases[] = {{"ini", case_ini}, {"train", case_train}, {"jbda", case_jbda}, {"jbda_moves", case_jbda_moves}, {"mad", golden_mad}, {"reverse_sigmoid", golden_reverse_sigmoid},
                 {"noise", golden_noise}, {"modelguard_w", golden_modelguard_w}, {"grad2", golden_grad2}, {"am", golden_am}, {"edm", golden_edm}};
    struct golden *g = mem_new(1, sizeof *g);
    char *path = mem_print("%s/%s", dir, name);
    int failed = 1, code = safetensors_read(&g->f, path);
    const struct arch *arch;
    g->name = name;
    if (code) goto out;
    const char *model = golden_meta(g, "model", "lenet5");
    if (strcmp(model, "lenet5c") && arch_find(&arch, model)) {
        printf("%s skipped: network %s is not in this build\n", name, model);
        failed = -1;
        goto out;
    }
    g->filled = safetensors_meta(g->f, "fill.seed") != NULL;
    g->seed = g->filled ? strtoull(golden_meta(g, "fill.seed", "0"), NULL, 10) : 0;
    code = err_set(ERR_FORMAT, "%s: unknown case '%s'", name, golden_meta(g, "case", ""));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (is(g, "case", "", cases[i].name)) code = cases[i].run(g);
    if (!code) failed = judge(g);
out:
    if (code) printf("%s FAIL: %s\n", name, err_text());
    safetensors_free(g->f);
    mem_free(path);
    mem_free(g);
    return failed;
}

static int golden_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".safetensors") == 0;
}

int main(int argc, char **argv)
{
    struct dirent **list;
    int files = 0, skipped = 0, failed = 0;
    const int n = argc == 2 ? scandir(argv[1], &list, golden_file, alphasort) : -1;
    if (n <= 0) {
        fprintf(stderr, argc == 2 ? "golden_check: %s: found no *.safetensors\n" : "usage: golden_check DIR\n", argc == 2 ? argv[1] : "");
        return 2;
    }
    for (int i = 0; i < n; i++) {
        const int bad = check_file(argv[1], list[i]->d_name);
        if (bad < 0) skipped++;
        else files++;
        if (bad > 0) failed++;
        free(list[i]);
    }
    free(list);
    printf("%d files passed, %d failed, %d skipped\n", files - failed, failed, skipped);
    return failed || files == 0;
}
