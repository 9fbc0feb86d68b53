/* Tables of images. The first byte says which shape is asked for: 1x2x2, 3x2x2, or what the columns say. */
#include "data/csv.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct shape shapes[] = {{1, 2, 2, ROWS}, {3, 2, 2, ROWS}, {0}};
    struct images m = {0};
    if (!size) return 0;
    int code = csv_images_read(&m, fuzz_file(bytes + 1, size - 1), shapes[bytes[0] % 3], NULL);
    MUST(code == OK || code == ERR_FORMAT);
    if (code) {
        MUST(!m.pixels && !m.labels);
        return 0;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)m.n * shape_size(m.shape); i++) sum += m.pixels[i];
    for (int i = 0; i < m.n && m.labels; i++) MUST(m.labels[i] >= 0 && m.labels[i] <= 65535);
    MUST(m.n > 0 && sum <= 255 * (size_t)m.n * shape_size(m.shape));
    images_clear(&m);
    return 0;
}
