"""Harmonics and Wigner matrices against e3nn: milliseconds for 20,000 directions and rotations in float32.

    python benchmarks/groups_angular.py [--runs 9]

Forward, and forward with backward; e3nn as it comes and under `torch.compile`. Runs alternate; medians.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from e3nn import o3
from gdl_groups.angular import spherical_harmonics, wigner_blocks

COUNT = 20_000


def milliseconds(runs: int, *functions: Callable[[], object]) -> list[float]:
    found: list[list[float]] = [[] for _ in functions]
    for run in range(runs + 1):
        for times, function in zip(found, functions):
            start = time.perf_counter()
            function()
            if run:  # the first one compiles
                times.append(1e3 * (time.perf_counter() - start))
    return [median(times) for times in found]


def with_gradient(function: Callable, x: torch.Tensor, up: torch.Tensor) -> Callable[[], object]:
    def run() -> object:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(function(leaf), leaf, up)

    return run


def harmonics(degree: int, runs: int) -> None:
    degrees = list(range(degree + 1))
    x, up = torch.randn(COUNT, 3), torch.randn(COUNT, (degree + 1) ** 2)
    plain = o3.SphericalHarmonics(degrees, True, "component")
    compiled = torch.compile(lambda v: o3.spherical_harmonics(degrees, v, True, "component"), fullgraph=True)
    kinds = (lambda v: spherical_harmonics(degrees, v), plain, compiled)
    forward = milliseconds(runs, *(lambda f=f: f(x) for f in kinds))
    both = milliseconds(runs, *(with_gradient(f, x, up) for f in kinds))
    text = "  ".join(f"{name} {a:7.2f} {b:7.2f}" for name, a, b in zip(("gdl", "e3nn", "compiled"), forward, both))
    print(f"harmonics to degree {degree}: {text}")


def matrices(degree: int, runs: int) -> None:
    rotations = o3.rand_matrix(COUNT)
    ours, theirs = milliseconds(
        max(runs // 3, 1),
        lambda: wigner_blocks(range(degree + 1), rotations),
        lambda: [o3.Irrep(l, 1).D_from_matrix(rotations) for l in range(degree + 1)],
    )
    print(f"Wigner matrices to degree {degree}: gdl {ours:.1f}  e3nn {theirs:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    for degree in (2, 3, 4, 6):
        harmonics(degree, runs)
    for degree in (2, 3, 4, 6):
        matrices(degree, runs)
