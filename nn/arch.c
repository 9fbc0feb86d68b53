#include "nn/arch.h"

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

static const char *name_of(int i)
{
    return all[i]->name;
}

int arch_find(const struct arch **out, const char *name)
{
    int at, code = spec_lookup(&at, "model", name, COUNT, name_of);
    if (!code) *out = all[at];
    return code;
}
