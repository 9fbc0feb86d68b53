/* The registry of defenses. */
#include <string.h>

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

int defense_find(const struct defense_ops **out, const char *name)
{
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = all[i]->name;
        if (strcmp(name, names[i])) continue;
        *out = all[i];
        return 0;
    }
    return spec_unknown("defense", name, names, COUNT);
}
