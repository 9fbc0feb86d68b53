/* Archives of files: what is listed holds together. */
#include <string.h>

#include "base/err.h"
#include "data/entries.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct entries s = {0};
    int code = entries_list(&s, fuzz_file(bytes, size));
    MUST(code == OK || code == ERR_FORMAT);
    if (code) MUST(!s.entry && !s.root && !s.n);
    for (int i = 0; i < s.n; i++) {
        const uint8_t *b;
        size_t n;
        int own;
        MUST(*s.entry[i].path != '.' && (!i || strcmp(s.entry[i - 1].path, s.entry[i].path) <= 0));
        MUST(entry_read(&b, &n, &own, &s, i) == OK && b && !own && n <= ENTRY_MOST);
    }
    entries_free(&s);
    return 0;
}
