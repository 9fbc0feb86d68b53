#!/usr/bin/python3
"""InI's known point by PyTorch's autograd, end to end: an MNIST LeNet-5 whose OOD set is the attacker's own pool, Fashion-MNIST
(experiments/sweeps/ini-points-mnist.ini is the same by heist).

    ini_points.py MNIST_FOLDER FASHION_MNIST_FOLDER [--seed 1] [--threads 2] [--epochs 10]

The victim: 10 epochs of torch_bench.py's step (double backprop, four losses, PCGrad), SGD 0.1, momentum 0.5, weight decay 1e-3,
a tenth after each 4. The clone: 50,000 answers, 10 epochs, SGD with momentum 0.9, weight decay 5e-4, cosine.
"""
import argparse
import gzip
import os
import random
import sys

import numpy
import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True
import torch_bench

BATCH, BUDGET = 128, 50000


def idx(folder, name):
    for path, read in ((os.path.join(folder, name), open), (os.path.join(folder, name + ".gz"), gzip.open)):
        if os.path.exists(path):
            with read(path, "rb") as f:
                content = f.read()
            sizes = [int.from_bytes(content[4 + 4 * i:8 + 4 * i], "big") for i in range(content[3])]
            return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)
    sys.exit("%s: found no %s, gzipped or not" % (folder, name))


def images(folder, split):
    """As the victim sees them: MNIST's mean and deviation, whatever the set."""
    return ((torch.tensor(idx(folder, split + "-images-idx3-ubyte").astype("float32"))[:, None] / 255) - 0.1307) / 0.3081


def labels(folder, split):
    return torch.tensor(idx(folder, split + "-labels-idx1-ubyte").astype("int64"))


def forward(net, x):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in x.split(1000)])


def batches(n):
    return torch.randperm(n).split(BATCH)


def victim_of(x, y, ood, epochs, report):
    step = torch_bench.Ini("lenet5", BATCH)
    step.optimiser = torch.optim.SGD(step.victim.parameters(), lr=0.1, momentum=0.5, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.StepLR(step.optimiser, 4, 0.1)
    for epoch in range(epochs):
        step.victim.train()
        for one, other in zip(batches(len(x)), batches(len(ood))):
            step.x_id, step.y, step.x_ood = x[one], y[one], ood[other[:len(one)]]
            step.step()
        schedule.step()
        report("victim, epoch %d" % (epoch + 1), step.victim)
    return step.victim


def clone_of(x, answers, lr, epochs, report):
    net = torch_bench.model_new("lenet5")
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        net.train()
        for part in batches(len(x)):
            optimiser.zero_grad()
            F.kl_div(net(x[part]).log_softmax(1), answers[part], reduction="batchmean").backward()
            optimiser.step()
        schedule.step()
        report("clone (lr %g), epoch %d" % (lr, epoch + 1), net)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist")
    parser.add_argument("fashion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    test_x, test_y = images(a.mnist, "t10k"), labels(a.mnist, "t10k")
    pool = images(a.fashion, "train")

    def report(what, net):
        print("%s: accuracy %.2f %%" % (what, 100 * (forward(net, test_x).argmax(1) == test_y).float().mean()), flush=True)

    victim = victim_of(images(a.mnist, "train"), labels(a.mnist, "train"), pool, a.epochs, report)
    asked = pool[torch.randperm(len(pool))[:BUDGET]]
    answers = forward(victim, asked).softmax(1)
    print("answers: mean %s, deviation %s" % tuple([round(float(v), 4) for v in t] for t in (answers.mean(0), answers.std(0))))
    for lr in (0.1, 0.01):
        clone_of(asked, answers, lr, a.epochs, report)


if __name__ == "__main__":
    main()
