#include "experiments/estimate.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/keys.h"
#include "base/mem.h"
#include "base/progress.h"
#include "victim/serve.h"
#include "victim/victim.h"

enum { PIECES = 4096, BATCHES = 8, QUERIES = 512, ANSWERS = 256 };
static const double PIECE_S = 0.25, LEAST_RATE = 2e9; /* what one timing may take; multiply-adds a second, for choosing its size */

/* a + b * epochs seconds of something; NaN: it cannot be timed. */
struct line {
    double first, more; /* one epoch; each epoch more */
};

struct estimate {
    struct store *store;
    int threads;
    struct keys *piece; /* what was timed -> its place in `line` */
    int pieces;
    struct line line[PIECES];
    struct keys *shared; /* victims and defenses' networks that a cell before has trained */
    struct keys *group;  /* defenses -> the first of those whose networks are the same */
    int groups;
    char cache[32];      /* a folder that shows which are: "": it cannot be made */
    struct keys *victim; /* untrained ones to serve: their place in `model` */
    int models;
    struct model *model[PIECES];
};

struct estimate *estimate_new(struct store *store, int threads)
{
    struct estimate *e = mem_new(1, sizeof *e);
    e->store = store;
    e->threads = threads;
    e->piece = keys_new();
    e->shared = keys_new();
    e->victim = keys_new();
    e->group = keys_new();
    snprintf(e->cache, sizeof e->cache, "/tmp/heist-XXXXXX");
    if (!mkdtemp(e->cache)) e->cache[0] = 0;
    return e;
}

/* The networks that a cache holds; `drop`: and removes all of it. */
static int networks_in(const char *cache, int drop)
{
    DIR *d = opendir(cache);
    int n = 0;
    for (const struct dirent *f; d && (f = readdir(d)) != NULL;) {
        n += strstr(f->d_name, ".safetensors") != NULL;
        if (drop && f->d_name[0] != '.') {
            char *path = mem_print("%s/%s", cache, f->d_name);
            unlink(path);
            mem_free(path);
        }
    }
    if (d) closedir(d);
    if (drop) rmdir(cache);
    return n;
}

void estimate_free(struct estimate *e)
{
    if (!e) return;
    for (int i = 0; i < e->models; i++) model_free(e->model[i]);
    keys_free(e->piece);
    keys_free(e->shared);
    keys_free(e->victim);
    keys_free(e->group);
    if (*e->cache) networks_in(e->cache, 1);
    mem_free(e);
}

/* ---- a cell's parts ----------------------------------------------------------------------------------------- */

/* A cell and its data; `few` and `few_ood` are the first images of the sets, of which pieces are done. */
struct parts {
    const struct cell *c;
    const struct dataset *train, *test, *ood, *pool;
    struct dataset few, few_ood;
    struct defense *chain;
    struct optim optim;
    struct augment augment;
    double flops, clone_flops; /* of an image */
    int epochs;                /* of the victim */
};

static int open_parts(struct parts *p, struct estimate *e, const struct cell *c)
{
    const char *name = spec_string(&c->victim, "dataset");
    *p = (struct parts){.c = c, .epochs = (int)spec_int(&c->victim, "epochs")};
    int code = store_get(&p->train, e->store, name, "train");
    if (!code) code = store_get(&p->test, e->store, name, "test");
    if (!code && *c->ood) code = store_get(&p->ood, e->store, c->ood, "train");
    if (!code && *c->pool) code = store_get(&p->pool, e->store, c->pool, "train");
    if (!code) code = store_flops(&p->flops, e->store, spec_string(&c->victim, "model"), p->train);
    if (!code) code = store_flops(&p->clone_flops, e->store, c->clone_model, p->train);
    if (!code) code = victim_training(&p->optim, &p->augment, &c->victim);
    if (!code) code = defense_parse(&p->chain, c->defense);
    return code;
}

/* The first images, as many as `flops` an image allows in a piece's time, at least two batches. */
static void take_few(struct parts *p, double flops)
{
    const double n = PIECE_S * LEAST_RATE / flops;
    int most = n > BATCHES * p->optim.batch ? BATCHES * p->optim.batch : (int)n;
    if (most < 2 * p->optim.batch) most = 2 * p->optim.batch;
    p->few = *p->train;
    if (p->few.n > most) p->few.n = most;
    if (!p->ood) return;
    p->few_ood = *p->ood;
    if (p->few_ood.n > most) p->few_ood.n = most;
}

/* Sets every option that is a number of epochs, or is that of the victim; the largest that stood there (0: none). */
static int set_epochs(struct spec *s, int epochs, int victim)
{
    int most = 0;
    for (int i = 0; i < s->n; i++) {
        const size_t size = strlen(s->key[i]);
        double was = victim;
        char text[16];
        if (size < 6 || strcmp(s->key[i] + size - 6, "epochs")) continue;
        if (spec_number(&was, s->value[i])) was = victim; /* "victim" */
        if (was < 1) continue;                            /* 0: none of these, and none here */
        snprintf(text, sizeof text, "%d", epochs);
        spec_set(s, s->key[i], text);
        if (was > most) most = (int)was;
    }
    return most;
}

/* ---- timing ------------------------------------------------------------------------------------------------------- */

/* Messages of the pieces go nowhere. */
static int hush(void)
{
    const int was = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stderr);
    if (null >= 0) dup2(null, STDERR_FILENO);
    if (null >= 0) close(null);
    return was;
}

static void speak(int was)
{
    fflush(stderr);
    if (was < 0) return;
    dup2(was, STDERR_FILENO);
    close(was);
}

/* The line of a piece with this name: timed where it is new. `run` does the piece with so many epochs. */
static int time_piece(struct line *out, struct estimate *e, const char *name, struct parts *p, int (*run)(struct estimate *e, struct parts *p, int epochs))
{
    const int known = keys_get(e->piece, name), threads = omp_get_max_threads();
    double took[3] = {0};
    int code = OK;
    if (known >= 0) {
        *out = e->line[known];
        return OK;
    }
    const int was = hush();
    omp_set_num_threads(e->threads);
    for (int i = 0; i < 3 && !code; i++) { /* the first warms up */
        const double start = clock_s();
        code = run(e, p, i < 2 ? 1 : 2);
        took[i] = clock_s() - start;
        if (i == 0 && took[0] > 20 * PIECE_S) took[1] = took[2] = took[0], took[2] *= 2, i = 3; /* large networks: once must do */
    }
    omp_set_num_threads(threads);
    speak(was);
    if (code) return code;
    *out = (struct line){took[1], took[2] > took[1] ? took[2] - took[1] : 0};
    if (e->pieces == PIECES) return OK;
    keys_put(e->piece, name, e->pieces);
    e->line[e->pieces++] = *out;
    return OK;
}

static double at(struct line l, int epochs)
{
    return epochs < 1 ? 0 : l.first + (epochs - 1) * l.more;
}

/* ---- pieces ----------------------------------------------------------------------------------------------------------- */

static int train_piece(struct estimate *e, struct parts *p, int epochs)
{
    struct victim *v = NULL;
    struct spec opt = {0};
    struct defense *chain = NULL;
    char *text = spec_text(&p->c->victim), count[16];
    int code = spec_parse(&opt, text);
    (void)e;
    snprintf(count, sizeof count, "%d", epochs);
    if (!code) spec_set(&opt, "epochs", count);
    if (!code) code = defense_parse(&chain, p->c->defense);
    for (int i = 0; !code && i < chain->n; i++)
        if (chain->link[i].ops->fit) set_epochs(&chain->link[i].opt, epochs, p->epochs);
    if (!code) code = victim_get(&v, &opt, &p->few, chain, p->ood ? &p->few_ood : NULL, p->c->victim_seed, p->c->defense_seed, NULL);
    victim_free(v);
    defense_free(chain);
    spec_free(&opt);
    mem_free(text);
    return code;
}

/* An untrained victim to serve; a defense opened on it, its networks trained on few images. */
static int served(const struct model **out, struct estimate *e, struct parts *p)
{
    char *name = mem_print("%s %s", spec_string(&p->c->victim, "model"), p->train->name);
    const int known = keys_get(e->victim, name);
    int code = OK;
    if (known >= 0) *out = e->model[known];
    else if (e->models == PIECES) code = err_set(ERR_OPTION, "more than %d victims", PIECES);
    else if (!(code = model_new(&e->model[e->models], spec_string(&p->c->victim, "model"), p->train->shape, p->train->classes))) {
        struct model *m = e->model[e->models];
        model_normalise(m, p->train->mean, p->train->std);
        model_init(m, 1);
        *out = m;
        keys_put(e->victim, name, e->models++);
    }
    mem_free(name);
    return code;
}

static int open_chain(struct defense **out, struct defense_env *env, struct optim *o, struct estimate *e, struct parts *p, int epochs, const char *cache)
{
    const struct model *victim = NULL;
    int code = defense_parse(out, p->c->defense);
    if (!code) code = served(&victim, e, p);
    for (int i = 0; !code && i < (*out)->n; i++)
        if (!(*out)->link[i].ops->fit) set_epochs(&(*out)->link[i].opt, epochs, p->epochs);
    *o = p->optim;
    o->epochs = epochs;
    *env = (struct defense_env){.victim = victim, .train = &p->few, .ood = p->ood ? &p->few_ood : NULL, .optim = o, .augment = &p->augment, .seed = 1, .pool = p->pool, .cache = cache};
    return code ? code : defense_open(*out, env);
}

static int open_piece(struct estimate *e, struct parts *p, int epochs)
{
    struct defense *chain = NULL;
    struct defense_env env;
    struct optim o;
    int code = open_chain(&chain, &env, &o, e, p, epochs, NULL);
    defense_free(chain);
    return code;
}

/* Seconds of one answer and of the victim's pass before it. */
static int time_answer(double *out, struct estimate *e, struct parts *p)
{
    struct defense *chain = NULL;
    struct defense_env env;
    struct optim o;
    const int n = p->test->n < ANSWERS ? p->test->n : ANSWERS, was = hush(), threads = omp_get_max_threads();
    float *x = mem_new((size_t)n * shape_size(p->test->shape), sizeof *x), *q = mem_new((size_t)(2 * n * p->train->classes), sizeof *q);
    int code = open_chain(&chain, &env, &o, e, p, 1, NULL), done = 0;
    double start = 0;
    dataset_batch(p->test, NULL, 0, n, x);
    omp_set_num_threads(e->threads);
    for (; !code && (done < 2 || (clock_s() - start < PIECE_S / 4 && done < 20)); done++) {
        if (done == 1) start = clock_s(); /* the first warms up */
        model_predict(env.victim, x, n, q);
        code = defense_answer(chain, x, q, q + (size_t)(n * p->train->classes), n, p->train->classes);
    }
    *out = (clock_s() - start) / ((done - 1) * n);
    omp_set_num_threads(threads);
    speak(was);
    defense_free(chain);
    mem_free(x);
    mem_free(q);
    return code;
}

/* ---- attacks ------------------------------------------------------------------------------------------------------------ */

static void count_epoch(void *observer, const struct model *clone, int64_t queries, int epoch, double val)
{
    (void)clone, (void)queries, (void)epoch, (void)val;
    ++*(int *)observer;
}

/* The part of the budget that a timing may use: an attack that grows from the victim's own images needs all of it. */
static int64_t part_of(const struct parts *p, const struct attack_ops *ops)
{
    const int64_t budget = spec_int(&p->c->attack, "budget");
    const double fits = PIECE_S * LEAST_RATE / (4 * p->clone_flops);
    if (ops->needs_seeds && (double)budget < 20 * fits) return budget;
    const int64_t part = fits < QUERIES ? QUERIES : (int64_t)fits;
    return part < budget ? part : budget;
}

/* The victim's own epochs of an attack: an attack without images has them as parts of its budget. */
static int has_epochs(const struct attack_ops *ops)
{
    return ops->needs_pool || ops->needs_seeds;
}

static int run_attack(int *observed, struct estimate *e, struct parts *p, int epochs)
{
    const struct attack_ops *ops;
    const struct model *victim = NULL;
    struct model *clone = NULL;
    struct defense *none = NULL;
    struct blackbox *box = NULL;
    struct spec opt = {0};
    char *text = spec_text(&p->c->attack), count[24];
    int code = spec_parse(&opt, text);
    if (!code) code = attack_find(&ops, opt.name);
    if (!code) code = served(&victim, e, p);
    if (!code) code = defense_parse(&none, "none");
    if (code) goto out;
    if (has_epochs(ops)) {
        snprintf(count, sizeof count, "%d", epochs);
        if (spec_find(&opt, "epochs")) spec_set(&opt, "epochs", count);
    }
    snprintf(count, sizeof count, "%lld", (long long)part_of(p, ops));
    spec_set(&opt, "budget", count);
    const struct defense_env env = {.victim = victim, .train = &p->few, .optim = &p->optim, .augment = &p->augment, .seed = 1};
    if ((code = defense_open(none, &env)) || (code = blackbox_open(&box, victim, none, part_of(p, ops)))) goto out;
    struct attack_env a = {.target = box, .pool = p->pool, .seeds = ops->needs_seeds ? p->train : NULL, .clone_model = p->c->clone_model, .seed = 1,
                           .observe = count_epoch, .observer = observed};
    attack_tell(&a, &opt, "none", victim);
    *observed = 0;
    code = ops->run(&clone, &a, &opt);
    attack_tell_free(&a);
out:
    model_free(clone);
    blackbox_close(box);
    defense_free(none);
    spec_free(&opt);
    mem_free(text);
    return code;
}

static int attack_piece(struct estimate *e, struct parts *p, int epochs)
{
    int observed;
    return run_attack(&observed, e, p, epochs);
}

/* Kept beside the line of an attack: how often the clone is measured, of one epoch and of each more. */
static int measured_piece(struct estimate *e, struct parts *p, struct line *out, const char *name)
{
    char *of = mem_print("measured %s", name);
    const int known = keys_get(e->piece, of);
    int one = 0, two = 0, code = OK;
    if (known >= 0) *out = e->line[known];
    else {
        const int was = hush();
        code = run_attack(&one, e, p, 1);
        if (!code) code = run_attack(&two, e, p, 2);
        speak(was);
        *out = (struct line){one, two - one};
        if (!code && e->pieces < PIECES) {
            keys_put(e->piece, of, e->pieces);
            e->line[e->pieces++] = *out;
        }
    }
    mem_free(of);
    return code;
}

static int attack_seconds(double *out, struct estimate *e, struct parts *p, double forward, double answer)
{
    const struct attack_ops *ops;
    struct line work, measured;
    int code = attack_find(&ops, p->c->attack.name);
    if (code) return code;
    struct spec bare = {0};
    char *text = spec_text(&p->c->attack);
    if ((code = spec_parse(&bare, text))) goto out;
    const double budget = spec_real(&p->c->attack, "budget"), part = (double)part_of(p, ops);
    const char *listed = has_epochs(ops) ? spec_find(&bare, "epochs") : NULL;
    double epochs = 1;
    if (listed) spec_number(&epochs, listed);
    if (part < budget) spec_set(&bare, "budget", "part"); /* the same part serves every budget */
    if (listed) spec_set(&bare, "epochs", "any");
    mem_free(text);
    text = spec_text(&bare);
    char *name = mem_print("attack %s|%s|%s|%s|%g", text, p->c->clone_model, p->train->name, p->c->pool, part);
    code = time_piece(&work, e, name, p, attack_piece);
    if (!code) code = measured_piece(e, p, &measured, name);
    mem_free(name);
    if (!code) *out = at(work, (int)epochs) * budget / part + at(measured, (int)epochs) * p->test->n * forward * p->clone_flops / p->flops + budget * fmax(answer - forward, 0);
out:
    spec_free(&bare);
    mem_free(text);
    return code;
}

/* ---- a cell -------------------------------------------------------------------------------------------------------------- */

/* Is this the first that needs it? */
static int first(struct estimate *e, const char *what)
{
    const int seen = keys_get(e->shared, what) >= 0;
    keys_put(e->shared, what, 1);
    return !seen;
}

static int victim_seconds(double *out, struct estimate *e, struct parts *p)
{
    const struct defense_link *fit = defense_fitter(p->chain);
    char *path = NULL, *link = fit ? spec_text(&fit->opt) : mem_string("plain"), *options = spec_text(&p->c->victim);
    char *name = mem_print("train %s|%s|%s", options, link, fit ? p->c->ood : "");
    struct line l = {0};
    int code = cell_victim(&path, p->c, e->store, "");
    *out = 0;
    if (!code && (!path || first(e, path))) {
        int epochs = p->epochs;
        struct defense *copy = NULL;
        take_few(p, (fit ? 21 : 3) * p->flops);
        code = time_piece(&l, e, name, p, train_piece);
        if (!code && fit) {
            code = defense_parse(&copy, p->c->defense);
            const int own = code ? 0 : set_epochs(&copy->link[(int)(fit - p->chain->link)].opt, 1, p->epochs);
            if (own) epochs = own;
            defense_free(copy);
        }
        *out = at(l, epochs) * p->train->n / p->few.n;
    }
    mem_free(name);
    mem_free(link);
    mem_free(options);
    mem_free(path);
    return code;
}

/* Defenses whose networks are trained alike share them (defenses/helper.h): a chain that leaves nothing new in a cache belongs to the
 * last one of the same names that did. */
static int group_of(struct estimate *e, struct parts *p, const char *name)
{
    const int known = keys_get(e->group, name);
    if (known >= 0) return known;
    char *names = mem_string("names");
    for (int i = 0; i < p->chain->n; i++) {
        char *longer = mem_print("%s+%s", names, p->chain->link[i].ops->name);
        mem_free(names);
        names = longer;
    }
    struct defense *chain = NULL;
    struct defense_env env;
    struct optim o;
    const int before = networks_in(e->cache, 0), was = hush();
    int group = keys_get(e->group, names);
    if (*e->cache) open_chain(&chain, &env, &o, e, p, 1, e->cache); /* where it fails, time_piece says so */
    speak(was);
    if (group < 0 || networks_in(e->cache, 0) > before) group = e->groups++;
    keys_put(e->group, names, group);
    keys_put(e->group, name, group);
    defense_free(chain);
    mem_free(names);
    return group;
}

/* The networks beside the victim, trained once for a seed; their cost grows with the images. */
static int helper_seconds(double *out, struct estimate *e, struct parts *p)
{
    char *options = spec_text(&p->c->victim);
    char *name = mem_print("open %s|%s|%s", options, p->c->defense, p->c->ood);
    take_few(p, 3 * p->flops);
    char *shared = mem_print("%d %llu %llu", group_of(e, p, name), (unsigned long long)p->c->victim_seed, (unsigned long long)p->c->defense_seed);
    struct defense *copy = NULL;
    struct line l = {0};
    int epochs = 0, code = OK;
    *out = 0;
    if (first(e, shared)) {
        code = time_piece(&l, e, name, p, open_piece);
        if (!code) code = defense_parse(&copy, p->c->defense);
        for (int i = 0; !code && i < copy->n; i++) {
            const int own = copy->link[i].ops->fit ? 0 : set_epochs(&copy->link[i].opt, 1, p->epochs);
            if (own > epochs) epochs = own;
        }
        *out = at(l, epochs ? epochs : 1) * p->train->n / p->few.n;
    }
    defense_free(copy);
    mem_free(options);
    mem_free(shared);
    mem_free(name);
    return code;
}

/* An answer of the chain, and of the victim alone. */
static int answer_seconds(double *out, struct estimate *e, struct parts *p)
{
    char *name = mem_print("answer %s|%s|%s", spec_string(&p->c->victim, "model"), p->train->name, p->c->defense);
    const int known = keys_get(e->piece, name);
    int code = OK;
    take_few(p, 3 * p->flops);
    if (known >= 0) *out = e->line[known].first;
    else if (!(code = time_answer(out, e, p)) && e->pieces < PIECES) {
        keys_put(e->piece, name, e->pieces);
        e->line[e->pieces++] = (struct line){*out, 0};
    }
    mem_free(name);
    return code;
}

int estimate_cell(double *seconds, struct estimate *e, const struct cell *c)
{
    struct parts p;
    double victim = 0, helper = 0, answer = 0, forward = 0, attack = 0;
    struct cell plain = *c;
    plain.defense = (char[]){"none"};
    struct parts bare;
    int code = open_parts(&p, e, c);
    bare = p;
    bare.c = &plain;
    if (!code) code = victim_seconds(&victim, e, &p);
    if (!code) code = helper_seconds(&helper, e, &p);
    if (!code) code = answer_seconds(&answer, e, &p);
    if (!code) code = answer_seconds(&forward, e, &bare);
    if (!code) code = attack_seconds(&attack, e, &p, forward, answer);
    /* measured in the end: the victim twice, its answers, and the clone twice */
    *seconds = victim + helper + attack + p.test->n * (2 * forward + answer + 2 * forward * p.clone_flops / p.flops);
    defense_free(p.chain);
    return code;
}

double estimate_span(const double *seconds, int n, int jobs)
{
    double *free_at = mem_new((size_t)jobs, sizeof *free_at), end = 0;
    for (int i = 0; i < n; i++) {
        int next = 0;
        for (int w = 1; w < jobs; w++)
            if (free_at[w] < free_at[next]) next = w;
        free_at[next] += seconds[i];
        end = fmax(end, free_at[next]);
    }
    mem_free(free_at);
    return end;
}
