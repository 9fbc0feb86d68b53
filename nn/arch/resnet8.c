#include "nn/arch.h"

#define STAGE(P, OUT, STRIDE, SHORTCUT, IN)                                                                           \
    "conv " P ".0.conv1 out=" OUT " k=3 stride=" STRIDE " pad=1 bias=0 < " IN "\nbatchnorm " P ".0.bn1\nrelu\n"        \
    "conv " P ".0.conv2 out=" OUT " k=3 pad=1 bias=0\nbatchnorm " P ".0.bn2\n" SHORTCUT "\nrelu " P ".out\n"
#define PROJECT(P, OUT, IN)                                                                                           \
    "conv " P ".0.shortcut.0 out=" OUT " k=1 stride=2 bias=0 < " IN "\nbatchnorm " P ".0.shortcut.1\n"                 \
    "add < " P ".0.bn2 " P ".0.shortcut.1"

extern const struct arch arch_resnet8;
const struct arch arch_resnet8 = {
    "resnet8", "ResNet-8, widths 16-32-64, for sweeps on a laptop (He et al. 2016, section 4.2, n = 1)",
    "conv conv1 out=16 k=3 pad=1 bias=0\nbatchnorm bn1\nrelu stem\n"
    STAGE("layer1", "16", "1", "add < layer1.0.bn2 stem", "stem")
    STAGE("layer2", "32", "2", PROJECT("layer2", "32", "layer1.out"), "layer1.out")
    STAGE("layer3", "64", "2", PROJECT("layer3", "64", "layer2.out"), "layer2.out")
    "avgpool\nflatten\nlinear linear out=K\n"};
