"""Encoders that see no sign and no basis; and that without them, encodings depend on the numbering of nodes."""

import networkx as nx
import pytest
import torch
from gdl_graphs import (
    BasisNet,
    GINConv,
    Graph,
    IGNContract,
    RandomSign,
    SignNet,
    eigenspace_projectors,
    laplacian_encoding,
)

F64 = torch.float64
pytestmark = pytest.mark.usefixtures("no_gradients")


@pytest.fixture
def no_gradients():
    with torch.no_grad():
        yield


def of(graph):
    return Graph.from_dense(torch.as_tensor(nx.to_numpy_array(graph)) != 0)


SIMPLE = of(nx.gnp_random_graph(12, 0.3, seed=2))  # simple eigenvalues
RING = of(nx.cycle_graph(8))  # pairs of equal eigenvalues
NETS = {
    "network": lambda: SignNet(4, 3),
    "convolution": lambda: SignNet(4, 3, hidden=6, phi=GINConv(2, 6)),
}


@pytest.mark.parametrize("name", NETS)
def test_sign_net_gives_the_same_bits_for_either_sign_of_each_vector(name):
    torch.manual_seed(0)
    net, encoding = NETS[name]().double(), laplacian_encoding(SIMPLE, 4, dtype=F64)
    flipped = encoding.replace(vectors=encoding.vectors * torch.tensor([1, -1, -1, 1]))
    y = net(encoding.features(SIMPLE), SIMPLE)
    assert torch.equal(net(flipped.features(SIMPLE), SIMPLE), y)
    assert float(y.std(0).min()) > 1e-4  # and tells nodes apart
    permuted = encoding.replace(vectors=encoding.vectors[:, [1, 0, 2, 3]])
    assert not torch.allclose(net(permuted.features(SIMPLE), SIMPLE), y)  # it does see which vector is which


def test_sign_net_refuses_a_phi_of_other_channels():
    with pytest.raises(ValueError, match="from 2 to 16"):
        SignNet(4, 3, phi=GINConv(4, 16))


def basis_net():
    torch.manual_seed(0)
    return BasisNet(4, 3).double()


def through_basis_net(graph, encoding):
    values, pairs = eigenspace_projectors(encoding, graph)
    return basis_net()(values, pairs)[0]


def test_basis_net_gives_the_same_for_every_basis_of_an_eigenspace():
    encoding = laplacian_encoding(RING, 4, dtype=F64)
    assert encoding.group.tolist() == [[0, 0, 1, 1]]
    angle = torch.tensor(0.3, dtype=F64)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
    turned = encoding.replace(vectors=encoding.vectors @ torch.block_diag(turn, turn.mT))
    y = through_basis_net(RING, encoding)
    assert float((through_basis_net(RING, turned) - y).abs().max()) <= 1e-12
    mixed = encoding.replace(vectors=encoding.vectors[:, [0, 2, 1, 3]])  # turns across eigenspaces: not allowed to
    assert float((through_basis_net(RING, mixed) - y).abs().max()) > 1e-6
    signs = SignNet(4, 3).double()
    assert not torch.allclose(signs(turned.features(RING), RING), signs(encoding.features(RING), RING))


def test_projectors_are_those_of_the_dense_eigenspaces_and_sum_to_one():
    encoding = laplacian_encoding(RING, 8, keep="all", dtype=F64)
    values, pairs = eigenspace_projectors(encoding, RING)
    projectors = pairs.to_matrices(values)[0, :8]
    assert torch.allclose(projectors @ projectors, projectors, atol=1e-12)
    assert torch.allclose(projectors.sum(0), torch.eye(8, dtype=F64), atol=1e-12)
    traces = projectors.diagonal(dim1=1, dim2=2).sum(1)
    assert torch.allclose(traces, torch.tensor([1, 2, 2, 2, 1, 0, 0, 0]).double(), atol=1e-12)
    cut, _ = eigenspace_projectors(laplacian_encoding(RING, 3, dtype=F64), RING)
    assert bool((cut[:, 1] == 0).all())  # half an eigenspace is no projector


@pytest.mark.parametrize("graph", [SIMPLE, RING], ids=["simple", "ring"])
def test_graph_to_encoding_to_encoder_commutes_with_renaming_and_raw_eigenvectors_do_not(graph):
    images = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(0))
    moved = graph.relabel(images)
    one, two = (laplacian_encoding(g, 4, dtype=F64) for g in (graph, moved))
    assert float((two.vectors[images] - one.vectors).abs().max()) > 0.1  # negative control
    a, b = through_basis_net(graph, one), through_basis_net(moved, two)
    assert float((b[images] - a).abs().max()) <= 1e-11
    net = NETS["convolution"]().double()
    difference = (net(two.features(moved), moved)[images] - net(one.features(graph), graph)).abs().max()
    assert (float(difference) <= 1e-11) == (graph is SIMPLE)  # on the ring, signs are not all there is to ambiguity


def test_random_signs_are_per_sample_and_vector_and_only_while_training():
    batch = Graph.collate([SIMPLE] * 40)
    x = laplacian_encoding(batch, 3, dtype=F64).vectors
    layer = RandomSign(3)
    assert layer.eval()(x, batch) is x
    torch.manual_seed(0)
    ratio = (layer.train()(x, batch) / x).reshape(40, 12, 3)
    assert torch.equal(ratio.abs(), torch.ones_like(ratio)) and torch.equal(ratio, ratio[:, :1].expand_as(ratio))
    assert 30 < int((ratio[:, 0] == 1).sum()) < 90
    with pytest.raises(TypeError, match="RandomSign"):
        layer(x)


def test_a_network_on_pairs_is_refused_without_pairs():
    with pytest.raises(TypeError, match="IGNContract works on pairs"):
        IGNContract(2, 3)(torch.zeros(4, 2), RING)
