#include "experiments/estimate.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attacker/attack.h"
#include "attacker/kcenter.h"
#include "base/err.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/progress.h"
#include "nn/loss.h"
#include "victim/serve.h"

enum { ROWS_A_CALL = 256, FEW = 16, TRIES = 10, NETS = 64 }; /* FEW: images that helpers learn from here; TRIES: of a calibration */
static const char SMALLEST[] = "softmax";                    /* network */

/* A network, trained for a moment, and the seconds an image of its passes. */
struct net {
    struct model *m;
    struct passes s;
};

struct estimate {
    struct store *store;
    struct keys *known; /* by a text that says what it is: a net, a number of seconds, or that a network was trained */
    int nets, values, room;
    struct net net[NETS];
    double *value;
};

struct estimate *estimate_new(struct store *store)
{
    struct estimate *e = mem_new(1, sizeof *e);
    e->store = store;
    e->known = keys_new();
    return e;
}

void estimate_free(struct estimate *e)
{
    if (!e) return;
    for (int i = 0; i < e->nets; i++) model_free(e->net[i].m);
    keys_free(e->known);
    mem_free(e->value);
    mem_free(e);
}

/* ---- measuring ------------------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of one call, the median of some after the first, as many as take `enough`. Who else uses the machine counts little: what
 * stands for a length is the shorter of the clock and of this process's own time. */
static double typical(void (*call)(void *ctx), void *ctx, double enough)
{
    double took[200], spent = 0;
    int n = 0;
    while (n < 200 && (n < 2 || spent < enough) && spent < 1) {
        const double wall = clock_s();
        const clock_t cpu = clock();
        call(ctx);
        spent += took[n++] = fmin(clock_s() - wall, (double)(clock() - cpu) / CLOCKS_PER_SEC);
    }
    if (n == 1) return took[0];
    qsort(took + 1, (size_t)(n - 1), sizeof *took, ascending);
    return took[1 + (n - 1) / 2];
}

/* Runs of one network over images of its set. */
struct passer {
    struct model *m;
    const struct dataset *d;
    struct tape *train, *eval, *tangent;
    int n, *labels;
    int64_t at;
    struct augment augment;
    float *x, *moved, *dz, *g, *v, *dx;
};

static void take_batch(struct passer *p)
{
    int index[p->n];
    for (int i = 0; i < p->n; i++) {
        index[i] = (int)(7919 * p->at++ % p->d->n); /* here and there, as in a random order */
        p->labels[i] = p->d->labels[index[i]];
    }
    dataset_batch(p->d, index, 0, p->n, p->x);
}

static void train(void *ctx)
{
    struct passer *p = ctx;
    const struct optim o = {.momentum = 0.9};
    take_batch(p);
    if (augment_any(&p->augment)) augment_batch(&p->augment, p->d->shape, 1, (uint64_t)p->at, p->n, p->x, p->moved);
    memset(p->g, 0, p->m->params * sizeof *p->g);
    loss_ce(model_forward(p->m, p->train, augment_any(&p->augment) ? p->moved : p->x, p->n), p->labels, p->n, p->m->classes, 1, p->dz);
    model_backward(p->m, p->train, p->dz, p->g, NULL);
    optim_step(&o, 0.01, p->m->params, p->m->w, p->g, p->v);
}

static void forward(void *ctx)
{
    struct passer *p = ctx;
    take_batch(p);
    model_forward(p->m, p->eval, p->x, p->n);
}

static void backward(void *ctx)
{
    struct passer *p = ctx;
    model_backward(p->m, p->train, p->dz, p->g, NULL);
}

static void slope(void *ctx)
{
    struct passer *p = ctx;
    model_backward(p->m, p->train, p->dz, NULL, p->dx);
}

static void tangent(void *ctx)
{
    struct passer *p = ctx;
    model_tangent(p->m, p->tangent, p->m->w, NULL, p->dz);
}

static void measure_net(struct net *net, const struct dataset *d, const struct augment *augment)
{
    const int n = model_flops(net->m) < 5e7 ? 128 : 16; /* a large one keeps the cores busy with few */
    const size_t row = shape_size(net->m->input), params = net->m->params, count = (size_t)n;
    struct passer p = {.m = net->m, .d = d, .n = n, .augment = *augment, .train = tape_new(net->m, n, TAPE_BACKWARD), .eval = tape_new(net->m, n, TAPE_FORWARD),
                       .tangent = tape_new(net->m, n, TAPE_BACKWARD), .labels = mem_new(count, sizeof *p.labels), .x = mem_new(count * row, sizeof *p.x),
                       .moved = mem_new(count * row, sizeof *p.moved), .dx = mem_new(count * row, sizeof *p.dx), .dz = mem_new(count * (size_t)net->m->classes, sizeof *p.dz),
                       .g = mem_new(params, sizeof *p.g), .v = mem_new(params, sizeof *p.v)};
    tape_train(p.train, net->m->stat);
    net->s.train = typical(train, &p, 0.2) / n; /* long enough to be sure of most images, as victims are: answers take longer then */
    net->s.backward = typical(backward, &p, 0.02) / n;
    net->s.slope = typical(slope, &p, 0.02) / n;
    net->s.forward = typical(forward, &p, 0.02) / n;
    model_forward(net->m, p.tangent, p.x, n);
    net->s.tangent = typical(tangent, &p, 0.02) / n;
    tape_free(p.train);
    tape_free(p.eval);
    tape_free(p.tangent);
    mem_free(p.labels);
    mem_free(p.x);
    mem_free(p.moved);
    mem_free(p.dx);
    mem_free(p.dz);
    mem_free(p.g);
    mem_free(p.v);
}

/* ---- what was measured ------------------------------------------------------------------------------------- */

/* Where the number of a text stands; *fresh: it has none yet. Frees the text. */
static double *place(struct estimate *e, char *text, int *fresh)
{
    int at = keys_get(e->known, text);
    *fresh = at < 0;
    if (*fresh) {
        if (e->values == e->room) {
            double *more = mem_new((size_t)(e->room = 2 * e->room + 64), sizeof *more);
            if (e->values) memcpy(more, e->value, (size_t)e->values * sizeof *more);
            mem_free(e->value);
            e->value = more;
        }
        keys_put(e->known, text, at = e->values++);
    }
    mem_free(text);
    return &e->value[at];
}

/* Is it the first time that this text, which is freed, is met? */
static int first(struct estimate *e, char *text)
{
    int fresh;
    place(e, text, &fresh);
    return fresh;
}

/* `augment`: of what it trains on. */
static int net_of(const struct net **out, struct estimate *e, const char *model, const struct dataset *d, const char *augment)
{
    char *text = mem_print("net %s on %s, %s", model, d->name, augment);
    struct augment how;
    int at = keys_get(e->known, text), code = augment_read(&how, augment);
    if (!code && at < 0) {
        at = e->nets;
        code = at == NETS ? err_set(ERR_OPTION, "more than %d networks and data sets in one estimate", NETS) : model_new(&e->net[at].m, model, d->shape, d->classes);
        if (!code) {
            model_normalise(e->net[at].m, d->mean, d->std);
            model_init(e->net[at].m, 1);
            measure_net(&e->net[at], d, &how);
            keys_put(e->known, text, e->nets++);
        }
    }
    mem_free(text);
    *out = code ? NULL : &e->net[at];
    return code;
}

static double seconds_of(const struct passes *n, const struct passes *s)
{
    return n->train * s->train + n->forward * s->forward + n->backward * s->backward + n->slope * s->slope + n->tangent * s->tangent;
}

/* A cell's data, and its victim's network. */
struct scene {
    const struct cell *c;
    const struct dataset *train, *test, *ood, *pool; /* ood and pool may be NULL */
    const struct net *victim;
};

/* ---- queries ------------------------------------------------------------------------------------------------ */

struct asker {
    struct blackbox *box;
    const struct dataset *d;
    int rows, at, code;
    float *x, *q;
};

static void ask(void *ctx)
{
    struct asker *a = ctx;
    int index[a->rows];
    for (int i = 0; i < a->rows; i++) index[i] = a->at++ % a->d->n;
    dataset_batch(a->d, index, 0, a->rows, a->x);
    if (!a->code) a->code = blackbox_query(a->box, a->x, a->rows, a->q);
}

static struct dataset few(const struct dataset *d)
{
    struct dataset part = d ? *d : (struct dataset){0};
    if (part.n > FEW) part.n = FEW;
    return part;
}

/* The defense as it will be, but for its networks, which have learned next to nothing. */
static int open_chain(struct defense **out, const struct scene *s, const struct dataset part[3])
{
    const struct optim o = {.epochs = 1, .batch = FEW, .lr = 0.01};
    const struct defense_env env = {.victim = s->victim->m, .train = &part[0], .ood = s->ood ? &part[1] : NULL, .pool = s->pool ? &part[2] : NULL, .optim = &o, .seed = 1};
    int code = defense_parse(out, s->c->defense);
    if (code) return code;
    for (int i = 0; i < (*out)->n; i++) {
        struct spec *opt = &(*out)->link[i].opt;
        for (int k = 0; k < opt->n; k++)
            if (strlen(opt->key[k]) >= 6 && strcmp(opt->key[k] + strlen(opt->key[k]) - 6, "epochs") == 0) spec_set(opt, opt->key[k], "1");
    }
    return defense_open(*out, &env);
}

/* Seconds of a query, `rows` a call: the victim's pass, its defense and the black box. */
static int query_s(double *out, struct estimate *e, const struct scene *s, int rows)
{
    const struct dataset part[3] = {few(s->train), few(s->ood), few(s->pool)};
    int fresh;
    double *kept = place(e, mem_print("query %d of %s on %s, %s, %s", rows, spec_string(&s->c->victim, "model"), s->train->name, s->c->defense, s->c->ood), &fresh);
    *out = *kept;
    if (!fresh) return OK;
    struct defense *chain = NULL;
    struct asker a = {.d = s->test, .rows = FEW, .x = mem_new((size_t)rows * shape_size(s->test->shape), sizeof *a.x),
                      .q = mem_new((size_t)(rows * s->train->classes), sizeof *a.q)};
    if (rows < FEW) a.rows = rows;
    int code = open_chain(&chain, s, part);
    if (!code) code = blackbox_open(&a.box, s->victim->m, chain, INT64_MAX);
    if (!code) {
        *out = typical(ask, &a, 0) / a.rows;
        a.rows = rows;
        if (*out * rows < 0.1) *out = typical(ask, &a, 0.02) / rows; /* else a few said enough */
        code = a.code;
    }
    blackbox_close(a.box);
    defense_free(chain);
    mem_free(a.x);
    mem_free(a.q);
    *kept = code ? NAN : *out;
    return code;
}

/* ---- what is not a network's -------------------------------------------------------------------------------- */

enum { POINTS = 4096, CENTRES = 64 };
struct points {
    float *at;
    int classes;
};

static void centre(void *ctx)
{
    const struct points *p = ctx;
    int chosen;
    kcenter(p->at, POINTS, p->classes, p->at, CENTRES, 1, &chosen);
}

static double distance_s(struct estimate *e, int classes)
{
    int fresh;
    double *kept = place(e, mem_print("distance of %d", classes), &fresh);
    struct points p = {mem_new((size_t)(POINTS * classes), sizeof *p.at), classes};
    for (int i = 0; i < POINTS * classes; i++) p.at[i] = (float)(i * 7 % 101) / 101;
    if (fresh) *kept = typical(centre, &p, 0.02) / (POINTS * CENTRES);
    mem_free(p.at);
    return *kept;
}

struct trial {
    const struct attack_ops *ops;
    struct attack_env env;
    struct spec opt;
    const struct model *victim;
    int code;
};

static void try(void *ctx)
{
    struct trial *t = ctx;
    struct defense *none = NULL;
    struct model *clone = NULL;
    if (!t->code) t->code = defense_parse(&none, "none");
    if (!t->code) t->code = blackbox_open(&t->env.target, t->victim, none, INT64_MAX);
    if (!t->code) t->code = t->ops->run(&clone, &t->env, &t->opt);
    model_free(clone);
    blackbox_close(t->env.target);
    t->env.target = NULL;
    defense_free(none);
}

/* Seconds of one of w->trials. */
static int trial_s(double *out, struct estimate *e, const struct scene *s, const struct work *w)
{
    int fresh, code = OK;
    char *attack = spec_text(&s->c->attack);
    double *kept = place(e, mem_print("trial %s of %s on %s %s, %s", w->trial, attack, spec_string(&s->c->victim, "model"), s->train->name, s->c->pool), &fresh);
    struct spec part = {0};
    struct trial t = {.env = {.pool = s->pool, .seeds = s->train, .clone_model = SMALLEST, .seed = 1, .defense = "none"}};
    if (!code && fresh) {
        t.victim = t.env.clean = s->victim->m;
        char *text = mem_print("trial:%s", w->trial);
        code = spec_parse(&part, text);
        mem_free(text);
        if (!code) code = attack_find(&t.ops, s->c->attack.name);
        if (!code) code = spec_parse(&t.opt, attack);
        for (int i = 0; i < part.n && !code; i++) spec_set(&t.opt, part.key[i], part.value[i]);
        if (!code) *kept = typical(try, &t, 0);
        if (!code) code = t.code;
        if (code) *kept = NAN;
        spec_free(&part);
        spec_free(&t.opt);
    }
    mem_free(attack);
    *out = *kept;
    return code;
}

/* ---- a cell ---------------------------------------------------------------------------------------------------- */

/* Of passes that were counted, of one network and of another. */
static int trainings_s(double *out, struct estimate *e, const struct scene *s, const struct work *w, const struct net *own)
{
    const struct net *other = NULL;
    int code = OK;
    *out = seconds_of(&w->own, &own->s);
    if (seconds_of(&w->other, &(struct passes){1, 1, 1, 1, 1}) > 0 && !(code = net_of(&other, e, w->model, s->train, "none"))) *out += seconds_of(&w->other, &other->s);
    return code;
}

/* The victim, and what its defense trains beside it, where no cell before has them. */
static int victim_s(double *out, struct estimate *e, const struct scene *s, const struct cell_work *w)
{
    const struct cell *c = s->c;
    const struct defense_link *fit = defense_fitter(w->spec);
    const char *option = strchr(c->knob, '.');
    /* a calibration trains the victim again only where the option is one that its training reads */
    const int searched = *c->target && fit && option && strncmp(c->knob, fit->ops->name, (size_t)(option - c->knob)) == 0 && !(fit->ops->serving && strstr(fit->ops->serving, option + 1));
    struct cell plain = *c;
    static char none[] = "";
    double victim = 0, helpers = 0;
    char *path = NULL, *names = mem_string("");
    if (!searched) plain.target = none;
    int code = cell_victim(&path, &plain, e->store, "");
    if (!path) path = mem_print("%s %s %s %s %llu", s->train->name, c->defense, c->target, c->ood, (unsigned long long)(c->victim_seed + c->defense_seed));
    for (int i = 0; i < w->spec->n; i++) {
        char *longer = mem_print("%s+%s", names, w->spec->link[i].ops->name);
        mem_free(names);
        names = longer;
    }
    if (!code) code = trainings_s(&victim, e, s, &w->victim, s->victim);
    if (!code) code = trainings_s(&helpers, e, s, &w->helpers, s->victim);
    *out = 0;
    if (!code && first(e, mem_print("victim %s", path))) *out += victim * (searched ? TRIES : 1);
    if (!code && first(e, mem_print("helpers of %s: %s %s %.9g, %s, %s, %llu", path, names, w->helpers.depends, w->helpers.own.train, c->ood,
                                    defense_oracle(w->spec) ? c->pool : "", (unsigned long long)c->defense_seed))) *out += helpers;
    mem_free(path);
    mem_free(names);
    return code;
}

/* Does a link answer from a posterior, without networks that only its owner can train? What an attacker copies is that. */
static int answers_itself(const struct defense *d)
{
    int any = 0;
    for (int i = 0; i < d->n; i++) any |= d->link[i].ops->answer && !d->link[i].ops->fit && !d->link[i].ops->replaces;
    return any;
}

static int attack_s(double *out, struct estimate *e, const struct scene *s, const struct work *w, const struct defense *spec)
{
    const struct net *clone = NULL;
    const char *augment = spec_find(&s->c->attack, "augment");
    double query = 0, plain = 0, trial = 0, trained = 0;
    const double test = s->test->n, tried = *s->c->target ? TRIES * test / 2 : 0;
    int code = net_of(&clone, e, s->c->clone_model, s->train, augment ? augment : "none");
    if (!code) code = trainings_s(&trained, e, s, w, clone);
    if (!code) code = query_s(&query, e, s, w->rows && w->rows < ROWS_A_CALL ? w->rows : ROWS_A_CALL);
    if (!code) code = query_s(&plain, e, s, ROWS_A_CALL);
    if (!code && w->trials > 0) code = trial_s(&trial, e, s, w);
    if (code) return code;
    *out = trained + w->queries * query + w->trials * trial;
    if (answers_itself(spec)) *out += w->simulated * fmax(plain - s->victim->s.forward, 0);
    *out += (test + tried) * plain + 2 * test * s->victim->s.forward + (w->looks + 2) * test * clone->s.forward; /* what the cell measures */
    if (w->distances > 0) *out += w->distances * distance_s(e, s->train->classes);
    return OK;
}

static int add_up(double *seconds, struct estimate *e, const struct cell *c)
{
    struct scene s = {.c = c};
    struct cell_work w = {0};
    const char *data = spec_string(&c->victim, "dataset");
    double victim = 0, attack = 0;
    int code = cell_work(c, e->store, &w);
    if (!code) code = store_get(&s.train, e->store, data, "train");
    if (!code) code = store_get(&s.test, e->store, data, "test");
    if (!code && *c->ood) code = store_get(&s.ood, e->store, c->ood, "train");
    if (!code && *c->pool) code = store_get(&s.pool, e->store, c->pool, "train");
    if (!code) code = net_of(&s.victim, e, spec_string(&c->victim, "model"), s.train, spec_string(&c->victim, "augment"));
    if (!code) code = victim_s(&victim, e, &s, &w);
    if (!code) code = attack_s(&attack, e, &s, &w.attack, w.spec);
    cell_work_free(&w);
    *seconds = victim + attack;
    return code;
}

/* What runs here for a moment would tell of its trainings: nobody wants to hear it. */
int estimate_cell(double *seconds, struct estimate *e, const struct cell *c)
{
    const int loud = dup(STDERR_FILENO), quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (loud >= 0 && quiet >= 0) dup2(quiet, STDERR_FILENO);
    const int code = add_up(seconds, e, c);
    if (loud >= 0) dup2(loud, STDERR_FILENO);
    if (loud >= 0) close(loud);
    if (quiet >= 0) close(quiet);
    return code;
}
