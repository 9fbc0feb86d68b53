#!/usr/bin/python3
"""Do heist and PyTorch read each other's weights, and compute the same logits from them?

    interop.py HEIST_BINARY [--models lenet5,resnet18 | all]

    to heist     a state_dict of PyTorch, written here as safetensors, evaluated by heist
    to PyTorch   a network trained and written by heist, read here, evaluated by PyTorch

for images of 1x28x28 and 3x32x32, on sets that are made here: noise over a pattern for each class. heist gives the images in
[0,1] beside its logits; PyTorch's network sees (x - mean) / std. The largest difference of a logit must stay under 1e-4 of the
logits' root mean square. Exit status 1 where one does not hold.
"""
import argparse
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch

sys.dont_write_bytecode = True
import networks

TOLERANCE = 1e-4
IMAGES = {"train": 64, "t10k": 32}
SETS = {"grey": (networks.GREY, 10), "colour": (networks.COLOUR, 7)}  # image, classes
TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32}


class Wrong(Exception):
    """Something differs, or did not run: one line."""


# ---- safetensors: 8 bytes of header length, a JSON header, the numbers ----------------------------------------------------

def write_safetensors(path, tensors, meta):
    header, body, at = {"__metadata__": meta}, [], 0
    for name, t in tensors.items():
        raw = t.detach().contiguous().to(torch.float32).numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        body.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(body))


def read_safetensors(path):
    """The tensors by name, and the metadata."""
    with open(path, "rb") as f:
        raw = f.read()
    start = 8 + struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8:start])
    meta = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        numbers = np.frombuffer(raw[start + first:start + last], dtype=TYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(numbers.copy()).view(entry["shape"])
    return tensors, meta


# ---- data: sets in MNIST's file format, in folders that heist finds by name ------------------------------------------------

def write_idx(path, numbers):
    with open(path, "wb") as f:
        f.write(struct.pack(">I", 0x0800 | numbers.ndim) + struct.pack(">%dI" % numbers.ndim, *numbers.shape) + numbers.tobytes())


def write_set(folder, image, classes, seed=1):
    os.makedirs(folder)
    random = np.random.RandomState(seed)
    patterns = random.randint(0, 256, (classes,) + image)
    for split, n in IMAGES.items():
        labels = np.arange(n) % classes
        pixels = 0.5 * patterns[labels] + 0.5 * random.randint(0, 256, (n,) + image)
        pixels = pixels.astype(np.uint8)
        if image[0] == 1:
            pixels = pixels[:, 0]
        write_idx("%s/%s-images-idx%d-ubyte" % (folder, split, pixels.ndim), pixels)
        write_idx("%s/%s-labels-idx1-ubyte" % (folder, split), labels.astype(np.uint8))


# ---- heist -----------------------------------------------------------------------------------------------------------------

class Heist:
    """Runs heist with the sets of SETS in its data folder."""

    def __init__(self, binary, folder):
        self.binary, self.folder = os.path.abspath(binary), folder
        self.environment = {**os.environ, "HEIST_DATA": os.path.join(folder, "data")}
        for name, (image, classes) in SETS.items():
            write_set(os.path.join(folder, "data", name), image, classes)

    def run(self, *arguments):
        done = subprocess.run([self.binary, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise Wrong("heist %s: exit status %d: %s" % (" ".join(arguments), done.returncode, said))

    def path(self, name):
        return os.path.join(self.folder, name)

    def logits(self, checkpoint, dataset):
        """What heist computes from a checkpoint: images [n][c][h][w] in [0,1] and logits [n][K]."""
        out, n, (image, classes) = self.path("logits.safetensors"), IMAGES["t10k"], SETS[dataset]
        self.run("eval", checkpoint, "--dataset", dataset, "--logits", out)
        tensors, _ = read_safetensors(out)
        os.remove(out)
        missing = {"images", "logits"} - set(tensors)
        if missing:
            raise Wrong("eval --logits: found tensors %s, expected images and logits" % ", ".join(sorted(tensors)))
        images, logits = tensors["images"].float(), tensors["logits"].float()
        if list(images.shape) != [n, *image] or list(logits.shape) != [n, classes]:
            raise Wrong("eval --logits: found images %s and logits %s of %d images" % (list(images.shape), list(logits.shape), n))
        if images.min() < 0 or images.max() > 1 or images.max() - images.min() < 0.5:
            raise Wrong("eval --logits: found pixels from %g to %g, expected them to fill [0,1]" % (images.min(), images.max()))
        return images, logits


# ---- comparing ---------------------------------------------------------------------------------------------------------------

def state_of(net):
    return {n: w for n, w in net.state_dict().items() if not n.endswith("num_batches_tracked")}


def lived_in(net, image):
    """Batch norms that do something, and running statistics that fit."""
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(m.weight, 0.5, 1.5)
            torch.nn.init.uniform_(m.bias, -0.2, 0.2)
    net.train()
    with torch.no_grad():
        for _ in range(5):
            net(torch.randn(16, *image))
    return net


def torch_logits(net, images, meta):
    mean, std = (torch.tensor([float(v) for v in meta[key].split(",")]).view(1, -1, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        return net.eval()((images - mean) / std)


def difference(got, want):
    """The largest difference, relative to the root mean square of `want`; infinite where a number is not one."""
    worst = float((got.double() - want.double()).abs().max() / want.double().pow(2).mean().sqrt())
    return worst if math.isfinite(worst) else math.inf


def judged(what, got, want):
    worst = difference(got, want)
    if not worst <= TOLERANCE:
        raise Wrong("%s: logits differ by %.2e of their size, expected at most %g" % (what, worst, TOLERANCE))
    return "%s: logits differ by %.1e of their size (at most %g)" % (what, worst, TOLERANCE)


def metadata(model, dataset):
    image, classes = SETS[dataset]
    return {"arch": model, "classes": str(classes), "input": "x".join(map(str, image))}


def to_heist(heist, model, dataset):
    """PyTorch's weights in heist; the line that says how well, or Wrong."""
    torch.manual_seed(1)
    (image, classes), path = SETS[dataset], heist.path("from_torch.safetensors")
    numbers = lambda least, most: ",".join("%g" % v for v in np.linspace(least, most, image[0]))
    meta = {**metadata(model, dataset), "mean": numbers(0.4, 0.5), "std": numbers(0.2, 0.3)}
    net = lived_in(networks.NETWORKS[model](image, classes), image)
    write_safetensors(path, state_of(net), meta)
    images, logits = heist.logits(path, dataset)
    return judged("%s, %s: PyTorch's weights in heist" % (model, meta["input"]), logits, torch_logits(net, images, meta))


def to_torch(heist, model, dataset):
    """heist's weights in PyTorch."""
    (image, classes), path = SETS[dataset], heist.path("from_heist.safetensors")
    net = networks.NETWORKS[model](image, classes)
    heist.run("train", "--dataset", dataset, "--model", model, "--epochs", "1", "--batch", "32", "--lr", "0.01", "--out", path)
    weights, meta = read_safetensors(path)
    for key, want in metadata(model, dataset).items():
        if meta.get(key) != want:
            raise Wrong("%s: metadata %s: found %s, expected %s" % (model, key, meta.get(key), want))
    found, expected = ({n: list(w.shape) for n, w in state.items()} for state in (weights, state_of(net)))
    if found != expected:
        odd = sorted(n for n in {**found, **expected} if found.get(n) != expected.get(n))[0]
        raise Wrong("%s, heist's checkpoint: tensor %s: found %s, expected %s" % (model, odd, found.get(odd), expected.get(odd)))
    net.load_state_dict(weights, strict=False)
    images, logits = heist.logits(path, dataset)
    return judged("%s, %s: heist's weights in PyTorch" % (model, meta["input"]), logits, torch_logits(net, images, meta))


def checks(binary, models):
    """For each model, image and direction: (the line that says how well, or None; what is wrong, or None)."""
    with tempfile.TemporaryDirectory() as folder:
        heist = Heist(binary, folder)
        for model in models:
            for dataset in SETS:
                for check in (to_heist, to_torch):
                    try:
                        yield check(heist, model, dataset), None
                    except (Wrong, OSError, ValueError, KeyError, RuntimeError, struct.error) as why:
                        yield None, "%s, %s, %s: %s" % (model, dataset, check.__name__, why)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heist")
    parser.add_argument("--models", default="all")
    a = parser.parse_args()
    models = list(networks.NETWORKS) if a.models == "all" else a.models.split(",")
    unknown = [m for m in models if m not in networks.NETWORKS]
    if unknown:
        parser.error("found model %s, expected %s" % (unknown[0], " ".join(networks.NETWORKS)))
    passed, failed = 0, 0
    for good, wrong in checks(a.heist, models):
        print("ok   " + good if good else "FAIL " + wrong, flush=True)
        passed, failed = passed + bool(good), failed + bool(wrong)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
