#include "nn/arch.h"

extern const struct arch arch_softmax;
const struct arch arch_softmax = {
    "softmax", "softmax regression: one linear layer, a victim whose parameters can be solved for",
    "flatten\n"
    "linear fc out=K\n"};
