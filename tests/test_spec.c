/* Specs: faults that fuzzing found (tests/fuzz/spec.c), each with the input that showed it. */
#include "base/mem.h"
#include "base/spec.h"
#include "tests/check.h"

/* As many options as fit, none known, and a preset that would add its own: it overran the spec's room. */
static void preset_in_a_full_spec(void)
{
    static const struct option options[] = {{"eps", OPTION_REAL, "0.5", 0, 2, NULL, "a bound"}, OPTION_END};
    static const struct preset presets[] = {{"paper", "eps=0.25", "a paper's"}, PRESET_END};
    char *text = mem_string("mad:preset=paper");
    for (int i = 1; i < SPEC_ITEMS; i++) {
        char *longer = mem_print("%s:k%d=1", text, i);
        mem_free(text);
        text = longer;
    }
    struct spec s = {0};
    CHECK_OK(spec_parse(&s, text));
    CHECK_INT(s.n, SPEC_ITEMS);
    CHECK_ERR(spec_resolve(&s, options, presets, "defense mad"), ERR_OPTION, "unknown option 'k1'");
    spec_free(&s);
    mem_free(text);
}

int main(void)
{
    RUN(preset_in_a_full_spec);
    return check_done();
}
