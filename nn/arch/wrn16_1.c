#include "nn/arch.h"
#include "nn/arch/wrn.h"

extern const struct arch arch_wrn16_1;
const struct arch arch_wrn16_1 = {
    "wrn16_1", "Wide ResNet 16-1, pre-activation, its own initialisation (Zagoruyko, Komodakis 2016)",
    WRN_BLOCKS WRN_STEM
    "next block1.layer.0-1 w=16\n"
    "first block2.layer.0 w=32 stride=2\nnext block2.layer.1 w=32\n"
    "first block3.layer.0 w=64 stride=2\nnext block3.layer.1 w=64\n"
    WRN_HEAD};
