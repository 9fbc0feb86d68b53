#include "nn/arch.h"

/* Five times halved, 28x28 would vanish: smaller images get a border of the data's mean.
 * Convolution, batch norm, ReLU: modules I, I + 1, I + 2 of PyTorch's Sequential. */
#define CONV(I, NEXT, OUT) "conv features." I " out=" OUT " k=3 pad=1\nbatchnorm features." NEXT "\nrelu\n"

extern const struct arch arch_vgg16;
const struct arch arch_vgg16 = {
    "vgg16", "VGG-16 with batch norm, one linear layer 512 -> K; images are padded to 32x32 (Simonyan, Zisserman 2015; the CIFAR variant)",
    "pad to=32\n"
    CONV("0", "1", "64") CONV("3", "4", "64") "maxpool k=2\n"
    CONV("7", "8", "128") CONV("10", "11", "128") "maxpool k=2\n"
    CONV("14", "15", "256") CONV("17", "18", "256") CONV("20", "21", "256") "maxpool k=2\n"
    CONV("24", "25", "512") CONV("27", "28", "512") CONV("30", "31", "512") "maxpool k=2\n"
    CONV("34", "35", "512") CONV("37", "38", "512") CONV("40", "41", "512") "maxpool k=2\n"
    "flatten\nlinear classifier out=K\n"};
