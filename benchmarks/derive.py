"""Deriving layers: the cost of the issue's cases, and the null-space route against the plain way of EMLP.

    python benchmarks/derive.py [--pairs 5]

The plain way (Finzi et al. 2021, §5.3, in dense form) stacks ρ_out ⊗ I - I ⊗ ρ_inᵀ of every generator and takes the
null space of the stack by a singular value decomposition. Both must find spaces of the same dimension. A ratio is the
plain time over ours, median of runs next to each other, in both orders.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import torch
from gdl_core import SO, DihedralGroup, EquivariantOperator, FieldType, SymmetricGroup, intertwiners
from gdl_core.derive.cache import _memory
from gdl_core.representations.commutant import constraints
from gdl_grids import Conv, Grid


def seconds(run: Callable[[], object]) -> float:
    _memory.cache_clear()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def power(rep, k):
    product = rep
    for _ in range(k - 1):
        product = product * rep
    return product


def plain_dimension(rep_in, rep_out) -> int:
    rows, columns = torch.eye(rep_out.dim).double(), torch.eye(rep_in.dim).double()
    pairs = [(a.contiguous(), b.mT.contiguous()) for a, b in constraints(rep_in, rep_out)]
    stack = torch.cat([torch.kron(a, columns) - torch.kron(rows, b) for a, b in pairs])
    values = torch.linalg.svd(stack, full_matrices=False)[1]
    return int((values < 1e-8 * values[0]).sum())


def costs() -> list[tuple[str, str, float]]:
    points = SymmetricGroup(30).representation("standard")
    torus = Grid((64, 64))
    window = torus.window(5)
    fields = FieldType(DihedralGroup(4), "1xstandard")
    return [
        ("S_30 on pairs to pairs", "15 maps on 900 points", lambda: intertwiners(points * points, points * points)),
        (
            "p4m on a 64 x 64 torus, 5 x 5",
            "scalars to scalars, a layer",
            lambda: EquivariantOperator(torus, "lattice", 1, 1, locality=window),
        ),
        (
            "p4m on a 64 x 64 torus, 5 x 5",
            "vectors to vectors, a layer",
            lambda: EquivariantOperator(torus, "lattice", fields, fields, locality=window),
        ),
    ]


def operator_over_convolution(repeats: int) -> float:
    """Return the time of a training pass of the derived shift operator over that of the `Conv` it equals."""
    grid, x = Grid((32, 32)), torch.randn(16, 16, 32, 32)
    layers = [EquivariantOperator(grid, "shift", 16, 16, locality=grid.window(5)), Conv(16, 16, 5)]
    runs = [lambda layer=layer: layer(x).sum().backward() for layer in layers]
    for run in runs * 2:
        run()  # warm up
    ratios = []
    for turn in range(repeats):
        times = [seconds(run) for run in (runs if turn % 2 == 0 else runs[::-1])]
        operator, convolution = times if turn % 2 == 0 else times[::-1]
        ratios.append(operator / convolution)
    return median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    repeats = parser.parse_args().pairs
    os.environ["GDL_CACHE"] = "0"
    print("| derived | what | seconds |\n|---|---|---:|")
    for name, what, run in costs():
        print(f"| {name} | {what} | {median(seconds(run) for _ in range(repeats)):.2f} |")
    print("\n| maps between | unknowns | dimension | plain / ours |\n|---|---:|---:|---:|")
    vector, square = SO(3).standard(), DihedralGroup(4)
    cases = [
        ("SO(3): V⊗V to V⊗V", power(vector, 2), power(vector, 2)),
        ("SO(3): V⊗V⊗V to V⊗V", power(vector, 3), power(vector, 2)),
        ("SO(3): V⊗V⊗V to V⊗V⊗V", power(vector, 3), power(vector, 3)),
        ("D_4: regular ⊗ V to regular ⊗ V", square.regular() * square.standard(), square.regular() * square.standard()),
    ]
    for name, into, out in cases:
        found = len(intertwiners(into, out, method="nullspace"))
        if found != plain_dimension(into, out):
            raise AssertionError(f"{name}: the two ways find spaces of different dimension.")
        ratios = []
        for turn in range(repeats):
            runs = [
                lambda: intertwiners(into, out, method="nullspace"),  # noqa: B023
                lambda: plain_dimension(into, out),  # noqa: B023
            ]
            times = [seconds(run) for run in (runs if turn % 2 == 0 else runs[::-1])]
            ours, plain = times if turn % 2 == 0 else times[::-1]
            ratios.append(plain / ours)
        print(f"| {name} | {into.dim * out.dim} | {found} | {median(ratios):.1f} |")
    ratio = operator_over_convolution(repeats)
    print(f"\nShift operator over the `Conv` it equals (16 x 16 x 32 x 32, 5 x 5, forward + backward): {ratio:.1f}")


if __name__ == "__main__":
    main()
