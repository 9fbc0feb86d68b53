/* heist bench: how long a step takes on this machine. */
#include <cjson/cJSON.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "defenses/defense.h"
#include "defenses/ini_step.h"
#include "experiments/cmd.h"
#include "experiments/roofline.h"
#include "nn/loss.h"
#include "nn/optim.h"

enum { LEAST = 20, MOST = 2000 }; /* timed runs */
static const double ENOUGH_S = 1.5;

/* What a task works on. */
struct bench {
    struct model *m, *student;
    struct tape *tape;
    struct ini_step *ini;
    struct defense *mad;
    int batch;
    float *x, *ood, *dz, *g, *v, *p, *q;
    int *y;
    struct rng order;
    struct optim optim;
};

static int step_train(struct bench *b)
{
    loss_ce(model_forward(b->m, b->tape, b->x, b->batch), b->y, b->batch, b->m->classes, 1, b->dz);
    memset(b->g, 0, b->m->params * sizeof *b->g);
    model_backward(b->m, b->tape, b->dz, b->g, NULL);
    optim_step(&b->optim, 1e-6, b->m->params, b->m->w, b->g, b->v);
    return OK;
}

static int step_infer(struct bench *b)
{
    softmax_rows(model_forward(b->m, b->tape, b->x, b->batch), b->batch, b->m->classes, b->p);
    return OK;
}

static int step_ini(struct bench *b)
{
    double loss[INI_TERMS];
    memset(b->g, 0, b->m->params * sizeof *b->g);
    ini_step_gradient(b->ini, b->x, b->y, b->ood, b->batch, &b->order, loss, b->g);
    optim_step(&b->optim, 1e-6, b->m->params, b->m->w, b->g, b->v);
    return OK;
}

static int step_mad(struct bench *b)
{
    step_infer(b);
    return defense_answer(b->mad, b->x, b->p, b->q, b->batch, b->m->classes);
}

static const struct task {
    const char *name;
    int (*step)(struct bench *b);
    const char *defense; /* mad: its chain */
} tasks[] = {{"train", step_train, NULL}, {"infer", step_infer, NULL}, {"ini", step_ini, NULL}, {"mad", step_mad, "mad:epsilon=1"},
             {"mad-argmax", step_mad, "mad:epsilon=1:oracle=argmax"}, {"mad-jacobian", step_mad, "mad:epsilon=1:jacobian=1"}};
enum { TASKS = sizeof tasks / sizeof *tasks };

static int bench_open(struct bench *b, const struct task *task, const char *arch, struct shape in, int classes, int batch)
{
    const struct ini_options ini = {.weight = {1, 0, 0.3, 1, 1000}, .pcgrad = 1, .shuffle = 1};
    int code = model_new(&b->m, arch, in, classes);
    if (code) return code;
    model_init(b->m, 1);
    b->student = model_copy(b->m);
    model_init(b->student, 2);
    const size_t size = (size_t)batch * shape_size(b->m->input), rows = (size_t)batch * (size_t)classes;
    b->batch = batch;
    b->optim = (struct optim){.momentum = 0.9, .weight_decay = 5e-4, .batch = batch, .epochs = 1};
    b->order = rng_stream(1, "bench", 0);
    b->x = mem_new(size, sizeof *b->x);
    b->ood = mem_new(size, sizeof *b->x);
    for (size_t i = 0; i < size; i++) b->x[i] = (float)rng_uniform(&b->order), b->ood[i] = (float)rng_uniform(&b->order);
    b->y = mem_new((size_t)batch, sizeof *b->y);
    for (int i = 0; i < batch; i++) b->y[i] = rng_below(&b->order, classes);
    b->dz = mem_new(rows, sizeof *b->dz);
    b->p = mem_new(rows, sizeof *b->p);
    b->q = mem_new(rows, sizeof *b->q);
    b->g = mem_new(b->m->params, sizeof *b->g);
    b->v = mem_new(b->m->params, sizeof *b->v);
    if (task->step == step_ini) b->ini = ini_step_new(b->m, &(const struct model *){b->student}, 1, &ini, batch);
    else b->tape = tape_new(b->m, batch, task->step == step_train ? TAPE_BACKWARD : TAPE_FORWARD);
    if (task->step == step_train) tape_train(b->tape, b->m->stat);
    if (!task->defense) return OK;
    code = defense_parse(&b->mad, task->defense);
    return code ? code : defense_open(b->mad, &(struct defense_env){.victim = b->m, .optim = &b->optim, .seed = 1});
}

static void bench_close(struct bench *b)
{
    ini_step_free(b->ini);
    defense_free(b->mad);
    tape_free(b->tape);
    model_free(b->m);
    model_free(b->student);
    mem_free(b->x);
    mem_free(b->ood);
    mem_free(b->y);
    mem_free(b->dz);
    mem_free(b->p);
    mem_free(b->q);
    mem_free(b->g);
    mem_free(b->v);
}

struct timing {
    double median, min;
    int runs;
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ERR_*: what a step says; a step that fails is not worth timing. */
static int measure(struct timing *out, struct bench *b, int (*step)(struct bench *), int runs)
{
    enum { WARM_UP = 3 };
    double *ms = mem_new(MOST, sizeof *ms), start;
    int n = 0, code = OK;
    for (int i = 0; i < WARM_UP && !code; i++) code = step(b);
    start = clock_s();
    while (!code && n < MOST && (runs ? n < runs : n < LEAST || clock_s() - start < ENOUGH_S)) {
        const double t = clock_s();
        code = step(b);
        ms[n++] = 1e3 * (clock_s() - t);
    }
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    if (!code) *out = (struct timing){(ms[(n - 1) / 2] + ms[n / 2]) / 2, ms[0], n};
    mem_free(ms);
    return code;
}

/* base_mb: what the process held at most before the task's networks were made */
static void print_json(const char *model, const char *task, int batch, struct timing t, const struct timing *plain, double base_mb)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", model);
    cJSON_AddStringToObject(o, "task", task);
    cJSON_AddNumberToObject(o, "batch", batch);
    cJSON_AddNumberToObject(o, "threads", omp_get_max_threads());
    cJSON_AddNumberToObject(o, "ms", t.median);
    cJSON_AddNumberToObject(o, "min", t.min);
    cJSON_AddNumberToObject(o, "runs", t.runs);
    if (plain) cJSON_AddNumberToObject(o, "plain_ms", plain->median);
    cJSON_AddNumberToObject(o, "peak_mb", mem_peak_mb());
    cJSON_AddNumberToObject(o, "base_mb", base_mb);
    char *text = cJSON_PrintUnformatted(o);
    puts(text);
    cJSON_free(text);
    cJSON_Delete(o);
}

static int whole(int *out, const char *flag, const char *text, int least, int most)
{
    double v = 0;
    if (spec_number(&v, text) || v < least || v > most || v != (double)(int)v)
        return err_set(ERR_OPTION, "%s: found '%s', expected a whole number from %d to %d", flag, text, least, most);
    *out = (int)v;
    return OK;
}

static int roofline(const char *arch, struct shape in, int classes, int batch)
{
    struct model *m = NULL;
    const int code = model_new(&m, arch, in, classes);
    if (code) return code;
    model_init(m, 1);
    roofline_print(m, batch);
    model_free(m);
    return OK;
}

int cmd_bench(int argc, char **argv)
{
    const char *model = "lenet5", *task = "train", *batch_text = "128", *json = NULL, *threads_text = NULL, *input = NULL, *classes_text = "10", *runs_text = "0";
    const struct cmd_flag flags[] = {{"--model", "M", "the network (lenet5)", &model, 0, NULL},
        {"--task", "TASK", "train, infer, ini, mad, mad-argmax, mad-jacobian or roofline (train)", &task, 0, NULL},
        {"--batch", "N", "images a step (128)", &batch_text, 0, NULL}, {"--threads", "N", "OpenMP threads", &threads_text, 0, NULL},
        {"--input", "CxHxW", "shape of an image (1x28x28 for lenet5 and mlp, else 3x32x32)", &input, 0, NULL},
        {"--classes", "K", "classes (10)", &classes_text, 0, NULL}, {"--runs", "N", "timed runs (about 1.5 s of them)", &runs_text, 0, NULL},
        {"--json", NULL, "print one JSON object", &json, 0, NULL}, CMD_END};
    struct cmd c = {.usage = "bench --model M --task TASK --batch N [--json]", .about = "Times a step on made-up images: median of the runs.", .flags = flags};
    struct bench b = {0};
    struct shape in;
    struct timing plain = {0}, took = {0};
    int batch = 0, classes = 0, runs = 0, threads = 0, code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("bench", code);
    in = strcmp(model, "lenet5") && strcmp(model, "mlp") ? (struct shape){3, 32, 32, ROWS} : (struct shape){1, 28, 28, ROWS};
    const struct task *t = NULL;
    const char *names[TASKS + 1] = {[TASKS] = "roofline"};
    for (int i = 0; i < TASKS; i++) {
        names[i] = tasks[i].name;
        if (strcmp(task, tasks[i].name) == 0) t = &tasks[i];
    }
    code = whole(&batch, "--batch", batch_text, 1, 65536);
    if (!code) code = whole(&classes, "--classes", classes_text, 2, 100000);
    if (!code) code = whole(&runs, "--runs", runs_text, 0, MOST);
    if (!code && threads_text && !(code = whole(&threads, "--threads", threads_text, 1, 1024))) omp_set_num_threads(threads);
    char rest;
    if (!code && input && sscanf(input, "%4dx%4dx%4d%c", &in.c, &in.h, &in.w, &rest) != 3) code = err_set(ERR_OPTION, "--input: found '%s', expected as 3x32x32", input);
    if (!code && strcmp(task, "roofline") == 0) return cmd_exit("bench", roofline(model, in, classes, batch));
    if (!code && !t) code = spec_unknown("task", task, names, TASKS + 1);
    const double base_mb = mem_peak_mb();
    if (!code) code = bench_open(&b, t, model, in, classes, batch);
    if (!code && t->defense) code = measure(&plain, &b, step_infer, runs);
    if (!code) code = measure(&took, &b, t->step, runs);
    if (!code) {
        if (json) print_json(model, task, batch, took, t->defense ? &plain : NULL, base_mb);
        else printf("%s %s, batch %d, %d threads: %.3f ms (least %.3f, %d runs)\n", model, task, batch, omp_get_max_threads(), took.median, took.min, took.runs);
        if (!json && t->defense) printf("  without the defense: %.3f ms\n", plain.median);
    }
    bench_close(&b);
    return cmd_exit("bench", code);
}
