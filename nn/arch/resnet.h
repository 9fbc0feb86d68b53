/* The blocks that residual networks share (He et al. 2016), in the CIFAR variants' names. $w: width, $out: channels that come
 * out of a bottleneck. The stem keeps the resolution: 3x3, no pooling. */
#ifndef HEIST_NN_ARCH_RESNET_H
#define HEIST_NN_ARCH_RESNET_H

#define RESNET_STEM(W) "conv conv1 out=" W " k=3 pad=1 bias=0\nbatchnorm bn1\nrelu\n"
#define RESNET_HEAD "avgpool\nflatten\nlinear linear out=K\n"

/* Two 3x3 convolutions and a shortcut: `same` passes the input on, `down` halves it by a 1x1 convolution. */
#define RESNET_BASIC                             \
    "block same\n"                               \
    "  conv conv1 out=$w k=3 pad=1 bias=0\n"     \
    "  batchnorm bn1\n"                          \
    "  relu\n"                                   \
    "  conv conv2 out=$w k=3 pad=1 bias=0\n"     \
    "  batchnorm bn2\n"                          \
    "  add < bn2 in\n"                           \
    "  relu\n"                                   \
    "end\n"                                      \
    "block down\n"                               \
    "  conv conv1 out=$w k=3 stride=2 pad=1 bias=0\n" \
    "  batchnorm bn1\n"                          \
    "  relu\n"                                   \
    "  conv conv2 out=$w k=3 pad=1 bias=0\n"     \
    "  batchnorm bn2\n"                          \
    "  conv shortcut.0 out=$w k=1 stride=2 bias=0 < in\n" \
    "  batchnorm shortcut.1\n"                   \
    "  add < bn2 shortcut.1\n"                   \
    "  relu\n"                                   \
    "end\n"

/* 1x1, 3x3, 1x1; `widen` changes the number of channels. */
#define RESNET_BOTTLENECK                        \
    "block same\n"                               \
    "  conv conv1 out=$w k=1 bias=0\n"           \
    "  batchnorm bn1\n"                          \
    "  relu\n"                                   \
    "  conv conv2 out=$w k=3 pad=1 bias=0\n"     \
    "  batchnorm bn2\n"                          \
    "  relu\n"                                   \
    "  conv conv3 out=$out k=1 bias=0\n"         \
    "  batchnorm bn3\n"                          \
    "  add < bn3 in\n"                           \
    "  relu\n"                                   \
    "end\n"                                      \
    "block widen\n"                              \
    "  conv conv1 out=$w k=1 bias=0\n"           \
    "  batchnorm bn1\n"                          \
    "  relu\n"                                   \
    "  conv conv2 out=$w k=3 stride=$stride pad=1 bias=0\n" \
    "  batchnorm bn2\n"                          \
    "  relu\n"                                   \
    "  conv conv3 out=$out k=1 bias=0\n"         \
    "  batchnorm bn3\n"                          \
    "  conv shortcut.0 out=$out k=1 stride=$stride bias=0 < in\n" \
    "  batchnorm shortcut.1\n"                   \
    "  add < bn3 shortcut.1\n"                   \
    "  relu\n"                                   \
    "end\n"

#endif
