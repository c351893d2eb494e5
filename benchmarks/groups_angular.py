"""Harmonics and Wigner matrices against e3nn: milliseconds for 20,000 directions and rotations in float32.

    python benchmarks/groups_angular.py [--runs 9]

Forward, and forward with backward; e3nn as it comes and under `torch.compile`. Runs alternate; medians, and e3nn's time
over ours, the median over the rounds. Values and gradients are compared first. One thread.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from e3nn import o3
from gdl_groups.angular import spherical_harmonics, wigner_blocks

COUNT = 20_000


def milliseconds(runs: int, *functions: Callable[[], object]) -> list[list[float]]:
    """Return the times of each function, round by round."""
    found: list[list[float]] = [[] for _ in functions]
    for run in range(runs + 2):
        for times, function in zip(found, functions):
            start = time.perf_counter()
            function()
            if run > 1:  # the first ones compile
                times.append(1e3 * (time.perf_counter() - start))
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    return median(b / a for a, b in zip(ours, theirs))


def with_gradient(function: Callable, x: torch.Tensor, up: torch.Tensor) -> Callable[[], object]:
    def run() -> object:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(function(leaf), leaf, up)

    return run


def harmonics(degree: int, runs: int) -> None:
    degrees = list(range(degree + 1))
    x, up = torch.randn(COUNT, 3), torch.randn(COUNT, (degree + 1) ** 2)
    plain = o3.SphericalHarmonics(degrees, True, "component")
    torch.compiler.reset()  # every degree is a program of its own, and there is a limit to those of one line
    compiled = torch.compile(lambda v: o3.spherical_harmonics(degrees, v, True, "component"), fullgraph=True)
    kinds = (lambda v: spherical_harmonics(degrees, v), plain, compiled)
    torch.testing.assert_close(kinds[0](x), plain(x), rtol=1e-4, atol=1e-4)
    slopes = [with_gradient(f, x, up)()[0] for f in kinds[:2]]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-3 * float(slopes[0].abs().median()))
    forward = milliseconds(runs, *(lambda f=f: f(x) for f in kinds))
    both = milliseconds(runs, *(with_gradient(f, x, up) for f in kinds))
    for name, times in (("forward", forward), ("forward + backward", both)):
        cells = [f"{median(part):.2f}" for part in times] + [f"{ratio(times[0], part):.2f}" for part in times[1:]]
        print(f"| {degree} | {name} | " + " | ".join(cells) + " |", flush=True)


def matrices(degree: int, runs: int) -> None:
    rotations = o3.rand_matrix(COUNT)
    ours, theirs = milliseconds(
        max(runs // 3, 1),
        lambda: wigner_blocks(range(degree + 1), rotations),
        lambda: [o3.Irrep(l, 1).D_from_matrix(rotations) for l in range(degree + 1)],
    )
    print(f"| {degree} | {median(ours):.1f} | {median(theirs):.1f} | {ratio(ours, theirs):.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--degrees", type=int, nargs="+", default=[1, 2, 3, 4, 6])
    parser.add_argument("--only", nargs="+", choices=("harmonics", "wigner"), default=["harmonics", "wigner"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if "harmonics" in options.only:
        print("| L | harmonics | ours, ms | e3nn | e3nn compiled | e3nn / ours | compiled / ours |")
        print("|---|---|---|---|---|---|---|")
        for degree in options.degrees:
            harmonics(degree, options.runs)
        print()
    if "wigner" in options.only:
        print("| L | Wigner matrices, ms | e3nn | e3nn / ours |\n|---|---|---|---|")
        for degree in options.degrees:
            matrices(degree, options.runs)
