/* safetensors files: what is accepted can be read to its last byte. */
#include "nn/safetensors.h"

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct safetensors *f = NULL;
    int code = safetensors_read(&f, fuzz_file(bytes, size));
    MUST(code == OK || code == ERR_FORMAT);
    for (int i = 0; f && i < f->n; i++) {
        const struct tensor *t = &f->tensor[i];
        MUST(safetensors_find(f, t->name) != NULL);
        if (t->type == TENSOR_OTHER) continue;
        MUST(t->count <= size);
        float *v = mem_new(t->count, sizeof *v);
        MUST(tensor_floats(t, v) == OK);
        mem_free(v);
    }
    for (int i = 0; f && i < f->entries; i++) MUST(safetensors_meta(f, f->key[i]) != NULL);
    if (f) safetensors_free(f);
    return 0;
}
