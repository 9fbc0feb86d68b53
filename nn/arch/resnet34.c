#include "nn/arch.h"
#include "nn/arch/resnet.h"

extern const struct arch arch_resnet34;
const struct arch arch_resnet34 = {
    "resnet34", "ResNet-34 for small images: 3x3 stem, no max-pool, widths 64-512 (He et al. 2016; the CIFAR variant)",
    RESNET_BASIC RESNET_STEM("64")
    "same layer1.0-2 w=64\n"
    "down layer2.0 w=128\nsame layer2.1-3 w=128\n"
    "down layer3.0 w=256\nsame layer3.1-5 w=256\n"
    "down layer4.0 w=512\nsame layer4.1-2 w=512\n"
    RESNET_HEAD};
