#include "nn/arch.h"
#include "nn/arch/wrn.h"

extern const struct arch arch_wrn16_4;
const struct arch arch_wrn16_4 = {
    "wrn16_4", "Wide ResNet 16-4, pre-activation, its own initialisation (Zagoruyko, Komodakis 2016)",
    WRN_BLOCKS WRN_STEM
    "first block1.layer.0 w=64 stride=1\nnext block1.layer.1 w=64\n"
    "first block2.layer.0 w=128 stride=2\nnext block2.layer.1 w=128\n"
    "first block3.layer.0 w=256 stride=2\nnext block3.layer.1 w=256\n"
    WRN_HEAD};
