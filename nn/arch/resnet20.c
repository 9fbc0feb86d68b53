#include "nn/arch.h"
#include "nn/arch/resnet.h"

extern const struct arch arch_resnet20;
const struct arch arch_resnet20 = {
    "resnet20", "ResNet-20, widths 16-32-64, 1x1 convolutions in the shortcuts (He et al. 2016, section 4.2, n = 3, option B)",
    RESNET_BASIC RESNET_STEM("16")
    "same layer1.0-2 w=16\n"
    "down layer2.0 w=32\nsame layer2.1-2 w=32\n"
    "down layer3.0 w=64\nsame layer3.1-2 w=64\n"
    RESNET_HEAD};
