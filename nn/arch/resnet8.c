#include "nn/arch.h"
#include "nn/arch/resnet.h"

extern const struct arch arch_resnet8;
const struct arch arch_resnet8 = {
    "resnet8", "ResNet-8, widths 16-32-64, for sweeps on a laptop (He et al. 2016, section 4.2, n = 1)",
    RESNET_BASIC RESNET_STEM("16")
    "same layer1.0 w=16\n"
    "down layer2.0 w=32\n"
    "down layer3.0 w=64\n"
    RESNET_HEAD};
