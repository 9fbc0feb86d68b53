#include "nn/arch.h"

/* relu(maxpool(x)) = maxpool(relu(x)), gradient and all, on a quarter of the numbers. */
extern const struct arch arch_lenet5;
const struct arch arch_lenet5 = {
    "lenet5", "LeNet-5 with ReLU and max-pooling, 6-16-120-84-K (LeCun et al. 1998; the variant that InI uses)",
    "conv conv1 out=6 k=5\n"
    "maxpool k=2\n"
    "relu\n"
    "conv conv2 out=16 k=5\n"
    "maxpool k=2\n"
    "relu\n"
    "flatten\n"
    "linear fc1 out=120\n"
    "relu\n"
    "linear fc2 out=84\n"
    "relu\n"
    "linear fc3 out=K\n"};
