/* The registry of attacks, and what an attack may still ask. */
#include "attacker/attack.h"

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

int64_t attack_left(const struct attack_env *env, int64_t budget, int64_t asked)
{
    const int64_t own = budget - (blackbox_asked(env->target) - asked), box = blackbox_left(env->target);
    return own < box ? own : box;
}
