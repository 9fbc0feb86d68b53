#include "nn/arch.h"

/* relu(maxpool(x)) = maxpool(relu(x)), gradient and all, on a quarter of the numbers. */
extern const struct arch arch_lenet;
const struct arch arch_lenet = {
    "lenet", "LeNet with ReLU and max-pooling, 20-50-500-K (LeCun et al. 1998; the variant that KnockoffNets uses)",
    "conv conv1 out=20 k=5\nmaxpool k=2\nrelu\n"
    "conv conv2 out=50 k=5\nmaxpool k=2\nrelu\n"
    "flatten\nlinear fc1 out=500\nrelu\n"
    "linear fc2 out=K\n"};
