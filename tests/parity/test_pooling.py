"""Readouts, coarsenings and dynamic graphs against PyTorch Geometric in float64: outputs, losses and all gradients."""

import itertools

import pytest
import torch
from torch import Tensor, nn

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import (  # noqa: E402
    AttentionPool,
    DiffPool,
    DynamicEdgeConv,
    EdgePool,
    GlobalPool,
    Graph,
    MinCutPool,
    PointSet,
    TopKPool,
)
from torch_geometric import nn as pyg  # noqa: E402

IN = 3
TOLERANCE = 1e-10
SIZES = {"one": [7], "batch": [5, 2, 4], "gaps": [3, 0, 1, 0], "no-nodes": [0]}


def values(rows: int, channels: int = IN, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=draw, dtype=torch.float64).requires_grad_()


def edges(sizes: list[int], loops: bool, seed: int = 1) -> Tensor:
    """Random edges inside the samples, some of them twice."""
    draw, found, first = torch.Generator().manual_seed(seed), [torch.empty(2, 0, dtype=torch.int64)], 0
    for size in sizes:
        if size > 1:
            ends = torch.randint(size, (2, 3 * size), generator=draw)
            ends = ends if loops else ends[:, ends[0] != ends[1]]
            found.append(first + torch.cat([ends, ends[:, :2]], 1))
        first += size
    return torch.cat(found, 1)


def same(ours: Tensor, theirs: Tensor, our_leaves: list[Tensor], their_leaves: list[Tensor]) -> None:
    """Compare outputs, and the gradients of one random combination of them, leaf by leaf."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)
    if not ours.requires_grad:
        return
    factor = values(1, ours.numel(), 9).detach().reshape(ours.shape)
    got, expected = (
        torch.autograd.grad((y * factor).sum(), leaves, allow_unused=True, retain_graph=True)
        for y, leaves in ((ours, our_leaves), (theirs, their_leaves))
    )
    for leaf, a, b in zip(our_leaves, got, expected, strict=True):
        a, b = (torch.zeros_like(leaf) if gradient is None else gradient for gradient in (a, b))
        torch.testing.assert_close(a.reshape(-1), b.reshape(-1), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_global_pools(name, sizes):
    x, domain = values(sum(sizes)), PointSet.of(sizes)
    theirs = {"sum": pyg.global_add_pool, "mean": pyg.global_mean_pool, "max": pyg.global_max_pool}[name]
    same(GlobalPool(IN, name)(x, domain), theirs(x, domain.owner.long(), len(sizes)), [x], [x])


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("gates", [1, 4])
def test_attention_pool(sizes, gates):
    x, domain = values(sum(sizes)), PointSet.of(sizes)
    gate, value = nn.Linear(IN, gates).double(), nn.Linear(IN, 4).double()
    ours, theirs = AttentionPool(IN, 4, gate, value), pyg.AttentionalAggregation(gate, value)
    leaves = [x, *ours.parameters()]
    same(ours(x, domain), theirs(x, domain.owner.long(), dim_size=len(sizes)), leaves, leaves)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("ratio", [0.4, 3])
def test_top_k_pool(sizes, ratio):
    x, ends = values(sum(sizes)), edges(sizes, loops=True)
    domain = PointSet.of(sizes)
    graph = Graph.from_edge_index(ends, sum(sizes)).replace(ptr=domain.ptr, owner=domain.owner)
    ours = (TopKPool(IN, count=ratio) if isinstance(ratio, int) else TopKPool(IN, ratio)).double()
    theirs = pyg.TopKPooling(IN, ratio).double()
    with torch.no_grad():
        theirs.select.weight.copy_(ours.weight[None])
    y, coarse = ours(x, graph)
    z, their_ends, _, _, kept, _ = theirs(x, ends, batch=domain.owner.long())
    order = kept.argsort()  # they number by score
    same(y, z[order], [x, ours.weight], [x, theirs.select.weight])
    number = order.argsort()
    expected = Graph.from_edge_index(number[their_ends], len(kept)).edge_index()
    assert torch.equal(coarse.edge_index(), expected)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("normalise", ["softmax", "sigmoid", "tanh"])
def test_edge_pool(sizes, normalise):
    x, ends = values(sum(sizes)), edges(sizes, loops=False)
    domain = PointSet.of(sizes)
    graph = Graph.from_edge_index(ends, sum(sizes)).replace(ptr=domain.ptr, owner=domain.owner)
    score = getattr(pyg.EdgePooling, f"compute_edge_score_{normalise}")
    ours, theirs = EdgePool(IN, normalise).double(), pyg.EdgePooling(IN, score).double()
    with torch.no_grad():
        theirs.lin.weight.copy_(torch.cat([ours.sender.weight, ours.receiver.weight], 1))
        theirs.lin.bias.copy_(ours.receiver.bias)
    y, coarse = ours(x, graph)
    z, their_ends, _, info = theirs(x, ends, domain.owner.long())
    assert len(y) == len(z)
    number = torch.zeros(len(z), dtype=torch.int64).scatter(0, info.cluster, coarse.cluster)  # they number by score
    assert torch.equal(number[info.cluster], coarse.cluster)
    order = number.argsort()
    same(y, z[order], [x, ours.receiver.bias], [x, theirs.lin.bias])
    if y.requires_grad and len(y):
        got = torch.autograd.grad(y.square().sum(), [ours.sender.weight, ours.receiver.weight], retain_graph=True)
        (expected,) = torch.autograd.grad(z.square().sum(), theirs.lin.weight, allow_unused=True, retain_graph=True)
        torch.testing.assert_close(torch.cat(got, 1), expected, rtol=0, atol=TOLERANCE)
    expected_ends = number[their_ends]
    expected_ends = expected_ends[:, expected_ends[0] != expected_ends[1]]
    assert torch.equal(coarse.edge_index(), Graph.from_edge_index(expected_ends, len(z)).edge_index())


@pytest.mark.parametrize("sizes", [[7], [1]], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("layer", "function"), [(DiffPool, "dense_diff_pool"), (MinCutPool, "dense_mincut_pool")])
def test_dense_coarsenings_and_their_losses(layer, function, weighted, sizes):
    x, ends = values(sum(sizes)), edges(sizes, loops=True)
    weight = values(1, ends.shape[1]).detach()[0].abs().requires_grad_() if weighted else None
    graph = Graph.from_edge_index(ends, sum(sizes), edge_weight=weight)
    ours = layer(IN, 2).double()
    y, coarse = ours(x, graph)
    losses = ours.losses(coarse)
    adjacency = graph.to_dense().double()
    logits = ours.assign(x)
    # dense_diff_pool and dense_mincut_pool take the softmax themselves
    z, their_adjacency, first, second = getattr(pyg, function)(x[None], adjacency[None], logits[None])
    leaves = [x, *ours.parameters()] + ([] if weight is None else [weight])
    empty = not graph.num_edges
    torch.testing.assert_close(y, z[0], rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(coarse.to_dense(), their_adjacency[0], rtol=0, atol=TOLERANCE)
    for ours_loss, their_loss in zip(losses.values(), (first, second), strict=True):
        if empty and layer is MinCutPool and torch.isnan(their_loss):
            continue  # 0 / 0 there, without edges
        same(ours_loss[None], their_loss[None], leaves, leaves)
    if not empty:
        factor = values(2, 2, 5).detach()
        got, expected = (
            torch.autograd.grad((a * factor).sum(), leaves, retain_graph=True)
            for a in (coarse.to_dense(), their_adjacency[0])
        )
        for a, b in zip(got, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=TOLERANCE)


def nearest(x: Tensor, sizes: list[int], k: int) -> Tensor:
    """The edges to the k nearest of each point of its sample, itself among them, senders above receivers."""
    found, first = [torch.empty(2, 0, dtype=torch.int64)], 0
    for size in sizes:
        part = x[first : first + size]
        index = torch.cdist(part, part).topk(min(k, size), largest=False).indices
        receiver = torch.arange(size)[:, None].expand_as(index)
        found.append(first + torch.stack([index.reshape(-1), receiver.reshape(-1)]))
        first += size
    return torch.cat(found, 1)


@pytest.mark.parametrize("sizes", [*SIZES.values(), [4, 4]], ids=str)
@pytest.mark.parametrize("aggregation", ["max", "sum", "mean"])
def test_dynamic_edge_conv(sizes, aggregation):
    x, domain = values(sum(sizes)), PointSet.of(sizes)
    network = nn.Sequential(nn.Linear(2 * IN, 5), nn.ReLU(), nn.Linear(5, 4)).double()
    ours = DynamicEdgeConv(IN, 4, 3, network, aggregation=aggregation)
    theirs = pyg.EdgeConv(network, aggregation)
    leaves = [x, *network.parameters()]
    same(ours(x, domain), theirs(x, nearest(x.detach(), sizes, 3)), leaves, leaves)
    if torch_geometric.typing.WITH_KNN and sum(sizes) and 0 not in sizes:
        dynamic = pyg.DynamicEdgeConv(network, 3, aggregation)
        same(ours(x, domain), dynamic(x, domain.owner.long()), leaves, leaves)


def test_names_that_two_samples_share_do_not_mix():
    pairs = list(itertools.pairwise(range(4)))
    graph = Graph.collate([Graph.from_edges(*zip(*pairs, strict=True), 4)] * 2)
    coarse = EdgePool(IN).double()(values(8).detach(), graph)[1]
    assert (coarse.owner[coarse.cluster] == graph.owner).all()
