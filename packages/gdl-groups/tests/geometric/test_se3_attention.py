"""Attention with tensors is equivariant, its weights are those of a softmax, and leaving neighbours are not missed."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO, O
from gdl_core.incidence import gather, reduce
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.angular import spherical_harmonics
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.radial import distances
from gdl_groups.geometric.se3_attention import SE3Attention
from gdl_groups.products import TensorProductPlan
from torch import Tensor

AXES = torch.cat([torch.eye(3), -torch.eye(3)]).double()
TYPE = FieldType(O(3), "2x0e+2x1o")


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def star() -> GeometricGraph:
    """A point, six neighbours along the axes, and two anywhere: edges along +-x, +-y and +-z exactly."""
    return GeometricGraph.from_positions(torch.cat([torch.zeros(1, 3), AXES, torch.randn(2, 3)]))


def layer(
    into: FieldType | int = TYPE, out: FieldType | int = TYPE, heads: int = 2, cutoff: float = 3.0
) -> SE3Attention:
    return SE3Attention(into, out, cutoff, heads, hidden=(8,))


@pytest.mark.parametrize(
    ("into", "out"),
    [
        (FieldType(O(3), "3x0e+1x0o+2x1o+1x1e"), FieldType(O(3), "2x0e+1x1o+1x2e")),
        (FieldType(SO(3), "3x0+2x1"), FieldType(SO(3), "2x0+1x1")),
    ],
)
def test_equivariant_with_edges_along_every_axis(into, out):
    attention, graph = layer(into, out), star()
    signal = Signal(torch.randn(graph.num_points, into.channels), graph, into)
    assert ("orthogonal" in attention.claims) == isinstance(into.group, O)
    for name in attention.claims:
        assert_equivariant(attention, signal, graph.symmetries()[name], 1e-10)


def messages(plan: TensorProductPlan, graph: GeometricGraph, x: Tensor, degree: int, w: Tensor) -> list[Tensor]:
    """The product of each path, `[e, 2l+1, copies]`, one by one."""
    y = spherical_harmonics(range(degree + 1), graph.vectors())
    near, found = gather(graph.incidence, x, "sender"), []
    for path in plan.paths:
        count, rep = plan.in_type.fields[path.first]
        field = near[:, plan.in_type.slices()[path.first]].unflatten(-1, (rep.dim, count))
        part = y[:, plan.filter_type.slices()[path.second]]
        product = torch.einsum("eiu,ej,ijk->eku", field, part, path.coupling())
        found.append(product * w[:, None, path.weight : path.weight + path.copies])
    return found


def test_equals_keys_values_and_softmax_written_out():
    attention, graph = layer(), star()
    x, inc = torch.randn(graph.num_points, TYPE.channels), graph.incidence
    r = distances(graph.vectors())
    keys, values = attention.radial(r).split([attention.key_plan.weight_count, attention.value_plan.weight_count], -1)
    sent = attention.before(x)
    query = gather(inc, attention.query(x), "receiver")
    logits = torch.zeros(graph.num_edges, 2)
    slices = attention.key_plan.out_type.slices()
    for path, key in zip(attention.key_plan.paths, messages(attention.key_plan, graph, sent, 1, keys)):
        count, rep = attention.key_plan.out_type.fields[path.third]
        q = query[:, slices[path.third]].unflatten(-1, (rep.dim, count))[..., path.offset : path.offset + path.copies]
        product = (q * key).sum(1)  # [e, copies]: the first half of the copies is the first head
        logits += torch.stack([half.sum(-1) for half in product.chunk(2, -1)], -1)
    strength = (
        attention.radial.envelope(r)[:, None] * (logits / (attention.key_plan.out_type.channels / 2) ** 0.5).exp()
    )
    alpha = strength / gather(inc, reduce(inc, strength), "receiver")
    assert torch.allclose(attention.attention(x, graph), alpha, rtol=1e-10)
    assert torch.allclose(reduce(inc, alpha), torch.ones(graph.num_points, 2))
    fields: dict[int, list[Tensor]] = {}
    for path, value in zip(attention.value_plan.paths, messages(attention.value_plan, graph, sent, 1, values)):
        halves = [half * alpha[:, h, None, None] for h, half in enumerate(value.chunk(2, -1))]
        fields.setdefault(path.third, []).append(torch.cat(halves, -1))
    total = torch.cat([torch.cat(fields[third], -1).flatten(1) for third in sorted(fields)], -1)
    expected = attention.after(reduce(inc, total)) + attention.self_connection(x)  # type: ignore[misc]
    assert torch.allclose(attention(x, graph), expected, rtol=1e-10, atol=1e-12)


def test_attention_depends_on_features():
    attention, graph = layer(), star()
    weights = [attention.attention(torch.randn(graph.num_points, TYPE.channels), graph) for _ in range(2)]
    assert (weights[0] - weights[1]).abs().max() > 1e-2


def test_a_neighbour_that_leaves_is_not_missed():
    attention = layer(cutoff=2.0)
    x = torch.randn(4, TYPE.channels)

    def at(r: float) -> Tensor:
        places = torch.tensor([[0.0, 0, 0], [r, 0, 0], [0, 1, 0], [0.5, 0, 1]])
        return attention(x, GeometricGraph.from_positions(places, 2.0))

    assert (at(2 - 1e-5) - at(2 + 1e-5)).abs().max() < 1e-4
    assert (at(1.9) - at(2.1)).abs().max() > 1e-3


def test_hard_places_have_finite_derivatives():
    attention = layer(cutoff=2.0)
    places = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 0], [9, 9, 9]], requires_grad=True)
    graph = GeometricGraph.from_edges([0, 1, 2, 0], [1, 0, 0, 3], places)  # coincident points, and one far away
    x = torch.randn(4, TYPE.channels, requires_grad=True)
    y = attention(x, graph)
    assert torch.allclose(y[3], attention.self_connection(x)[3])  # type: ignore[misc]
    first = torch.autograd.grad(y.square().sum(), [x, places], create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), [x, places, *attention.parameters()])
    assert all(torch.isfinite(g).all() for g in (*first, *second))


@pytest.mark.parametrize("points", [0, 1])
def test_without_edges_only_the_self_connection_is_left(points):
    graph = GeometricGraph.from_positions(torch.zeros(points, 3), 1.0)
    attention, x = layer(), torch.randn(points, TYPE.channels)
    assert torch.equal(attention(x, graph), attention.self_connection(x))  # type: ignore[misc]


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="heads must be a whole number from 1"):
        layer(heads=0)
    with pytest.raises(TypeError, match="one group"):
        layer(FieldType(SO(3), "1x1"), FieldType(O(3), "1o"))
