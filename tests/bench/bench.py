#!/usr/bin/python3
"""heist and PyTorch side by side: the same work, in turns, so that what slows the machine down slows down both.

    bench.py HEIST_BINARY [--model lenet5] [--tasks train,infer,ini,mad] [--batch 128] [--threads 2] [--rounds 5]

First the results: weights go both ways and must give the same logits (interop.py), or nothing is timed. Then, for each
task, so many rounds of PyTorch, heist, PyTorch, heist, ... each in a process of its own; a round gives the median of at
least 20 runs (5 of MAD as published, which is slow), and a ratio. The table shows the medians over the rounds.

Exit status 1 where results differ or a program fails. A ratio below the reach is marked BELOW and is no error.
"""
import argparse
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

TORCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_bench.py")
REACH = {"train": 3.0, "infer": 3.0, "ini": 8.0}  # times as fast as PyTorch
QUERY_REACH = 2.2  # a query to MAD, in plain queries: its own, one surrogate forward, 20 %
RUNS = {"mad": 5}  # of PyTorch in a round, where not 20
TASKS = ("train", "infer", "ini", "mad")


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
        self.heist_binary, self.model, self.batch, self.threads = a.heist, a.model, a.batch, a.threads
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(a.threads)}

    def torch(self, task):
        command = [sys.executable, TORCH, "--model", self.model, "--task", task, "--batch", str(self.batch),
                   "--threads", str(self.threads), "--runs", str(RUNS.get(task, 20))]
        return measured(command, task, self.batch, self.environment)

    def heist(self, task):
        command = [self.heist_binary, "bench", "--model", self.model, "--task", task, "--batch", str(self.batch), "--json"]
        return measured(command, task, self.batch, self.environment)


# ---- the table -------------------------------------------------------------------------------------------------------------

def spread(values):
    return "%.1fx (%.1f-%.1f)" % (statistics.median(values), min(values), max(values))


def row(task, torch_said, heist_said):
    t, h = [said["ms"] for said in torch_said], [said["ms"] for said in heist_said]
    least = [min(said["min"] for said in side) for side in (torch_said, heist_said)]
    ratios, reach = [a / b for a, b in zip(t, h)], REACH.get(task)
    mark = "  BELOW" if reach and statistics.median(ratios) < reach else ""
    return "%-7s %11.2f %11.3f   %-24s %8s %6s%s" % (task, statistics.median(t), statistics.median(h), spread(ratios),
                                                    "%.1fx" % (least[0] / least[1]), "%gx" % reach if reach else "-", mark)


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
        "batch %d, %d threads, %d rounds in turns; ms are medians, the ratio is median (min-max) of the rounds," % (a.batch, a.threads, a.rounds),
        "at best: the least time of each side, which other work on the machine disturbs least",
        "%s, %d processors, load %.1f before and %.1f after" % (processor(), os.cpu_count(), load, os.getloadavg()[0]),
        "PyTorch %s%s" % (torch.__version__, ", OPENBLAS_CORETYPE=" + core if core else "")])


def compare(a):
    sides, load, said = Sides(a), os.getloadavg()[0], {}
    add = lambda side, task: said.setdefault((side, task), []).append(getattr(sides, side)(task))
    print("%-7s %11s %11s   %-24s %8s %6s" % ("task", "PyTorch ms", "heist ms", "ratio", "at best", "reach"))
    for task in a.tasks:
        for _ in range(a.rounds):
            add("torch", task)
            add("heist", task)
            if task == "mad":
                add("torch", "query")  # heist's bench measures the plain query itself
        print(row(task, said["torch", task], said["heist", task]), flush=True)
    if "mad" in a.tasks:
        print(query_row("heist", said["heist", "mad"], [s["plain_ms"] for s in said["heist", "mad"]], QUERY_REACH))
        print(query_row("PyTorch", said["torch", "mad"], [s["ms"] for s in said["torch", "query"]]))
    print(footer(a, load))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heist")
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--tasks", default=",".join(TASKS), type=lambda text: text.split(","))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    if a.rounds < 5 or set(a.tasks) - set(TASKS):
        parser.error("expected at least 5 rounds and tasks among %s" % " ".join(TASKS))
    try:
        for check in interop.CHECKS:
            print(check(a.heist, a.model))
        print(flush=True)
        compare(a)
    except KeyError as why:
        print("bench: a result has no %s" % why, file=sys.stderr)
        return 1
    except (interop.Wrong, OSError, ValueError, struct.error) as why:
        print("bench: " + str(why), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
