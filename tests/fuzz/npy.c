/* NumPy's arrays. */
#include "data/npy.h"

#include <string.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* of its own, so that a byte too many is seen */
    struct npy a = {0};
    if (size) memcpy(exact, bytes, size);
    int code = npy_read(&a, exact, size, "array");
    MUST(code == OK || code == ERR_FORMAT);
    if (code) MUST(strncmp(err_text(), "array: ", 7) == 0 && !strchr(err_text(), '\n') && !a.data);
    else {
        size_t count = 1;
        for (int i = 0; i < a.dims; i++) {
            MUST(a.dim[i] > 0);
            count *= (size_t)a.dim[i];
        }
        MUST(a.dims > 0 && a.dims <= NPY_DIMS && count == a.count && a.data + count * (size_t)a.width == exact + size);
        for (size_t i = 0; i < count; i++) MUST(a.kind == 'i' || a.width == 8 || npy_number(&a, i) >= 0);
    }
    free(exact);
    return 0;
}
