#include "nn/arch.h"

/* A pre-activation block whose width or stride changes: the first activation feeds both ways. */
#define FIRST(P, OUT, STRIDE, IN)                                                                                     \
    "batchnorm " P ".bn1 < " IN "\nrelu " P ".act\n"                                                                  \
    "conv " P ".conv1 out=" OUT " k=3 stride=" STRIDE " pad=1 bias=0 init=fan_out\nbatchnorm " P ".bn2\nrelu\n"        \
    "conv " P ".conv2 out=" OUT " k=3 pad=1 bias=0 init=fan_out\n"                                                    \
    "conv " P ".convShortcut out=" OUT " k=1 stride=" STRIDE " bias=0 init=fan_out < " P ".act\n"                      \
    "add " P ".out < " P ".convShortcut " P ".conv2\n"
/* One that keeps both: the input itself is passed on. */
#define NEXT(P, OUT, IN)                                                                                              \
    "batchnorm " P ".bn1 < " IN "\nrelu\n"                                                                            \
    "conv " P ".conv1 out=" OUT " k=3 pad=1 bias=0 init=fan_out\nbatchnorm " P ".bn2\nrelu\n"                          \
    "conv " P ".conv2 out=" OUT " k=3 pad=1 bias=0 init=fan_out\nadd " P ".out < " IN " " P ".conv2\n"

extern const struct arch arch_wrn16_4;
const struct arch arch_wrn16_4 = {
    "wrn16_4", "Wide ResNet 16-4, pre-activation, its own initialisation (Zagoruyko, Komodakis 2016)",
    "conv conv1 out=16 k=3 pad=1 bias=0 init=fan_out\n"
    FIRST("block1.layer.0", "64", "1", "conv1") NEXT("block1.layer.1", "64", "block1.layer.0.out")
    FIRST("block2.layer.0", "128", "2", "block1.layer.1.out") NEXT("block2.layer.1", "128", "block2.layer.0.out")
    FIRST("block3.layer.0", "256", "2", "block2.layer.1.out") NEXT("block3.layer.1", "256", "block3.layer.0.out")
    "batchnorm bn1\nrelu\navgpool\nflatten\nlinear fc out=K init=zero_bias\n"};
