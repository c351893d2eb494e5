# /// script
# dependencies = ["torch_geometric==2.8.1"]
# ///
"""Readouts, coarsenings and dynamic graphs, against PyTorch Geometric's where it has the same, forward and backward.

    python benchmarks/graphs_pooling.py [--samples 4000] [--size 25] [--edges 400] [--channels 64] [--pairs 5]
                                        [--threads 2] [--slow]

Prints Markdown tables. Outputs and gradients are compared first, but for TopKPool and EdgePool, whose nodes PyG numbers
otherwise (tests/parity compares them). `--slow` adds EdgePool, whose rival is a Python loop over all edges.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from gdl_graphs import (
    AttentionPool,
    DiffPool,
    EdgePool,
    GlobalPool,
    Graph,
    GumbelGraph,
    PointSet,
    TopKPool,
    contract,
    graclus,
    knn_graph,
)
from incidence import paired, seconds
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.utils import to_dense_adj, to_dense_batch

Run = Callable[[], list[Tensor]]


def step(forward: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    y = forward(x)
    return [y.detach(), *torch.autograd.grad(y.square().sum(), x)]


def row(name: str, ours: Run, rival: Run, pairs: int, same: bool = True) -> None:
    for one, two in zip(ours(), rival(), strict=True):
        if same and (one.shape != two.shape or (one - two).norm() > 1e-3 * two.norm()):
            raise AssertionError(f"{name}: both sides compute different things.")
    a, b, ratio = paired(ours, rival, pairs)
    print(f"| {name} | {1e3 * a:.1f} | {1e3 * b:.1f} | {ratio:.2f} |", flush=True)


def readouts(domain: PointSet, channels: int, pairs: int, what: str) -> None:
    x, owner, samples = (
        torch.randn(domain.num_points, channels).requires_grad_(),
        domain.owner.long(),
        domain.batch_size,
    )
    rivals = {"sum": pyg.global_add_pool, "mean": pyg.global_mean_pool, "max": pyg.global_max_pool}
    for name, rival in rivals.items():
        pool = GlobalPool(channels, name)
        row(f"{name}, {what}", partial(step, lambda x, p=pool: p(x, domain), x),
            partial(step, lambda x, r=rival: r(x, owner, samples), x), pairs)  # fmt: skip
    gate = nn.Linear(channels, 1)
    ours, theirs = AttentionPool(channels, gate=gate), pyg.AttentionalAggregation(gate)
    row(f"attention, {what}", partial(step, lambda x: ours(x, domain), x),
        partial(step, lambda x: theirs(x, owner, dim_size=samples), x), pairs)  # fmt: skip


def coarsenings(graph: Graph, channels: int, pairs: int, slow: bool) -> None:
    x, owner, ends = torch.randn(graph.num_nodes, channels).requires_grad_(), graph.owner.long(), graph.edge_index()
    top, their_top = TopKPool(channels), pyg.TopKPooling(channels)
    with torch.no_grad():
        their_top.select.weight.copy_(top.weight[None])
    row("TopKPool, half", partial(step, lambda x: top(x, graph)[0], x),
        partial(step, lambda x: their_top(x, ends, batch=owner)[0], x), pairs, same=False)  # fmt: skip
    soft = DiffPool(channels, 8)

    def ours(x: Tensor) -> Tensor:
        y, coarse = soft(x, graph)
        return y.reshape(graph.batch_size, 8, channels) + soft.losses(coarse)["entropy"] * 0 + coarse.edge_weight.mean()

    def dense(x: Tensor) -> Tensor:
        values, mask = to_dense_batch(x, owner, batch_size=graph.batch_size)
        y, adjacency, _, entropy = pyg.dense_diff_pool(values, to_dense_adj(ends, owner), soft.assign(values), mask)
        return y + entropy * 0 + adjacency.mean()

    row("DiffPool, 8 clusters, with losses", partial(step, ours, x), partial(step, dense, x), pairs)
    if slow:
        edge, their_edge = EdgePool(channels), pyg.EdgePooling(channels)
        with torch.no_grad():
            their_edge.lin.weight.copy_(torch.cat([edge.sender.weight, edge.receiver.weight], 1))
            their_edge.lin.bias.copy_(edge.receiver.bias)
        row("EdgePool", partial(step, lambda x: edge(x, graph)[0], x),
            partial(step, lambda x: their_edge(x, ends, owner)[0], x), 1, same=False)  # fmt: skip


def alone(graph: Graph, channels: int) -> None:
    print("\n| what | ms |\n|---|---:|")

    def line(name: str, run: Callable[[], object]) -> None:
        run()
        print(f"| {name} | {1e3 * median(seconds(run) for _ in range(3)):.1f} |", flush=True)

    cluster = graclus(graph)
    line(f"graclus, {graph}", lambda: graclus(graph))
    line("contract by it", lambda: contract(graph, cluster))
    clouds, x = PointSet.of([1024] * 8), torch.randn(8192, channels).requires_grad_()
    line(f"20 nearest of 8 x 1024 points in {channels} dimensions", lambda: knn_graph(x, clouds, 20))
    flat = torch.randn(100_000, 3)
    line("16 nearest of 99,999 points in 3 dimensions", lambda: knn_graph(flat, PointSet.of([99_999, 1]), 16))
    layer = GumbelGraph(channels, 20)

    def sampled() -> None:
        torch.autograd.grad(layer(x, clouds, seed=0)[1].edge_weight.square().sum(), x)

    line(f"GumbelGraph, k = 20, of 8 x 1024 points in {channels} dimensions, with gradient", sampled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("samples", 4000), ("size", 25), ("edges", 400), ("channels", 64), ("pairs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slow", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    sets = PointSet.of([given.size] * given.samples)
    nodes, edges = sets.num_points, given.samples * given.edges
    print(f"{nodes:,} nodes in {given.samples:,} samples, {edges:,} edges, {given.channels} float32 channels\n")
    print("| forward + backward, ms | gdl | PyG | ratio |\n|---|---:|---:|---:|")
    readouts(sets, given.channels, given.pairs, f"{given.samples:,} samples")
    readouts(PointSet.of(nodes), given.channels, given.pairs, "one sample")
    first = sets.ptr[:-1].long().repeat_interleave(given.edges)
    graph = Graph.from_edge_index((torch.randint(given.size, (2, edges)) + first), nodes)
    graph = graph.replace(ptr=sets.ptr, owner=sets.owner)
    graph = graph.without_self_loops()  # PyG's EdgePooling contracts them
    coarsenings(graph, given.channels, given.pairs, given.slow)
    alone(graph, given.channels)


if __name__ == "__main__":
    main()
