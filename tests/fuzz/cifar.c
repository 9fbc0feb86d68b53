/* CIFAR's binary files. */
#include "data/cifar.h"

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int n;
    if (!size) return 0;
    const int labels = 1 + (bytes[0] & 1), classes = labels == 2 ? 100 : 10;
    if (cifar_records(&n, size, labels, "cifar")) return 0;
    uint8_t *pixels = mem_new((size_t)n, CIFAR_PIXELS);
    int *label = mem_new((size_t)n, sizeof *label), code = cifar_decode(pixels, label, bytes, size, labels, labels - 1, classes, "cifar");
    MUST(code == OK || code == ERR_FORMAT);
    for (int i = 0; i < n && !code; i++) MUST(label[i] >= 0 && label[i] < classes);
    mem_free(pixels);
    mem_free(label);
    return 0;
}
