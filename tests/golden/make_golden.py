#!/usr/bin/python3
"""heist's own golden vectors: what PyTorch's autograd computes in float64, written as safetensors.

    make_golden.py [OUT_DIR] [--seed N] [--only PATTERN]

OUT_DIR is this folder where none is given. One file is one case: the settings as metadata (strings), the inputs that
cannot be made again, and the results under names that begin with "expect.". tests/golden_check.c computes the same with
heist and compares. The files beside this script are of the default seed; another seed makes other cases.

What is not stored
    Weights, images and soft targets come from draw(fill.seed, NAME, shape, kind), NAME being the tensor's own
    ("victim.conv1.weight", "id_images", "targets"). A result g of more than 64 numbers is stored as two,
    [<g, r>, |g|], r = 2 unit(fill.seed + 1, NAME, size) - 1, NAME with its "expect.". A result that vanishes in exact
    arithmetic is not stored. Labels (I64) and everything of the cases without a network are stored as they are.

The error of a result
    |got - want| / (|want| + |group| / 100) with L2 norms; a summary counts as a vector of two. The group is all results
    that share a prefix: expect.grad.TERM. expect.pcgrad. expect.total. expect.net.; any other result is its own group.
    Tolerance 1e-4. Every network case is computed in float32 as well, and must come within a quarter of that: a case
    where rounding crosses a kink would test nothing.

Cases (metadata `case`; `model` lenet5 is 1x28x28, lenet5c the same network for 3x32x32; 10 classes)

ini: one step of InI on `batch` ID images with labels and `batch` OOD images; victim logits v in train mode, student
    logits s in eval mode. `loss` l1|kl|entropy, `grad_loss` kl|ce, weights `beta gamma delta epsilon`. With
    a = softmax(s), b = softmax(v), mean over the N rows, sum over the K classes unless it says otherwise:

        benign    CE(v_id, y), weight 1
        id        - pull(s_id, v_id), weight beta; there only where beta > 0
        ood       pull(s_ood, v_ood), weight gamma;
                      pull   l1: mean over N K of |s - c(v)|, c(v) = log b - its row mean
                             kl: mean_N sum_K a (log a - log b)                       (not the mean over N K)
                  loss=entropy: - H(b_ood) = mean_N sum_K b log b                     (id stays l1)
        grad_id   cos(g1, g2), weight delta;  g1 = grad_S D(s_id, v_id),  g2 = grad_S CE(s_id, y), a constant
        grad_ood  mean over the P student parameters of |g3|, weight epsilon;  g3 = grad_S D(s_ood, v_ood)
                      D   kl: mean_N sum_K a (log a - log b)
                          ce: mean_N - sum_K a log b     the student's posterior first, as in kl, so that the gradient in
                              the student runs through a: dD/ds = 1/N (diag(a) - a a') (- log b)

    expect.loss.TERM is the bare loss, expect.grad.TERM.* the victim's gradient of weight times loss. `pcgrad` 1:
    expect.pcgrad.* merges them: each starts as its own gradient and visits all terms in the order above, losing its
    projection on (the original of) each one that its dot product with is negative; then `merge` mean|sum.
    `pcgrad` 0: expect.total.* is their plain sum, scaled by min(1, clip / (norm + 1e-6)) where `clip` > 0.

train: `steps` steps of SGD (lr, momentum, weight_decay as PyTorch's) on consecutive batches of `batch`. loss=ce: labels;
    loss=kl: KL(targets || softmax(z)), mean over rows, targets = softmax(2 draw("targets", image)). expect.loss before each
    step, expect.net.* the parameters afterwards, expect.logits of the first batch then.

jbda: eval mode, images (unit("images") - mean) / std, with MEAN_STD below. expect.input_gradient is d logit[label] /
    d image, expect.augmented image + lambda sign(gradient) clipped to pixels in [0,1], that is to
    [(0 - mean) / std, (1 - mean) / std]. sign(0) is 0.

jbda_moves: the same images, `iters` steps: x + step sign(slope), within `total` of the first image (0: not), clipped as in jbda.
    Row i of targets [iters][batch] says the class of step i. `slope` logit_up: the gradient of its logit (JBDA-TR: the same
    class at every step); ce_down: minus that of its cross entropy (ModelGuard's jbtr: another class at every step).
    expect.augmented is the last image, expect.first the one after the first step.

mad: posteriors y, a proxy's posteriors p and last features h. expect.ystar: the one-hot vector, expect.ystar_argmax: the
    uniform vector over a subset with y's top class (1e-5 more on that one, then normalised) that maximises
    |G'v/|G'v| - G'y/|G'y||^2, row k of G the gradient of -log p_k in the proxy's last weights.
    expect.mad.l1.EPS, .l2.EPS (and mad_argmax): (1 - a) y + a ystar, a = min(1, EPS / |y - ystar|) in that norm.

reverse_sigmoid: posteriors y. expect.betaB.gammaG: max(0, y - B (sigmoid(G log(y / (1 - y))) - 1/2)), divided by its sum.

noise: posteriors y, raw noise `delta`. expect.lN.R: sigmoid(logit(y) + d), divided by its sum, d the point of the ball
    |d|_N <= R nearest to delta.

modelguard_w: posteriors y. expect.epsE: the q that minimises sum_k q_k log(y_k + 1e-6), q on the simplex, |q - y|_1 <= E,
    q_top - q_k >= 1e-4, by trying every vertex of the programme.

grad2: eval mode, network `net`, images, posteriors y. expect.gain.DIRECTION: c_k = <grad log p_k, z> by the Jacobian of
    log p, minus its row mean; z all-ones, max-norm (the parameters) or min-inner-product (minus sum_k y_k grad log p_k).
    expect.answer.DIRECTION: the q that maximises sum_k q_k c_k, q on the simplex, |q - y|_1 <= `epsilon`.

am: logits z, labels. expect.loss: mean of -log(1 - softmax(z)_label + 1e-7), expect.slope its gradient in z; posteriors y,
    misinformation f. expect.tauT.nuN: (1 - a) y + a f, a = sigmoid(N (T - max y)).

edm: logits z.A [rows][K] of each member. expect.loss: mean over rows of log sum_{a<b} exp(cos(f_a, f_b)), f = softmax(z);
    expect.slope.A its gradient in z.A.
"""
import argparse
import fnmatch
import itertools
import json
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
IMAGE = {"lenet5": (1, 28, 28), "lenet5c": (3, 32, 32)}
MEAN_STD = {"lenet5": ((0.1307,), (0.3081,)), "lenet5c": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))}
SUMMARY_ABOVE = 64
TOLERANCE = 1e-4
GROUPS = ("expect.pcgrad.", "expect.total.", "expect.net.")


# ---- numbers that any language can make again ---------------------------------------------------------------------

MASK = (1 << 64) - 1


def name_hash(name):
    """64-bit FNV-1a."""
    h = 0xcbf29ce484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001b3 & MASK
    return h


def unit(seed, name, n):
    """n doubles in [0,1): the i-th (from 1) is splitmix64's mix of hash(name) + seed + i * gamma, its top 53 bits."""
    start = np.uint64((name_hash(name) + seed) & MASK)
    with np.errstate(over="ignore"):
        z = start + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return torch.from_numpy((z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53)


def draw(seed, name, shape, kind):
    """weight: variance 1 / fan-in; image: variance 1; bias: within 0.2. All uniform, in float64."""
    size = int(np.prod(shape))
    symmetric = 2 * unit(seed, name, size).view(*shape) - 1
    bound = {"weight": (3.0 * shape[0] / size) ** 0.5, "image": 3.0 ** 0.5, "bias": 0.2}[kind]
    return symmetric * bound


def draw_labels(seed, name, n):
    return (unit(seed, name, n) * CLASSES).long()


# ---- files ----------------------------------------------------------------------------------------------------------

def summarised(tensors, seed):
    """Each large result as two numbers; seed None: as it is."""
    def two(name, t):
        r = 2 * unit(seed + 1, name, t.numel()) - 1
        t = t.double()
        return torch.stack([t.flatten() @ r, t.norm()])
    large = lambda name, t: seed is not None and name.startswith("expect.") and t.numel() > SUMMARY_ABOVE
    return {name: two(name, t) if large(name, t) else t for name, t in tensors.items()}


def write(path, tensors, meta):
    header, body = {"__metadata__": {key: str(value) for key, value in meta.items()}}, b""
    for name, t in tensors.items():
        if name.startswith("expect.") and t.norm() < 1e-10:
            continue
        integer = t.dtype == torch.int64
        raw = t.detach().contiguous().to(torch.int64 if integer else torch.float32).numpy().tobytes()
        header[name] = {"dtype": "I64" if integer else "F32", "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def group_of(name):
    for prefix in GROUPS:
        if name.startswith(prefix):
            return prefix
    return ".".join(name.split(".")[:3]) + "." if name.startswith("expect.grad.") else name


def worst_error(got, want):
    """The largest error, as defined above, over the results of `want`."""
    norm, group = {}, {}
    for name, t in want.items():
        if name.startswith("expect."):
            norm[name] = float(t.double().norm())
            group[group_of(name)] = group.get(group_of(name), 0.0) + norm[name] ** 2
    errors = [0.0]
    for name, size in norm.items():
        if size < 1e-10:
            continue
        gap = float((got[name].double() - want[name].double()).norm())
        errors.append(gap / (size + 0.01 * group[group_of(name)] ** 0.5))
    return max(errors)


# ---- the network ----------------------------------------------------------------------------------------------------

class Unclear(Exception):
    """This seed's numbers would test nothing, or hang on rounding."""


class LeNet5(nn.Module):
    def __init__(self, channels, height, width):
        super().__init__()
        side = lambda n: ((n - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side(height) * side(width), 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, CLASSES)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.max_pool2d(conv(x).relu(), 2)
        return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())


def network(model, prefix, seed, dtype):
    net = LeNet5(*IMAGE[model]).to(dtype)
    with torch.no_grad():
        for name, w in net.named_parameters():
            w.copy_(draw(seed, f"{prefix}.{name}", tuple(w.shape), "bias" if name.endswith("bias") else "weight"))
    return net


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


def named(prefix, net, vector):
    """A flat vector as tensors under the parameters' names."""
    out, at = {}, 0
    for name, w in net.named_parameters():
        out[prefix + name] = vector[at:at + w.numel()].view_as(w)
        at += w.numel()
    return out


# ---- ini ------------------------------------------------------------------------------------------------------------

def divergence(s, v, kind):
    """D(softmax(s), softmax(v)): mean over rows of the sum over classes."""
    log_a, log_b = s.log_softmax(1), v.log_softmax(1)
    each = log_a.exp() * (log_a - log_b) if kind == "kl" else -log_a.exp() * log_b
    return each.sum(1).mean()


def pull(s, v, kind):
    if kind == "kl":
        return divergence(s, v, "kl")
    log_b = v.log_softmax(1)
    return (s - (log_b - log_b.mean(1, keepdim=True))).abs().mean()


def entropy(v):
    log_b = v.log_softmax(1)
    return -(log_b.exp() * log_b).sum(1).mean()


def ini_losses(vi, vo, si, so, y, student, o):
    """The bare losses in their order, by double backprop: the published way."""
    gradient = lambda loss, **more: flat(torch.autograd.grad(loss, student, retain_graph=True, **more))
    form = "kl" if o["loss"] == "kl" else "l1"
    losses = {"benign": F.cross_entropy(vi, y)}
    if o["beta"] > 0:
        losses["id"] = -pull(si.detach(), vi, form)
    losses["ood"] = -entropy(vo) if o["loss"] == "entropy" else pull(so.detach(), vo, form)
    g1 = gradient(divergence(si, vi, o["grad_loss"]), create_graph=True)
    g2 = gradient(F.cross_entropy(si, y)).detach()
    losses["grad_id"] = (g1 @ g2) / (g1.norm() * g2.norm())
    g3 = gradient(divergence(so, vo, o["grad_loss"]), create_graph=True)
    losses["grad_ood"] = g3.abs().mean()
    return losses


def pcgrad(gradients, merge):
    """The merged gradient, and how many projections it took."""
    merged, projections = [], 0
    for g in gradients:
        g = g.clone()
        for other in gradients:
            dot = g @ other
            if dot < 0:
                g -= dot / (other @ other) * other
                projections += 1
        merged.append(g)
    total = torch.stack(merged).sum(0)
    return (total if merge == "sum" else total / len(merged)), projections


def clipped(g, clip):
    return g * min(1.0, clip / (float(g.norm()) + 1e-6)) if clip > 0 else g


def close(got, want, what, bound=1e-10):
    error = float((got - want).norm() / want.norm())
    assert error < bound, f"{what}: relative error {error:.2e}"


def check_closed_form(s, v, y, student, victim, o, term, loss, gradient):
    """The same loss and gradient with no second derivative: through the student's Jacobian J, row by row.

        g = J'r, r = 1/N A w;  A w = (diag(a) - a a') w;  w = log a - log b (kl) or - log b (ce)
        dL/dv = -1/N A (J u),  u = dL/dg
    """
    rows = s.shape[0]
    a = s.detach().softmax(1)
    A = lambda w: a * (w - (a * w).sum(1, keepdim=True))
    J = torch.stack([flat(torch.autograd.grad(z, student, retain_graph=True)) for z in s.flatten()])
    w = -v.detach().log_softmax(1) + (a.log() if o["grad_loss"] == "kl" else 0)
    g = J.t() @ (A(w) / rows).flatten()
    if term == "grad_id":
        g2 = J.t() @ ((a - F.one_hot(y, CLASSES)) / rows).flatten()
        value = g @ g2 / (g.norm() * g2.norm())
        u = g2 / (g.norm() * g2.norm()) - value * g / (g @ g)
        weight = o["delta"]
    else:
        value = g.abs().mean()
        u = g.sign() / g.numel()
        weight = o["epsilon"]
    dv = -weight / rows * A((J @ u).view_as(s))
    close(value, loss.detach(), f"closed form of {term}")
    close(flat(torch.autograd.grad(v, victim, dv, retain_graph=True)), gradient, f"closed form of {term}'s gradient")


def case_ini(seed, dtype, model, batch, loss="l1", grad_loss="kl", beta=0.0, gamma=0.4, delta=0.8, epsilon=700.0,
             pcgrad_on=1, merge="mean", clip=0.0):
    o = dict(loss=loss, grad_loss=grad_loss, beta=beta, gamma=gamma, delta=delta, epsilon=epsilon, pcgrad=pcgrad_on, merge=merge, clip=clip)
    V, S = network(model, "victim", seed, dtype), network(model, "student", seed, dtype)
    V.train()
    S.eval()
    x_id, x_ood = (draw(seed, name, (batch, *IMAGE[model]), "image").to(dtype) for name in ("id_images", "ood_images"))
    y = draw_labels(seed, "id_labels", batch)
    vi, vo, si, so = V(x_id), V(x_ood), S(x_id), S(x_ood)
    student, victim = list(S.parameters()), list(V.parameters())
    weight = dict(benign=1.0, id=beta, ood=gamma, grad_id=delta, grad_ood=epsilon)
    tensors, gradients = {"id_labels": y}, []
    for term, value in ini_losses(vi, vo, si, so, y, student, o).items():
        used = torch.autograd.grad(weight[term] * value, victim, retain_graph=True)
        gradients.append(flat(used))
        tensors[f"expect.loss.{term}"] = value.detach().reshape(1)
        tensors.update(named(f"expect.grad.{term}.", V, gradients[-1]))
        if dtype == torch.float64 and term.startswith("grad_"):
            s, v = (si, vi) if term == "grad_id" else (so, vo)
            check_closed_form(s, v, y, student, victim, o, term, value, gradients[-1])
    if pcgrad_on:
        g, projections = pcgrad(gradients, merge)
        if projections == 0:
            raise Unclear("no two gradients conflict")
        tensors.update(named("expect.pcgrad.", V, g))
    else:
        tensors.update(named("expect.total.", V, clipped(sum(gradients), clip)))
    return tensors, dict(case="ini", model=model, batch=batch, **o), f"total norm {float(sum(gradients).norm()):.3g}"


# ---- train, jbda ----------------------------------------------------------------------------------------------------

def case_train(seed, dtype, model, batch, steps, loss, lr, momentum, weight_decay):
    net = network(model, "net", seed, dtype)
    n = batch * steps
    x, y = draw(seed, "images", (n, *IMAGE[model]), "image").to(dtype), draw_labels(seed, "labels", n)
    targets = (2 * draw(seed, "targets", (n, CLASSES), "image")).softmax(1).to(dtype)
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
    losses = []
    for at in range(0, n, batch):
        z, now = net(x[at:at + batch]), slice(at, at + batch)
        value = F.cross_entropy(z, y[now]) if loss == "ce" else F.kl_div(z.log_softmax(1), targets[now], reduction="batchmean")
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.detach())
    net.eval()
    tensors = {"labels": y, "expect.loss": torch.stack(losses)}
    tensors.update({f"expect.net.{name}": w.detach() for name, w in net.named_parameters()})
    tensors["expect.logits"] = net(x[:batch]).detach()
    meta = dict(case="train", model=model, loss=loss, batch=batch, steps=steps, lr=lr, momentum=momentum, weight_decay=weight_decay)
    return tensors, meta, ""


def case_jbda(seed, dtype, model, batch, step):
    net = network(model, "net", seed, dtype).eval()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in MEAN_STD[model])
    shape = (batch, *IMAGE[model])
    x = ((unit(seed, "images", int(np.prod(shape))).view(shape) - mean) / std).to(dtype).requires_grad_()
    y = draw_labels(seed, "labels", batch)
    g = torch.autograd.grad(net(x).gather(1, y[:, None]).sum(), x)[0]
    size = g.abs()
    if size[size > 0].min() < 1e-6 * size.max():
        raise Unclear("a sign hangs on rounding")
    moved = ((x.detach() + step * g.sign()) * std + mean).clamp(0, 1)
    tensors = {"labels": y, "expect.input_gradient": g, "expect.augmented": (moved - mean) / std}
    return tensors, dict(case="jbda", model=model, batch=batch, **{"lambda": step}), ""


def case_jbda_moves(seed, dtype, model, batch, slope, iters, step, total):
    net = network(model, "net", seed, dtype).eval()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in MEAN_STD[model])
    shape = (batch, *IMAGE[model])
    start = ((unit(seed, "images", int(np.prod(shape))).view(shape) - mean) / std)
    targets = draw_labels(seed, "targets", iters * batch).view(iters, batch)
    if slope == "logit_up":
        targets = targets[:1].repeat(iters, 1)
    x, first = start.clone(), None
    for t in targets:
        leaf = x.to(dtype).requires_grad_()
        z = net(leaf)
        up = z.gather(1, t[:, None]).sum() if slope == "logit_up" else -F.cross_entropy(z, t, reduction="sum")
        g = torch.autograd.grad(up, leaf)[0]
        size = g.abs()
        if size[size > 0].min() < 1e-6 * size.max():
            raise Unclear("a sign hangs on rounding")
        x = x + step * g.sign()
        if total > 0:
            x = torch.minimum(torch.maximum(x, start - total), start + total)
        x = ((x * std + mean).clamp(0, 1) - mean) / std
        first = x if first is None else first
    tensors = {"targets": targets, "expect.first": first, "expect.augmented": x}
    return tensors, dict(case="jbda_moves", model=model, batch=batch, slope=slope, iters=iters, step=step, total=total), ""


# ---- mad, reverse sigmoid -------------------------------------------------------------------------------------------

def jacobian(weight, h):
    """G [K][D]: row k is the gradient of -log p_k in the last layer's weights, one backward pass each."""
    weight = weight.clone().requires_grad_()
    log_p = (weight @ h).log_softmax(0)
    rows = [torch.autograd.grad(-z, weight, retain_graph=True)[0].flatten() for z in log_p]
    return torch.stack(rows), log_p.detach().exp()


def angles(candidates, y, G, p):
    """The objective of every candidate [M], by brute force; the closed form 2 - 2 cos(p - v, p - y) must agree."""
    unit_rows = lambda m: m / m.norm(dim=-1, keepdim=True)
    brute = (unit_rows(candidates @ G) - unit_rows(y @ G)).norm(dim=1) ** 2
    closed = 2 - 2 * unit_rows(p - candidates) @ unit_rows(p - y)
    assert (brute - closed).abs().max() < 1e-10, "MAD's closed form"
    return brute


def uniform_with_top(y):
    """Uniform vectors over every subset that holds y's top class."""
    top, K = int(y.argmax()), y.numel()
    member = torch.tensor([[bits >> k & 1 for k in range(K)] for bits in range(1 << K)], dtype=torch.float64)
    member = member[member[:, top] == 1]
    member[:, top] += 1e-5
    return member / member.sum(1, keepdim=True)


def best(candidates, value):
    """The best candidate; None where the second best is so near that rounding could choose."""
    order = value.sort(descending=True)
    return candidates[order.indices[0]] if order.values[0] - order.values[1] > 1e-4 else None


def case_mad(seed, dtype, classes, images, width=16, radius_l1=(0.2, 0.9, 1.5), radius_l2=(0.15, 0.6, 1.2)):
    weight = 1.5 * draw(seed, "proxy.weight", (classes, width), "weight")
    features = draw(seed, "proxy_features", (4 * images, width), "image").clamp(min=0)
    posteriors = (4 * draw(seed, "posteriors", (4 * images, classes), "image")).softmax(1).float().double()
    kept = {"posteriors": [], "proxy_posteriors": [], "proxy_features": [], "expect.ystar": [], "expect.ystar_argmax": []}
    for h, y in zip(features, posteriors):
        G, p = jacobian(weight, h)
        vertices, subsets = torch.eye(classes, dtype=torch.float64), uniform_with_top(y)
        exact = y / y.sum()  # y is rounded to float32, as it is stored; the closed form wants a sum of exactly 1
        star, star_argmax = (best(v, angles(v, exact, G, p)) for v in (vertices, subsets))
        if star is None or star_argmax is None or len(kept["posteriors"]) == images:
            continue
        for column, row in zip(kept.values(), (y, p, h, star, star_argmax)):
            column.append(row)
    tensors = {name: torch.stack(rows) for name, rows in kept.items()}
    if tensors["posteriors"].shape[0] < images:
        raise Unclear("too few images with one best answer")
    y = tensors["posteriors"]
    for name, star in (("mad", tensors["expect.ystar"]), ("mad_argmax", tensors["expect.ystar_argmax"])):
        for order, radii in ((1, radius_l1), (2, radius_l2)):
            for epsilon in radii:
                a = (epsilon / (star - y).norm(p=order, dim=1, keepdim=True)).clamp(max=1)
                tensors[f"expect.{name}.l{order}.{epsilon}"] = (1 - a) * y + a * star
    return tensors, dict(case="mad", classes=classes), ""


def case_reverse_sigmoid(seed, dtype, rows, settings=((1.0, 0.1), (0.21, 0.2), (8.0, 0.5))):
    y = (4 * draw(seed, "posteriors", (rows, CLASSES), "image")).softmax(1).clamp(1e-6, 1 - 1e-6).float().double()
    tensors = {"posteriors": y}
    for beta, gamma in settings:
        q = (y - beta * (torch.sigmoid(gamma * torch.logit(y)) - 0.5)).clamp(min=0)
        tensors[f"expect.beta{beta}.gamma{gamma}"] = q / q.sum(1, keepdim=True)
    return tensors, dict(case="reverse_sigmoid"), ""


# ---- noise, ModelGuard-W, GRAD2, AM, EDM ------------------------------------------------------------------------------

def case_noise(seed, dtype, rows, settings=((1, 0.5), (1, 3.0), (2, 0.4), (2, 2.0))):
    y = (3 * draw(seed, "posteriors", (rows, CLASSES), "image")).softmax(1).clamp(1e-6, 1 - 1e-6).float().double()
    delta = (1.5 * draw(seed, "delta", (rows, CLASSES), "image")).float().double()
    tensors = {"posteriors": y, "delta": delta}
    for order, radius in settings:
        low, high = torch.zeros(rows, 1, dtype=torch.float64), delta.abs().amax(1, keepdim=True)
        for _ in range(200):  # L1: shrink every entry by the threshold that leaves just the radius
            t = (low + high) / 2
            long = (delta.abs() - t).clamp(min=0).sum(1, keepdim=True) > radius
            low, high = torch.where(long, t, low), torch.where(long, high, t)
        size = delta.norm(p=order, dim=1, keepdim=True)
        near = delta.sign() * (delta.abs() - high).clamp(min=0) if order == 1 else delta * radius / size
        q = torch.sigmoid(torch.logit(y) + torch.where(size > radius, near, delta))
        tensors[f"expect.l{order}.{radius}"] = q / q.sum(1, keepdim=True)
    return tensors, dict(case="noise"), ""


def best_vertex(y, epsilon, margin=1e-4):
    """The solution of ModelGuard-W's programme in u, v >= 0, q = y + u - v; None where it is not the only one."""
    K, top = y.size, int(y.argmax())
    eye, zero = np.eye(K), np.zeros((K, K))
    lead = eye[[top] * K] - eye
    lead = np.delete(lead, top, 0)
    A = np.vstack([-np.ones((1, 2 * K)), np.hstack([eye, -eye]), np.hstack([lead, -lead]), np.hstack([eye, zero]), np.hstack([zero, eye])])
    b = np.concatenate([[-epsilon], -y, margin - lead @ y, np.zeros(2 * K)])  # A (u, v) >= b
    sum_zero = np.concatenate([np.ones(K), -np.ones(K)])
    tight = np.array(list(itertools.combinations(range(len(b)), 2 * K - 1)))
    M = np.concatenate([A[tight], np.broadcast_to(sum_zero, (len(tight), 1, 2 * K))], 1)
    solvable = np.abs(np.linalg.det(M)) > 1e-9
    M, right = M[solvable], np.concatenate([b[tight[solvable]], np.zeros((int(solvable.sum()), 1))], 1)
    x = np.linalg.solve(M, right[:, :, None])[:, :, 0]
    x = x[(x @ A.T >= b - 1e-10).all(1)]
    q = y + x[:, :K] - x[:, K:]
    value = q @ np.log(y + 1e-6)
    found = q[value < value.min() + 1e-6]
    return found[0] if np.abs(found - found[0]).max() < 1e-5 else None


def case_modelguard_w(seed, dtype, rows, classes=4, radii=(0.1, 0.4, 1.0, 1.6)):
    posteriors = (2 * draw(seed, "posteriors", (4 * rows, classes), "image")).softmax(1).float().double()
    kept, answers = [], []
    for y in posteriors:
        second, first = y.sort().values[-2:]
        stars = [best_vertex((y / y.sum()).numpy(), e) for e in radii] if first - second > 1e-3 else [None]
        if len(kept) < rows and all(star is not None for star in stars):
            kept.append(y)
            answers.append([torch.from_numpy(star) for star in stars])
    if len(kept) < rows:
        raise Unclear("too few posteriors with one best answer")
    tensors = {"posteriors": torch.stack(kept)}
    for i, epsilon in enumerate(radii):
        tensors[f"expect.eps{epsilon}"] = torch.stack([a[i] for a in answers])
    return tensors, dict(case="modelguard_w"), ""


def redirected(y, c, epsilon):
    """GRAD2's answer: mass goes to the best class, from the worst ones in order, until the ball is full."""
    q, left = y.clone(), epsilon / 2
    best_class = int(c.argmax())
    for k in c.argsort().tolist():
        if k == best_class:
            break
        step = min(left, float(q[k]))
        q[k] -= step
        q[best_class] += step
        left -= step
    return q


def case_grad2(seed, dtype, model, batch, epsilon):
    net = network(model, "net", seed, dtype).eval()
    x = draw(seed, "images", (batch, *IMAGE[model]), "image").to(dtype)
    y = (2 * draw(seed, "posteriors", (batch, CLASSES), "image")).softmax(1).float().to(dtype)
    parameters = list(net.parameters())
    directions = {"all-ones": None, "max-norm": flat(parameters).detach(), "min-inner-product": None}
    tensors = {"posteriors": y}
    for name, z in directions.items():
        gains, answers = [], []
        for image, row in zip(x, y):
            log_p = net(image[None]).log_softmax(1)[0]
            J = torch.stack([flat(torch.autograd.grad(v, parameters, retain_graph=True)) for v in log_p])
            own = -(row @ J) if name == "min-inner-product" else torch.ones(J.shape[1], dtype=dtype) if z is None else z
            c = J @ own
            if (c.sort().values.diff() < 1e-4 * c.abs().max()).any():
                raise Unclear("two classes gain the same")
            gains.append(c - c.mean())
            answers.append(redirected(row, c, epsilon))
        tensors[f"expect.gain.{name}"], tensors[f"expect.answer.{name}"] = torch.stack(gains), torch.stack(answers)
    return tensors, dict(case="grad2", model=model, batch=batch, epsilon=epsilon), ""


def case_am(seed, dtype, rows, settings=((0.9, 5.0), (0.5, 20.0), (0.7, 1000.0))):
    z = (3 * draw(seed, "logits", (rows, CLASSES), "image")).float().double().requires_grad_()
    labels = draw_labels(seed, "labels", rows)
    labels[0] = int(z[0].argmax())
    loss = -(1 - z.softmax(1).gather(1, labels[:, None]) + 1e-7).log().mean()
    y, f = ((k * draw(seed, name, (rows, CLASSES), "image")).softmax(1).float().double() for k, name in ((4, "posteriors"), (2, "misinformation")))
    tensors = {"logits": z.detach(), "labels": labels, "posteriors": y, "misinformation": f, "expect.loss": loss.detach().reshape(1),
               "expect.slope": torch.autograd.grad(loss, z)[0]}
    for tau, nu in settings:
        a = torch.sigmoid(nu * (tau - y.amax(1, keepdim=True)))
        tensors[f"expect.tau{tau}.nu{nu}"] = (1 - a) * y + a * f
    return tensors, dict(case="am"), ""


def case_edm(seed, dtype, rows, members):
    z = [(2 * draw(seed, f"z.{a}", (rows, CLASSES), "image")).float().double().requires_grad_() for a in range(members)]
    f = [v.softmax(1) for v in z]
    cosines = [F.cosine_similarity(a, b, dim=1) for a, b in itertools.combinations(f, 2)]
    loss = torch.stack(cosines).logsumexp(0).mean()
    tensors = {f"z.{a}": v.detach() for a, v in enumerate(z)}
    tensors["expect.loss"] = loss.detach().reshape(1)
    tensors.update({f"expect.slope.{a}": g for a, g in enumerate(torch.autograd.grad(loss, z))})
    return tensors, dict(case="edm", members=members), ""


# ---- the files --------------------------------------------------------------------------------------------------------

SGD = dict(batch=5, steps=3, lr=0.05, momentum=0.8, weight_decay=1e-3)
FILES = {
    "ini_lenet5": (case_ini, dict(model="lenet5", batch=5)),
    "ini_lenet5c": (case_ini, dict(model="lenet5c", batch=6)),
    "ini_kl_lenet5": (case_ini, dict(model="lenet5", batch=6, loss="kl")),
    "ini_entropy_lenet5": (case_ini, dict(model="lenet5", batch=5, loss="entropy")),
    "ini_ce_lenet5": (case_ini, dict(model="lenet5", batch=5, grad_loss="ce")),
    "ini_beta_lenet5": (case_ini, dict(model="lenet5", batch=6, beta=0.2)),
    "ini_beta_kl_lenet5c": (case_ini, dict(model="lenet5c", batch=5, loss="kl", beta=0.1)),
    "ini_sum_lenet5": (case_ini, dict(model="lenet5", batch=5, merge="sum")),
    "ini_total_lenet5": (case_ini, dict(model="lenet5", batch=5, pcgrad_on=0, clip=10.0)),
    "ini_total_lenet5c": (case_ini, dict(model="lenet5c", batch=6, beta=0.3, grad_loss="ce", epsilon=50.0, pcgrad_on=0, clip=10.0)),
    "ini_all_lenet5c": (case_ini, dict(model="lenet5c", batch=5, loss="kl", grad_loss="ce", beta=0.2, merge="sum")),
    "train_lenet5": (case_train, dict(model="lenet5", loss="ce", **SGD)),
    "train_lenet5c": (case_train, dict(model="lenet5c", loss="ce", **{**SGD, "batch": 6, "lr": 0.03})),
    "soft_lenet5": (case_train, dict(model="lenet5", loss="kl", **{**SGD, "batch": 6})),
    "soft_lenet5c": (case_train, dict(model="lenet5c", loss="kl", **{**SGD, "lr": 0.03})),
    "jbda_lenet5": (case_jbda, dict(model="lenet5", batch=5, step=0.1)),
    "jbda_lenet5c": (case_jbda, dict(model="lenet5c", batch=3, step=0.2)),
    "jbda_tr_lenet5": (case_jbda_moves, dict(model="lenet5", batch=5, slope="logit_up", iters=5, step=0.02, total=0.1)),
    "jbda_tr_lenet5c": (case_jbda_moves, dict(model="lenet5c", batch=3, slope="logit_up", iters=5, step=0.04, total=0.0)),
    "jbtr_lenet5": (case_jbda_moves, dict(model="lenet5", batch=4, slope="ce_down", iters=8, step=0.023125, total=0.1)),
    "mad": (case_mad, dict(classes=10, images=13)),
    "mad_k7": (case_mad, dict(classes=7, images=17)),
    "reverse_sigmoid": (case_reverse_sigmoid, dict(rows=19)),
    "noise": (case_noise, dict(rows=11)),
    "modelguard_w": (case_modelguard_w, dict(rows=9)),
    "grad2_lenet5": (case_grad2, dict(model="lenet5", batch=4, epsilon=0.7)),
    "am": (case_am, dict(rows=9)),
    "edm": (case_edm, dict(rows=7, members=5)),
}


def computed(name, seed):
    """One case: what its file holds, and a note for the log. Unclear where another seed is needed."""
    case, settings = FILES[name]
    tensors, meta, note = case(seed, torch.float64, **settings)
    if "model" not in settings:
        return tensors, meta, note
    tensors = summarised(tensors, seed)
    single, _, _ = case(seed, torch.float32, **settings)
    error = worst_error(summarised(single, seed), tensors)
    if error > TOLERANCE / 4:
        raise Unclear(f"float32 differs by {error:.1e}")
    meta["fill.seed"] = seed
    return tensors, meta, f"{note} float32 error {error:.1e}"


def make(name, out, base_seed):
    first = base_seed * 10000 + name_hash(name) % 9000
    for seed in range(first, first + 50):
        try:
            tensors, meta, note = computed(name, seed)
            break
        except Unclear as why:
            print(f"{name}: seed {seed} passed over: {why}")
    else:
        raise SystemExit(f"{name}: found no seed from {first} on that is clear")
    path = os.path.join(out, name + ".safetensors")
    write(path, tensors, meta)
    print(f"{path}: {len(tensors)} tensors, {os.path.getsize(path)} bytes {note}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--only", default="*", help="files whose names match, as ini_*")
    a = parser.parse_args()
    os.makedirs(a.out, exist_ok=True)
    for name in fnmatch.filter(FILES, a.only):
        make(name, a.out, a.seed)


if __name__ == "__main__":
    main()
