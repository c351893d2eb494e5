"""Steerable convolution: a training step beside plain convolution, construction, and the error of turns by any angle.

    python benchmarks/groups_steerable.py speed [--threads 2] [--repeats 15]
    python benchmarks/groups_steerable.py turns [--picture docs/images/discretisation.png]

`speed` prints markdown: a training step (forward, backward) of SteerableConv between regular fields and of
`torch.nn.Conv2d` with the same channels, timed in turns, the ratio the median of the paired ratios; then the seconds to
build seven layers, in a process that has built none before. Peer: escnn 1.0, where it installs (it needs lie_learn and
py3nj, which need Fortran). `turns` measures ‖f(g·s) - g·f(s)‖ / ‖f(s)‖ with `gdl_groups.Turn` on one picture at growing
resolution; docs/discretisation.md explains it.
"""

import argparse
import statistics
import subprocess
import sys
import time

import torch
from gdl_core.geometry import Blueprint, Signal
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_groups.fibre.fourier import FourierActivation
from gdl_groups.fibre.gate import Gate
from gdl_groups.grid.steerable import SteerableConv
from gdl_groups.grid.turn import Turn
from torch import nn

SIZES = (16, 24, 32, 48, 64, 96)
BUILD = """
import time
from gdl_core.groups import {kind}
from gdl_core.representations import FieldType
from gdl_groups.grid.steerable import SteerableConv
SteerableConv(1, 1, 3)
type = FieldType({kind}({n}), "8xregular")
start = time.perf_counter()
for position in range(7):
    SteerableConv(type if position else 1, type, 5)
print(time.perf_counter() - start)
"""


def paired(ours, theirs, repeats: int) -> tuple[float, float, float]:
    """Return the median times of both in milliseconds and the median of the ratios ours / theirs."""
    for _ in range(3):
        ours()
        theirs()
    rows = []
    for turn in range(repeats):
        times = {}
        for run in (ours, theirs) if turn % 2 else (theirs, ours):
            start = time.perf_counter()
            run()
            times[run] = time.perf_counter() - start
        rows.append((times[ours], times[theirs]))
    first, second = (1e3 * statistics.median(column) for column in zip(*rows))
    return first, second, statistics.median(a / b for a, b in rows)


def training(layer: nn.Module, x: torch.Tensor):
    def run() -> None:
        layer.zero_grad()
        layer(x).sum().backward()

    return run


def speed(repeats: int) -> None:
    print("| group | channels | kernel | input | steerable ms | plain ms | ratio |\n|---|---|---|---|---|---|---|")
    for group, copies, kernel, size, batch in (
        (CyclicGroup(8), 8, 5, 28, 32),
        (CyclicGroup(8), 16, 5, 28, 32),
        (CyclicGroup(8), 8, 3, 28, 32),
        (CyclicGroup(8), 16, 5, 14, 64),
        (CyclicGroup(16), 8, 5, 28, 32),
        (DihedralGroup(8), 8, 5, 28, 32),
    ):
        type = FieldType(group, [(copies, group.regular())])
        c, grid = type.channels, Grid((size, size), "zero")
        x = torch.randn(batch, c, size, size, requires_grad=True)
        steerable = SteerableConv(type, type, kernel, bias=False)
        plain = nn.Conv2d(c, c, kernel, padding=kernel // 2, bias=False)

        def ours(run=steerable, x=x, grid=grid) -> None:
            run.zero_grad()
            run(x, grid).sum().backward()

        first, second, ratio = paired(ours, training(plain, x), repeats)
        print(f"| {group} | {c} | {kernel}² | {batch}×{size}² | {first:.1f} | {second:.1f} | {ratio:.2f} |", flush=True)
    print("\n| seven layers, 8 regular fields, 5², of | seconds |\n|---|---|")
    for kind, n in (("CyclicGroup", 8), ("CyclicGroup", 16), ("DihedralGroup", 8), ("DihedralGroup", 16)):
        done = subprocess.run([sys.executable, "-c", BUILD.format(kind=kind, n=n)], capture_output=True, text=True)
        print(f"| {kind}({n}) | {float(done.stdout):.2f} |", flush=True)


def picture(n: int) -> torch.Tensor:
    """Return one smooth picture of n x n points, inside the disc: a sum of twelve Gaussians."""
    draw = torch.Generator().manual_seed(0)
    u = torch.cartesian_prod(*[(torch.arange(n, dtype=torch.float64) + 0.5) * 2 / n - 1] * 2)
    centres = torch.rand(12, 2, generator=draw, dtype=torch.float64) - 0.5
    heights = torch.randn(12, 1, generator=draw, dtype=torch.float64)
    x = (heights * torch.exp(-(u - centres[:, None]).square().sum(-1) / (2 * 0.13**2))).sum(0)
    return x.reshape(1, 1, n, n)


def error(f, out_type: FieldType, group, n: int) -> float:
    signal = Signal(picture(n), Grid((n, n), "zero"), FieldType.scalars(1))
    turn = Turn(signal.domain, group, "fourier")
    return equivariance_error(f, signal, turn, samples=5, out_type=out_type).mean


def layers() -> dict:
    """Return one layer each: (function, output type, group)."""
    found = {}
    for name, group, out in (
        ("C8", CyclicGroup(8), "2xregular"),
        ("C16", CyclicGroup(16), "1xregular"),
        ("SO(2), frequencies to 4", SO(2), "1x0+1x1+1x2+1x3+1x4"),
    ):
        type = FieldType(group, out)
        for size in (3, 5, 7) if name == "C8" else (5,):
            found[f"{name}, {size}²"] = SteerableConv(1, type, size, bias=False), type, group
        found[f"{name}, 5², plain samples"] = SteerableConv(1, type, 5, bias=False, moments=-1), type, group
    scalars = FieldType.scalars(8)
    found["no symmetry (Conv2d), 5²"] = nn.Conv2d(1, 8, 5, padding=2, bias=False), scalars, SO(2)
    return found


def networks() -> dict:
    """Return networks of three convolutions."""
    found = {}
    for n in (8, 16):
        type = FieldType(CyclicGroup(n), f"{32 // n}xregular")
        found[f"C{n} regular, ReLU"] = _stack(type, lambda type: (type, nn.ReLU())), type, type.group
    irreps = FieldType(SO(2), "4x0+4x1+4x2")
    for samples in (5, 8, 16):
        function = FourierActivation(irreps, "elu", samples, channel_axis=1)
        found[f"SO(2) to 2, ELU on {samples} samples"] = (
            _stack(irreps, lambda _, f=function: (irreps, f)),
            irreps,
            SO(2),
        )
    gate = Gate(irreps, channel_axis=1)
    found["SO(2) to 2, gate"] = _stack(irreps, lambda _: (gate.in_type, gate)), irreps, SO(2)
    return found


def _stack(type: FieldType, activation) -> Blueprint:
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    before: FieldType | int = 1
    for _ in range(2):
        into, function = activation(type)
        parts += [SteerableConv(before, into, 5, bias=False), function]
        before = type
    return Blueprint([*parts, SteerableConv(before, type, 5, bias=False)])


def turns(path: str | None) -> None:
    tables = []
    for title, things in (("one layer", layers()), ("three layers", networks())):
        print(f"\n| {title} | {' | '.join(f'{n}²' for n in SIZES)} |\n|---|{'---|' * len(SIZES)}")
        rows = {}
        for name, (f, type, group) in things.items():
            rows[name] = [error(f.double(), type, group, n) for n in SIZES]
            print(f"| {name} | {' | '.join(f'{e:.1e}' for e in rows[name])} |", flush=True)
        tables.append((title, rows))
    if path:
        draw(tables, path)


def draw(tables: list, path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (title, rows) in zip(figure.subplots(1, 2), tables):
        for name, errors in rows.items():
            axes.loglog(SIZES, errors, "--" if "plain" in name or "Conv2d" in name else "-", marker=".", label=name)
        axes.set(title=title, xlabel="points per axis, of one picture", ylabel="relative error of turns")
        axes.set_xticks(SIZES, [str(n) for n in SIZES])
        axes.minorticks_off()
        axes.legend(fontsize=6)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("speed", "turns"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--picture", default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    speed(arguments.repeats) if arguments.what == "speed" else turns(arguments.picture)
