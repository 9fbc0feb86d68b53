#!/usr/bin/python3
"""make_files.py FOLDER: small sets as others write them: SVHN's .mat by SciPy, KMNIST's .npz by NumPy.

tests/files holds what this wrote; where SciPy and NumPy are installed, the tests also read what it writes anew."""
import os
import sys

import numpy as np
from scipy.io import savemat


def pixels(n, channels, height, width):
    """[n][c][y][x] = 3 y + 5 x + 7 c + 11 n, modulo 256."""
    i, c, y, x = np.ogrid[:n, :channels, :height, :width]
    return ((3 * y + 5 * x + 7 * c + 11 * i) % 256).astype(np.uint8)


def write(folder):
    svhn, kmnist = os.path.join(folder, "svhn"), os.path.join(folder, "kmnist")
    os.makedirs(svhn, exist_ok=True)
    os.makedirs(kmnist, exist_ok=True)
    for split, n, packed, kind in ("train", 12, True, np.uint8), ("test", 3, False, np.float64):
        labels = (1 + np.arange(n) % 10).astype(kind).reshape(n, 1)  # SVHN: 1 .. 10, of which 10 is the digit 0
        savemat(os.path.join(svhn, split + "_32x32.mat"), {"X": pixels(n, 3, 32, 32).transpose(2, 3, 1, 0), "y": labels}, do_compression=packed)
        digits = (np.arange(n) % 10).astype(np.uint8)
        save = np.savez_compressed if packed else np.savez
        save(os.path.join(kmnist, "kmnist-%s-imgs.npz" % split), pixels(n, 1, 28, 28)[:, 0])
        save(os.path.join(kmnist, "kmnist-%s-labels.npz" % split), digits)


if __name__ == "__main__":
    write(sys.argv[1])
