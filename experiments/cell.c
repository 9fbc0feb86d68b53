#include "experiments/cell.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "attacker/attack.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "data/classes.h"
#include "data/place.h"
#include "experiments/calibrate.h"
#include "experiments/manifest.h"
#include "nn/engine.h"
#include "nn/layer.h"
#include "version.h"
#include "victim/serve.h"
#include "victim/victim.h"

/* Raised when a change makes the same options give other numbers, beyond what nn/engine.h says. */
#define PROTOCOL "protocol 2"

void cell_free(struct cell *c)
{
    mem_free(c->sweep);
    spec_free(&c->victim);
    mem_free(c->defense);
    mem_free(c->knob);
    mem_free(c->target);
    mem_free(c->label);
    mem_free(c->ood);
    mem_free(c->pool);
    spec_free(&c->attack);
    mem_free(c->clone_model);
    *c = (struct cell){0};
}

void cell_result_free(struct cell_result *r)
{
    curve_free(&r->curve);
    model_free(r->clone);
    r->clone = NULL;
    mem_free(r->audit);
    r->audit = NULL;
}

/* ---- resolving ---------------------------------------------------------------------------------- */

/* The data sets of a cell; ood and pool may be NULL. */
struct data {
    const struct dataset *train, *test, *ood, *pool;
};

static int open_data(struct data *d, const struct cell *c, struct store *store)
{
    const char *victim = spec_string(&c->victim, "dataset");
    int code = store_get(&d->train, store, victim, "train");
    if (!code) code = store_get(&d->test, store, victim, "test");
    if (!code && *c->ood) code = store_get(&d->ood, store, c->ood, "train");
    if (!code && *c->pool) code = store_get(&d->pool, store, c->pool, "train");
    return code;
}

static int check_sets(const struct cell *c, const struct data *d)
{
    const struct shape v = d->train->shape;
    const struct dataset *other[] = {d->ood, d->pool};
    if (!d->train->labels || !d->test->labels) return err_set(ERR_SHAPE, "%s has no labels, a victim needs them", d->train->name);
    for (int i = 0; i < 2; i++) {
        if (!other[i]) continue;
        const struct shape s = other[i]->shape;
        if (s.c != v.c || s.h != v.h || s.w != v.w)
            return err_set(ERR_SHAPE, "%s %s has images of %dx%dx%d, the victim on %s expects %dx%dx%d: say to=%dx%dx%d behind its name", i ? "pool" : "OOD set", other[i]->name,
                           s.c, s.h, s.w, d->train->name, v.c, v.h, v.w, v.c, v.h, v.w);
    }
    const struct attack_ops *ops;
    int code = attack_find(&ops, c->attack.name);
    if (code || !ops->needs_pool || !d->pool) return code;
    const int64_t images = ops->images ? ops->images(&c->attack) : spec_int(&c->attack, "budget");
    if (images > d->pool->n)
        return err_set(ERR_SHAPE, "attack %s: the pool %s holds %d images, expected at least %lld", ops->name, d->pool->name, d->pool->n,
                       (long long)images);
    return OK;
}

static char *key_text(const struct cell *c, const struct data *d)
{
    char *victim = spec_text(&c->victim), *attack = spec_text(&c->attack);
    char *text = mem_print("%s|%s|%s|%s|%s|%s|%s|%s|%s %s %s %s|%llu %llu %llu", PROTOCOL " " ENGINE, victim, c->defense, c->label, c->ood, c->pool, attack,
                           c->clone_model, d->train->hash, d->test->hash, d->ood ? d->ood->hash : "", d->pool ? d->pool->hash : "",
                           (unsigned long long)c->victim_seed, (unsigned long long)c->defense_seed, (unsigned long long)c->attack_seed);
    mem_free(victim);
    mem_free(attack);
    if (*c->target) {
        char *longer = mem_print("%s|%s %s", text, c->knob, c->target);
        mem_free(text);
        text = longer;
    }
    return text;
}

static void replace(char **text, const char *by)
{
    char *copy = mem_string(by);
    mem_free(*text);
    *text = copy;
}

int cell_resolve(struct cell *c, struct store *store)
{
    struct data d = {0};
    struct defense *chain = NULL;
    double flops;
    int oracle = 0, code = open_data(&d, c, store);
    if (!code) code = check_sets(c, &d);
    if (!code && !(code = defense_parse(&chain, c->defense))) oracle = defense_oracle(chain);
    defense_free(chain);
    if (!code) code = store_flops(&flops, store, spec_string(&c->victim, "model"), d.train);
    if (!code) code = store_flops(&flops, store, c->clone_model, d.train);
    if (code) return code;
    if (d.ood) replace(&c->ood, d.ood->name);
    if (d.pool) replace(&c->pool, d.pool->name);
    c->ood_is_pool = oracle || (d.ood && d.pool && classes_shared(c->ood, c->pool, 0));
    c->pool_is_train = d.pool && classes_shared(d.pool->name, d.train->name, 1);
    char hash[HASH_TEXT], *text = key_text(c, &d);
    hash_bytes(hash, text, strlen(text));
    snprintf(c->key, sizeof c->key, "%.16s", hash);
    snprintf(c->train_hash, HASH_TEXT, "%s", d.train->hash);
    snprintf(c->test_hash, HASH_TEXT, "%s", d.test->hash);
    snprintf(c->ood_hash, HASH_TEXT, "%s", d.ood ? d.ood->hash : "");
    snprintf(c->pool_hash, HASH_TEXT, "%s", d.pool ? d.pool->hash : "");
    mem_free(text);
    return OK;
}

/* ---- running ------------------------------------------------------------------------------------- */

/* What one run holds, freed in one place. */
struct run {
    struct data d;
    struct defense *chain;
    struct victim *victim;
    struct optim optim;
    struct augment augment;
    struct blackbox *box;
    int *victim_top, *clone_top; /* [test->n] */
};

static int open_victim(struct run *run, const struct cell *c, const char *cache, struct cell_result *out)
{
    char number[40], *defense = NULL;
    snprintf(number, sizeof number, "%.6g", out->knob_value);
    defense = *c->target ? calibration_chain(c->defense, c->knob, number) : mem_string(c->defense);
    char *chain = strcmp(c->label, "soft") ? mem_print("%s+%s", defense, c->label) : mem_string(defense);
    int code = defense_parse(&run->chain, chain);
    mem_free(chain);
    mem_free(defense);
    if (!code) code = victim_training(&run->optim, &run->augment, &c->victim);
    if (!code) code = victim_get(&run->victim, &c->victim, run->d.train, run->chain, run->d.ood, c->victim_seed, c->defense_seed, cache);
    if (code) return code;
    out->victim_train_s = run->victim->train_s;
    out->fit_s = run->victim->fit_s;
    return OK;
}

/* Where the cell asks for a cost, the option that has it. */
static int calibrate_knob(const struct run *run, const struct cell *c, const char *cache, struct cell_result *out)
{
    if (!*c->target) return OK;
    const struct calibration k = {.chain = c->defense, .knob = c->knob, .target = c->target, .victim = &c->victim, .train = run->d.train, .test = run->d.test,
        .ood = run->d.ood, .pool = run->d.pool, .victim_seed = c->victim_seed, .defense_seed = c->defense_seed, .cache = cache};
    return calibrate(&out->knob_value, &out->target_reached, &k);
}

static struct defense_env env_of(const struct run *run, const struct cell *c, const char *cache)
{
    return (struct defense_env){.victim = run->victim->model, .train = run->d.train, .ood = run->d.ood, .optim = &run->optim, .augment = &run->augment, .seed = c->defense_seed,
                                .pool = run->d.pool, .cache = cache};
}

/* Two networks with the same hash are the same, bit for bit. */
static void hash_weights(char out[HASH_TEXT], const struct model *m)
{
    char block[2 * HASH_TEXT];
    hash_bytes(block, m->w, m->params * sizeof *m->w);
    hash_bytes(block + HASH_TEXT - 1, m->stat, m->stats * sizeof *m->stat);
    hash_bytes(out, block, strlen(block));
}

/* The defense is measured on an instance of its own where it remembers queries. */
static int measure_victim(struct run *run, const struct defense_env *env, struct cell_result *out)
{
    const struct dataset *test = run->d.test;
    struct defense *second = NULL, *use = run->chain;
    int code = OK;
    evaluate_classes(run->victim->model, test, run->victim_top);
    out->victim_acc = evaluate_agreement(run->victim_top, test->labels, test->n);
    if (defense_stateful(run->chain)) {
        char *text = defense_text(run->chain);
        code = defense_parse(&second, text);
        mem_free(text);
        if (!code) code = defense_open(second, env);
        use = second;
    }
    if (!code) code = evaluate_released(&out->defended_acc, run->victim->model, use, test);
    defense_free(second);
    return code;
}

static int attack(struct run *run, const struct cell *c, struct cell_result *out)
{
    const struct attack_ops *ops;
    int code = attack_find(&ops, c->attack.name);
    if (code) return code;
    struct attack_env env = {.target = run->box, .pool = run->d.pool, .seeds = ops->needs_seeds ? run->d.train : NULL,
                             .clone_model = c->clone_model, .seed = c->attack_seed, .observe = curve_observe, .observer = &out->curve};
    char *chain = defense_text(run->chain);
    attack_tell(&env, &c->attack, chain, run->victim->model);
    if (env.members) blackbox_grant_members(run->box);
    const double start = clock_s();
    code = ops->run(&out->clone, &env, &c->attack);
    out->attack_s = clock_s() - start;
    attack_tell_free(&env);
    mem_free(chain);
    const struct ledger l = blackbox_ledger(run->box);
    const double rows = l.total ? (double)l.total : NAN;
    out->queries_total = l.total;
    out->queries_distinct = l.distinct;
    out->mean_l1 = l.l1 / rows;
    out->argmax_flips = (double)l.flips / rows;
    out->query_us = 1e6 * l.seconds / rows;
    return code;
}

int cell_audit(struct audit *out, const struct cell *c, struct store *store, const char *cache)
{
    struct data d = {0};
    int code = open_data(&d, c, store);
    return code ? code : audit_run(out, &(struct audit_sets){.train = d.train, .test = d.test, .pool = d.pool, .ood = d.ood}, cache);
}

/* The words for the row. */
static int look_at_data(const struct cell *c, struct store *store, struct cell_result *out)
{
    struct audit a;
    char *cache = place_cache();
    int code = cell_audit(&a, c, store, cache);
    if (!code) out->audit = mem_string(a.words);
    if (!code) audit_free(&a);
    mem_free(cache);
    return code;
}

static int run_all(struct run *run, const struct cell *c, struct store *store, const char *cache, struct cell_result *out)
{
    int code = open_data(&run->d, c, store);
    if (code || (code = look_at_data(c, store, out)) || (code = calibrate_knob(run, c, cache, out)) || (code = open_victim(run, c, cache, out))) return code;
    if (run->d.ood && run->d.pool && (code = store_distance(&out->ood_distance, store, run->d.ood, run->d.pool))) return code;
    const struct dataset *test = run->d.test;
    const struct defense_env env = env_of(run, c, cache);
    const double start = clock_s();
    if ((code = defense_open(run->chain, &env))) return code;
    out->fit_s += clock_s() - start;
    run->victim_top = mem_new((size_t)test->n, sizeof *run->victim_top);
    run->clone_top = mem_new((size_t)test->n, sizeof *run->clone_top);
    hash_weights(out->victim_hash, run->victim->model);
    if ((code = measure_victim(run, &env, out))) return code;
    if ((code = blackbox_open(&run->box, run->victim->model, run->chain, spec_int(&c->attack, "budget")))) return code;
    out->curve.test = test;
    if ((code = attack(run, c, out))) return err_prefix(code, "attack %s", c->attack.name);
    hash_weights(out->clone_hash, out->clone);
    evaluate_classes(out->clone, test, run->clone_top);
    out->clone_last = evaluate_agreement(run->clone_top, test->labels, test->n);
    out->clone_val = curve_val(&out->curve);
    out->clone_best = curve_best(&out->curve);
    out->fidelity = evaluate_agreement(run->clone_top, run->victim_top, test->n);
    out->kl_clean = evaluate_kl(run->victim->model, out->clone, test);
    return OK;
}

void cell_result_empty(struct cell_result *r)
{
    *r = (struct cell_result){.victim_acc = NAN, .defended_acc = NAN, .mean_l1 = NAN, .argmax_flips = NAN, .clone_last = NAN,
        .clone_val = NAN, .clone_best = NAN, .fidelity = NAN, .kl_clean = NAN, .victim_train_s = NAN, .fit_s = NAN, .query_us = NAN, .attack_s = NAN,
        .knob_value = NAN, .target_reached = NAN, .ood_distance = NAN};
}

void cell_run(const struct cell *c, struct store *store, const char *cache, struct cell_result *out)
{
    struct run run = {0};
    cell_result_empty(out);
    mem_peak_reset();
    out->status = run_all(&run, c, store, cache, out);
    out->peak_mb = mem_peak_mb();
    if (out->status) snprintf(out->error, sizeof out->error, "%s", err_text());
    blackbox_close(run.box);
    defense_free(run.chain);
    victim_free(run.victim);
    mem_free(run.victim_top);
    mem_free(run.clone_top);
}

/* ---- the victim alone ------------------------------------------------------------------------------ */

int cell_victim(char **path, const struct cell *c, struct store *store, const char *cache)
{
    struct data d = {0};
    struct defense *chain = NULL;
    int code = open_data(&d, c, store);
    *path = NULL;
    if (!code) code = defense_parse(&chain, c->defense);
    if (!code && !(*c->target && defense_fitter(chain))) *path = victim_path(&c->victim, d.train, chain, d.ood, c->victim_seed, c->defense_seed, cache);
    defense_free(chain);
    return code;
}

int cell_train(const struct cell *c, struct store *store, const char *cache)
{
    struct data d = {0};
    struct defense *chain = NULL;
    struct victim *v = NULL;
    int code = open_data(&d, c, store);
    if (!code) code = defense_parse(&chain, c->defense);
    if (!code) code = victim_get(&v, &c->victim, d.train, chain, d.ood, c->victim_seed, c->defense_seed, cache);
    victim_free(v);
    defense_free(chain);
    return code;
}

/* ---- recording ------------------------------------------------------------------------------------ */

/* A row under way: its values belong to it. */
struct row {
    char *value[RESULT_COLUMNS];
};

static void put(struct row *r, int column, const char *text)
{
    r->value[column] = mem_string(text);
}

static void put_number(struct row *r, int column, const char *format, double v)
{
    char text[40] = "";
    if (isfinite(v)) snprintf(text, sizeof text, format, v);
    put(r, column, text);
}

/* The victim's options as a spec of its network: "lenet5:epochs=10:..." */
static char *training_text(const struct cell *c)
{
    struct spec s = {.name = mem_string(spec_string(&c->victim, "model"))};
    for (int i = 0; i < c->victim.n; i++)
        if (strcmp(c->victim.key[i], "dataset") && strcmp(c->victim.key[i], "model")) spec_set(&s, c->victim.key[i], c->victim.value[i]);
    char *text = spec_text(&s);
    spec_free(&s);
    return text;
}

static void put_cell(struct row *r, const struct cell *c)
{
    char *attack = spec_text(&c->attack), *training = training_text(c);
    char *defense = *c->target ? calibration_chain(c->defense, c->knob, c->target) : mem_string(c->defense); /* the same for all seeds */
    put(r, RESULT_key, c->key);
    put(r, RESULT_training, training);
    put(r, RESULT_sweep, c->sweep);
    put(r, RESULT_dataset, spec_string(&c->victim, "dataset"));
    put(r, RESULT_model, spec_string(&c->victim, "model"));
    put(r, RESULT_defense, defense);
    put(r, RESULT_knob, c->knob);
    put(r, RESULT_target, c->target);
    put(r, RESULT_attack, attack);
    put(r, RESULT_clone_model, c->clone_model);
    put(r, RESULT_pool, c->pool);
    put(r, RESULT_ood, c->ood);
    put_number(r, RESULT_ood_is_pool, "%.0f", c->ood_is_pool);
    put_number(r, RESULT_pool_is_train, "%.0f", c->pool_is_train);
    put(r, RESULT_label, c->label);
    put(r, RESULT_budget, spec_string(&c->attack, "budget"));
    put_number(r, RESULT_seed, "%.0f", (double)c->seed);
    put_number(r, RESULT_victim_seed, "%.0f", (double)c->victim_seed);
    put_number(r, RESULT_defense_seed, "%.0f", (double)c->defense_seed);
    put_number(r, RESULT_attack_seed, "%.0f", (double)c->attack_seed);
    put(r, RESULT_train_sha256, c->train_hash);
    put(r, RESULT_test_sha256, c->test_hash);
    put(r, RESULT_ood_sha256, c->ood_hash);
    put(r, RESULT_pool_sha256, c->pool_hash);
    mem_free(attack);
    mem_free(training);
    mem_free(defense);
}

static void put_result(struct row *r, const struct cell_result *v)
{
    put(r, RESULT_audit, v->audit ? v->audit : "");
    put(r, RESULT_status, err_name(v->status));
    put(r, RESULT_error, v->error);
    put_number(r, RESULT_ood_distance, "%.6g", v->ood_distance);
    put_number(r, RESULT_knob_value, "%.6g", v->knob_value);
    put_number(r, RESULT_target_reached, "%.6g", v->target_reached);
    put_number(r, RESULT_victim_acc, "%.6g", v->victim_acc);
    put_number(r, RESULT_defended_acc, "%.6g", v->defended_acc);
    put_number(r, RESULT_mean_l1, "%.6g", v->mean_l1);
    put_number(r, RESULT_argmax_flips, "%.6g", v->argmax_flips);
    put_number(r, RESULT_clone_acc_last, "%.6g", v->clone_last);
    put_number(r, RESULT_clone_acc_val, "%.6g", v->clone_val);
    put_number(r, RESULT_clone_acc_best, "%.6g", v->clone_best);
    put_number(r, RESULT_clone_ratio, "%.6g", v->clone_last / v->victim_acc);
    put_number(r, RESULT_fidelity, "%.6g", v->fidelity);
    put_number(r, RESULT_kl_clean, "%.6g", v->kl_clean);
    put_number(r, RESULT_queries_per_image, "%.6g", (double)v->queries_total / (double)v->queries_distinct);
    put_number(r, RESULT_queries_total, "%.0f", (double)v->queries_total);
    put_number(r, RESULT_queries_distinct, "%.0f", (double)v->queries_distinct);
    put_number(r, RESULT_victim_train_s, "%.3f", v->victim_train_s);
    put_number(r, RESULT_fit_s, "%.3f", v->fit_s);
    put_number(r, RESULT_query_us, "%.3f", v->query_us);
    put_number(r, RESULT_attack_s, "%.3f", v->attack_s);
    put_number(r, RESULT_peak_mb, "%.1f", v->peak_mb);
    put(r, RESULT_victim_sha256, v->victim_hash);
    put(r, RESULT_clone_sha256, v->clone_hash);
}

/* Who computed it, and with what. */
static void put_machine(struct row *r)
{
    char text[MACHINE_TEXT];
    put(r, RESULT_version, HEIST_VERSION);
    put(r, RESULT_machine, machine_name(text));
    put_number(r, RESULT_threads, "%.0f", omp_get_max_threads());
    put(r, RESULT_kernels, layer_simd());
    put(r, RESULT_openblas, machine_blas(text));
}

void tables_free(struct tables *t)
{
    table_end_free(&t->results);
    table_end_free(&t->curve);
}

static int record_curve(const struct cell *c, const struct curve *curve, struct tables *to)
{
    if (!curve->n) return OK;
    const size_t cells = (size_t)curve->n * CURVE_COLUMNS;
    char **value = mem_new(cells, sizeof *value), *path = mem_print("%s/curve.csv", to->dir);
    for (int i = 0; i < curve->n; i++) {
        const struct curve_point *p = &curve->point[i];
        char **row = value + i * CURVE_COLUMNS;
        row[CURVE_key] = mem_string(c->key);
        row[CURVE_queries] = mem_print("%lld", (long long)p->queries);
        row[CURVE_epoch] = mem_print("%d", p->epoch);
        row[CURVE_clone_acc] = mem_print("%.6g", p->acc);
    }
    int code = table_append_at(&to->curve, path, curve->n, CURVE_COLUMNS, curve_column, (const char *const *)value);
    for (size_t i = 0; i < cells; i++) mem_free(value[i]);
    mem_free(value);
    mem_free(path);
    return code;
}

int cell_record(const struct cell *c, const struct cell_result *r, struct tables *to)
{
    struct row row = {0};
    int code = record_curve(c, &r->curve, to);
    if (code) return code;
    put_cell(&row, c);
    put_result(&row, r);
    put_machine(&row);
    char *path = mem_print("%s/results.csv", to->dir);
    code = table_append_at(&to->results, path, 1, RESULT_COLUMNS, result_column, (const char *const *)row.value);
    for (int i = 0; i < RESULT_COLUMNS; i++) mem_free(row.value[i]);
    mem_free(path);
    return code;
}

/* ---- telling ---------------------------------------------------------------------------------------- */

int cell_work(const struct cell *c, struct store *store, struct cell_work *out)
{
    struct data d = {0};
    struct optim optim;
    struct augment augment;
    struct defense *chain = NULL;
    const struct attack_ops *ops = NULL;
    *out = (struct cell_work){0};
    int code = open_data(&d, c, store);
    if (!code) code = victim_training(&optim, &augment, &c->victim);
    if (!code) code = attack_find(&ops, c->attack.name);
    if (!code) code = defense_parse(&chain, c->defense);
    if (code) return code;
    const struct defense_env env = {.train = d.train, .ood = d.ood, .optim = &optim, .augment = &augment, .seed = c->defense_seed, .pool = d.pool};
    if (!defense_fitter(chain)) out->victim.own.train = (double)d.train->n * optim.epochs;
    for (int i = 0; i < chain->n; i++)
        if (chain->link[i].ops->trains) chain->link[i].ops->trains(&out->victim, &out->helpers, &chain->link[i].opt, &env);
    attack_work(&out->attack, ops, &c->attack, d.pool ? d.pool->n : 0, d.train->classes);
    out->spec = chain;
    return OK;
}

void cell_work_free(struct cell_work *w)
{
    defense_free(w->spec);
    w->spec = NULL;
}

/* "fashion-mnist:n=2000" of a data set's resolved name: what stands there for the whole of its train split is left out. */
static char *brief_set(const char *name)
{
    struct spec s;
    if (strchr(name, '+')) {
        char *first = mem_print("%.*s", (int)strcspn(name, "+"), name);
        char *one = brief_set(first), *rest = brief_set(strchr(name, '+') + 1), *both = mem_print("%s+%s", one, rest);
        mem_free(first);
        mem_free(one);
        mem_free(rest);
        return both;
    }
    if (spec_parse(&s, name)) return mem_string(name);
    char *text = mem_string(s.name);
    for (int i = 0; i < s.n; i++) {
        if (strcmp(s.value[i], "train") == 0 || strcmp(s.value[i], "all") == 0 || strcmp(s.key[i], "seed") == 0 || strcmp(s.key[i], "shape") == 0) continue;
        char *longer = mem_print("%s:%s=%s", text, s.key[i], s.value[i]);
        mem_free(text);
        text = longer;
    }
    spec_free(&s);
    return text;
}

char *cell_text(const struct cell *c)
{
    struct defense *d = NULL;
    const struct attack_ops *ops = NULL;
    char *defense = defense_parse(&d, c->defense) ? mem_string(c->defense) : defense_brief(d);
    char *attack = attack_find(&ops, c->attack.name) ? spec_text(&c->attack) : spec_brief(&c->attack, ops->options);
    char *ood = brief_set(c->ood), *pool = brief_set(c->pool);
    if (*c->target) {
        char *longer = mem_print("%s (%s for %s)", defense, c->knob, c->target);
        mem_free(defense);
        defense = longer;
    }
    char *text = mem_print("%s %s | %s%s%s | %s %s%s%s | seed %llu", spec_string(&c->victim, "dataset"), spec_string(&c->victim, "model"), defense,
                           *ood ? " ood " : "", ood, attack, c->label, *pool ? " pool " : "", pool, (unsigned long long)c->seed);
    defense_free(d);
    mem_free(defense);
    mem_free(attack);
    mem_free(ood);
    mem_free(pool);
    return text;
}
