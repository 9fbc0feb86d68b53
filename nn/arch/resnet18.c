#include "nn/arch.h"

/* Two 3x3 convolutions and a shortcut that passes the input on. IN is the name of the layer before. */
#define BLOCK(P, OUT, IN)                                                                                             \
    "conv " P ".conv1 out=" OUT " k=3 pad=1 bias=0 < " IN "\nbatchnorm " P ".bn1\nrelu\n"                              \
    "conv " P ".conv2 out=" OUT " k=3 pad=1 bias=0\nbatchnorm " P ".bn2\nadd " P ".sum < " P ".bn2 " IN "\nrelu " P ".out\n"
/* The same with stride 2 and a 1x1 convolution in the shortcut. */
#define DOWN(P, OUT, IN)                                                                                              \
    "conv " P ".conv1 out=" OUT " k=3 stride=2 pad=1 bias=0 < " IN "\nbatchnorm " P ".bn1\nrelu\n"                     \
    "conv " P ".conv2 out=" OUT " k=3 pad=1 bias=0\nbatchnorm " P ".bn2\n"                                            \
    "conv " P ".shortcut.0 out=" OUT " k=1 stride=2 bias=0 < " IN "\nbatchnorm " P ".shortcut.1\n"                     \
    "add " P ".sum < " P ".bn2 " P ".shortcut.1\nrelu " P ".out\n"

extern const struct arch arch_resnet18;
const struct arch arch_resnet18 = {
    "resnet18", "ResNet-18 for small images: 3x3 stem, no max-pool, widths 64-512 (He et al. 2016; the CIFAR variant)",
    "conv conv1 out=64 k=3 pad=1 bias=0\nbatchnorm bn1\nrelu stem\n"
    BLOCK("layer1.0", "64", "stem") BLOCK("layer1.1", "64", "layer1.0.out")
    DOWN("layer2.0", "128", "layer1.1.out") BLOCK("layer2.1", "128", "layer2.0.out")
    DOWN("layer3.0", "256", "layer2.1.out") BLOCK("layer3.1", "256", "layer3.0.out")
    DOWN("layer4.0", "512", "layer3.1.out") BLOCK("layer4.1", "512", "layer4.0.out")
    "avgpool\nflatten\nlinear linear out=K\n"};
