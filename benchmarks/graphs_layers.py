# /// script
# dependencies = ["torch_geometric==2.8.1"]
# ///
"""Graph layers against PyTorch Geometric's, forward and backward, its default mode and its best sparse one.

    python benchmarks/graphs_layers.py [--nodes 100000] [--edges 1600000] [--channels 64] [--pairs 5] [--threads 2]
                                       [--only layers cora growth] [--largest 10000000]

Prints Markdown tables. Each row has the parameters copied and the outputs and gradients compared first, and times ours
and the rival in pairs, in both orders: medians, and the median of the paired ratios. PyG's edges are sorted by
receiver, which is kind to it; its sparse modes are `EdgeIndex` with its cache filled and a `torch.sparse` CSR matrix,
both made beforehand and GCN's coefficients cached, and the faster of those that run is the rival.
"""

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from gdl_core.incidence import aggregate
from gdl_graphs import EdgeConv, GCNConv, GINConv, Graph, PNAConv, SAGEConv, degree_histogram, gcn
from incidence import Run, paired, seconds
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric import nn as pyg
from torch_geometric.nn.conv.gcn_conv import gcn_norm

AGGREGATORS = ["mean", "min", "max", "std"]
SCALERS = ["identity", "amplification", "attenuation"]


def random_edges(nodes: int, edges: int) -> Graph:
    draw = torch.Generator().manual_seed(0)
    return Graph.from_edge_index(torch.randint(nodes, (2, edges), generator=draw), nodes)


class Sum(nn.Module):
    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        return aggregate(graph.incidence, x)


def layers(graph: Graph, c: int) -> dict[str, tuple[nn.Module, nn.Module, Graph, nn.Module]]:
    """Ours, PyG's, our graph, and PyG's for a sparse mode."""

    def two() -> nn.Sequential:
        return nn.Sequential(nn.Linear(c, c), nn.ReLU(), nn.Linear(c, c))

    def one() -> nn.Sequential:
        return nn.Sequential(nn.Linear(2 * c, c), nn.LeakyReLU(0.2))

    def ends() -> nn.Sequential:
        return nn.Sequential(nn.Linear(2 * c, c), nn.ReLU(), nn.Linear(c, c))

    degrees = degree_histogram([graph])
    gin, edge, edge_two = (pyg.GINConv(two()), pyg.EdgeConv(one()), pyg.EdgeConv(ends()))
    pna = pyg.PNAConv(c, c, AGGREGATORS, SCALERS, degrees)
    gcn_layer, sage, sage_max = pyg.GCNConv(c, c), pyg.SAGEConv(c, c), pyg.SAGEConv(c, c, "max")
    return {
        "sum": (Sum(), pyg.SimpleConv("sum"), graph, pyg.SimpleConv("sum")),
        "GCNConv": (GCNConv(c, c), gcn_layer, graph.with_self_loops(), pyg.GCNConv(c, c, normalize=False)),
        "SAGEConv, mean": (SAGEConv(c, c), sage, graph, sage),
        "SAGEConv, max": (SAGEConv(c, c, "max"), sage_max, graph, sage_max),
        "GINConv, 2-layer MLP": (GINConv(c, c, two()), gin, graph, gin),
        "EdgeConv, 1 map + LeakyReLU": (EdgeConv(c, c, one()), edge, graph, edge),
        "EdgeConv, 2-layer MLP": (EdgeConv(c, c, ends()), edge_two, graph, edge_two),
        "PNAConv, 4 x 3": (PNAConv(c, c, AGGREGATORS, SCALERS, degrees), pna, graph, pna),
    }


def sparse_modes(graph: Graph, normalised: bool) -> dict[str, object]:
    """The edges as PyG's sparse modes take them; with GCN's coefficients as values, if `normalised`."""
    edge_index, n = graph.edge_index(), graph.num_nodes
    value = gcn_norm(edge_index, None, n, add_self_loops=False)[1] if normalised else torch.ones(edge_index.shape[1])
    csr = torch.sparse_csr_tensor(graph.incidence.ptr.long(), edge_index[0], value, (n, n))
    modes: dict[str, object] = {"torch.sparse CSR": csr}
    if not normalised:  # values on an EdgeIndex go through the default path
        modes["EdgeIndex"] = EdgeIndex(edge_index, sparse_size=(n, n), sort_order="col").fill_cache_()
    return modes


Step = Callable[[nn.Module, Tensor, object, Tensor], list[Tensor]]  # layer, x, where, upstream


def step(layer: nn.Module, x: Tensor, where: object, upstream: Tensor) -> list[Tensor]:
    y = layer(x, where)
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], upstream)]


def check(ours: Run, rival: Run) -> None:
    """Raise unless both compute the same, in norm: near ties of maxima fall either way; and ours repeats its bits."""
    for one, two, again in zip(ours(), rival(), ours(), strict=True):
        if (one - two).norm() > 1e-3 * two.norm():
            raise AssertionError(f"Both sides compute different things: {(one - two).norm() / two.norm():.1e}.")
        if not torch.equal(one, again):
            raise AssertionError("Our result does not repeat bit for bit.")


def compare(ours: Run, rival: Run, pairs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of runs that were next to each other, in both orders."""
    check(ours, rival)
    return paired(ours, rival, pairs)


def copy_parameters(ours: nn.Module, theirs: nn.Module) -> None:
    state = {name.removeprefix("aggr_module."): value for name, value in theirs.state_dict().items()}
    ours.load_state_dict(state)


def best_sparse(
    step: Step, layer: nn.Module, graph: Graph, x: Tensor, upstream: Tensor, normalised: bool
) -> tuple[str, Run] | None:
    """The fastest sparse mode of PyG that runs and gives gradients."""
    found: list[tuple[float, str, Run]] = []
    for name, where in sparse_modes(graph, normalised).items():
        run = partial(step, layer, x, where, upstream)
        try:
            run()
        except (RuntimeError, NotImplementedError, AssertionError, ValueError):
            continue
        found.append((min(seconds(run) for _ in range(2)), name, run))
    return min(found)[1:] if found else None


def compare_layers(nodes: int, edges: int, channels: int, pairs: int) -> None:
    graph, draw = random_edges(nodes, edges), torch.Generator().manual_seed(1)
    x = torch.randn(nodes, channels, generator=draw).requires_grad_()
    upstream, edge_index = torch.randn(nodes, channels, generator=draw), graph.edge_index()
    print(f"{nodes:,} nodes, {edges:,} edges, {channels} float32 channels, forward + backward\n")
    print("| layer | gdl | PyG default | ratio | PyG's best sparse mode | ratio |\n|---|---:|---:|---:|---:|---:|")
    for name, (ours, theirs, on, sparse) in layers(graph, channels).items():
        copy_parameters(ours, theirs)
        sparse.load_state_dict(theirs.state_dict())
        mine = partial(step, ours, x, on, upstream)
        default = partial(step, theirs, x, edge_index, upstream)
        a, b, ratio = compare(mine, default, pairs)
        row = f"| {name} | {1e3 * a:.0f} ms | {1e3 * b:.0f} ms | **{ratio:.1f}x** |"
        fast = best_sparse(step, sparse, on, x, upstream, name == "GCNConv")
        if fast is None:
            print(row + " none runs | |", flush=True)
            continue
        _, b, ratio = compare(mine, fast[1], pairs)
        print(f"{row} {fast[0]}: {1e3 * b:.0f} ms | **{ratio:.1f}x** |", flush=True)


class PygGCN(nn.Module):
    def __init__(self, channels: int, classes: int, cached: bool):
        super().__init__()
        self.first = pyg.GCNConv(channels, 16, cached=cached)
        self.second = pyg.GCNConv(16, classes, cached=cached)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = nn.functional.dropout(x, 0.5, self.training)
        x = nn.functional.dropout(self.first(x, edge_index).relu(), 0.5, self.training)
        return self.second(x, edge_index)


def training_step(net: nn.Module, x: Tensor, where: object, target: Tensor, known: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=5e-4)

    def run() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x, where)[known], target[known]).backward()
        optimizer.step()

    return run


def cora(pairs: int, steps: int = 20) -> None:
    """A training step of the two-layer GCN at the size of Cora, features drawn at random."""
    nodes, channels, classes = 2708, 1433, 7
    draw = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, 5278), generator=draw)
    graph = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), nodes).without_self_loops()
    x = (torch.rand(nodes, channels, generator=draw) < 0.013).float()
    target, known = torch.randint(classes, (nodes,), generator=draw), torch.arange(140)
    ours = gcn(channels, classes)
    looped, w1, w2 = graph.with_self_loops(), torch.randn(channels, 16), torch.randn(16, classes)
    h, g1, g2 = torch.randn(nodes, 16), torch.randn(nodes, 16), torch.randn(nodes, classes)

    def dense() -> None:  # the five products of the step: two forward, one for h, two for the parameters
        _ = x @ w1, h @ w2, g2 @ w2.T, x.T @ g1, h.T @ g2

    def many(run: Callable[[], None]) -> Callable[[], float]:
        def timed() -> float:
            start = time.perf_counter()
            for _ in range(steps):
                run()
            return (time.perf_counter() - start) / steps

        return timed

    print(f"\nA training step at the size of Cora: {nodes:,} nodes of {channels:,} features, 16 hidden, Adam\n")
    print("| | ms a step | to gdl |\n|---|---:|---:|")
    runs = {"gdl": training_step(ours, x, looped, target, known)}
    for cached in (False, True):
        theirs = PygGCN(channels, classes, cached)
        for layer, peer in zip([m for m in ours.modules() if isinstance(m, GCNConv)], theirs.children(), strict=True):
            peer.load_state_dict(layer.state_dict())
        worst = (ours.eval()(x, looped) - theirs.eval()(x, graph.edge_index())).abs().max()
        if worst > 1e-4:
            raise AssertionError(f"Both networks give different outputs: {worst}.")
        ours.train(), theirs.train()
        name = f"PyG, coefficients {'cached' if cached else 'made anew'}"
        runs[name] = training_step(theirs, x, graph.edge_index(), target, known)
    runs["the dense products alone"] = dense
    timers = {name: many(run) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in timers}
    for timer in timers.values():
        timer()
    for pair in range(2 * pairs):
        for name in list(timers) if pair % 2 else reversed(list(timers)):
            times[name].append(timers[name]())
    for name in timers:
        ratio = median(b / a for a, b in zip(times["gdl"], times[name], strict=True))
        print(f"| {name} | {1e3 * median(times[name]):.2f} | {ratio:.2f}x |", flush=True)


def growth(channels: int, largest: int, pairs: int) -> None:
    print(f"\nTime per edge, forward + backward, {channels} channels, 16 edges per node\n")
    print("| edges | sum | GCNConv |\n|---:|---:|---:|")
    edges = 10_000
    while edges <= largest:
        nodes = edges // 16
        graph = random_edges(nodes, edges)
        x, upstream = torch.randn(nodes, channels).requires_grad_(), torch.randn(nodes, channels)
        figures = []
        for layer in (Sum(), GCNConv(channels, channels)):
            run = partial(step, layer, x, graph, upstream)
            run()
            repeats = max(1, 1_000_000 // edges)
            figures.append(median(sum(seconds(run) for _ in range(repeats)) / repeats for _ in range(pairs)))
        print(f"| {edges:,} | " + " | ".join(f"{1e9 * figure / edges:.0f} ns" for figure in figures) + " |", flush=True)
        edges *= 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = (("nodes", 100_000), ("edges", 1_600_000), ("channels", 64), ("pairs", 5), ("threads", 2))
    for name, value in (*sizes, ("largest", 10_000_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="*", default=["layers", "cora", "growth"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    torch.sparse.check_sparse_tensor_invariants.disable()  # silences a warning; CSR matrices here are valid
    torch.set_num_threads(options.threads)
    print(
        f"{options.threads} threads, torch {torch.__version__}, {platform.machine()}, median of {options.pairs} pairs\n"
    )
    if "layers" in options.only:
        compare_layers(options.nodes, options.edges, options.channels, options.pairs)
    if "cora" in options.only:
        cora(options.pairs)
    if "growth" in options.only:
        growth(options.channels, options.largest, options.pairs)


if __name__ == "__main__":
    main()
