#!/usr/bin/python3
"""What PyTorch needs for the work that heist does, one JSON object a task:

    torch_bench.py [--model lenet5] [--task train,infer,ini,mad,query|all] [--batch 128] [--threads 2] [--runs 20]
    {"model": "lenet5", "task": "train", "batch": 128, "threads": 2, "ms": MEDIAN, "min": ..., "runs": 20, "peak_mb": ..., "base_mb": ...}

    train   one step: forward, cross entropy, backward, SGD (momentum 0.9, weight decay 5e-4)
    infer   logits of one batch, eval mode, no gradient
    ini     one step of InI the published way: double backprop, four losses, PCGrad in random order, mean, SGD
    mad     a query of one batch to MAD the published way: a backward pass a class and image, batch 1
    query   the same query without a defense: posteriors of one batch

base_mb is what the process held at most before the task's networks were made. Models are in networks.py; a task is a class and
a line in TASKS.
"""
import argparse
import json
import random
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True
import networks

CLASSES = 10


def model_new(name, classes=CLASSES):
    return networks.NETWORKS[name](networks.image_of(name), classes)


# ---- tasks: everything that is not timed in the constructor, one run in step() -------------------------------------------

class Train:
    def __init__(self, model, batch):
        self.net = model_new(model).train()
        self.x, self.y = torch.randn(batch, *networks.image_of(model)), torch.randint(0, CLASSES, (batch,))
        self.optimiser = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step(self):
        loss = F.cross_entropy(self.net(self.x), self.y)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


class Infer:
    def __init__(self, model, batch):
        self.net = model_new(model).eval()
        self.x = torch.randn(batch, *networks.image_of(model))

    def step(self):
        with torch.no_grad():
            return self.net(self.x)


class Query(Infer):
    def step(self):
        return super().step().softmax(1)


class Ini:
    """gamma 0.3, delta 1, epsilon 1000; the student is a random network in eval mode."""

    def __init__(self, model, batch):
        image = networks.image_of(model)
        self.victim, self.student = model_new(model).train(), model_new(model).eval()
        self.x_id, self.x_ood = torch.randn(batch, *image), torch.randn(batch, *image)
        self.y = torch.randint(0, CLASSES, (batch,))
        self.optimiser = torch.optim.SGD(self.victim.parameters(), lr=0.001, momentum=0.5, weight_decay=1e-3)

    def student_gradient(self, loss, graph):
        found = torch.autograd.grad(loss, list(self.student.parameters()), create_graph=graph, retain_graph=True)
        return torch.cat([g.flatten() for g in found])

    def losses(self):
        v_id, v_ood, s_id, s_ood = self.victim(self.x_id), self.victim(self.x_ood), self.student(self.x_id), self.student(self.x_ood)
        kl = lambda s, v: (s.softmax(1) * (s.log_softmax(1) - v.log_softmax(1))).sum(1).mean()
        log_v = v_ood.log_softmax(1)
        g1 = self.student_gradient(kl(s_id, v_id), True)
        g2 = self.student_gradient(F.cross_entropy(s_id, self.y), False)
        g3 = self.student_gradient(kl(s_ood, v_ood), True)
        return [F.cross_entropy(v_id, self.y),
                0.3 * (s_ood.detach() - (log_v - log_v.mean(1, keepdim=True))).abs().mean(),
                F.cosine_similarity(g1, g2, dim=0),
                1000 * g3.abs().mean()]

    def gradients(self):
        out = []
        for loss in self.losses():
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward(retain_graph=True)  # as published: into the student's parameters as well, where nobody reads it
            out.append(torch.cat([w.grad.flatten() if w.grad is not None else torch.zeros(w.numel()) for w in self.victim.parameters()]))
        return out

    @staticmethod
    def pcgrad(gradients):
        merged = []
        for g in gradients:
            g, others = g.clone(), list(gradients)
            random.shuffle(others)
            for other in others:
                dot = g.dot(other)
                if dot < 0:
                    g -= dot / other.norm() ** 2 * other
            merged.append(g)
        return torch.stack(merged).mean(0)

    def step(self):
        g, at = self.pcgrad(self.gradients()), 0
        for w in self.victim.parameters():
            w.grad = g[at:at + w.numel()].view_as(w)
            at += w.numel()
        self.optimiser.step()
        for w in self.student.parameters():
            w.grad = None


class Mad:
    """Oracle `extreme`, objective `angle`, L1 ball of radius 1."""

    EPSILON = 1.0

    def __init__(self, model, batch):
        self.victim, self.surrogate = model_new(model).eval(), model_new(model).eval()
        self.x = torch.randn(batch, *networks.image_of(model))
        self.last = [w for w in self.surrogate.parameters() if w.dim() == 2][-1]

    def jacobian(self, x):
        log_p = self.surrogate(x).log_softmax(1)[0]
        return torch.stack([torch.autograd.grad(-log_p[k], self.last, retain_graph=True)[0].flatten() for k in range(CLASSES)])

    def answer(self, x, y):
        G = self.jacobian(x)
        with torch.no_grad():
            towards = lambda v: F.normalize(G.t() @ v, dim=0)
            clean, vertices = towards(y), torch.eye(CLASSES)
            star = max(vertices, key=lambda v: float((towards(v) - clean).norm() ** 2))
            a = min(1.0, self.EPSILON / float((y - star).norm(p=1) + 1e-7))
            return (1 - a) * y + a * star

    def step(self):
        with torch.no_grad():
            y = self.victim(self.x).softmax(1)
        return torch.stack([self.answer(self.x[i:i + 1], y[i]) for i in range(len(y))])


TASKS = {"train": Train, "infer": Infer, "ini": Ini, "mad": Mad, "query": Query}


# ---- timing -----------------------------------------------------------------------------------------------------------------

def measure(step, runs, warmup_s=0.3, warmup_runs=3, slow_s=10):
    """Milliseconds of each run, after a warm-up of both so many seconds and so many runs; of slow steps, of one."""
    start, done = time.perf_counter(), 0
    past = lambda: time.perf_counter() - start
    while not done or past() < warmup_s or (done < warmup_runs and past() < slow_s):
        step()
        done += 1
    out = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        out.append(1000 * (time.perf_counter() - start))
    return out


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lenet5", choices=networks.NETWORKS)
    parser.add_argument("--task", default="all", help="%s, several with commas, or all" % " ".join(TASKS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    a = parser.parse_args()
    wanted = list(TASKS) if a.task == "all" else a.task.split(",")
    unknown = [t for t in wanted if t not in TASKS]
    if unknown or a.runs < 1:
        parser.error("found task %s, expected %s" % (unknown[0], " ".join(TASKS)) if unknown else "expected at least 1 run")
    torch.set_num_threads(a.threads)
    for task in wanted:
        torch.manual_seed(1)
        random.seed(1)
        base = peak_mb()
        ms = measure(TASKS[task](a.model, a.batch).step, a.runs)
        print(json.dumps({"model": a.model, "task": task, "batch": a.batch, "threads": a.threads,
                          "ms": round(statistics.median(ms), 4), "min": round(min(ms), 4), "runs": len(ms),
                          "peak_mb": round(peak_mb(), 1), "base_mb": round(base, 1)}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
