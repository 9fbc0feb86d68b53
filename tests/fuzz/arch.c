/* Architecture texts: what is accepted is a network that can be passed through. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "nn/model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = mem_new(size + 1, 1);
    struct model *m = NULL;
    memcpy(text, bytes, size);
    int code = model_parse(&m, "text", text, (struct shape){3, 8, 8, ROWS}, 4);
    MUST(code == OK || code == ERR_OPTION || code == ERR_SHAPE);
    if (code) {
        MUST(!m && !strchr(err_text(), '\n'));
    } else {
        MUST(m->layers >= 2 && m->params <= 1 << 20 && shape_size(m->layer[m->layers - 1].out) == 4);
        for (int i = 0; i < m->layers; i++)
            for (int k = 0; k < m->layer[i].inputs; k++) MUST(m->layer[i].from[k] < i);
        for (int i = 0; i < m->layers; i++)
            for (int k = 0; k < m->layer[i].params; k++) MUST(m->layer[i].param[k].at + m->layer[i].param[k].size <= m->params);
    }
    model_free(m);
    mem_free(text);
    return 0;
}
