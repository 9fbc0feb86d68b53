#include "experiments/plan.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/keys.h"
#include "base/mem.h"

const char *const plan_column[PLAN_COLUMNS] = {"key", "victim_work", "attack_work", "cell"};

/* Is the plan that stands there for these cells? */
static int is_there(const struct sweep *s, const char *path)
{
    struct table *t = NULL;
    int same = table_read(&t, path) == OK && t->rows == s->n && !t->torn;
    for (int i = 0; i < s->n && same; i++) same = strcmp(table_get(t, i, plan_column[PLAN_key]), s->cell[i].key) == 0;
    table_free(t);
    return same;
}

/* Multiply-adds, roughly, of a network's passes: what `heist status` weighs cells by. */
static double weight(const struct passes *p, double flops)
{
    return flops * (3 * p->train + p->forward + 2 * (p->backward + p->slope + p->tangent));
}

static int put_cell(char **row, const struct cell *c, struct store *store, struct keys *victims)
{
    struct cell_work work = {0};
    const struct dataset *d = NULL, *test = NULL;
    double victim = 0, clone = 0;
    char *path = NULL;
    int code = cell_work(c, store, &work);
    if (!code) code = store_get(&d, store, spec_string(&c->victim, "dataset"), "train");
    if (!code) code = store_get(&test, store, spec_string(&c->victim, "dataset"), "test");
    if (!code) code = store_flops(&victim, store, spec_string(&c->victim, "model"), d);
    if (!code) code = store_flops(&clone, store, c->clone_model, d);
    if (!code) code = cell_victim(&path, c, store, "");
    cell_work_free(&work);
    if (code) return code;
    const int seen = path && keys_get(victims, path) >= 0;
    if (path) keys_put(victims, path, 1);
    row[PLAN_key] = mem_string(c->key);
    row[PLAN_victim_work] = mem_print("%.4g", seen ? 0 : weight(&work.victim.own, victim));
    row[PLAN_attack_work] = mem_print("%.4g", weight(&work.attack.own, clone) + work.attack.looks * test->n * clone);
    row[PLAN_cell] = cell_text(c);
    mem_free(path);
    return OK;
}

int plan_write(const struct sweep *s, struct store *store, const char *dir)
{
    char *path = mem_print("%s/plan.csv", dir), *fresh = mem_print("%s/plan.csv.part-%ld", dir, (long)getpid());
    const size_t size = (size_t)s->n * PLAN_COLUMNS;
    char **value = mem_new(size + 1, sizeof *value);
    struct keys *victims = keys_new();
    int code = OK;
    if (is_there(s, path)) goto out;
    for (int i = 0; i < s->n && !code; i++) code = put_cell(value + (size_t)i * PLAN_COLUMNS, &s->cell[i], store, victims);
    unlink(fresh);
    if (!code) code = table_append_rows(fresh, s->n, PLAN_COLUMNS, plan_column, (const char *const *)value);
    if (!code && rename(fresh, path)) code = err_set(ERR_IO, "%s: cannot be replaced", path);
out:
    for (size_t i = 0; i < size; i++) mem_free(value[i]);
    mem_free(value);
    keys_free(victims);
    mem_free(path);
    mem_free(fresh);
    return code;
}
