/* Stochastic gradient descent as PyTorch's, and learning-rate schedules. */
#ifndef HEIST_NN_OPTIM_H
#define HEIST_NN_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/spec.h"

enum schedule { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_MULTISTEP, SCHEDULE_COSINE };
enum { MILESTONES = 8 };

/* How a network is trained; the options are OPTIM_OPTIONS below. */
struct optim {
    int epochs, batch;
    double lr, momentum, weight_decay;
    int nesterov;
    enum schedule schedule;
    double step;                  /* SCHEDULE_STEP: epochs between decays; rounds up to 1 */
    double gamma;                 /* factor of a decay */
    double milestone[MILESTONES]; /* SCHEDULE_MULTISTEP: epochs of decays */
    int milestones;
    double clip;                  /* L2 norm the gradient is clipped to; 0: not */
};

/* Rows of an option table; a method that trains puts them into its own with its own defaults (strings). */
#define OPTIM_OPTIONS(EPOCHS, LR, MOMENTUM, DECAY, SCHEDULE, STEP)                                                     \
    {"epochs", OPTION_INT, EPOCHS, 0, 100000, 0, "epochs of training"},                                               \
    {"batch", OPTION_INT, "128", 1, 65536, 0, "images a step"},                                                       \
    {"lr", OPTION_REAL, LR, 0, 1000, 0, "learning rate"},                                                             \
    {"momentum", OPTION_REAL, MOMENTUM, 0, 1, 0, "momentum"},                                                         \
    {"weight_decay", OPTION_REAL, DECAY, 0, 1, 0, "weight decay (L2)"},                                               \
    {"nesterov", OPTION_INT, "0", 0, 1, 0, "Nesterov momentum"},                                                      \
    {"schedule", OPTION_CHOICE, SCHEDULE, 0, 0, "constant step multistep cosine", "learning-rate schedule"},          \
    {"step", OPTION_INT, STEP, 1, 100000, 0, "schedule=step: epochs between decays"},                                 \
    {"decay", OPTION_REAL, "0.1", 0, 1, 0, "schedule=step, multistep: factor of a decay"},                            \
    {"milestones", OPTION_TEXT, "", 0, 0, 0, "schedule=multistep: epochs of decays, as 60,120,160"},                  \
    {"clip", OPTION_REAL, "0", 0, 1e9, 0, "gradient clipped to this L2 norm; 0: not"}

/* Reads OPTIM_OPTIONS from a resolved spec. ERR_OPTION: milestones that are not numbers. */
int optim_read(struct optim *out, const struct spec *s);

/* Learning rate of an epoch (0, 1, ...), constant within it: PyTorch's schedulers stepped once an epoch. */
double optim_lr(const struct optim *o, int epoch);

/* One step on n parameters: g += weight_decay w; v = momentum v + g (v = g at first); w -= lr (g + momentum v | v).
 * v [n] is zero before the first step. Uses up g. */
void optim_step(const struct optim *o, double lr, size_t n, float *w, float *g, float *v);

/* One step of PyTorch's Adam (betas 0.9 and 0.999, eps 1e-8, no decay): the `step`-th, 1, 2, ...; m, v [n] are zero before. */
void adam_step(double lr, int64_t step, size_t n, float *w, const float *g, float *m, float *v);

/* Scales g to this L2 norm where it is longer (PyTorch's clip_grad_norm_); returns the norm it had. */
double optim_clip(size_t n, float *g, double norm);

/* Sum of a[i] b[i]: fixed blocks, each in double, so the same at any number of threads. */
double vector_dot(size_t n, const float *a, const float *b);
enum { VECTORS_AT_ONCE = 8 };
/* dot [count][count]: vector_dot of every pair of up to VECTORS_AT_ONCE vectors, while blocks of them are in cache. */
void vector_gram(size_t n, int count, const float *const *v, double *dot);
/* y += a x */
void vector_add(size_t n, double a, const float *x, float *y);
/* The same for several a and x, one after the other, while blocks of y are in cache. */
void vector_mix(size_t n, int count, const double *a, const float *const *x, float *y);
/* Sum of |a[i]|, each of which becomes unit, -unit or, where it is 0, 0. */
double vector_signs(size_t n, float unit, float *a);

#endif
