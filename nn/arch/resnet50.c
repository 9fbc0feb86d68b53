#include "nn/arch.h"
#include "nn/arch/resnet.h"

extern const struct arch arch_resnet50;
const struct arch arch_resnet50 = {
    "resnet50", "ResNet-50 for small images: bottlenecks, 3x3 stem, no max-pool, widths 64-512 (He et al. 2016; the CIFAR variant)",
    RESNET_BOTTLENECK RESNET_STEM("64")
    "widen layer1.0 w=64 out=256 stride=1\nsame layer1.1-2 w=64 out=256\n"
    "widen layer2.0 w=128 out=512 stride=2\nsame layer2.1-3 w=128 out=512\n"
    "widen layer3.0 w=256 out=1024 stride=2\nsame layer3.1-5 w=256 out=1024\n"
    "widen layer4.0 w=512 out=2048 stride=2\nsame layer4.1-2 w=512 out=2048\n"
    RESNET_HEAD};
