/* Where the rows of a report come from: versions, machines, options and data. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "experiments/report.h"

static void add_origin(struct provenance *p, const struct table *t, int line)
{
    const struct origin o = {table_get(t, line, "version"), table_get(t, line, "machine"), table_get(t, line, "threads"),
                             table_get(t, line, "kernels"), table_get(t, line, "openblas"), 1};
    for (int i = 0; i < p->origins; i++) {
        struct origin *q = &p->origin[i];
        if (strcmp(q->version, o.version) || strcmp(q->machine, o.machine) || strcmp(q->threads, o.threads) || strcmp(q->kernels, o.kernels) || strcmp(q->openblas, o.openblas)) continue;
        q->rows++;
        return;
    }
    p->origin[p->origins++] = o;
}

static void add_set(struct provenance *p, const char *role, const char *name, const char *sha256)
{
    if (!*sha256) return;
    for (int i = 0; i < p->sets; i++)
        if (strcmp(p->set[i].role, role) == 0 && strcmp(p->set[i].sha256, sha256) == 0 && strcmp(p->set[i].name, name) == 0) return;
    p->set[p->sets++] = (struct origin_set){role, name, sha256};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One hash of all keys, each of which is a hash of a row's options and data; their order does not matter. */
static void hash_keys(char out[PROVENANCE_HASH], const char **key, int n)
{
    char hash[HASH_TEXT], *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort(); /* out of memory */
    qsort(key, (size_t)n, sizeof *key, by_text);
    for (int i = 0; i < n; i++) fprintf(f, "%s\n", key[i]);
    fclose(f);
    hash_bytes(hash, text, size);
    snprintf(out, PROVENANCE_HASH, "%.16s", hash);
    free(text);
}

struct provenance *provenance_of(const struct report *r, int victim)
{
    const struct table *t = r->results;
    struct provenance *p = mem_new(1, sizeof *p);
    const char **key = mem_new((size_t)r->rows, sizeof *key);
    int n = 0;
    p->origin = mem_new((size_t)r->rows, sizeof *p->origin);
    p->set = mem_new(4 * (size_t)r->rows, sizeof *p->set);
    for (int i = 0; i < r->rows; i++) {
        const int line = r->row[i].line;
        if (victim >= 0 && r->row[i].victim != victim) continue;
        key[n++] = table_get(t, line, "key");
        add_origin(p, t, line);
        add_set(p, "train", table_get(t, line, "dataset"), table_get(t, line, "train_sha256"));
        add_set(p, "test", table_get(t, line, "dataset"), table_get(t, line, "test_sha256"));
        add_set(p, "OOD", table_get(t, line, "ood"), table_get(t, line, "ood_sha256"));
        add_set(p, "pool", table_get(t, line, "pool"), table_get(t, line, "pool_sha256"));
    }
    hash_keys(p->options, key, n);
    mem_free(key);
    return p;
}

void provenance_free(struct provenance *p)
{
    if (!p) return;
    mem_free(p->origin);
    mem_free(p->set);
    mem_free(p);
}

/* ---- as text -------------------------------------------------------------------------------------------- */

static void put_origin(const struct origin *o, FILE *f)
{
    fprintf(f, "heist %s", *o->version ? o->version : "of an unknown version");
    if (*o->machine) fprintf(f, " on %s, %s threads, %s, OpenBLAS %s", o->machine, o->threads, o->kernels, o->openblas);
    else fputs(" on a machine that the rows do not name", f);
}

char *provenance_line(const struct provenance *p)
{
    char *text = NULL, *line;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort(); /* out of memory */
    fprintf(f, "options %s; ", p->options);
    for (int i = 0; i < p->origins && i < 2; i++) {
        fputs(i ? ", and " : "", f);
        put_origin(&p->origin[i], f);
    }
    if (p->origins > 2) fprintf(f, ", and %d more", p->origins - 2);
    fputs("; data", f);
    for (int i = 0; i < p->sets; i++)
        fprintf(f, "%s %.*s (%s) %.8s", i ? "," : "", (int)strcspn(p->set[i].name, ":"), p->set[i].name, p->set[i].role, p->set[i].sha256);
    if (!p->sets) fputs(" without checksums", f);
    fclose(f);
    line = mem_string(text);
    free(text);
    return line;
}

struct grid *provenance_origins(const struct provenance *p)
{
    static const char *const head[] = {"rows", "heist", "machine", "threads", "kernels", "OpenBLAS"};
    struct grid *g = grid_new("rlllll");
    char rows[16];
    grid_head(g, head);
    for (int i = 0; i < p->origins; i++) {
        const struct origin *o = &p->origin[i];
        const char *const text[] = {o->version, o->machine, o->threads, o->kernels, o->openblas};
        snprintf(rows, sizeof rows, "%d", o->rows);
        grid_row(g);
        grid_put(g, 0, rows);
        for (int j = 0; j < 5; j++) grid_put(g, j + 1, *text[j] ? text[j] : "not recorded");
    }
    return g;
}

struct grid *provenance_sets(const struct provenance *p)
{
    static const char *const head[] = {"data", "as", "SHA-256"};
    struct grid *g = grid_new("lll");
    grid_head(g, head);
    for (int i = 0; i < p->sets; i++) {
        grid_row(g);
        grid_put(g, 0, p->set[i].name);
        grid_put(g, 1, p->set[i].role);
        grid_put(g, 2, p->set[i].sha256);
    }
    return g;
}
