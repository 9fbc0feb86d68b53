#!/usr/bin/python3
"""Do heist and PyTorch read each other's weights, and compute the same logits from them?

    interop.py HEIST_BINARY [--model lenet5] [--dataset mnist]

    to heist     a state_dict of PyTorch, written here as safetensors, evaluated by heist
    to PyTorch   a network trained and written by heist, read here, evaluated by PyTorch

on 512 test images, which heist gives in [0,1] beside its logits; PyTorch's network sees (x - mean) / std. The largest
difference of a logit must stay under 1e-4 of the logits' root mean square. Exit status 1 where one does not hold.
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
import torch_bench

TOLERANCE = 1e-4
EVALUATED = 512
CLASSES = 10
NORMALISATION = {"mnist": ([0.1307], [0.3081])}
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


# ---- heist -----------------------------------------------------------------------------------------------------------------

def heist(binary, *arguments):
    """Runs heist; what it wrote on stdout."""
    done = subprocess.run([binary, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise Wrong("%s %s: exit status %d: %s" % (binary, " ".join(arguments), done.returncode, said))
    return done.stdout


def heist_logits(binary, checkpoint, dataset, folder):
    """What heist computes from a checkpoint: images [n][c][h][w] in [0,1] and logits [n][K]."""
    out = os.path.join(folder, "logits.safetensors")
    heist(binary, "eval", checkpoint, "--dataset", "%s:split=test:n=%d:seed=1" % (dataset, EVALUATED), "--logits", out)
    tensors, _ = read_safetensors(out)
    os.remove(out)
    missing = {"images", "logits"} - set(tensors)
    if missing:
        raise Wrong("eval --logits: found tensors %s, expected images and logits" % ", ".join(sorted(tensors)))
    images, logits = tensors["images"].float(), tensors["logits"].float()
    if images.shape[0] != EVALUATED or list(logits.shape) != [EVALUATED, CLASSES]:
        raise Wrong("eval --logits: found images %s and logits %s of %d images" % (list(images.shape), list(logits.shape), EVALUATED))
    if images.min() < 0 or images.max() > 1 or images.max() - images.min() < 0.5:
        raise Wrong("eval --logits: found pixels from %g to %g, expected them to fill [0,1]" % (images.min(), images.max()))
    return images, logits


# ---- comparing ---------------------------------------------------------------------------------------------------------------

def metadata(model, dataset):
    mean, std = NORMALISATION[dataset]
    numbers = lambda values: ",".join("%g" % v for v in values)
    return {"arch": model, "classes": str(CLASSES), "input": "x".join(map(str, torch_bench.MODELS[model][1])),
            "mean": numbers(mean), "std": numbers(std)}


def check_metadata(found, expected):
    for key, want in expected.items():
        got = found.get(key)
        same = got == want
        if got is not None and key in ("mean", "std"):
            same = np.allclose([float(v) for v in got.split(",")], [float(v) for v in want.split(",")], rtol=1e-5)
        if not same:
            raise Wrong("metadata %s: found %s, expected %s" % (key, got, want))


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
    if worst > TOLERANCE:
        raise Wrong("%s: logits differ by %.2e of their size, expected at most %g" % (what, worst, TOLERANCE))
    return "%s: logits differ by %.1e of their size (at most %g)" % (what, worst, TOLERANCE)


def check_to_heist(binary, model="lenet5", dataset="mnist"):
    """PyTorch's weights in heist; the line that says how well, or Wrong."""
    torch.manual_seed(1)
    net, meta = torch_bench.model_new(model, CLASSES), metadata(model, dataset)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "from_torch.safetensors")
        write_safetensors(path, {n: w for n, w in net.state_dict().items() if not n.endswith("num_batches_tracked")}, meta)
        images, logits = heist_logits(binary, path, dataset, folder)
    return judged("PyTorch's weights in heist", logits, torch_logits(net, images, meta))


def check_to_torch(binary, model="lenet5", dataset="mnist"):
    """heist's weights in PyTorch."""
    net = torch_bench.model_new(model, CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "from_heist.safetensors")
        heist(binary, "train", "--dataset", dataset + ":n=2000", "--model", model, "--epochs", "1", "--out", path)
        weights, meta = read_safetensors(path)
        check_metadata(meta, metadata(model, dataset))
        expected = {n: list(w.shape) for n, w in net.state_dict().items() if not n.endswith("num_batches_tracked")}
        found = {n: list(w.shape) for n, w in weights.items()}
        if found != expected:
            raise Wrong("heist's checkpoint: found tensors %s, expected %s" % (found, expected))
        net.load_state_dict(weights, strict=False)
        images, logits = heist_logits(binary, path, dataset, folder)
    return judged("heist's weights in PyTorch", logits, torch_logits(net, images, meta))


CHECKS = (check_to_heist, check_to_torch)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heist")
    parser.add_argument("--model", default="lenet5", choices=torch_bench.MODELS)
    parser.add_argument("--dataset", default="mnist", choices=NORMALISATION)
    a = parser.parse_args()
    failed = 0
    for check in CHECKS:
        try:
            print("ok   " + check(a.heist, a.model, a.dataset))
        except (Wrong, OSError, ValueError, KeyError, struct.error) as why:
            print("FAIL %s: %s" % (check.__name__, why))
            failed += 1
    print("%d passed, %d failed" % (len(CHECKS) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
