#include "nn/arch.h"

/* relu(maxpool(x)) = maxpool(relu(x)), gradient and all, on a quarter of the numbers. */
extern const struct arch arch_conv3;
const struct arch arch_conv3 = {
    "conv3", "three 3x3 convolutions, 32-64-128-512-K (the network that EDM hashes with; Kariyappa et al. 2021)",
    "conv conv1 out=32 k=3 pad=1\nmaxpool k=2\nrelu\n"
    "conv conv2 out=64 k=3 pad=1\nmaxpool k=2\nrelu\n"
    "conv conv3 out=128 k=3 pad=1\nmaxpool k=2\nrelu\n"
    "flatten\nlinear fc1 out=512\nrelu\n"
    "linear fc2 out=K\n"};
