"""EGNN: the published equations, equivariance, stability."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups import EGNN, EGNNConv, GeometricGraph
from gdl_groups._cases.geometric import cloud
from gdl_groups.geometric.checks import scalars_and_vectors

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def wake(module):
    """Undo the small start of the coordinate maps, so that an error there is seen."""
    torch.manual_seed(0)
    module = module.double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "move.2" in name:
                parameter.mul_(1e3)
    return module


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("velocity", [False, True])
def test_a_layer_is_the_published_equations_edge_by_edge(normalise, velocity):
    graph, c = cloud((4, 3)), 3
    layer = wake(EGNNConv(c, hidden=5, edge_channels=2, velocity=velocity, normalise=normalise, residual=False))
    h, u, v = drawn(7, c), drawn(7, 3, seed=1), drawn(7, 3, seed=2)
    a = drawn(graph.num_edges, 2, seed=3)
    x = graph.positions + u
    first = torch.cat([layer.receiver.weight, layer.sender.weight, layer.pair.weight], 1)
    moved, heard, count = torch.zeros_like(x), torch.zeros(7, 5, dtype=F64), torch.zeros(7, 1, dtype=F64)
    for e, (j, i) in enumerate(graph.incidence.edge_index().T.tolist()):
        away = x[i] - x[j]
        inputs = torch.cat([h[i], h[j], away.square().sum()[None], a[e]])
        m = layer.message(first @ inputs + layer.receiver.bias)
        scale = away.norm() + 1 if normalise else 1
        moved[i] += away / scale * layer.move(m)
        heard[i] += m
        count[i] += 1
    new_x = x + moved / count.clamp(min=1)
    if velocity:
        new_x = new_x + layer.inertia(h) * v
    new_h = layer.update(torch.cat([h, heard], 1))
    parts = [h, u, v] if velocity else [h, u]
    got = layer(torch.cat(parts, 1), graph, a)
    expected = torch.cat([new_h, new_x - graph.positions, *([v] if velocity else [])], 1)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["permutation", "translation", "rotation", "orthogonal"])
def test_a_network_is_equivariant(name):
    kind = scalars_and_vectors(1, 1)
    model = wake(EGNN(kind, scalars_and_vectors(2, 1), hidden=8, layers=3, products=True))
    graph = cloud((6, 4))
    signal = Signal(drawn(10, 4), graph, kind)
    assert_equivariant(model, signal, graph.symmetries()[name], 1e-10)


def test_without_the_velocity_as_a_vector_the_same_network_is_not_equivariant():
    graph = cloud((6, 4))
    model = wake(EGNN(4, scalars_and_vectors(0, 1), hidden=8, layers=2))  # four "invariants", three of them turn
    signal = Signal(drawn(10, 4), graph, scalars_and_vectors(1, 1))
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(model, signal, graph.symmetries()["rotation"], 1e-6)


def test_space_may_have_any_dimension():
    graph = GeometricGraph.from_positions(drawn(6, 5), 3.0)
    kind = FieldType(O(5), [(2, "trivial"), (1, "standard")])
    layer = wake(EGNNConv(2, hidden=4, dim=5))
    assert_equivariant(layer, Signal(drawn(6, 7, seed=1), graph, kind), graph.symmetries()["orthogonal"], 1e-10)


def test_charges_enter_as_products_so_that_reversing_all_changes_nothing():
    kind = scalars_and_vectors(1, 1)
    model = wake(EGNN(kind, scalars_and_vectors(0, 1), hidden=8, products=True))
    graph, x = cloud(), drawn(9, 4)
    other = torch.cat([-x[:, :1], x[:, 1:]], 1)
    torch.testing.assert_close(model(x, graph), model(other, graph), rtol=0, atol=0)
    one = x.clone()
    one[0, 0] *= -1
    assert not torch.allclose(model(x, graph), model(one, graph))


def test_points_hardly_move_at_the_start():
    torch.manual_seed(0)
    model = EGNN(2, scalars_and_vectors(0, 1)).double()
    assert float(model(drawn(9, 2), cloud()).detach().norm(dim=1).max()) < 1e-2


def test_coincident_and_lonely_points_have_finite_derivatives_of_second_order():
    positions = torch.tensor([[0.0, 0, 0], [0, 0, 0], [1, 0, 0], [50, 0, 0]], dtype=F64, requires_grad=True)
    graph = GeometricGraph.from_positions(positions, 2.0)
    kind = scalars_and_vectors(1, 1)
    x = torch.zeros(4, 4, dtype=F64, requires_grad=True)  # at rest: the speed has a kink
    model = wake(EGNN(kind, scalars_and_vectors(1, 1), hidden=4, layers=2, products=True))
    y = model(x, graph)
    first = torch.autograd.grad(y.square().sum(), [positions, x], create_graph=True)
    second = torch.autograd.grad(sum(d.square().sum() for d in first), [positions, x, *model.parameters()])
    assert bool(torch.isfinite(y).all()) and all(bool(torch.isfinite(d).all()) for d in (*first, *second))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: EGNNConv(2)(torch.zeros(9, 5)), TypeError, "EGNNConv needs to know where points are"),
        (lambda: EGNNConv(2, edge_channels=1)(torch.zeros(9, 5), cloud()), ValueError, r"\[e, 1\], got none"),
        (lambda: EGNNConv(2)(torch.zeros(9, 4), cloud()), ValueError, "expects 5 channels"),
        (lambda: EGNN(scalars_and_vectors(1, 2), 1), TypeError, "one vector field at most"),
        (lambda: EGNN(FieldType(O(3), "1x2e"), 1), TypeError, "scalars, then vectors"),
        (lambda: EGNN(FieldType(O(3), "1x1e"), 1), TypeError, "scalars, then vectors"),
    ],
)
def test_bad_input_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
