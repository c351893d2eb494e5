"""Attention over edges against PyTorch Geometric: operators, layers, a training step, memory, time per edge.

    python benchmarks/graphs_attention.py [--nodes 100000] [--edges 1600000] [--heads 4] [--channels 16] [--pairs 5]
                                          [--threads 2] [--only operators layers cora memory growth]
                                          [--largest 10000000]

Prints Markdown tables. Both sides have the same parameters, and outputs and gradients are compared first; times are
medians of pairs in both orders, ratios the medians of the paired ratios. PyG's edges are sorted by receiver, which is
kind to it; its sparse modes are those of `graphs_layers.py`. Memory is how far the resident set rises above what it was
with all inputs made, in a process of its own (Linux).
"""

import argparse
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from gdl_graphs import (
    GATConv,
    GATv2Conv,
    Graph,
    TransformerConv,
    edge_attention,
    gat,
    gat_attention,
    gatv2_attention,
)
from graphs_layers import best_sparse, compare, copy_parameters, random_edges, training_step
from incidence import Run, seconds
from torch import Tensor, nn
from torch_geometric import nn as pyg

NAMES = ("GAT", "GATv2", "dot product")


def operators(name: str, graph: Graph, heads: int, channels: int) -> tuple[Run, Run]:
    """The operator alone, and what PyG's layer does between its linear maps."""
    draw, n = torch.Generator().manual_seed(0), graph.num_nodes

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw).requires_grad_()

    x, y, z, up = (normal(n, heads, channels) for _ in range(4))
    a, b, edges, i = normal(n, heads), normal(n, heads), graph.edge_index(), graph.incidence
    width = heads * channels

    def both(out: Tensor, inputs: list[Tensor]) -> list[Tensor]:
        return [out.detach(), *torch.autograd.grad(out, inputs, up)]

    if name == "GAT":
        v1 = pyg.GATConv(width, channels, heads, add_self_loops=False)

        def theirs() -> Tensor:
            alpha = v1.edge_updater(edges, alpha=(b, a), edge_attr=None, size=(n, n))
            return v1.propagate(edges, x=(x, x), alpha=alpha, size=(n, n))

        return lambda: both(gat_attention(i, a, b, x)[0], [a, b, x]), lambda: both(theirs(), [a, b, x])
    if name == "GATv2":
        v2 = pyg.GATv2Conv(width, channels, heads, add_self_loops=False)

        def theirs_v2() -> Tensor:
            alpha = v2.edge_updater(edges, x=(x, y), edge_attr=None)
            return v2.propagate(edges, x=(x, y), alpha=alpha)

        inputs = [x, y, v2.att]
        return lambda: both(gatv2_attention(i, y, x, v2.att[0])[0], inputs), lambda: both(theirs_v2(), inputs)
    dot = pyg.TransformerConv(width, channels, heads)

    def theirs_dot() -> Tensor:
        return dot.propagate(edges, query=x, key=y, value=z, edge_attr=None)

    return lambda: both(edge_attention(i, x, y, z)[0], [x, y, z]), lambda: both(theirs_dot(), [x, y, z])


def layers(width: int, heads: int, channels: int) -> dict[str, tuple[nn.Module, nn.Module]]:
    return {
        "GATConv": (GATConv(width, channels, heads), pyg.GATConv(width, channels, heads, add_self_loops=False)),
        "GATv2Conv": (GATv2Conv(width, channels, heads), pyg.GATv2Conv(width, channels, heads, add_self_loops=False)),
        "TransformerConv": (TransformerConv(width, channels, heads), pyg.TransformerConv(width, channels, heads)),
    }


def step(layer: nn.Module, x: Tensor, where: object, upstream: Tensor) -> list[Tensor]:
    y, parameters = layer(x, where), dict(layer.named_parameters())
    # A bias of all keys changes no softmax: its gradient is rounding.
    wanted = [parameters[name] for name in sorted(parameters) if name != "lin_key.bias"]
    return [y.detach(), *torch.autograd.grad(y, [x, *wanted], upstream)]


def compare_operators(graph: Graph, heads: int, channels: int, pairs: int) -> None:
    print("| operator | gdl | PyG | ratio |\n|---|---:|---:|---:|")
    for name in NAMES:
        a, b, ratio = compare(*operators(name, graph, heads, channels), pairs)
        print(f"| {name} | {1e3 * a:.0f} ms | {1e3 * b:.0f} ms | **{ratio:.1f}x** |", flush=True)


def compare_layers(graph: Graph, heads: int, channels: int, pairs: int) -> None:
    draw, width = torch.Generator().manual_seed(1), heads * channels
    x = torch.randn(graph.num_nodes, width, generator=draw).requires_grad_()
    upstream = torch.randn(graph.num_nodes, width, generator=draw)
    print("\n| layer | gdl | PyG default | ratio | PyG's best sparse mode | ratio |\n|---|---:|---:|---:|---:|---:|")
    for name, (ours, theirs) in layers(width, heads, channels).items():
        copy_parameters(ours, theirs)
        mine = partial(step, ours, x, graph, upstream)
        a, b, ratio = compare(mine, partial(step, theirs, x, graph.edge_index(), upstream), pairs)
        row = f"| {name} | {1e3 * a:.0f} ms | {1e3 * b:.0f} ms | **{ratio:.1f}x** |"
        fast = best_sparse(step, theirs, graph, x, upstream, normalised=False)
        if fast is None:
            print(row + " none runs | |", flush=True)
            continue
        _, b, ratio = compare(mine, fast[1], pairs)
        print(f"{row} {fast[0]}: {1e3 * b:.0f} ms | **{ratio:.1f}x** |", flush=True)


class PygGAT(nn.Module):
    """GAT's network for Cora: 8 heads of 8 channels, then one of 7; dropout of 0.6 of features and of weights."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.first = pyg.GATConv(channels, 8, 8, dropout=0.6, add_self_loops=False)
        self.second = pyg.GATConv(64, classes, dropout=0.6, add_self_loops=False)

    def forward(self, x: Tensor, where: object) -> Tensor:
        x = nn.functional.dropout(x, 0.6, self.training)
        x = nn.functional.dropout(nn.functional.elu(self.first(x, where)), 0.6, self.training)
        return self.second(x, where)


def cora(pairs: int, steps: int = 10) -> None:
    """A training step of GAT at the size of Cora, features drawn at random."""
    nodes, channels, classes = 2708, 1433, 7
    draw = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, 5278), generator=draw)
    graph = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), nodes).with_self_loops()
    x = (torch.rand(nodes, channels, generator=draw) < 0.013).float()
    target, known = torch.randint(classes, (nodes,), generator=draw), torch.arange(140)
    ours, theirs = gat(channels, classes), PygGAT(channels, classes)
    for layer, peer in zip([m for m in ours.modules() if isinstance(m, GATConv)], theirs.children(), strict=True):
        peer.load_state_dict(layer.state_dict())
    worst = (ours.eval()(x, graph) - theirs.eval()(x, graph.edge_index())).abs().max()
    if worst > 1e-4:
        raise AssertionError(f"Both networks give different outputs: {worst}.")
    w1, w2, h = torch.randn(channels, 64), torch.randn(64, classes), torch.randn(nodes, 64)
    g1, g2 = torch.randn(nodes, 64), torch.randn(nodes, classes)

    def dense() -> None:  # the five products of the step: two forward, one for h, two for the parameters
        _ = x @ w1, h @ w2, g2 @ w2.T, x.T @ g1, h.T @ g2

    runs: dict[str, Callable[[], object]] = {
        "gdl": training_step(ours.train(), x, graph, target, known),
        "PyG": training_step(theirs.train(), x, graph.edge_index(), target, known),
        "the dense products alone": dense,
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for pair in range(2 * pairs):
        for name in list(runs) if pair % 2 else reversed(list(runs)):
            times[name].append(sum(seconds(runs[name]) for _ in range(steps)) / steps)
    print(f"\nA training step of GAT at the size of Cora: {nodes:,} nodes of {channels:,} features\n")
    print("| | ms a step | to gdl |\n|---|---:|---:|")
    for name in runs:
        ratio = median(b / a for a, b in zip(times["gdl"], times[name], strict=True))
        print(f"| {name} | {1e3 * median(times[name]):.2f} | {ratio:.2f}x |", flush=True)


def resident(field: str) -> int:
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field))


def measure_memory(name: str, side: str, nodes: int, edges: int, heads: int, channels: int) -> None:
    """Print how many bytes forward + backward needs at its peak, beyond the inputs; run in a process of its own."""
    small = operators(name, random_edges(64, 256), heads, channels)[side == "PyG"]
    small()  # compiled and loaded
    run = operators(name, random_edges(nodes, edges), heads, channels)[side == "PyG"]
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts anew
    before = resident("VmRSS")
    run()
    print(resident("VmHWM") - before)


def memory(heads: int, channels: int, largest: int) -> None:
    """The same nodes with a quarter of the edges and with all of them: what grows is what belongs to edges."""
    print(f"\nMemory of forward + backward at its peak beyond the inputs, {heads} x {channels} channels\n")
    print("| operator | | nodes | edges | peak | per node | grows by, per edge |\n|---|---|---:|---:|---:|---:|---:|")
    # Freed memory goes back at once instead of hiding what is allocated next.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    for name in NAMES:
        for side, edges in (("gdl", largest), ("PyG", largest // 5)):
            nodes, peaks = edges // 16, []
            for count in (edges // 4, edges):
                child = [sys.executable, __file__, "--measure", name, side, str(nodes), str(count)]
                child += ["--heads", str(heads), "--channels", str(channels)]
                done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
                peaks.append(int(done.stdout.split()[-1]))
            slope = (peaks[1] - peaks[0]) / (edges - edges // 4)
            figures = f"{peaks[1] / 2**20:,.0f} MiB | {peaks[1] / nodes:,.0f} B | {slope:,.1f} B"
            print(f"| {name} | {side} | {nodes:,} | {edges:,} | {figures} |", flush=True)


def local_edges(nodes: int, edges: int) -> Graph:
    """Edges between nodes at most 64 numbers apart, as in meshes, roads, or points sorted along a curve."""
    draw = torch.Generator().manual_seed(0)
    receiver = torch.randint(nodes, (edges,), generator=draw).sort().values
    sender = (receiver + torch.randint(-64, 65, (edges,), generator=draw)) % nodes
    return Graph.from_edges(sender, receiver, num_nodes=nodes)


def growth(heads: int, channels: int, largest: int, pairs: int) -> None:
    for title, make in (("between near nodes", local_edges), ("between any nodes", random_edges)):
        print(f"\nTime per edge, forward + backward, {heads} x {channels} channels, 16 edges per node, {title}\n")
        print(f"| edges | {' | '.join(NAMES)} |\n|---:|---:|---:|---:|")
        edges = 10_000
        while edges <= largest:
            graph, figures = make(edges // 16, edges), []
            for name in NAMES:
                run, _ = operators(name, graph, heads, channels)
                run()
                repeats = max(1, 300_000 // edges)
                figures.append(median(sum(seconds(run) for _ in range(repeats)) / repeats for _ in range(pairs)))
            print(f"| {edges:,} | " + " | ".join(f"{1e9 * x / edges:.0f} ns" for x in figures) + " |", flush=True)
            edges *= 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = (("nodes", 100_000), ("edges", 1_600_000), ("heads", 4), ("channels", 16), ("pairs", 5), ("threads", 2))
    for name, value in (*sizes, ("largest", 10_000_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="*", default=["operators", "layers", "cora", "memory", "growth"])
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    if o.measure:
        name, side, nodes, edges = o.measure
        measure_memory(name, side, int(nodes), int(edges), o.heads, o.channels)
        return
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    torch.sparse.check_sparse_tensor_invariants.disable()  # silences a warning; CSR matrices here are valid
    print(f"{o.threads} threads, torch {torch.__version__}, {platform.machine()}, median of {o.pairs} pairs\n")
    if "operators" in o.only or "layers" in o.only:
        graph = random_edges(o.nodes, o.edges)
        print(f"{o.nodes:,} nodes, {o.edges:,} edges, {o.heads} x {o.channels} float32 channels, forward + backward\n")
        if "operators" in o.only:
            compare_operators(graph, o.heads, o.channels, o.pairs)
        if "layers" in o.only:
            compare_layers(graph, o.heads, o.channels, o.pairs)
    if "cora" in o.only:
        cora(o.pairs)
    if "memory" in o.only:
        memory(o.heads, o.channels, o.largest)
    if "growth" in o.only:
        growth(o.heads, o.channels, o.largest, o.pairs)


if __name__ == "__main__":
    main()
