/* Adaptive Misinformation: the victim is trained to be unsure of outliers, and where it is unsure a second network, trained
 * to be wrong, answers in its place:
 *
 *     victim      CE(v(x), y) + lambda CE(uniform, v(outlier))                       outlier exposure
 *     f           -log(1 - softmax(f)_y + 1e-7) on the training set; with misinform_ood=1 on outliers too, y there what the
 *                 victim says
 *     q = (1 - a) y + a f(x),   a = sigmoid(nu (tau - max y))
 *
 * With detector=own the victim is trained as if there were no defense, and a third network with outlier exposure says how sure
 * to be in place of max y, as GRAD2's code does. */
#include "defenses/am.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/helper.h"
#include "data/feed.h"
#include "defenses/outliers.h"
#include "nn/loss.h"
#include "nn/train.h"

static const double FLOOR = 1e-7; /* inside the logarithm, as published */

struct state {
    struct helper *misinformation, *detector; /* detector NULL: the victim's own confidence */
    double tau, nu;
    float *f, *sure; /* [HELPER_BATCH][K]: the misinformation; what the detector says */
};

static const struct option options[] = {
    {"tau", OPTION_REAL, "0.9", 0, 1, 0, "below this confidence the answer is misinformation"},
    {"nu", OPTION_REAL, "1000", 0, 1e9, 0, "steepness of the switch"},
    {"lambda", OPTION_REAL, "1", 0, 1000, 0, "weight of the outlier exposure in the victim's training"},
    {"detector", OPTION_CHOICE, "victim", 0, 0, "victim own", "who learns the outliers and says how sure to be: the victim | a network of its own"},
    {"misinform_ood", OPTION_INT, "1", 0, 1, 0, "1: the misinformation network learns outliers too, with the victim's labels"},
    {"misinform_epochs", OPTION_INT, "victim", 0, 100000, 0, "epochs of its training; victim: as the victim's"}, OPTION_END};

static const struct preset presets[] = {{"amr", "nu=10000:tau=0.99:misinform_ood=1", "the authors' code, MNIST"},
    {"mg", "nu=1000:tau=0.7:misinform_ood=0", "ModelGuard's scripts, CIFAR-10"},
    {"mg-cifar100", "nu=1000:tau=0.4:misinform_ood=0", "ModelGuard's scripts, CIFAR-100"},
    {"mg-caltech256", "nu=1000:tau=0.25:misinform_ood=0", "ModelGuard's scripts, Caltech256"},
    {"mg-cub200", "nu=1000:tau=0.3:misinform_ood=0", "ModelGuard's scripts, CUB200"},
    {"g2", "nu=1000:detector=own:misinform_ood=0:misinform_epochs=50", "GRAD2's code, CIFAR (tau there: 0, 0.05, ... 1)"},
    {"hz", "nu=1000:tau=1", "On Optimal Disruption"}, PRESET_END};

/* ---- losses ------------------------------------------------------------------------------------------ */

double am_loss(const float *z, const int *y, int n, int classes, float *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++, z += classes) {
        const double top = (double)z[argmax(z, classes)];
        double norm = 0;
        for (int k = 0; k < classes; k++) norm += exp((double)z[k] - top);
        double others = 0; /* 1 - p_y without cancellation */
        for (int k = 0; k < classes; k++) others += k == y[i] ? 0 : exp((double)z[k] - top) / norm;
        const double py = exp((double)z[y[i]] - top) / norm, slope = py / (others + FLOOR) / n;
        sum -= log(others + FLOOR);
        for (int k = 0; dz && k < classes; k++) /* d(-log(1 - p_y))/dz_k = p_y ([k = y] - p_k) / (1 - p_y) */
            dz[i * classes + k] = (float)(slope * (k == y[i] ? others : -exp((double)z[k] - top) / norm));
    }
    return sum / n;
}

/* ---- training ------------------------------------------------------------------------------------------- */

struct training {
    const struct defense_env *env;
    struct model *m;
    struct tape *tape;
    struct feed *feed;         /* of the training set */
    struct outliers *outliers; /* NULL: not used */
    double lambda;
    float *x, *dz, *uniform;
    int *y;
};

/* m comes initialised. Outliers are used where `use_ood`. */
static int training_new(struct training *t, struct model *m, const struct defense_env *env, const char *stream, int use_ood)
{
    const size_t rows = (size_t)env->optim->batch, classes = (size_t)m->classes;
    *t = (struct training){.env = env, .m = m};
    int code = use_ood ? outliers_new(&t->outliers, env, m->input, stream) : OK;
    if (code) return code;
    t->feed = feed_new(env->train, env->augment, rng_stream(env->seed, stream, UINT64_MAX - 1).state, env->optim->batch);
    t->tape = tape_new(m, env->optim->batch, TAPE_BACKWARD);
    tape_train(t->tape, m->stat);
    t->x = mem_new(rows * shape_size(m->input), sizeof *t->x);
    t->dz = mem_new(rows * classes, sizeof *t->dz);
    t->uniform = mem_new(rows * classes, sizeof *t->uniform);
    for (size_t i = 0; i < rows * classes; i++) t->uniform[i] = 1 / (float)classes;
    t->y = mem_new(rows, sizeof *t->y);
    return OK;
}

static void training_free(struct training *t)
{
    tape_free(t->tape);
    feed_free(t->feed);
    outliers_free(t->outliers);
    mem_free(t->x);
    mem_free(t->dz);
    mem_free(t->uniform);
    mem_free(t->y);
}

static void labelled(struct training *t, const int *index, int n)
{
    feed_batch(t->feed, index, n, t->x);
    for (int i = 0; i < n; i++) t->y[i] = t->env->train->labels[index[i]];
}

static int exposure_step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *t = ctx;
    const int classes = t->m->classes;
    labelled(t, index, n);
    *loss = loss_ce(model_forward(t->m, t->tape, t->x, n), t->y, n, classes, 1, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    if (!t->outliers) return OK;
    outliers_batch(t->outliers, n, t->x);
    *loss += t->lambda * loss_kl(model_forward(t->m, t->tape, t->x, n), t->uniform, n, classes, (float)t->lambda, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    return OK;
}

static int fit(struct model *victim, const struct defense_env *env, const struct spec *opt)
{
    struct training t;
    int code = training_new(&t, victim, env, "am/ood", spec_is(opt, "detector", "victim"));
    t.lambda = spec_real(opt, "lambda");
    if (!code) code = train_run(env->optim, &(struct train_task){.model = victim, .n = env->train->n, .seed = rng_stream(env->seed, "am/order", 0).state,
                                                                 .label = "victim (am)", .step = exposure_step, .ctx = &t});
    training_free(&t);
    return code;
}

static int misinform_step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *t = ctx;
    const int classes = t->m->classes;
    labelled(t, index, n);
    *loss = am_loss(model_forward(t->m, t->tape, t->x, n), t->y, n, classes, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    if (!t->outliers) return OK;
    outliers_batch(t->outliers, n, t->x);
    model_predict(t->env->victim, t->x, n, t->dz);
    for (int i = 0; i < n; i++) t->y[i] = argmax(t->dz + i * classes, classes);
    *loss += am_loss(model_forward(t->m, t->tape, t->x, n), t->y, n, classes, t->dz);
    model_backward(t->m, t->tape, t->dz, g, NULL);
    return OK;
}

struct job {
    struct training training;
    struct optim o;
};

static int train_misinformation(void *ctx)
{
    struct job *j = ctx;
    const struct defense_env *env = j->training.env;
    return train_run(&j->o, &(struct train_task){.model = j->training.m, .n = env->train->n, .seed = rng_stream(env->seed, "am/misinform", 0).state,
                                                 .label = "misinformation (am)", .step = misinform_step, .ctx = &j->training});
}

/* The detector, trained with outlier exposure; NULL in *out where the victim is its own. */
static int train_exposed(void *ctx)
{
    struct training *t = ctx;
    return train_run(t->env->optim, &(struct train_task){.model = t->m, .n = t->env->train->n, .seed = rng_stream(t->env->seed, "am/detector-order", 0).state,
                                                         .label = "detector (am)", .step = exposure_step, .ctx = t});
}

static int new_detector(struct model **out, const struct defense_env *env, const struct spec *opt)
{
    struct training t;
    *out = NULL;
    if (spec_is(opt, "detector", "victim")) return OK;
    *out = helper_model(env, "am/detector");
    int code = training_new(&t, *out, env, "am/detector-ood", 1);
    t.lambda = spec_real(opt, "lambda");
    char *depends = mem_print("am detector %.9g", t.lambda);
    if (!code) code = helper_train(out, 1, env, env->optim, depends, train_exposed, &t);
    mem_free(depends);
    training_free(&t);
    return code;
}

static void trains(struct work *of_fit, struct work *at_open, const struct spec *opt, const struct defense_env *env)
{
    const int own = spec_is(opt, "detector", "own"), ood = (int)spec_int(opt, "misinform_ood");
    const double images = (double)env->train->n * env->optim->epochs;
    const double misinform = spec_is(opt, "misinform_epochs", "victim") ? images : env->train->n * spec_real(opt, "misinform_epochs");
    of_fit->own.train += images * (own ? 1 : 2);
    at_open->own.train += misinform * (1 + ood) + (own ? 2 * images : 0);
    at_open->own.forward += misinform * ood;
    if (own) snprintf(at_open->depends, sizeof at_open->depends, "%.9g", spec_real(opt, "lambda"));
}

/* ---- serving ---------------------------------------------------------------------------------------------- */

static void close(void *state)
{
    struct state *s = state;
    if (!s) return;
    helper_free(s->misinformation);
    helper_free(s->detector);
    mem_free(s->f);
    mem_free(s->sure);
    mem_free(s);
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    const int use_ood = (int)spec_int(opt, "misinform_ood");
    struct model *m = helper_model(env, "am/misinformation"), *detector = NULL;
    struct job j = {.o = *env->optim};
    if (!spec_is(opt, "misinform_epochs", "victim")) j.o.epochs = (int)spec_int(opt, "misinform_epochs");
    int code = training_new(&j.training, m, env, "am/misinform-ood", use_ood);
    if (!code) code = helper_train(&m, 1, env, &j.o, use_ood ? "am with outliers" : "am", train_misinformation, &j);
    training_free(&j.training);
    if (!code) code = new_detector(&detector, env, opt);
    if (code) {
        model_free(m);
        model_free(detector);
        return code;
    }
    const size_t size = (size_t)(HELPER_BATCH * m->classes);
    struct state *s = *out = mem_new(1, sizeof *s);
    *s = (struct state){.misinformation = helper_new(m, TAPE_FORWARD), .detector = detector ? helper_new(detector, TAPE_FORWARD) : NULL,
                        .tau = spec_real(opt, "tau"), .nu = spec_real(opt, "nu"), .f = mem_new(size, sizeof *s->f), .sure = mem_new(size, sizeof *s->sure)};
    return OK;
}

void am_release(int classes, const float *y, double sure, const float *f, double tau, double nu, float *q)
{
    const double t = nu * (tau - sure), e = exp(-fabs(t));
    const double a = t >= 0 ? 1 / (1 + e) : e / (1 + e);
    for (int k = 0; k < classes; k++) q[k] = (float)((1 - a) * (double)y[k] + a * (double)f[k]);
}

static int answer(void *state, const float *x, const float *y, float *q, int n, int classes)
{
    struct state *s = state;
    const size_t d = shape_size(s->misinformation->m->input);
    for (int i = 0; i < n; i += HELPER_BATCH) {
        const int count = n - i < HELPER_BATCH ? n - i : HELPER_BATCH;
        const float *xi = x + (size_t)i * d, *sure = s->detector ? s->sure : y + i * classes;
        softmax_rows(helper_forward(s->misinformation, xi, count), count, classes, s->f);
        if (s->detector) softmax_rows(helper_forward(s->detector, xi, count), count, classes, s->sure);
        for (int j = 0; j < count; j++)
            am_release(classes, y + (i + j) * classes, (double)sure[j * classes + argmax(sure + j * classes, classes)], s->f + j * classes, s->tau, s->nu, q + (i + j) * classes);
    }
    return OK;
}

static void cost(const void *state, struct defense_cost *out)
{
    const struct state *s = state;
    helper_cost(s->misinformation, out);
    if (s->detector) helper_cost(s->detector, out);
}

extern const struct defense_ops defense_am;
const struct defense_ops defense_am = {.name = "am", .about = "Adaptive Misinformation: outlier exposure, and a network trained to be wrong that answers where the victim is unsure",
    .formula = "q = (1 - a) y + a f(x),  a = sigmoid(nu (tau - max y))",
    .paper = "Kariyappa, Qureshi, Defending Against Model Stealing Attacks with Adaptive Misinformation, CVPR 2020",
    .work = "one forward pass of the misinformation network a query (detector=own: two passes, three trainings); two trainings", .serving = "tau nu misinform_ood misinform_epochs",
    .options = options, .presets = presets, .needs_ood = 1, .fit = fit, .open = open, .answer = answer, .cost = cost, .close = close, .trains = trains};
