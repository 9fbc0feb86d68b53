/* Maps from texts to numbers (base/keys.h), and words for a shell (base/shell.h). */
#include <stdio.h>
#include <stdlib.h>

#include "base/keys.h"
#include "base/mem.h"
#include "base/shell.h"
#include "tests/check.h"

static void last_value_counts(void)
{
    struct keys *k = keys_new();
    CHECK_INT(keys_get(k, "a"), -1);
    keys_put(k, "a", 3);
    keys_put(k, "", 4);
    keys_put(k, "a", 0);
    CHECK_INT(keys_get(k, "a"), 0);
    CHECK_INT(keys_get(k, ""), 4);
    CHECK_INT(keys_get(k, "b"), -1);
    keys_free(k);
    keys_free(NULL);
}

/* Through many doublings, every text keeps its number. */
static void grows(void)
{
    enum { N = 20000 };
    struct keys *k = keys_new();
    int wrong = 0;
    char text[32];
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%016x", (unsigned)i * 2654435761u);
        keys_put(k, text, i);
    }
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%016x", (unsigned)i * 2654435761u);
        wrong += keys_get(k, text) != i;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(keys_get(k, "none of them"), -1);
    keys_free(k);
}

/* What a real shell reads is what went in. */
static void words_survive_a_shell(void)
{
    const char *const word[] = {"it's", "a  b\n$HOME `id` \"\\", "", "''", "*;&|<>#~!"};
    char *line = shell_words(5, word), *command = mem_print("printf '%%s|' %s", line), got[256] = "";
    FILE *f = popen(command, "r");
    CHECK(f != NULL);
    const size_t n = f ? fread(got, 1, sizeof got - 1, f) : 0;
    got[n] = 0;
    if (f) pclose(f);
    CHECK_STR(got, "it's|a  b\n$HOME `id` \"\\||''|*;&|<>#~!|");
    mem_free(command);
    mem_free(line);
}

int main(void)
{
    RUN(last_value_counts);
    RUN(grows);
    RUN(words_survive_a_shell);
    return check_done();
}
