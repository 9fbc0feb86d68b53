#include "nn/arch.h"

extern const struct arch arch_mlp;
const struct arch arch_mlp = {
    "mlp", "two hidden layers of 256 and 128 units with ReLU",
    "flatten\n"
    "linear fc1 out=256\n"
    "relu\n"
    "linear fc2 out=128\n"
    "relu\n"
    "linear fc3 out=K\n"};
