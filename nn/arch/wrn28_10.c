#include "nn/arch.h"
#include "nn/arch/wrn.h"

extern const struct arch arch_wrn28_10;
const struct arch arch_wrn28_10 = {
    "wrn28_10", "Wide ResNet 28-10, pre-activation, its own initialisation (Zagoruyko, Komodakis 2016)",
    WRN_BLOCKS WRN_STEM
    "first block1.layer.0 w=160 stride=1\nnext block1.layer.1-3 w=160\n"
    "first block2.layer.0 w=320 stride=2\nnext block2.layer.1-3 w=320\n"
    "first block3.layer.0 w=640 stride=2\nnext block3.layer.1-3 w=640\n"
    WRN_HEAD};
