/* CSV tables: every cell of what is accepted is a string, and a number or no number. */
#include "experiments/table.h"

#include <string.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct table *t = NULL;
    int code = table_read(&t, fuzz_file(bytes, size));
    MUST(code == OK || code == ERR_FORMAT);
    for (int c = 0; t && c < t->columns; c++) {
        MUST(table_column(t, t->column[c]) == c);
        for (int r = 0; r < t->rows; r++) {
            MUST(strlen(table_get(t, r, t->column[c])) <= size);
            double v = table_number(t, r, t->column[c]);
            MUST(v != v || v - v == 0);
        }
    }
    table_free(t);
    return 0;
}
