#include "base/shell.h"

#include <string.h>

#include "base/mem.h"

char *shell_word(const char *text)
{
    char *out = mem_new(4 * strlen(text) + 3, 1), *at = out;
    *at++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') at = stpcpy(at, "'\\''");
        else *at++ = *text;
    }
    *at = '\'';
    return out;
}

char *shell_words(int n, const char *const *word)
{
    char *line = mem_string("");
    for (int i = 0; i < n; i++) {
        char *one = shell_word(word[i]), *longer = mem_print("%s%s%s", line, i ? " " : "", one);
        mem_free(one);
        mem_free(line);
        line = longer;
    }
    return line;
}
