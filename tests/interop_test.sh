#!/bin/sh
# Weights both ways between heist and PyTorch, of the networks that take seconds; where PyTorch is installed. All of them:
# tests/bench/interop.py build/release/heist
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    exec /usr/bin/python3 tests/bench/interop.py "$HEIST" --models lenet5,lenet,conv3,resnet8,resnet20,wrn16_1,mlp,softmax
fi
echo 'no PyTorch here: skipped'
echo '0 passed, 0 failed'
