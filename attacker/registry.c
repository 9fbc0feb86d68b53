/* The registry of attacks. */
#include <string.h>

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

int attack_find(const struct attack_ops **out, const char *name)
{
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = all[i]->name;
        if (strcmp(name, names[i])) continue;
        *out = all[i];
        return 0;
    }
    return spec_unknown("attack", name, names, COUNT);
}
