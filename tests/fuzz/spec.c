/* Specs: what is accepted says the same when its canonical text is read again. */
#include "base/spec.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

static const struct option options[] = {
    {"n", OPTION_INT, "all", 1, 1e9, NULL, "a count"},
    {"eps", OPTION_REAL, "0.5", 0, 2, NULL, "a bound"},
    {"kind", OPTION_CHOICE, "soft", 0, 0, "soft hard topk", "a word"},
    {"text", OPTION_TEXT, "", 0, 0, NULL, "anything"},
    OPTION_END,
};
static const struct preset presets[] = {{"paper", "eps=0.25:kind=hard", "a paper's"}, PRESET_END};

static void check_one(struct spec *s)
{
    struct spec again = {0};
    if (spec_resolve(s, options, presets, "thing") != OK) {
        MUST(strchr(err_text(), '\n') == NULL);
        return;
    }
    char *text = spec_text(s), *other = NULL;
    double eps = spec_real(s, "eps");
    MUST(s->n == 4 && eps >= 0 && eps <= 2);
    MUST(spec_is(s, "n", "all") || spec_int(s, "n") >= 1);
    MUST(spec_parse(&again, text) == OK && spec_resolve(&again, options, presets, "thing") == OK);
    other = spec_text(&again);
    MUST(strcmp(text, other) == 0);
    mem_free(text);
    mem_free(other);
    spec_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = mem_new(size + 1, 1);
    memcpy(text, bytes, size);
    struct spec *chain = NULL, one = {0};
    int n = 0;
    if (spec_chain(&chain, &n, text) == OK) {
        for (int i = 0; i < n; i++) check_one(&chain[i]);
        spec_chain_free(chain, n);
    }
    if (spec_parse(&one, text) == OK) {
        const char *const names[] = {"mnist", "fashion-mnist", "strokes"};
        MUST(spec_unknown("set", one.name, names, 3) == ERR_OPTION);
        check_one(&one);
        spec_free(&one);
    }
    mem_free(text);
    return 0;
}
