/* The registry of attacks, what an attack may know, and what it may still ask. */
#include "attacker/attack.h"

#include <string.h>

#include "attacker/clone.h"
#include "base/mem.h"
#include "defenses/defense.h"

#define X(NAME) extern const struct attack_ops attack_##NAME;
#include "attacker/list.h"
#undef X
#define X(NAME) &attack_##NAME,
static const struct attack_ops *const all[] = {
#include "attacker/list.h"
};
#undef X
enum { COUNT = sizeof all / sizeof *all };

int attack_count(void)
{
    return COUNT;
}

const struct attack_ops *attack_at(int i)
{
    return all[i];
}

static const char *name_of(int i)
{
    return all[i]->name;
}

int attack_find(const struct attack_ops **out, const char *name)
{
    int at, code = spec_lookup(&at, "attack", name, COUNT, name_of);
    if (!code) *out = all[at];
    return code;
}

/* The links' names alone. */
static char *family(const char *chain)
{
    struct defense *d = NULL;
    char *text = mem_string("");
    if (defense_parse(&d, chain)) return text;
    for (int i = 0; i < d->n; i++) {
        char *longer = mem_print("%s%s%s", text, i ? "+" : "", d->link[i].ops->name);
        mem_free(text);
        text = longer;
    }
    defense_free(d);
    return text;
}

void attack_tell(struct attack_env *env, const struct spec *opt, const char *defense, const struct model *victim)
{
    env->defense = NULL;
    env->clean = NULL;
    env->members = spec_find(opt, "knowledge") && spec_is(opt, "knowledge", "members");
    if (!spec_find(opt, "knowledge") || spec_is(opt, "knowledge", "none") || env->members) return;
    env->defense = spec_is(opt, "knowledge", "family") ? family(defense) : mem_string(defense);
    if (spec_is(opt, "knowledge", "clean")) env->clean = victim;
}

void attack_tell_free(struct attack_env *env)
{
    mem_free((void *)(uintptr_t)env->defense);
    env->defense = NULL;
}

void attack_work(struct work *out, const struct attack_ops *ops, const struct spec *opt, int pool, int classes)
{
    *out = (struct work){.queries = spec_real(opt, "budget")};
    if (ops->work) ops->work(out, opt, pool, classes);
    else clone_work(out, opt, ops->images ? ops->images(opt) : spec_int(opt, "budget"), spec_int(opt, "epochs"));
}

int64_t attack_left(const struct attack_env *env, int64_t budget, int64_t asked)
{
    const int64_t own = budget - (blackbox_asked(env->target) - asked), box = blackbox_left(env->target);
    return own < box ? own : box;
}
