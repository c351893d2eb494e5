"""Soft coarsenings and their losses against the dense formulas."""

import pytest
import torch
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.soft import DiffPool, MinCutPool, complete_samples
from gdl_graphs.graph import Graph
from gdl_graphs.layers.gcn import GCNConv

TWO = Graph.collate([random_graph(6, 30, True), random_graph(5, 9, True)])  # with parallel edges


def values(rows: int) -> torch.Tensor:
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def samples(graph: Graph, *tensors: torch.Tensor):
    sizes = graph.ptr.diff().tolist()
    return zip([part.to_dense() for part in graph.unbatch()], *(t.split(sizes) for t in tensors), strict=True)


@pytest.mark.parametrize("kind", [DiffPool, MinCutPool])
def test_features_and_weights_are_the_products_with_the_assignment(kind):
    layer, x = kind(3, 2).double(), values(11)
    y, coarse = layer(x, TWO)
    share = layer.assign(x).softmax(-1)
    rows, blocks = [], []
    for adjacency, s, part in samples(TWO, share, x):
        rows.append(s.T @ part)
        block = s.T @ adjacency @ s
        if kind is MinCutPool:
            block = block - block.diag().diag()
            degree = block.sum(1)
            block = block / (degree[:, None] * degree).sqrt()
        blocks.append(block)
    torch.testing.assert_close(y, torch.cat(rows), rtol=0, atol=1e-13)
    torch.testing.assert_close(coarse.to_dense(), torch.block_diag(*blocks), rtol=0, atol=1e-13)


def test_the_losses_of_diff_pool_are_the_dense_ones():
    layer, x = DiffPool(3, 2).double(), values(11)
    coarse = layer(x, TWO)[1]
    link, entropy = [], []
    for adjacency, s in samples(TWO, coarse.assignment):
        link.append(torch.linalg.norm(adjacency - s @ s.T) / adjacency.numel())
        entropy.append(-(s * s.log()).sum(1).mean())
    found = layer.losses(coarse)
    torch.testing.assert_close(found["link"], torch.stack(link).mean(), rtol=0, atol=1e-14)
    torch.testing.assert_close(found["entropy"], torch.stack(entropy).mean(), rtol=0, atol=1e-14)


def test_the_losses_of_min_cut_pool_are_the_dense_ones():
    layer, x = MinCutPool(3, 2).double(), values(11)
    coarse = layer(x, TWO)[1]
    cut, apart = [], []
    for adjacency, s in samples(TWO, coarse.assignment):
        degree = adjacency.sum(1).diag()
        cut.append(-(s.T @ adjacency @ s).trace() / (s.T @ degree @ s).trace())
        gram = s.T @ s
        apart.append(torch.linalg.norm(gram / torch.linalg.norm(gram) - torch.eye(2, dtype=torch.float64) / 2**0.5))
    found = layer.losses(coarse)
    torch.testing.assert_close(found["cut"], torch.stack(cut).mean(), rtol=0, atol=1e-14)
    torch.testing.assert_close(found["orthogonality"], torch.stack(apart).mean(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", [DiffPool, MinCutPool])
def test_losses_have_right_gradients_and_are_finite_without_edges_and_nodes(kind):
    layer = kind(3, 2).double()
    x = values(11).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(layer.losses(layer(x, TWO)[1]).values()), x)
    bare = Graph.empty([0, 1, 3])
    x = values(4).requires_grad_()
    y, coarse = layer(x, bare)
    loss = sum(layer.losses(coarse).values()) + y.sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()


def test_a_perfect_assignment_has_no_link_loss_and_no_entropy_and_finite_gradients():
    graph = Graph.from_edges([0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 0, 1, 2, 3, 2, 3], 4)
    layer = DiffPool(2, 2).double()
    with torch.no_grad():
        layer.assign.weight.copy_(1000 * torch.eye(2))
        layer.assign.bias.zero_()
    x = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]], dtype=torch.float64, requires_grad=True)
    found = layer.losses(layer(x, graph)[1])
    assert {name: loss.item() for name, loss in found.items()} == {"link": 0.0, "entropy": 0.0}
    sum(found.values()).backward()
    assert torch.isfinite(x.grad).all()


def test_training_min_cut_pool_finds_two_communities():
    draw = torch.Generator().manual_seed(0)
    side = torch.arange(20) // 10
    joined = torch.rand(20, 20, generator=draw) < torch.where(side[:, None] == side, 0.6, 0.05)
    graph = Graph.from_dense(((joined | joined.T) & ~torch.eye(20, dtype=torch.bool)).double())
    torch.manual_seed(0)
    layer, x = MinCutPool(20, 2).double(), torch.eye(20, dtype=torch.float64)
    optimiser = torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        sum(layer.losses(layer(x, graph)[1]).values()).backward()
        optimiser.step()
    found = layer.assignment(x, graph).argmax(1)
    assert len(found.unique()) == 2
    assert torch.equal(found[:, None] == found, side[:, None] == side)


def test_a_graph_convolution_may_assign():
    graph = random_graph(6, 14, loops=True)
    layer, x = DiffPool(3, 2, GCNConv(3, 2)).double(), values(6)
    share = layer.assign(x, graph).softmax(-1)
    torch.testing.assert_close(layer(x, graph)[0], share.T @ x, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("count", "k"), [(0, 2), (1, 1), (3, 2)])
def test_complete_samples_are_an_incidence_like_one_made_of_edges(count, k):
    got, ptr, owner = complete_samples(count, k, torch.device("cpu"))
    expected = Graph.complete([k] * count)
    assert torch.equal(ptr, expected.ptr)
    assert torch.equal(owner, expected.owner)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(got, name), getattr(expected.incidence, name)), name


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="DiffPool makes at least one cluster, got clusters=0"):
        DiffPool(3, 0)
    with pytest.raises(ValueError, match="MinCutPool assigns 2 clusters, but `assign` gives"):
        MinCutPool(3, 2, GCNConv(3, 3))
    with pytest.raises(TypeError, match="losses takes the graph that DiffPool returned, got Graph"):
        DiffPool(3, 2).losses(TWO)
