"""Aggregation over an incidence against plain torch: gather and `index_add_`, forward and backward.

    python benchmarks/incidence.py [--nodes 100000] [--edges 1600000] [--channels 64] [--pairs 7] [--threads 2]

Prints a Markdown table. Each row times ours and the rival in pairs, in both orders, and reports medians and the
median of the paired ratios. Every figure is checked first: both sides must agree, and ours must repeat bit for bit.
"""

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median

import torch
from gdl_core.incidence import Incidence, aggregate, reduce, segment_softmax
from torch import Tensor

Run = Callable[[], list[Tensor]]


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def paired(ours: Callable[[], object], rival: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of runs that were next to each other, in both orders."""
    times = []
    for pair in range(pairs):
        if pair % 2:
            second = seconds(rival)
            times.append((seconds(ours), second))
        else:
            times.append((seconds(ours), seconds(rival)))
    return median(a for a, _ in times), median(b for _, b in times), median(b / a for a, b in times)


def compare(ours: Run, rival: Run, pairs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of runs that were next to each other."""
    for one, two, again in zip(ours(), rival(), ours(), strict=True):
        # Not all: of equal maxima ours gives the gradient to the first, torch a share to each.
        differ = (one - two).abs() > 1e-3 * (1 + two.abs())
        if differ.float().mean() > 1e-6:
            raise AssertionError("Both sides compute different things.")
        if not torch.equal(one, again):
            raise AssertionError("Our result does not repeat bit for bit.")
    return paired(ours, rival, pairs)


def cases(nodes: int, edges: int, channels: int) -> dict[str, tuple[Run, Run]]:
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(nodes, (2, edges), generator=g)
    order = torch.argsort(receiver * nodes + sender, stable=True)
    sender, receiver = sender[order], receiver[order]  # the rival gets sorted edges too
    incidence = Incidence.from_edges(sender, receiver, nodes, nodes)
    x = torch.randn(nodes, channels, generator=g).requires_grad_()
    weight = torch.rand(edges, generator=g).requires_grad_()
    upstream = torch.randn(nodes, channels, generator=g)
    values = torch.randn(edges, channels, generator=g).requires_grad_()
    logits = torch.randn(edges, 4, generator=g).requires_grad_()
    upstream_edges = torch.randn(edges, 4, generator=g)

    def both(y: Tensor, inputs: list[Tensor], by: Tensor) -> list[Tensor]:
        return [y.detach(), *torch.autograd.grad(y, inputs, by)]

    def scatter(messages: Tensor) -> Tensor:
        return torch.zeros(nodes, messages.shape[1]).index_add_(0, receiver, messages)

    def scatter_softmax() -> Tensor:
        index = receiver[:, None].expand_as(logits)
        top = torch.zeros(nodes, 4).scatter_reduce(0, index, logits.detach(), "amax", include_self=False)
        p = (logits - top[receiver]).exp()
        return p / scatter(p)[receiver]

    def scatter_max() -> Tensor:
        index = receiver[:, None].expand_as(values)
        return torch.zeros(nodes, channels).scatter_reduce(0, index, values, "amax", include_self=False)

    return {
        "sum": (
            lambda: both(aggregate(incidence, x), [x], upstream),
            lambda: both(scatter(x[sender]), [x], upstream),
        ),
        "weighted sum, gradient of weights too": (
            lambda: both(aggregate(incidence, x, weight), [x, weight], upstream),
            lambda: both(scatter(x[sender] * weight[:, None]), [x, weight], upstream),
        ),
        "sum of edge values": (
            lambda: both(reduce(incidence, values), [values], upstream),
            lambda: both(scatter(values), [values], upstream),
        ),
        "max of edge values": (
            lambda: both(reduce(incidence, values, "max"), [values], upstream),
            lambda: both(scatter_max(), [values], upstream),
        ),
        "softmax of 4 heads": (
            lambda: both(segment_softmax(incidence, logits), [logits], upstream_edges),
            lambda: both(scatter_softmax(), [logits], upstream_edges),
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("nodes", 100_000), ("edges", 1_600_000), ("channels", 64), ("pairs", 7), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{options.nodes:,} nodes, {options.edges:,} edges, {options.channels} float32 channels, forward + backward, "
        f"{options.threads} threads, torch {torch.__version__}, {platform.machine()}, median of {options.pairs} pairs\n"
    )
    print("| operation | gather + index_add_ | gdl | ratio |\n|---|---:|---:|---:|")
    for name, (ours, rival) in cases(options.nodes, options.edges, options.channels).items():
        a, b, ratio = compare(ours, rival, options.pairs)
        print(f"| {name} | {1e3 * b:.0f} ms | {1e3 * a:.0f} ms | **{ratio:.1f}x** |", flush=True)


if __name__ == "__main__":
    main()
