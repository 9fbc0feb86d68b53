#!/usr/bin/python3
"""heist and PyTorch side by side: the same work, in turns, so that what slows the machine down slows down both.

    bench.py HEIST_BINARY [--rows all | lenet5,resnet18/train,...] [--batch 128] [--threads 2] [--roofline resnet18 | none]
             [--malloc shipped | kept]

First the results: for each network that is timed, weights go both ways and must give the same logits (interop.py), or nothing is
timed. Then, for each row, rounds of PyTorch, heist, PyTorch, heist, ... each in a process of its own; a round gives the median of
its runs, and a ratio. The table shows the medians over the rounds. Last, the roofline: what each kind of layer reaches of this
machine's sgemm and memory (heist bench --task roofline).

PyTorch gets and returns its large buffers at every operation, and a fresh page can cost more than the work on it (virtual machines
whose host takes free pages back: measured, 3,000 ms instead of 430 for a forward pass of ResNet-18). It is measured as Debian ships
it, as its users run it, and the reaches are against that; --malloc kept has glibc's malloc keep its memory, the best that its user
can get by hand.

Exit status 1 where results differ or a program fails. A ratio below the reach is marked BELOW and is no error.
"""
import argparse
import collections
import json
import math
import os
import platform
import statistics
import struct
import subprocess
import sys

import torch

sys.dont_write_bytecode = True
import interop
import networks

TORCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_bench.py")
KEPT = "glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456"
QUERY_REACH = 2.2  # a query to MAD, in plain queries: its own, one surrogate forward, 20 %

# reach: times as fast as PyTorch; memory: at most this share of its peak; runs of a round, of each side (0: heist's own choice)
Row = collections.namedtuple("Row", "model task reach rounds torch_runs heist_runs memory")
ROWS = [
    Row("lenet5", "train", 4, 5, 20, 0, None),
    Row("lenet5", "infer", 4, 5, 20, 0, None),
    Row("lenet5", "ini", 10, 5, 20, 0, None),
    Row("lenet5", "mad", None, 5, 5, 0, None),
    Row("wrn16_4", "infer", 2.5, 5, 3, 5, None),
    Row("wrn16_4", "train", 2, 5, 3, 5, None),
    Row("resnet18", "infer", 2.5, 5, 3, 5, None),
    Row("resnet18", "train", 2, 5, 3, 5, None),
    Row("resnet18", "ini", 8, 2, 1, 3, 1 / 3),
]


def chosen(text):
    """The rows that a list of models and model/task names; ValueError where a name is none."""
    if text == "all":
        return ROWS
    words = text.split(",")
    for word in words:
        if not any(word in (r.model, r.model + "/" + r.task) for r in ROWS):
            raise ValueError("no row is called '%s', expected all or some of %s" % (word, " ".join(r.model + "/" + r.task for r in ROWS)))
    return [r for r in ROWS if {r.model, r.model + "/" + r.task} & set(words)]


# ---- one measurement ---------------------------------------------------------------------------------------------------------

def measured(command, task, batch, environment):
    """What a program says of one task: at least its median `ms` and its least time `min`."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    name = os.path.basename(command[1] if command[0] == sys.executable else command[0])
    if done.returncode:
        why = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise interop.Wrong("%s, task %s: exit status %d: %s" % (name, task, done.returncode, why))
    try:
        said = json.loads(done.stdout)
        ms, least = float(said["ms"]), float(said["min"])
    except (ValueError, KeyError, TypeError):
        raise interop.Wrong("%s, task %s: found %r, expected one JSON object with ms and min" % (name, task, done.stdout[:200]))
    if said.get("task") != task or said.get("batch") != batch or not (0 < least <= ms < math.inf):
        raise interop.Wrong("%s: found %s, expected task %s, batch %d and a positive ms" % (name, done.stdout.strip(), task, batch))
    return said


class Sides:
    """The two programs, on the same number of threads."""

    def __init__(self, a):
        self.binary, self.batch, self.threads = a.heist, a.batch, a.threads
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(a.threads)}
        self.torch_environment = {**self.environment, "GLIBC_TUNABLES": KEPT} if a.malloc == "kept" else self.environment

    def torch(self, row, task):
        command = [sys.executable, TORCH, "--model", row.model, "--task", task, "--batch", str(self.batch),
                   "--threads", str(self.threads), "--runs", str(row.torch_runs)]
        return measured(command, task, self.batch, self.torch_environment)

    def heist(self, row, task):
        image = "x".join(map(str, networks.image_of(row.model)))
        command = [self.binary, "bench", "--model", row.model, "--task", task, "--batch", str(self.batch), "--input", image,
                   "--runs", str(row.heist_runs), "--json"]
        return measured(command, task, self.batch, self.environment)


# ---- the table -------------------------------------------------------------------------------------------------------------

def spread(values):
    return "%.1fx (%.1f-%.1f)" % (statistics.median(values), min(values), max(values))


def line(row, torch_said, heist_said):
    t, h = [said["ms"] for said in torch_said], [said["ms"] for said in heist_said]
    least = [min(said["min"] for said in side) for side in (torch_said, heist_said)]
    ratios = [a / b for a, b in zip(t, h)]
    mark = "  BELOW" if row.reach and statistics.median(ratios) < row.reach else ""
    return "%-9s %-6s %11.2f %11.3f   %-24s %8s %6s%s" % (
        row.model, row.task, statistics.median(t), statistics.median(h), spread(ratios), "%.1fx" % (least[0] / least[1]),
        "%gx" % row.reach if row.reach else "-", mark)


def memory_line(row, torch_said, heist_said):
    """Peak memory of a step's process, less what it held before the networks were made."""
    t, h = (max(said["peak_mb"] - said["base_mb"] for said in side) for side in (torch_said, heist_said))
    mark = "  ABOVE" if h > row.memory * t else ""
    return "peak memory of %s %s: PyTorch %.0f MB, heist %.0f MB, a share of %.2f, reach %.2f%s" % (row.model, row.task, t, h, h / t, row.memory, mark)


def query_row(name, mad_said, plain_ms, reach=None):
    costs = [said["ms"] / plain for said, plain in zip(mad_said, plain_ms)]
    limit = ", reach at most %gx" % reach if reach else ""
    mark = "  ABOVE" if reach and statistics.median(costs) > reach else ""
    return "a query to MAD, in plain queries, %-8s %s%s%s" % (name + ":", spread(costs), limit, mark)


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def footer(a, load):
    core = os.environ.get("OPENBLAS_CORETYPE")
    return "\n".join([
        "batch %d, %d threads, both sides in turns; ms are medians, the ratio is median (min-max) of the rounds," % (a.batch, a.threads),
        "at best: the least time of each side, which other work on the machine disturbs least",
        "%s, %d processors, load %.1f before and %.1f after" % (processor(), os.cpu_count(), load, os.getloadavg()[0]),
        "PyTorch %s, %s%s" % (torch.__version__, "its memory kept between operations" if a.malloc == "kept" else "malloc as shipped",
                              ", OPENBLAS_CORETYPE=" + core if core else "")])


def compare_row(sides, row):
    """The rounds of one row: its line, the line of its memory, and of MAD the cost of a query."""
    said = collections.defaultdict(list)
    for _ in range(row.rounds):
        said["torch"].append(sides.torch(row, row.task))
        said["heist"].append(sides.heist(row, row.task))
        if row.task == "mad":
            said["query"].append(sides.torch(row, "query"))  # heist's bench measures the plain query itself
    print(line(row, said["torch"], said["heist"]), flush=True)
    after = [memory_line(row, said["torch"], said["heist"])] if row.memory else []
    if row.task == "mad":
        after += [query_row("heist", said["heist"], [s["plain_ms"] for s in said["heist"]], QUERY_REACH),
                  query_row("PyTorch", said["torch"], [s["ms"] for s in said["query"]])]
    return after


def check_results(binary, models):
    for good, wrong in interop.checks(binary, models):
        if wrong:
            raise interop.Wrong(wrong)
        print(good, flush=True)


def compare(a):
    load, after = os.getloadavg()[0], []
    check_results(a.heist, list(dict.fromkeys(r.model for r in a.rows)))
    print("\n%-9s %-6s %11s %11s   %-24s %8s %6s" % ("model", "task", "PyTorch ms", "heist ms", "ratio", "at best", "reach"), flush=True)
    for row in a.rows:
        after += compare_row(Sides(a), row)
    print("\n".join(after))
    print("\n" + footer(a, load), flush=True)


def roofline(a):
    command = [a.heist, "bench", "--model", a.roofline, "--task", "roofline", "--batch", str(a.batch), "--threads", str(a.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        raise interop.Wrong("roofline: exit status %d: %s" % (done.returncode, (done.stderr.strip() or "nothing").splitlines()[-1]))
    print("\n" + done.stdout.rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heist")
    parser.add_argument("--rows", default="all")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--roofline", default="resnet18", choices=["none", *networks.NETWORKS])
    parser.add_argument("--malloc", default="shipped", choices=["shipped", "kept"])
    a = parser.parse_args()
    try:
        a.rows = chosen(a.rows)
        compare(a)
        if a.roofline != "none":
            roofline(a)
    except KeyError as why:
        print("bench: a result has no %s" % why, file=sys.stderr)
        return 1
    except (interop.Wrong, OSError, ValueError, struct.error) as why:
        print("bench: " + str(why), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
