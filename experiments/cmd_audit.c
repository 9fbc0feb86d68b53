/* heist audit: what may be wrong with the sets of an experiment, or of every cell of a sweep. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/audit.h"
#include "data/place.h"
#include "experiments/cmd.h"
#include "experiments/sweep.h"

static int audit_sets(const char *const *word, int words)
{
    struct store *store = store_new();
    struct audit_sets s = {0};
    struct audit a = {0};
    char *cache = place_cache();
    int code = store_get(&s.train, store, word[0], "train");
    if (!code) code = store_get(&s.test, store, word[0], "test");
    if (!code && words > 1 && strcmp(word[1], "none")) code = store_get(&s.pool, store, word[1], "train");
    if (!code && words > 2) code = store_get(&s.ood, store, word[2], "train");
    if (!code) code = audit_run(&a, &s, cache);
    if (!code) printf("%s\n%s\n", a.text, a.words);
    audit_free(&a);
    store_free(store);
    mem_free(cache);
    return code;
}

static int audit_sweep(const char *path)
{
    struct store *store = store_new();
    struct sweep *s = NULL;
    char *cache = place_cache();
    int code = sweep_read(&s, path, 0, NULL, store);
    for (int i = 0; !code && i < s->n; i++) {
        const struct cell *c = &s->cell[i];
        struct audit a = {0};
        if (!sweep_first_with_data(s, i)) continue;
        code = cell_audit(&a, c, store, cache);
        if (!code) printf("%s%s, pool %s, ood %s: %s\n%s\n", i ? "\n" : "", spec_string(&c->victim, "dataset"), *c->pool ? c->pool : "-", *c->ood ? c->ood : "-", a.words, a.text);
        audit_free(&a);
    }
    sweep_free(s);
    store_free(store);
    mem_free(cache);
    return code;
}

int cmd_audit(int argc, char **argv)
{
    struct cmd c = {.usage = "audit VICTIM [POOL [OOD]] | audit SWEEP.ini",
                    .about = "Compares the sets of an experiment: images that two of them share, the same or nearly (brightness, a pixel's shift,\n"
                             "light compression; CIFAR-10's looser near duplicates are not found), train and test of the victim included; classes that\n"
                             "both have; pool = OOD; pixels of another range. POOL may be 'none'. The last line is what stands in the column 'audit' of\n"
                             "results.csv; a word with '!' puts a clone's numbers in doubt. What was compared once is kept in ~/.cache/heist/audit.",
                    .least = 1, .most = 3};
    int code = cmd_parse(&c, argc, argv);
    if (code) return cmd_exit("audit", code);
    const size_t n = strlen(c.word[0]);
    if (n > 4 && strcmp(c.word[0] + n - 4, ".ini") == 0) {
        if (c.words > 1) code = err_set(ERR_OPTION, "found '%s' behind a sweep, expected nothing more", c.word[1]);
        else code = audit_sweep(c.word[0]);
    } else code = audit_sets(c.word, c.words);
    return cmd_exit("audit", code);
}
