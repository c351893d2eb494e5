"""Group convolution on images: the step against a plain convolution, construction, turned digits, rotated MNIST.

    python benchmarks/groups_images.py [--threads 1] [--pairs 15] [--only step construct digits rotmnist]
                                       [--root ../shared/data/mnist] [--minutes 45]

Prints Markdown. *Step*: forward and backward, with the gradients of input and parameters, of one layer from regular
field to regular field, against `torch.nn.Conv2d` of the same channels: medians of pairs in both orders, and the median
of their ratios. Where escnn is installed its `R2Conv` stands beside them. *Digits*: the recipe `groups/rotated-digits`
and a plain network of equal size, learnt upright, tested in all four quarter turns. *rotmnist*: the network of the
recipe `groups/rotmnist` in one process under a budget of processor time, one-cycle schedule over the budget, every
image turned by up to 45 degrees at random (its quarter turns follow from the network), 12,000 to train, 50,000 to test;
no images kept apart: the last network counts.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup
from gdl_core.representations import FieldType
from gdl_groups import GroupConv, group_cnn
from gdl_groups.datasets.rotated import RotatedMNIST
from incidence import paired
from torch import Tensor, nn
from torch.nn import functional

ROWS = ((CyclicGroup(4), 16, 16, 28), (DihedralGroup(4), 8, 16, 28), (DihedralGroup(4), 16, 16, 14))


def step_of(layer: Callable[[Tensor], Tensor], parameters: list[Tensor], x: Tensor, upstream: Tensor):
    def run() -> list[Tensor]:
        return list(torch.autograd.grad(layer(x), [x, *parameters], upstream))

    return run


def escnn_layer(order: int, dihedral: bool, copies: int):
    """The same layer of escnn, on its tensors; None where it is not installed."""
    try:
        from escnn import gspaces
        from escnn import nn as enn
    except ImportError:
        return None
    space = gspaces.flipRot2dOnR2(order) if dihedral else gspaces.rot2dOnR2(order)
    type = enn.FieldType(space, copies * [space.regular_repr])
    layer = enn.R2Conv(type, type, 3, padding=1)
    return (lambda x: layer(enn.GeometricTensor(x, type)).tensor), list(layer.parameters())


def steps(pairs: int) -> None:
    print("\n## A training step against a plain convolution\n")
    print("| group | channels | images | ours, ms | Conv2d, ms | ours / Conv2d | escnn / ours |")
    print("|---|---|---|---|---|---|---|")
    for group, copies, batch, side in ROWS:
        type = FieldType(group, f"{copies}xregular")
        channels, grid = type.channels, Grid((side, side), "zero")
        ours, plain = GroupConv(type, type, 3), nn.Conv2d(channels, channels, 3, padding=1)
        x = torch.randn(batch, channels, side, side, requires_grad=True)
        upstream = torch.randn(batch, channels, side, side)
        run = step_of(lambda x, layer=ours, grid=grid: layer(x, grid), list(ours.parameters()), x, upstream)
        other = step_of(plain, list(plain.parameters()), x, upstream)
        for warm in (run, other):
            warm()
        one, two, ratio = paired(run, other, pairs)
        rival = escnn_layer(4, isinstance(group, DihedralGroup), copies)
        beside = "not installed"
        if rival is not None:
            third = step_of(*rival, x, upstream)
            third()
            beside = f"{paired(run, third, pairs)[2]:.2f}"
        size = f"{batch} x {side} x {side}"
        print(f"| {group} | {channels} | {size} | {1e3 * one:.1f} | {1e3 * two:.1f} | {1 / ratio:.2f} | {beside} |")


def construction() -> None:
    print("\n## Construction, seconds, first and second time\n")
    print("| network | first | second |\n|---|---|---|")
    for name, arguments in (
        ("p4m, six layers of 3 x 3", {"group": "D4", "channels": (8, 16, 16, 32, 32, 64)}),
        ("cube, four layers of 3 x 3 x 3", {"group": "O", "channels": (2, 4, 4, 8), "ndim": 3}),
        ("cube with reflections, four layers", {"group": "O_h", "channels": (1, 2, 2, 4), "ndim": 3}),
    ):
        times = []
        for _ in range(2):
            start = time.perf_counter()
            group_cnn(**arguments)  # type: ignore[arg-type]
            times.append(time.perf_counter() - start)
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} |")


def digits() -> None:
    from gdl_core.train import load_model, train

    print("\n## Digits of 8 x 8, learnt upright, tested in four quarter turns\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in (("p4", []), ("plain", ["--model.group", "1", "--model.channels", "[24, 48, 96]"])):
            for seed in range(3):
                run = train(
                    "groups/rotated-digits", [*changes, "--seed", str(seed)], output=Path(folder, f"{name}{seed}")
                )
                size = sum(parameter.numel() for parameter in load_model(run.checkpoint)[0].parameters())
                rows.append(f"| {name} | {seed} | {size:,} | {run.metrics['test/accuracy']:.2%} |")
    print("\n| network | seed | parameters | test accuracy |\n|---|---|---|---|")
    print("\n".join(rows))


def rotmnist(root: str, minutes: float) -> None:
    print("\n## Rotated MNIST\n")
    if not Path(root).is_dir():
        print(f"Skipped: there is no folder {root}.")
        return
    parts = RotatedMNIST(root, turn=45).splits()
    torch.manual_seed(0)
    domain = Grid((28, 28), "zero")
    shape = {"channels": (16, 24, 24, 32, 32, 48), "kernel_size": (5, 3, 3, 3, 3, 3), "pools": (0, 2)}
    net = group_cnn(1, 10, group="C4", dropout=0.3, domain=domain, **shape)  # type: ignore[arg-type]
    optimizer, used, seen = torch.optim.AdamW(net.parameters(), weight_decay=0.05), 0.0, 0
    order = torch.randperm(12000)
    while used < 60 * minutes:
        start = time.process_time()
        share = used / (60 * minutes)
        rate = 0.04 + 0.96 * share / 0.2 if share < 0.2 else (1 + math.cos(math.pi * (share - 0.2) / 0.8)) / 2
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * max(rate, 1e-4)
        place = seen % 12000
        order = torch.randperm(12000) if place == 0 else order
        ((x, target),) = parts.train.__getitems__(order[place : place + 60].tolist())  # type: ignore[attr-defined]
        optimizer.zero_grad()
        functional.cross_entropy(net(x), target).backward()
        optimizer.step()
        seen += 60
        used += time.process_time() - start
    net.eval()
    wrong = 0
    with torch.no_grad():
        for first in range(0, 50000, 500):
            ((x, target),) = parts.test.__getitems__(list(range(first, first + 500)))  # type: ignore[attr-defined]
            wrong += int((net(x).argmax(1) != target).sum())
    size = sum(parameter.numel() for parameter in net.parameters())
    print("| network | parameters | epochs | processor minutes | error |\n|---|---|---|---|---|")
    print(f"| p4, six layers | {size:,} | {seen / 12000:.1f} | {used / 60:.1f} | {wrong / 500:.2f} % |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--root", default="../shared/data/mnist")
    parser.add_argument("--minutes", type=float, default=45)
    parts = ("step", "construct", "digits", "rotmnist")
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if "step" in options.only:
        steps(options.pairs)
    if "construct" in options.only:
        construction()
    if "digits" in options.only:
        digits()
    if "rotmnist" in options.only:
        rotmnist(options.root, options.minutes)


if __name__ == "__main__":
    main()
