"""Padding: exact both ways, invisible to what is real, one compiled program for all batches."""

import pytest
import torch
import torch._dynamo.testing
from gdl_core.incidence import Incidence, aggregate, reduce
from gdl_graphs import Graph, edge_mask, graph_mask, node_mask, pad, pad_rows, unpad
from torch.utils import _pytree

FULL = {"weight": True, "features": 3, "positions": 2}
SIZES = [(23, 71, 5), (22, 66, 4), (40, 66, 9), (22, 300, 4), (21, 60, 8), (21, 60, 3)]


def batch(draw, seed=0):
    return Graph.collate([draw(nodes=7, edges=20, seed=seed + i, **FULL) for i in range(3)])


def same(a, b):
    leaves = zip(_pytree.tree_leaves(a), _pytree.tree_leaves(b), strict=True)
    return all((x is None and y is None) or (x.dtype == y.dtype and torch.equal(x, y)) for x, y in leaves)


@pytest.mark.parametrize("sizes", SIZES)
def test_padding_has_the_sizes_asked_for_and_comes_off_exactly(draw, sizes):
    graph = batch(draw)
    padded = pad(graph, *sizes)
    assert (padded.num_nodes, padded.num_edges, padded.batch_size) == sizes
    assert padded.real.tolist() == [3, 21, 60] and padded.real.dtype == torch.int32
    assert same(unpad(padded), graph) and unpad(graph) is graph
    assert all(same(a, b) for a, b in zip(padded.unbatch(), graph.unbatch(), strict=True))
    assert padded.ptr.tolist() == [0, 7, 14, 21] + [sizes[0]] * (sizes[2] - 3)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_padded_graph_is_a_valid_graph(draw, sizes):
    padded = pad(batch(draw), *sizes)
    built = Incidence.from_edge_index(padded.edge_index(), padded.num_nodes)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(padded.incidence, name), getattr(built, name)), name
    assert torch.equal(padded.owner.bincount(minlength=sizes[2]), padded.ptr.diff())
    assert torch.equal(padded.owner[padded.edge_index()[0]], padded.owner[padded.edge_index()[1]])
    carried = padded.degree()[21:]
    assert carried.numel() == 0 or int(carried.max() - carried.min()) <= 1  # evenly


def test_masks_say_what_is_real(draw):
    padded = pad(batch(draw), 25, 70, 6)
    for mask, size, real in ((graph_mask, 6, 3), (node_mask, 25, 21), (edge_mask, 70, 60)):
        assert mask(padded).tolist() == [True] * real + [False] * (size - real)
        assert bool(mask(unpad(padded)).all()) and mask(unpad(padded)).shape == (real,)


def network(x, graph, matrix):
    """A small network with attention-like weights and a readout."""
    y = aggregate(graph.incidence, x @ matrix, graph.edge_weight).tanh()
    y = aggregate(graph.incidence, y @ matrix, graph.edge_features[:, 0].sigmoid(), mean=True)
    return y, reduce(graph.ptr, y, "mean")


def test_what_is_real_computes_the_same_gradients_too(draw):
    graph, g = batch(draw), torch.Generator().manual_seed(0)
    x, matrix = (
        torch.randn(21, 4, generator=g, dtype=torch.float64),
        torch.randn(4, 4, generator=g, dtype=torch.float64),
    )
    padded, rows = pad(graph, 30, 90, 5), pad_rows(x, 30)
    results = []
    for values, domain in ((x, graph), (rows, padded)):
        weight = matrix.clone().requires_grad_()
        y, out = network(values, domain, weight)
        y.square()[node_mask(domain)].sum().backward(retain_graph=True)
        (out * graph_mask(domain)[:, None]).sum().backward()
        results.append((y[:21].detach(), out[:3].detach(), weight.grad))
    for ours, theirs in zip(*results):
        assert torch.equal(ours, theirs) or torch.allclose(ours, theirs, rtol=1e-14, atol=0)
    assert torch.equal(results[0][0], results[1][0])


@pytest.mark.parametrize("padding", [True, False])
def test_a_compiled_network_compiles_once_for_all_padded_batches(draw, padding):
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, backend=counter, fullgraph=True, dynamic=False)
    matrix = torch.eye(4, dtype=torch.float64)
    for n, e, count in ((5, 9, 2), (7, 14, 3), (3, 2, 4), (8, 0, 1)):
        graph = Graph.collate([draw(nodes=n, edges=e, seed=i, **FULL) for i in range(count)])
        graph = pad(graph, 32, 64, 6) if padding else graph
        x = torch.ones(graph.num_nodes, 4, dtype=torch.float64)
        assert torch.allclose(compiled(x, graph, matrix)[1], network(x, graph, matrix)[1])
    assert counter.frame_count == (1 if padding else 4)  # without padding, once per size


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((20, 99, 9), "room for 3 graphs, 21 nodes and 60 edges, got 9, 20 and 99"),
        ((30, 59, 9), "got 9, 30 and 59"),
        ((30, 99, 2), "got 2, 30 and 99"),
        ((30, 60, 3), "at least one padding graph to carry 9 padding nodes"),
        ((21, 61, 4), "at least one padding node to carry 1 padding edges"),
    ],
)
def test_sizes_that_do_not_do_are_told(draw, sizes, words):
    with pytest.raises(ValueError, match=words):
        pad(batch(draw), *sizes)


def test_padding_twice_is_refused_and_rows_do_not_shrink(draw):
    padded = pad(batch(draw), 30, 70, 4)
    with pytest.raises(ValueError, match="got one that is padded already"):
        pad(padded, 40, 80, 5)
    with pytest.raises(ValueError, match=r"at most 2 rows, got \[3, 1\]"):
        pad_rows(torch.zeros(3, 1), 2)
    assert pad_rows(torch.ones(2, 3, 1), 4).sum((1, 2)).tolist() == [3, 3, 0, 0]
    assert pad(Graph.empty(0), 2, 3, 2).num_edges == 3
