# /// script
# [tool.gdl]
# undeclared = [
#   "escnn==1.0.11", "lie_learn==0.0.2", "numpy==1.26.4", "joblib", "pymanopt==2.2.1", "autograd==1.9.1",
#   "requests", "urllib3", "idna", "certifi", "charset-normalizer",
# ]
# ///
"""Steerable and group convolution against escnn's R2Conv and R3Conv: errors of turns, training steps, construction.

    python benchmarks/groups_escnn.py [--threads 1] [--pairs 9] [--only turns step filter epoch construct]
                                      [--cases NAME ...]

Prints Markdown. escnn 1.0.11 stands on lie_learn, which is compiled for NumPy 1, while we declare NumPy 2 (and run
with either). So the list above is no dependency: `nox -s bench -- groups_escnn` puts it into a folder that is imported
first; by hand, `pip install --no-deps --target FOLDER` with that list, and `PYTHONPATH=FOLDER`.
py3nj (`pip install py3nj`, needs gfortran) is optional: without it escnn finds Clebsch-Gordan coefficients of SO(3)
numerically, which makes its first construction for that group slower. scikit-learn must not be found by escnn, which
hands it matrices that it no longer takes; `peer` hides it. Without escnn only our columns and Conv2d's are filled.

Both sides get the same group, fields, kernel, rings and cut of frequencies (twice the radius, our default; escnn's own
default leaves out high frequencies of the outermost ring), so that their kernel spaces have the dimensions that stand
beside. `turns` comes first: two layers, one smooth picture, float64, ‖f(g·s) - g·f(s)‖ / ‖f(s)‖ under quarter turns and
under turns by 45°, where the group has them. A `step` is forward and backward of one layer in training mode, where
both expand the filter each time, with the gradients of input and parameters. `filter` is the expansion alone, forward
and backward. `epoch` trains a whole network. Times are medians of pairs in both orders, ratios the medians of the
paired ratios. `construct` builds networks in new processes, imports not counted; escnn keeps what it has solved
on disk: with none of it, and with all.
"""

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any

import torch
from gdl_core.geometry import Blueprint
from gdl_core.grid import Grid
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_groups import GroupConv, SteerableConv, Turn
from gdl_groups.models.steerable import irreps_up_to, steerable_cnn, turning_group
from groups_steerable import picture
from incidence import paired
from torch import Tensor, nn
from torch.nn import functional

RIVAL = find_spec("escnn") is not None
CUT = 2.0
TABLES = ("turns", "step", "filter", "epoch", "construct")
Run = Callable[[], Any]


@lru_cache
def peer() -> tuple[Any, Any]:
    """Return `escnn.gspaces` and `escnn.nn`."""
    hidden = "sklearn.utils.extmath"
    kept = sys.modules.get(hidden)
    sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from escnn import gspaces
            from escnn import nn as enn
    finally:
        sys.modules.pop(hidden)
        if kept is not None:
            sys.modules[hidden] = kept
    return gspaces, enn


@dataclass(frozen=True)
class Case:
    """One layer: a group by name, fields (copies and kind) of input and output, and what goes in."""

    group: str
    into: tuple[int, str]
    out: tuple[int, str]
    kernel: int
    batch: int
    side: int
    layer: str = "SteerableConv"
    ndim: int = 2

    @property
    def name(self) -> str:
        fields = [f"{copies} {kind}" for copies, kind in (self.into, self.out)]
        return f"{self.layer} {self.group}, " + (fields[0] if fields[0] == fields[1] else " to ".join(fields))


CASES = (
    Case("C4", (16, "regular"), (16, "regular"), 3, 16, 28, "GroupConv"),
    Case("D4", (8, "regular"), (8, "regular"), 3, 16, 28, "GroupConv"),
    Case("D4", (16, "regular"), (16, "regular"), 3, 16, 14, "GroupConv"),
    Case("C4", (16, "regular"), (16, "regular"), 3, 16, 28),
    Case("D4", (8, "regular"), (8, "regular"), 3, 16, 28),
    Case("C8", (8, "regular"), (8, "regular"), 5, 16, 28),
    Case("C8", (16, "regular"), (16, "regular"), 5, 32, 14),
    Case("C8", (16, "regular"), (16, "regular"), 3, 32, 7),
    Case("C16", (8, "regular"), (8, "regular"), 5, 16, 28),
    Case("D8", (8, "regular"), (8, "regular"), 5, 16, 28),
    Case("C8", (1, "trivial"), (16, "regular"), 7, 16, 28),
    Case("SO2", (16, "irreps"), (16, "irreps"), 5, 16, 28),
    Case("O2", (16, "irreps"), (16, "irreps"), 5, 16, 28),
    Case("O", (2, "regular"), (2, "regular"), 3, 2, 12, "GroupConv", 3),
    Case("O", (2, "regular"), (2, "regular"), 3, 2, 12, ndim=3),
    Case("SO3", (8, "irreps"), (8, "irreps"), 5, 2, 12, ndim=3),
)


# --- one layer of each ------------------------------------------------------------------------------------------------


def our_type(case: Case, fields: tuple[int, str]) -> FieldType:
    group, (copies, kind) = turning_group(case.group, case.ndim), fields
    return irreps_up_to(group, 2, copies) if kind == "irreps" else FieldType(group, [(copies, kind)])


def our_layer(case: Case, into: FieldType, out: FieldType) -> Any:
    if case.layer == "GroupConv":
        return GroupConv(into, out, (case.kernel,) * case.ndim)
    return SteerableConv(into, out, case.kernel)


@contextlib.contextmanager
def quiet():
    """escnn prints while it makes representations of O(2) and of the cube."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@quiet()
def their_space(name: str, ndim: int = 2) -> Any:
    spaces, _ = peer()
    if ndim == 3:
        return spaces.octaOnR3() if name == "O" else spaces.rot3dOnR3()
    if name.endswith("O2"):
        return (spaces.rot2dOnR2 if name == "SO2" else spaces.flipRot2dOnR2)(-1, maximum_frequency=5)
    return (spaces.rot2dOnR2 if name.startswith("C") else spaces.flipRot2dOnR2)(int(name[1:]))


@quiet()
def their_type(case: Case, fields: tuple[int, str]) -> Any:
    enn, (copies, kind) = peer()[1], fields
    space = their_space(case.group, case.ndim)
    if kind == "regular":
        return enn.FieldType(space, copies * [space.regular_repr])
    if kind == "trivial":
        return enn.FieldType(space, copies * [space.trivial_repr])
    names = [(int(k > 0), k) if case.group == "O2" else (k,) for k in range(3)]
    return enn.FieldType(space, [space.irrep(*name) for name in names for _ in range(copies)])


@quiet()
def their_layer(case: Case, into: Any, out: Any, cut: float | None = CUT) -> Any:
    _, enn = peer()
    conv = enn.R2Conv if case.ndim == 2 else enn.R3Conv
    # Otherwise layers share their bases, and `double` of one would change another.
    return conv(into, out, case.kernel, padding=case.kernel // 2, frequencies_cutoff=cut, recompute=True)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# --- are both right? --------------------------------------------------------------------------------------------------


def turns(cases: tuple[Case, ...]) -> None:
    print("\n### Errors of turns, two layers (trivial to fields to fields), float64\n")
    print("| layers | quarter turn: ours | escnn | 45°: ours | escnn, same kernels | escnn, its default |")
    print("|---|---|---|---|---|---|")
    for case in cases:
        if case.ndim == 3 or case.into != case.out:
            continue
        cells = [our_error(case, 2), their_error(case, 2), None, None, None]
        if case.group not in ("C4", "D4"):
            cells[2:] = our_error(case, 1), their_error(case, 1), their_error(case, 1, None)
        row = ["-" if cell is None else f"{cell:.1e}" for cell in cells]
        print(f"| {case.name}, {case.kernel}² | {' | '.join(row)} |", flush=True)


def our_error(case: Case, eighths: int) -> float:
    type = our_type(case, case.out)
    torch.manual_seed(0)
    first, second = our_layer(case, FieldType(type.group, 1), type), our_layer(case, type, type)

    def function(x: Tensor, grid: Grid) -> Tensor:
        return second(first(x, grid), grid)

    def act(values: Tensor, symmetry: Turn, g: Tensor) -> Tensor:
        element = symmetry.fibre_element(g, type)
        if element is None:
            raise AssertionError(f"{type.group!r} has no turn by {eighths} eighths.")
        return torch.einsum("oi,biyx->boyx", type.matrix(element), values)

    nn.ModuleList([first, second]).double()
    return error(function, act, eighths)


def their_error(case: Case, eighths: int, cut: float | None = CUT) -> float | None:
    if not RIVAL:
        return None
    enn, type = peer()[1], their_type(case, case.out)
    torch.manual_seed(0)
    scalar = their_type(case, (1, "trivial"))
    net = nn.Sequential(their_layer(case, scalar, type, cut), their_layer(case, type, type, cut)).double()
    group = type.fibergroup
    angle = 2 * torch.pi * eighths / 8
    if case.group.endswith("O2"):
        element = group.element(angle if case.group == "SO2" else (0, angle))
    else:
        step = eighths * int(case.group[1:]) // 8
        element = group.element(step if case.group[0] == "C" else (0, step))

    def act(values: Tensor, symmetry: Turn, g: Tensor) -> Tensor:
        return type.transform_fibers(values, element)

    return error(lambda x, grid: net(enn.GeometricTensor(x, scalar)).tensor, act, eighths)


@torch.no_grad()
def error(function: Callable, act: Callable, eighths: int, side: int = 32) -> float:
    grid = Grid((side, side), "zero")
    symmetry = Turn(grid, SO(2), "fourier")
    angle = torch.tensor(2 * torch.pi * eighths / 8, dtype=torch.float64)
    g = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
    x = picture(side)
    y = function(x, grid)
    one = function(symmetry.move(g, x, grid)[0], grid)
    two = act(symmetry.move(g, y, grid)[0], symmetry, g)
    return float((one - two).norm() / y.norm())


# --- a training step --------------------------------------------------------------------------------------------------


def gradients(function: Callable[[Tensor], Tensor], parameters: list[Tensor], x: Tensor, upstream: Tensor) -> Run:
    return lambda: torch.autograd.grad(function(x), [x, *parameters], upstream)


def steps(cases: tuple[Case, ...], pairs: int) -> None:
    print("\n### One layer, a training step; ms\n")
    head = "| layer | kernel | images | channels | weights: ours | escnn |"
    print(f"{head} ours | escnn | Conv | escnn / ours | ours / Conv |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for case in cases:
        into, out = our_type(case, case.into), our_type(case, case.out)
        ours, grid = our_layer(case, into, out), Grid((case.side,) * case.ndim, "zero")
        plain = (nn.Conv2d if case.ndim == 2 else nn.Conv3d)(
            into.channels, out.channels, case.kernel, padding=case.kernel // 2
        )
        shape = [case.side] * case.ndim
        x = torch.randn(case.batch, into.channels, *shape, requires_grad=True)
        upstream = torch.randn(case.batch, out.channels, *shape)
        run = gradients(partial(ours, domain=grid), list(ours.parameters()), x, upstream)
        against = gradients(plain, list(plain.parameters()), x, upstream)
        other = None
        if RIVAL:
            theirs, function = on_tensors(case)
            other = gradients(function, list(theirs.parameters()), x, upstream)
        for warm in (run, against, *([other] if other else [])):
            warm()
        mine, conv, to_conv = paired(run, against, pairs)
        row = [count(ours), "-", f"{1e3 * mine:.1f}", "-", f"{1e3 * conv:.1f}", "-", f"{1 / to_conv:.2f}"]
        if other:
            _, their, ratio = paired(run, other, pairs)
            row[1], row[3], row[5] = count(theirs), f"{1e3 * their:.1f}", f"{ratio:.2f}"
        size = f"{case.batch}×{case.side}{'²³'[case.ndim - 2]}"
        channels = f"{into.channels} → {out.channels}"
        cells = [case.name, f"{case.kernel}{'²³'[case.ndim - 2]}", size, channels, *row]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def on_tensors(case: Case) -> tuple[Any, Callable[[Tensor], Tensor]]:
    enn, into, out = peer()[1], their_type(case, case.into), their_type(case, case.out)
    layer = their_layer(case, into, out)
    return layer, lambda x: layer(enn.GeometricTensor(x, into)).tensor


def filters(cases: tuple[Case, ...], pairs: int) -> None:
    print("\n### The filter alone, forward and backward; ms\n")
    print("| layer | kernel | filter | ours | escnn | escnn / ours |\n|---|---|---|---|---|---|")
    for case in cases:
        ours = our_layer(case, our_type(case, case.into), our_type(case, case.out))
        run, shape = expansion(ours, partial(first_of, ours.expand))
        row = ["-", "-"]
        if RIVAL:
            theirs, _ = on_tensors(case)
            other, again = expansion(theirs, partial(first_of, theirs.expand_parameters))
            if shape != again:
                raise AssertionError(f"The filters differ in shape: {shape} and {again}.")
            for _ in range(3):
                run()
                other()
            mine, their, ratio = paired(run, other, 3 * pairs)
            row = [f"{1e3 * their:.2f}", f"{ratio:.2f}"]
        else:
            mine = paired(run, run, 3 * pairs)[0]
        size = " × ".join(map(str, shape[:2]))
        power = "²³"[case.ndim - 2]
        print(f"| {case.name} | {case.kernel}{power} | {size} | {1e3 * mine:.2f} | {' | '.join(row)} |", flush=True)


def first_of(function: Callable[[], tuple[Tensor, Tensor | None]]) -> Tensor:
    return function()[0]


def expansion(layer: Any, expand: Callable[[], Tensor]) -> tuple[Run, torch.Size]:
    """Return a run of the expansion and its derivative. The bias, which it does not reach, gets no gradient."""
    filter = expand()
    upstream, leaves = torch.randn_like(filter), list(layer.parameters())
    return lambda: torch.autograd.grad(expand(), leaves, upstream, allow_unused=True), filter.shape


# --- a network --------------------------------------------------------------------------------------------------------


def their_cnn(order: int, channels: tuple[int, ...], classes: int) -> Any:
    """The network of `steerable_cnn(group="C…")`, of escnn's layers: BatchNorm, ReLU, means of 2 x 2, group maximum."""
    _, enn = peer()
    space = their_space(f"C{order}")
    type, parts = enn.FieldType(space, [space.trivial_repr]), []
    for position, copies in enumerate(channels):
        wider = enn.FieldType(space, copies * [space.regular_repr])
        parts += [enn.R2Conv(type, wider, 5, padding=2, bias=False, frequencies_cutoff=CUT)]
        parts += [enn.InnerBatchNorm(wider), enn.ReLU(wider)]
        if position < len(channels) - 1:
            parts.append(enn.PointwiseAvgPool2D(wider, 2))
        type = wider
    body = enn.SequentialModule(*parts, enn.GroupPooling(type))
    return body, nn.Linear(channels[-1], classes)


def epoch(pairs: int, images: int = 256, batch: int = 32, side: int = 28) -> None:
    print(f"\n### An epoch of {images} images of {side}², batches of {batch}, three layers of C8, Adam; s\n")
    print("| network | parameters: ours | escnn | ours | escnn | escnn / ours |\n|---|---|---|---|---|---|")
    draw = torch.Generator().manual_seed(0)
    x, target = torch.randn(images, 1, side, side, generator=draw), torch.randint(10, (images,), generator=draw)

    def training(network: Callable[[Tensor], Tensor], parameters: list[Tensor]) -> Run:
        optimizer = torch.optim.Adam(parameters, 1e-3)

        def run() -> None:
            for first in range(0, images, batch):
                optimizer.zero_grad()
                part = slice(first, first + batch)
                functional.cross_entropy(network(x[part]), target[part]).backward()
                optimizer.step()

        return run

    for channels in ((8, 16, 16), (4, 4, 4)):
        torch.manual_seed(0)
        ours: Blueprint = steerable_cnn(1, 10, group="C8", channels=channels, domain=Grid((side, side), "zero"))
        run = training(ours, list(ours.parameters()))
        name, size = f"C8, {', '.join(map(str, channels))} regular fields", count(ours)
        if not RIVAL:
            print(f"| {name} | {size:,} | - | {paired(run, run, 1)[0]:.2f} | - | - |")
            continue
        enn, (body, head) = peer()[1], their_cnn(8, channels, 10)
        scalar = body.in_type

        def forward(x: Tensor, body=body, head=head, scalar=scalar, enn=enn) -> Tensor:
            return head(body(enn.GeometricTensor(x, scalar)).tensor.mean((2, 3)))

        other = training(forward, [*body.parameters(), *head.parameters()])
        run()
        other()
        mine, their, ratio = paired(run, other, pairs)
        both = f"{size:,} | {count(body) + count(head):,}"
        print(f"| {name} | {both} | {mine:.2f} | {their:.2f} | {ratio:.2f} |", flush=True)


# --- construction -----------------------------------------------------------------------------------------------------

OURS = """
import time
from gdl_core.representations import FieldType
from gdl_groups.grid.steerable import SteerableConv
from gdl_groups.models.steerable import turning_group
group = turning_group({name!r})
start, before = time.perf_counter(), 1
for copies, kernel in {layers}:
    type = FieldType(group, [(copies, "regular")])
    layer, before = SteerableConv(before, type, kernel), type
print(time.perf_counter() - start)
"""
THEIRS = """
import sys, time, joblib
real = joblib.Memory
joblib.Memory = lambda location, **options: real({folder!r}, verbose=0)
sys.path.insert(0, {here!r})
from groups_escnn import peer, their_space
_, enn = peer()
start = time.perf_counter()
space = their_space({name!r})
before = enn.FieldType(space, [space.trivial_repr])
for copies, kernel in {layers}:
    type = enn.FieldType(space, copies * [space.regular_repr])
    layer, before = enn.R2Conv(before, type, kernel, padding=kernel // 2), type
print(time.perf_counter() - start)
"""
SEVEN = ((8, 5),) * 7
README = ((24, 7), (48, 5), (48, 5), (96, 5), (96, 5), (64, 5))  # of escnn's example for rotated MNIST


def construct() -> None:
    print("\n### Construction in a new process; s\n")
    print("| network | ours | escnn, nothing on disk | escnn, second process |\n|---|---|---|---|")
    for name, title, layers in (
        ("C8", "seven layers of 8 regular fields, 5²", SEVEN),
        ("C16", "seven layers of 8 regular fields, 5²", SEVEN),
        ("D8", "seven layers of 8 regular fields, 5²", SEVEN),
        ("D16", "seven layers of 8 regular fields, 5²", SEVEN),
        ("C8", "escnn's example: 24, 48, 48, 96, 96, 64 regular fields", README),
    ):
        row = [seconds(OURS.format(name=name, layers=layers))]
        with tempfile.TemporaryDirectory() as folder:
            here = str(__file__).rpartition("/")[0] or "."
            theirs = THEIRS.format(name=name, layers=layers, folder=folder, here=here)
            row += [seconds(theirs) if RIVAL else "not installed" for _ in range(2)]
        print(f"| {name}, {title} | {' | '.join(row)} |", flush=True)


def seconds(program: str, limit: float = 600) -> str:
    try:
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"more than {limit:.0f}"
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return f"{float(done.stdout.decode().split()[-1]):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--cases", nargs="+", help="groups; all by default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = tuple(case for case in CASES if not options.cases or case.group in options.cases)
    about = f"PyTorch {torch.__version__}, {platform.machine()}, {options.threads} threads, {versions()}"
    print(f"{about}; ratios above 1: ours is faster than escnn, or slower than Conv")
    torch.manual_seed(0)
    for table, run in (
        ("turns", partial(turns, cases)),
        ("step", partial(steps, cases, options.pairs)),
        ("filter", partial(filters, cases, options.pairs)),
        ("epoch", partial(epoch, options.pairs)),
        ("construct", construct),
    ):
        if table in options.only:
            run()


def versions() -> str:
    from importlib.metadata import version

    if not RIVAL:
        return "escnn not installed"
    return f"escnn {version('escnn')} {'with' if find_spec('py3nj') else 'without'} py3nj, NumPy {version('numpy')}"


if __name__ == "__main__":
    main()
