/* The blocks that Wide ResNets share (Zagoruyko, Komodakis 2016): pre-activation, their own initialisation. $w: width. */
#ifndef HEIST_NN_ARCH_WRN_H
#define HEIST_NN_ARCH_WRN_H

#define WRN_STEM "conv conv1 out=16 k=3 pad=1 bias=0 init=fan_out\n"
#define WRN_HEAD "batchnorm bn1\nrelu\navgpool\nflatten\nlinear fc out=K init=zero_bias\n"

/* `first` changes width or stride: the first activation feeds both ways. `next` keeps both: the input itself is passed on. */
#define WRN_BLOCKS                                                  \
    "block first\n"                                                 \
    "  batchnorm bn1\n"                                             \
    "  relu act\n"                                                  \
    "  conv conv1 out=$w k=3 stride=$stride pad=1 bias=0 init=fan_out\n" \
    "  batchnorm bn2\n"                                             \
    "  relu\n"                                                      \
    "  conv conv2 out=$w k=3 pad=1 bias=0 init=fan_out\n"           \
    "  conv convShortcut out=$w k=1 stride=$stride bias=0 init=fan_out < act\n" \
    "  add < convShortcut conv2\n"                                  \
    "end\n"                                                         \
    "block next\n"                                                  \
    "  batchnorm bn1\n"                                             \
    "  relu\n"                                                      \
    "  conv conv1 out=$w k=3 pad=1 bias=0 init=fan_out\n"           \
    "  batchnorm bn2\n"                                             \
    "  relu\n"                                                      \
    "  conv conv2 out=$w k=3 pad=1 bias=0 init=fan_out\n"           \
    "  add < in conv2\n"                                            \
    "end\n"

#endif
