# /// script
# dependencies = ["torch_geometric==2.8.1"]
# ///
"""Neighbour sampling from memory-mapped files against PyTorch Geometric's loader, and against plain torch.

    python benchmarks/graphs_sampling.py [--nodes 1000000] [--edges 16000000] [--channels 64] [--batch 1024]
                                         [--fanouts 15 10] [--batches 20] [--pairs 5] [--threads 2]

Prints a Markdown table. PyTorch Geometric's `NeighborLoader` has no pure Python mode: without pyg-lib or torch-sparse,
which are compiled for one version of PyTorch each, it raises, and the table says so. The rival that always runs is what
torch operators can do without a kernel: neighbours *with* replacement by `randint`, numbered by `unique`.
Each row times pairs of runs in both orders and reports medians; every batch is checked first. Times are per batch, the
features included.
"""

import argparse
import platform
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator

import torch
from gdl_graphs.sampling import GraphStore, NeighbourLoader, sample
from incidence import paired
from torch import Tensor

Run = Callable[[], object]


class RandomEdges:
    """Chunks of random edges, the same each time they are gone through; some nodes send far more than others."""

    def __init__(self, nodes: int, edges: int, chunk: int = 1 << 21):
        self.nodes, self.edges, self.chunk = nodes, edges, chunk

    def __iter__(self) -> Iterator[Tensor]:
        g = torch.Generator().manual_seed(0)
        for first in range(0, self.edges, self.chunk):
            count = min(self.chunk, self.edges - first)
            sender = (torch.rand(count, generator=g, dtype=torch.float64) ** 2 * self.nodes).long()
            yield torch.stack([sender, torch.randint(self.nodes, (count,), generator=g)])


def with_torch(ptr: Tensor, sender: Tensor, x: Tensor, seeds: Tensor, fanouts: list[int]) -> tuple[Tensor, ...]:
    """A batch by torch operators alone: with replacement, so repeats waste fan-out, and no order of edges is built."""
    nodes, frontier, ends = seeds, seeds, []
    for fanout in fanouts:
        start, degree = ptr[frontier], ptr[frontier + 1] - ptr[frontier]
        frontier, start, degree = frontier[degree > 0], start[degree > 0], degree[degree > 0]
        place = start[:, None] + torch.randint(1 << 40, (len(start), fanout)) % degree[:, None]
        found = sender[place].long().reshape(-1)
        ends.append(torch.stack([found, frontier.repeat_interleave(fanout)]))
        frontier = found[~torch.isin(found, nodes)].unique()
        nodes = torch.cat([nodes, frontier])
    order = nodes.argsort()
    local = order[torch.searchsorted(nodes[order], torch.cat(ends, 1))]
    return nodes, local, x[nodes]


def pyg_loader(store: GraphStore, seeds: Tensor, args: argparse.Namespace) -> Callable[[], object] | str:
    """PyTorch Geometric's loader over the same graph in memory, or why it does not run."""
    try:
        from torch_geometric.data import Data
        from torch_geometric.loader import NeighborLoader
    except ImportError:
        return "PyTorch Geometric is not installed"
    ptr, sender = torch.from_numpy(store.ptr.copy()), torch.from_numpy(store.sender.copy()).long()
    receiver = torch.arange(store.num_nodes).repeat_interleave(ptr.diff())
    assert store.features is not None
    data = Data(torch.from_numpy(store.features.copy()), torch.stack([sender, receiver]), num_nodes=store.num_nodes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says beforehand what it raises then
            loader = NeighborLoader(data, args.fanouts, seeds, batch_size=args.batch)
            next(iter(loader))
    except ImportError as error:
        return str(error)

    def run() -> None:
        for _ in zip(range(args.batches), loader, strict=False):
            pass

    return run


def check(store: GraphStore, seeds: Tensor, fanouts: list[int]) -> tuple[int, int]:
    """Every node has as many distinct edges as asked for, and they are the store's; return the sizes of the batch."""
    batch = sample(store, seeds, fanouts)
    again = sample(store, seeds, fanouts)
    receiver = batch.graph.incidence.receiver.long()
    ok = torch.equal(batch.edges, again.edges) and len(batch.edges.unique()) == len(batch.edges)
    ok = ok and torch.equal(
        torch.from_numpy(store.sender[batch.edges.numpy()]).long(), batch.nodes[batch.graph.incidence.sender.long()]
    )
    degree = torch.from_numpy(store.ptr.copy()).diff()[batch.nodes]
    first = batch.graph.degree()[: len(seeds)]
    ok = ok and torch.equal(first.long(), degree[: len(seeds)].clamp(max=fanouts[0]))
    ok = ok and bool((batch.graph.degree() <= degree).all()) and bool((receiver < batch.graph.num_nodes).all())
    if not ok:
        raise AssertionError("The batch is not a piece of the graph with the fan-outs asked for.")
    return batch.graph.num_nodes, batch.graph.num_edges


def compare(ours: Run, rival: Run, pairs: int, batches: int) -> tuple[float, float, float]:
    """Median milliseconds per batch of both, and the median ratio of runs that were next to each other."""
    ours(), rival()
    a, b, ratio = paired(ours, rival, pairs)
    return 1000 / batches * a, 1000 / batches * b, ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=16_000_000)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--fanouts", type=int, nargs="+", default=[15, 10])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{platform.machine()}, {args.threads} threads, torch {torch.__version__}; {args.nodes:,} nodes, "
          f"{args.edges:,} edges, {args.channels} channels, {args.batch} seeds, fan-outs {args.fanouts}\n")  # fmt: skip
    g = torch.Generator().manual_seed(1)
    rows = (torch.randn(min(65536, args.nodes - i), args.channels, generator=g) for i in range(0, args.nodes, 65536))
    with tempfile.TemporaryDirectory() as folder:
        GraphStore.write(f"{folder}/warm", 10, [torch.zeros(2, 5, dtype=torch.int64)])  # compile
        start = time.perf_counter()
        store = GraphStore.write(f"{folder}/graph", args.nodes, RandomEdges(args.nodes, args.edges), features=rows)
        wrote = time.perf_counter() - start
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seeds = torch.randperm(args.nodes, generator=g)[: args.batch * args.batches]
        nodes, edges = check(store, seeds[: args.batch], args.fanouts)
        loader = NeighbourLoader(store, seeds, args.fanouts, args.batch)
        pair = NeighbourLoader(store, seeds, args.fanouts, args.batch, workers=2)
        ours, workers = (lambda: [None for _ in loader]), (lambda: [None for _ in pair])
        ours()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ptr, sender = torch.from_numpy(store.ptr.copy()), torch.from_numpy(store.sender.copy())
        assert store.features is not None
        x = torch.from_numpy(store.features.copy())
        rivals: dict[str, Run | str] = {
            "torch operators, with replacement": lambda: [with_torch(ptr, sender, x, s, args.fanouts)
                                                          for s in seeds.split(args.batch)],
            "PyTorch Geometric `NeighborLoader`": pyg_loader(store, seeds, args),
        }  # fmt: skip
        print(f"Written in {wrote:.1f} s ({args.edges / wrote / 1e6:.1f} M edges/s).")
        print(f"A batch has {nodes:,} nodes and {edges:,} edges.")
        print(f"Peak memory: {before:.0f} MiB before sampling, {peak:.0f} MiB after, mapped files included.\n")
        print("| rival | ours, ms | rival, ms | ratio |\n|---|---|---|---|")
        for name, rival in rivals.items():
            if isinstance(rival, str):
                print(f"| {name} | | | does not run: {rival} |")
                continue
            a, b, ratio = compare(ours, rival, args.pairs, args.batches)
            print(f"| {name} | {a:.1f} | {b:.1f} | {ratio:.1f} x |")
        a, b, ratio = compare(workers, ours, args.pairs, args.batches)
        print(f"| two workers (ours) against none | {a:.1f} | {b:.1f} | {ratio:.1f} x |")


if __name__ == "__main__":
    main()
