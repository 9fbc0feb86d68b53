/* EDM, ensemble of diverse models: members that agree on the victim's data and disagree elsewhere; a hash of the image says
 * which of them answers, so that a clone is taught by several teachers at once.
 *
 *     sum_a CE(f_a(x), y) / N + lambda mean_outliers log sum_{a<b} exp(cos(f_a, f_b))        f: posteriors
 *     member = (m class + floor((M conf - 1) m / (M - 1))) mod N      class and confidence of a hash network with M classes
 *
 * The hash network (defenses/edm_hash.h) is trained on other data than the victim. The members are trained side by side when the
 * defense is opened; they answer in the victim's place: one member and the hash network a query (published code evaluates all
 * members). */
#include "defenses/edm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/edm_hash.h"
#include "defenses/helper.h"
#include "data/feed.h"
#include "defenses/outliers.h"
#include "nn/loss.h"
#include "nn/train.h"

enum { MEMBERS = 16 };

struct state {
    struct helper *member[MEMBERS], *hash;
    int members, m;
    float *p, *x; /* [HELPER_BATCH]: posteriors of the hash network; the images of one member */
    int *who, *row;
};

static const struct option options[] = {
    {"members", OPTION_INT, "5", 2, MEMBERS, 0, "networks of the victim's architecture"},
    {"lambda", OPTION_REAL, "1", 0, 1000, 0, "weight of the diversity loss"},
    {"multiplier", OPTION_INT, "2", 1, 10, 0, "m of the hash: buckets a class"},
    {"hash_model", OPTION_TEXT, "conv3", 0, 0, 0, "the hash network; victim: the victim's architecture"},
    {"hash_data", OPTION_CHOICE, "auto", 0, 0, "auto ood clusters train",
     "what it learns: the OOD set where it has labels, else clusters | the OOD set | ten clusters of the victim's images | the victim's labels"},
    {"hash_images", OPTION_INT, "5000", 2, 1e7, 0, "images of it, at most"},
    {"hash_epochs", OPTION_INT, "3", 0, 100000, 0, "epochs of its training"}, OPTION_END};

static const struct preset presets[] = {{"hz", "members=5:multiplier=2:hash_model=conv3:hash_data=ood", "On Optimal Disruption, the one public code: an OOD set with labels, as KMNIST for MNIST"}, PRESET_END};

/* ---- the diversity loss -------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void softmax_wide(const float *z, int n, double *f)
{
    const double top = (double)z[argmax(z, n)];
    double sum = 0;
    for (int k = 0; k < n; k++) sum += f[k] = exp((double)z[k] - top);
    for (int k = 0; k < n; k++) f[k] /= sum;
}

/* One row: f [members][K]; adds nothing to dz, sets it. */
static double diversity_row(int members, const float *const *z, int classes, double scale, double *f, float *const *dz)
{
    double cosine[MEMBERS][MEMBERS], size[MEMBERS], sum = 0;
    for (int a = 0; a < members; a++) {
        softmax_wide(z[a], classes, f + a * classes);
        size[a] = sqrt(dot(f + a * classes, f + a * classes, classes));
    }
    for (int a = 0; a < members; a++)
        for (int b = 0; b < a; b++) sum += exp(cosine[a][b] = cosine[b][a] = dot(f + a * classes, f + b * classes, classes) / (size[a] * size[b]));
    for (int a = 0; a < members; a++) {
        double mean = 0;
        for (int pass = 0; pass < 2; pass++) /* through the softmax: df_k -> f_k (df_k - sum_j f_j df_j) */
            for (int k = 0; k < classes; k++) {
                double df = 0;
                for (int b = 0; b < members; b++)
                    if (b != a) df += exp(cosine[a][b]) / sum * (f[b * classes + k] / size[b] - cosine[a][b] * f[a * classes + k] / size[a]) / size[a];
                if (pass == 0) mean += f[a * classes + k] * df;
                else dz[a][k] = (float)(scale * f[a * classes + k] * (df - mean));
            }
    }
    return log(sum); // cppcheck-suppress invalidFunctionArg ; two members or more: a sum of exponentials
}

double edm_diversity(int members, const float *const *z, int n, int classes, double scale, double *f, float *const *dz)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const float *zi[MEMBERS];
        float *di[MEMBERS];
        for (int a = 0; a < members; a++) {
            zi[a] = z[a] + i * classes;
            di[a] = dz[a] + i * classes;
        }
        sum += diversity_row(members, zi, classes, scale / n, f, di);
    }
    return sum / n;
}

/* ---- training --------------------------------------------------------------------------------------------- */

struct training {
    const struct defense_env *env;
    int members;
    double lambda;
    struct model **member, all; /* all: the members' parameters as one block, for the optimiser */
    struct tape *tape[MEMBERS];
    struct feed *feed; /* of the training set */
    struct outliers *outliers;
    float *x, *dz[MEMBERS];
    double *f;
    int *y;
};

static int step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *t = ctx;
    const int classes = t->member[0]->classes;
    const size_t params = t->member[0]->params;
    const float *z[MEMBERS] = {NULL};
    feed_batch(t->feed, index, n, t->x);
    for (int i = 0; i < n; i++) t->y[i] = t->env->train->labels[index[i]];
    *loss = 0;
    for (int a = 0; a < t->members; a++) {
        *loss += loss_ce(model_forward(t->member[a], t->tape[a], t->x, n), t->y, n, classes, 1 / (float)t->members, t->dz[a]) / t->members;
        model_backward(t->member[a], t->tape[a], t->dz[a], g + (size_t)a * params, NULL);
    }
    outliers_batch(t->outliers, n, t->x);
    for (int a = 0; a < t->members; a++) z[a] = model_forward(t->member[a], t->tape[a], t->x, n);
    *loss += t->lambda * edm_diversity(t->members, z, n, classes, t->lambda, t->f, t->dz);
    for (int a = 0; a < t->members; a++) model_backward(t->member[a], t->tape[a], t->dz[a], g + (size_t)a * params, NULL);
    return OK;
}

/* The members' parameters move into one block for the training, and back. */
static int train_members(void *ctx)
{
    struct training *t = ctx;
    const size_t params = t->member[0]->params;
    const int members = t->members;
    float *own[MEMBERS] = {NULL};
    t->all = (struct model){.params = (size_t)members * params, .w = mem_new((size_t)members * params, sizeof *t->all.w)};
    for (int a = 0; a < members; a++) {
        own[a] = t->member[a]->w;
        memcpy(t->all.w + (size_t)a * params, own[a], params * sizeof *own[a]);
        t->member[a]->w = t->all.w + (size_t)a * params;
    }
    int code = train_run(t->env->optim, &(struct train_task){.model = &t->all, .n = t->env->train->n,
        .seed = rng_stream(t->env->seed, "edm/order", 0).state, .label = "members (edm)", .step = step, .ctx = t});
    for (int a = 0; a < members; a++) {
        memcpy(own[a], t->member[a]->w, params * sizeof *own[a]);
        t->member[a]->w = own[a];
    }
    mem_free(t->all.w);
    return code;
}

static int fit_members(struct model **member, int members, const struct defense_env *env, const struct spec *opt)
{
    const size_t rows = (size_t)env->optim->batch, classes = (size_t)env->victim->classes;
    struct training t = {.env = env, .members = members, .lambda = spec_real(opt, "lambda"), .member = member};
    int code = outliers_new(&t.outliers, env, env->victim->input, "edm/ood");
    if (code) return code;
    for (int a = 0; a < members; a++) {
        t.tape[a] = tape_new(member[a], env->optim->batch, TAPE_BACKWARD);
        tape_train(t.tape[a], member[a]->stat);
        t.dz[a] = mem_new(rows * classes, sizeof *t.dz[a]);
    }
    t.x = mem_new(rows * shape_size(env->victim->input), sizeof *t.x);
    t.f = mem_new((size_t)members * classes, sizeof *t.f);
    t.y = mem_new(rows, sizeof *t.y);
    t.feed = feed_new(env->train, env->augment, rng_stream(env->seed, "edm/augment", 0).state, env->optim->batch);
    char *depends = mem_print("edm %.9g", t.lambda);
    code = helper_train(member, members, env, env->optim, depends, train_members, &t);
    mem_free(depends);
    for (int a = 0; a < members; a++) {
        tape_free(t.tape[a]);
        mem_free(t.dz[a]);
    }
    outliers_free(t.outliers);
    mem_free(t.x);
    mem_free(t.f);
    mem_free(t.y);
    feed_free(t.feed);
    return code;
}

static void trains(struct work *fit, struct work *at_open, const struct spec *opt, const struct defense_env *env)
{
    (void)fit;
    at_open->own.train += 2 * spec_real(opt, "members") * env->train->n * env->optim->epochs;
    snprintf(at_open->depends, sizeof at_open->depends, "%.9g", spec_real(opt, "lambda"));
    edm_hash_work(at_open, opt, env);
}

/* ---- serving ----------------------------------------------------------------------------------------------- */

static void close(void *state)
{
    struct state *s = state;
    if (!s) return;
    for (int a = 0; a < s->members; a++) helper_free(s->member[a]);
    helper_free(s->hash);
    mem_free(s->p);
    mem_free(s->x);
    mem_free(s->who);
    mem_free(s->row);
    mem_free(s);
}

static int open(void **out, const struct defense_env *env, const struct spec *opt)
{
    struct model *member[MEMBERS] = {NULL}, *hash = NULL;
    const int members = (int)spec_int(opt, "members");
    if (!env->ood) return err_set(ERR_OPTION, "no OOD set is given, expected one (ood = strokes)");
    for (int a = 0; a < members; a++) {
        char name[32];
        snprintf(name, sizeof name, "edm/member/%d", a);
        member[a] = helper_model(env, name);
    }
    int code = fit_members(member, members, env, opt);
    if (!code) code = edm_hash_new(&hash, env, opt);
    if (code) {
        for (int a = 0; a < members; a++) model_free(member[a]);
        model_free(hash);
        return code;
    }
    struct state *s = *out = mem_new(1, sizeof *s);
    s->members = members;
    s->m = (int)spec_int(opt, "multiplier");
    for (int a = 0; a < members; a++) s->member[a] = helper_new(member[a], TAPE_FORWARD);
    s->hash = helper_new(hash, TAPE_FORWARD);
    s->p = mem_new((size_t)(HELPER_BATCH * hash->classes), sizeof *s->p);
    s->x = mem_new(HELPER_BATCH * shape_size(env->victim->input), sizeof *s->x);
    s->who = mem_new(HELPER_BATCH, sizeof *s->who);
    s->row = mem_new(HELPER_BATCH, sizeof *s->row);
    return OK;
}

/* The members of up to HELPER_BATCH images, into `who`. */
static void choose(struct state *s, const float *x, int n)
{
    const int m_classes = s->hash->m->classes;
    softmax_rows(helper_forward(s->hash, x, n), n, m_classes, s->p);
    for (int i = 0; i < n; i++) s->who[i] = edm_member(s->p + i * m_classes, m_classes, s->m, s->members);
}

/* Each member with the images that are its own. */
static void answer_batch(struct state *s, const float *x, float *q, int n, int classes)
{
    const size_t d = shape_size(s->hash->m->input);
    for (int a = 0; a < s->members; a++) {
        int own = 0;
        for (int i = 0; i < n; i++) {
            if (s->who[i] != a) continue;
            memcpy(s->x + (size_t)own * d, x + (size_t)i * d, d * sizeof *x);
            s->row[own++] = i;
        }
        if (!own) continue;
        const float *z = helper_forward(s->member[a], s->x, own);
        for (int i = 0; i < own; i++) softmax_rows(z + i * classes, 1, classes, q + s->row[i] * classes);
    }
}

static int answer_by(void *state, const struct defense_choice *by, const float *x, const float *y, float *q, int n, int classes)
{
    struct state *s = state;
    const size_t d = shape_size(s->hash->m->input);
    (void)y;
    for (int i = 0; i < n; i += HELPER_BATCH) {
        const int rows = n - i < HELPER_BATCH ? n - i : HELPER_BATCH;
        if (!by->member) choose(s, by->hashed + (size_t)i * d, rows);
        for (int j = 0; j < rows && by->member; j++) s->who[j] = by->member[i + j] % s->members;
        answer_batch(s, x + (size_t)i * d, q + i * classes, rows, classes);
    }
    return OK;
}

static int answer(void *state, const float *x, const float *y, float *q, int n, int classes)
{
    return answer_by(state, &(struct defense_choice){.hashed = x}, x, y, q, n, classes);
}

static void cost(const void *state, struct defense_cost *out)
{
    const struct state *s = state;
    for (int a = 0; a < s->members; a++) helper_cost(s->member[a], out);
    helper_cost(s->hash, out);
}

extern const struct defense_ops defense_edm;
const struct defense_ops defense_edm = {.name = "edm", .about = "ensemble of diverse models: a hash of the image says which member answers, in the victim's place",
    .formula = "q = f_a(x),  a = (m class + floor((M conf - 1) m / (M - 1))) mod N;  f trained with CE + lambda log sum exp cos(f_a, f_b)",
    .paper = "Kariyappa, Prakash, Qureshi, Protecting DNNs from Theft using an Ensemble of Diverse Models, ICLR 2021",
    .work = "one member and the hash network a query, instead of the victim; trains all members", .options = options, .presets = presets, .needs_ood = 1,
    .replaces = 1, .open = open, .answer = answer, .answer_by = answer_by, .cost = cost, .close = close, .trains = trains};
