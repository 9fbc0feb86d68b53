#include "nn/arch.h"

#include <string.h>

#include "base/spec.h"

#define X(NAME) extern const struct arch arch_##NAME;
#include "nn/arch/list.h"
#undef X
#define X(NAME) &arch_##NAME,
static const struct arch *const all[] = {
#include "nn/arch/list.h"
};
#undef X
enum { COUNT = sizeof all / sizeof *all };

int arch_count(void)
{
    return COUNT;
}

const struct arch *arch_at(int i)
{
    return all[i];
}

int arch_find(const struct arch **out, const char *name)
{
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = all[i]->name;
        if (strcmp(name, names[i])) continue;
        *out = all[i];
        return 0;
    }
    return spec_unknown("model", name, names, COUNT);
}
