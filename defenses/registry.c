/* The registry of defenses. */
#include "defenses/defense.h"

#define X(NAME) extern const struct defense_ops defense_##NAME;
#include "defenses/list.h"
#undef X
#define X(NAME) &defense_##NAME,
static const struct defense_ops *const all[] = {
#include "defenses/list.h"
};
#undef X
enum { COUNT = sizeof all / sizeof *all };

int defense_count(void)
{
    return COUNT;
}

const struct defense_ops *defense_at(int i)
{
    return all[i];
}

static const char *name_of(int i)
{
    return all[i]->name;
}

int defense_find(const struct defense_ops **out, const char *name)
{
    int at, code = spec_lookup(&at, "defense", name, COUNT, name_of);
    if (!code) *out = all[at];
    return code;
}
