/* InI, "Isolation and Induction": training that isolates the victim from clones (its gradient in a student is turned away
 * from the one that would teach it) and induces it to answer uselessly off its own distribution. One step is in
 * ini_step.h; this file trains with it. Serving costs nothing: the answers are the victim's own. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "defenses/defense.h"
#include "defenses/ini_step.h"
#include "data/feed.h"
#include "defenses/outliers.h"
#include "nn/loss.h"
#include "nn/train.h"

static const struct option options[] = {
    {"beta", OPTION_REAL, "0", -1e6, 1e6, 0, "weight of L_id: push away from the student on ID data"},
    {"gamma", OPTION_REAL, "0.3", -1e6, 1e6, 0, "weight of L_ood: pull to the student on OOD data"},
    {"delta", OPTION_REAL, "1", -1e6, 1e6, 0, "weight of L_gid: turn the student's ID gradient away"},
    {"epsilon", OPTION_REAL, "1000", -1e9, 1e9, 0, "weight of L_good: shrink the student's OOD gradient"},
    {"loss", OPTION_CHOICE, "l1", 0, 0, "l1 kl", "L_id, L_ood: centred l1, or KL"},
    {"entropy", OPTION_INT, "0", 0, 1, 0, "1: L_ood is minus the entropy of the victim's posteriors"},
    {"grad_loss", OPTION_CHOICE, "kl", 0, 0, "kl ce", "whose student gradients L_gid and L_good take"},
    {"pcgrad", OPTION_INT, "1", 0, 1, 0, "project conflicting gradients"},
    {"merge", OPTION_CHOICE, "mean", 0, 0, "mean sum", "pcgrad: how the projected gradients are merged"},
    {"order", OPTION_CHOICE, "random", 0, 0, "random index", "pcgrad: in which order the others are visited"},
    {"student", OPTION_CHOICE, "random", 0, 0, "random trained", "a frozen random network, or one trained on the victim in alternation"},
    {"students", OPTION_INT, "1", 1, INI_STUDENTS, 0, "how many; a term is its mean over them"},
    {"student_model", OPTION_TEXT, "victim", 0, 0, 0, "its architecture; victim: the victim's"},
    {"student_steps", OPTION_INT, "1", 1, 1000, 0, "student=trained: steps of the student after each of the victim"},
    {"student_lr", OPTION_REAL, "0.01", 0, 100, 0, "student=trained: its learning rate (SGD, momentum 0.9)"},
    {"epochs", OPTION_INT, "victim", 0, 100000, 0, "epochs; victim: as the sweep's [victim] says, and so below"},
    {"lr", OPTION_REAL, "victim", 0, 1000, 0, "learning rate"},
    {"momentum", OPTION_REAL, "victim", 0, 1, 0, "momentum"},
    {"weight_decay", OPTION_REAL, "victim", 0, 1, 0, "weight decay"},
    {"schedule", OPTION_CHOICE, "victim", 0, 0, "constant step cosine", "learning-rate schedule"},
    {"step", OPTION_INT, "victim", 1, 100000, 0, "schedule=step: epochs between decays"},
    {"clip", OPTION_REAL, "victim", 0, 1e9, 0, "gradient clipped to this L2 norm; 0: not (published: 10 where pcgrad=0)"}, OPTION_END};

static const struct preset presets[] = {
    {"paper-mnist", "epochs=50:lr=0.1:momentum=0.5:weight_decay=0.001:schedule=step:step=20", "the published settings, MNIST and Fashion-MNIST"},
    {"paper-cifar", "epochs=150:lr=0.1:momentum=0.5:weight_decay=0.001:schedule=step:step=50", "the published settings, CIFAR-10"}, PRESET_END};

struct training {
    const struct defense_env *env;
    struct model *victim, *student[INI_STUDENTS];
    int students;
    struct ini_step *step;
    struct rng order;   /* PCGrad's */
    struct feed *feed;  /* of the training set */
    struct outliers *outliers;
    float *x_id, *x_ood; /* [batch][c][h][w] */
    int *y;
    /* student=trained */
    int student_steps;
    struct optim student_optim;
    struct tape *teach, *learn[INI_STUDENTS]; /* [2 batch] the victim in eval mode, the students in train mode */
    float *both, *q, *dz, *g, *v[INI_STUDENTS];
};

/* ---- options --------------------------------------------------------------------------------------- */

static double or_victims(const struct spec *opt, const char *key, double victims)
{
    return spec_is(opt, key, "victim") ? victims : spec_real(opt, key);
}

static struct optim optim_of(const struct spec *opt, const struct optim *victims)
{
    struct optim o = *victims;
    o.epochs = (int)or_victims(opt, "epochs", o.epochs);
    o.lr = or_victims(opt, "lr", o.lr);
    o.momentum = or_victims(opt, "momentum", o.momentum);
    o.weight_decay = or_victims(opt, "weight_decay", o.weight_decay);
    o.step = or_victims(opt, "step", o.step);
    o.clip = or_victims(opt, "clip", o.clip);
    if (spec_is(opt, "schedule", "constant")) o.schedule = SCHEDULE_CONSTANT;
    if (spec_is(opt, "schedule", "step")) o.schedule = SCHEDULE_STEP;
    if (spec_is(opt, "schedule", "cosine")) o.schedule = SCHEDULE_COSINE;
    return o;
}

static struct ini_options options_of(const struct spec *opt)
{
    return (struct ini_options){
        .weight = {1, spec_real(opt, "beta"), spec_real(opt, "gamma"), spec_real(opt, "delta"), spec_real(opt, "epsilon")},
        .kl = spec_is(opt, "loss", "kl"), .entropy = (int)spec_int(opt, "entropy"), .ce = spec_is(opt, "grad_loss", "ce"),
        .pcgrad = (int)spec_int(opt, "pcgrad"), .merge_sum = spec_is(opt, "merge", "sum"), .shuffle = spec_is(opt, "order", "random")};
}

/* ---- one step --------------------------------------------------------------------------------------- */

/* The students learn the victim's answers on both batches, as a clone would. */
static void teach_students(struct training *t, int n)
{
    const size_t d = shape_size(t->victim->input), half = (size_t)n * d;
    const int rows = 2 * n, classes = t->victim->classes;
    memcpy(t->both, t->x_id, half * sizeof *t->both);
    memcpy(t->both + half, t->x_ood, half * sizeof *t->both);
    softmax_rows(model_forward(t->victim, t->teach, t->both, rows), rows, classes, t->q);
    for (int k = 0; k < t->students; k++)
        for (int i = 0; i < t->student_steps; i++) {
            struct model *m = t->student[k];
            loss_kl(model_forward(m, t->learn[k], t->both, rows), t->q, rows, classes, 1, t->dz);
            memset(t->g, 0, m->params * sizeof *t->g);
            model_backward(m, t->learn[k], t->dz, t->g, NULL);
            optim_step(&t->student_optim, t->student_optim.lr, m->params, m->w, t->g, t->v[k]);
        }
}

static int one_step(void *ctx, const int *index, int n, float *g, double *loss)
{
    struct training *t = ctx;
    double part[INI_TERMS];
    feed_batch(t->feed, index, n, t->x_id);
    for (int i = 0; i < n; i++) t->y[i] = t->env->train->labels[index[i]];
    outliers_batch(t->outliers, n, t->x_ood);
    if (t->student_steps) teach_students(t, n);
    ini_step_gradient(t->step, t->x_id, t->y, t->x_ood, n, &t->order, part, g);
    *loss = part[INI_BENIGN];
    for (int i = 1; i < INI_TERMS; i++)
        if (!(part[i] - part[i] == 0)) *loss = part[i]; /* a term that is not finite ends the training */
    return OK;
}

/* ---- training ---------------------------------------------------------------------------------------- */

/* Student k, its parameters drawn anew: student 0 of a seed is the same however many there are. */
static int new_student(struct training *t, const struct spec *opt, int k)
{
    const float *mean, *std;
    model_normalisation(t->victim, &mean, &std);
    if (spec_is(opt, "student_model", "victim")) t->student[k] = model_copy(t->victim);
    else {
        int code = model_new(&t->student[k], spec_string(opt, "student_model"), t->victim->input, t->victim->classes);
        if (code) return err_prefix(code, "option 'student_model'");
        model_normalise(t->student[k], mean, std);
    }
    model_init(t->student[k], rng_stream(t->env->seed, "ini/student", (uint64_t)k).state);
    return OK;
}

static int prepare_students(struct training *t, const struct spec *opt, int batch)
{
    const size_t rows = 2 * (size_t)batch, classes = (size_t)t->victim->classes;
    t->students = (int)spec_int(opt, "students");
    for (int k = 0; k < t->students; k++) {
        int code = new_student(t, opt, k);
        if (code) return code;
    }
    if (!spec_is(opt, "student", "trained")) return OK;
    t->student_steps = (int)spec_int(opt, "student_steps");
    t->student_optim = (struct optim){.lr = spec_real(opt, "student_lr"), .momentum = 0.9};
    t->teach = tape_new(t->victim, (int)rows, TAPE_FORWARD);
    for (int k = 0; k < t->students; k++) {
        t->learn[k] = tape_beside(t->student[k], (int)rows, TAPE_BACKWARD, t->learn[0]);
        tape_train(t->learn[k], t->student[k]->stat);
        t->v[k] = mem_new(t->student[k]->params, sizeof **t->v);
    }
    t->both = mem_new(rows * shape_size(t->victim->input), sizeof *t->both);
    t->q = mem_new(rows * classes, sizeof *t->q);
    t->dz = mem_new(rows * classes, sizeof *t->dz);
    t->g = mem_new(t->student[0]->params, sizeof *t->g);
    return OK;
}

static void release(struct training *t)
{
    ini_step_free(t->step);
    tape_free(t->teach);
    for (int k = t->students - 1; k >= 0; k--) { /* the first tape lends to the others */
        tape_free(t->learn[k]);
        model_free(t->student[k]);
        mem_free(t->v[k]);
    }
    mem_free(t->both);
    mem_free(t->q);
    mem_free(t->dz);
    mem_free(t->g);
    mem_free(t->x_id);
    mem_free(t->x_ood);
    mem_free(t->y);
    feed_free(t->feed);
    outliers_free(t->outliers);
}

static int fit(struct model *victim, const struct defense_env *env, const struct spec *opt)
{
    const struct optim o = optim_of(opt, env->optim);
    const struct ini_options terms = options_of(opt);
    const size_t size = (size_t)o.batch * shape_size(victim->input);
    struct training t = {.env = env, .victim = victim, .order = rng_stream(env->seed, "ini/pcgrad", 0)};
    int code = outliers_new(&t.outliers, env, victim->input, "ini/ood");
    if (code) return code;
    if ((code = prepare_students(&t, opt, o.batch))) {
        release(&t);
        return code;
    }
    const struct model *student[INI_STUDENTS];
    for (int k = 0; k < t.students; k++) student[k] = t.student[k];
    t.step = ini_step_new(victim, student, t.students, &terms, o.batch);
    t.x_id = mem_new(size, sizeof *t.x_id);
    t.x_ood = mem_new(size, sizeof *t.x_ood);
    t.y = mem_new((size_t)o.batch, sizeof *t.y);
    t.feed = feed_new(env->train, env->augment, rng_stream(env->seed, "ini/augment", 0).state, o.batch);
    code = train_run(&o, &(struct train_task){.model = victim, .n = env->train->n, .seed = env->seed, .label = "victim (ini)", .step = one_step, .ctx = &t});
    release(&t);
    return code;
}

/* The passes of ini_step_gradient over all images, the students' and the victim's; and what teaches the students. */
static void trains(struct work *of_fit, struct work *open, const struct spec *opt, const struct defense_env *env)
{
    const struct ini_options o = options_of(opt);
    const double *w = o.weight, images = (double)optim_of(opt, env->optim).epochs * env->train->n, students = images * spec_real(opt, "students");
    const int id = (w[INI_BENIGN] != 0) + (w[INI_ID] != 0) + (w[INI_GRAD_ID] != 0), ood = (w[INI_OOD] != 0) + (w[INI_GRAD_OOD] != 0);
    const int gid = w[INI_GRAD_ID] != 0, good = w[INI_GRAD_OOD] != 0;
    struct passes *student = spec_is(opt, "student_model", "victim") ? &of_fit->own : &of_fit->other;
    (void)open;
    of_fit->model = spec_string(opt, "student_model");
    of_fit->own.forward += 2 * images;
    of_fit->own.backward += images * (o.pcgrad ? id + ood : (id > 0) + (ood > 0));
    student->forward += students * ((gid || w[INI_ID] != 0) + (good || (w[INI_OOD] != 0 && !o.entropy)));
    student->backward += students * (2 * gid + good);
    student->tangent += students * (gid + good);
    if (!spec_is(opt, "student", "trained")) return;
    of_fit->own.forward += 2 * images;
    student->train += 2 * students * spec_real(opt, "student_steps");
}

extern const struct defense_ops defense_ini;
const struct defense_ops defense_ini = {.name = "ini", .about = "Isolation and Induction: a training that leaves clones nothing to learn",
    .formula = "L = CE + beta L_id + gamma L_ood + delta cos(g1, g2) + epsilon mean|g3|  (defenses/ini_step.h)",
    .paper = "Guo et al., Isolation and Induction: Training Robust Deep Neural Networks against Model Stealing Attacks, ACM MM 2023",
    .work = "nothing: the answers are the victim's own; its training takes about 8 times as long",
    .options = options, .presets = presets, .needs_ood = 1, .fit = fit, .trains = trains};
