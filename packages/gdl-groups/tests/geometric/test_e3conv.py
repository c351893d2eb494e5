"""The tensor-product convolution is equivariant, equal to e3nn's with the same weights, and finite where it is hard."""

import math

import pytest
import torch
from gdl_core.derive import EquivariantLinear
from gdl_core.geometry import Signal
from gdl_core.groups import SO, O
from gdl_core.incidence import gather, reduce
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.angular import from_mul_ir, spherical_harmonics, to_e3nn, to_mul_ir
from gdl_groups.geometric.e3conv import E3Conv, Interaction, harmonics_type
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.geometric.e3conv_radial import RadialWeights
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.radial import distances
from torch import Tensor

AXES = torch.cat([torch.eye(3), -torch.eye(3)]).double()
MIXED = "2x0e+1x0o+2x1o+1x1e+1x2e+1x2o"


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


def gap(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


@pytest.mark.parametrize(("group", "text"), [(O(3), MIXED), (SO(3), "2x0+2x1+1x2+1x3")])
def test_equivariant_with_edges_along_every_axis(group, text):
    type = FieldType(group, text)
    conv, graph = E3Conv(type, type, 3.0, hidden=(8,)), star()
    signal = Signal(torch.randn(graph.num_points, type.channels), graph, type)
    assert ("orthogonal" in conv.claims) == isinstance(group, O)
    for name in conv.claims:
        assert_equivariant(conv, signal, graph.symmetries()[name], 1e-10)


def test_products_of_so3_see_reflections():
    type = FieldType(SO(3), "2x0+2x1")
    conv, graph = E3Conv(type, type, 3.0), star()
    x, flip = torch.randn(graph.num_points, 8), torch.cat([torch.ones(2), -torch.ones(6)])
    mirrored = conv(x * flip, graph.moved(-graph.positions)) * flip
    assert gap(mirrored, conv(x, graph)) > 1e-2


def test_equal_to_e3nn_with_the_same_weights():
    o3 = pytest.importorskip("e3nn.o3")
    into, out = FieldType(O(3), MIXED), FieldType(O(3), "3x0e+2x1o+2x1e+1x2e")
    conv, graph = E3Conv(into, out, 3.0), star()
    inner = conv.interaction
    harmonics = harmonics_type(2, O(3))
    irreps_in, irreps_out, irreps_mid = (to_e3nn(t) for t in (into, out, inner.plan.out_type))

    def linear(layer: IrrepLinear, before, after, bias: bool = False):
        theirs = o3.Linear(before, after, biases=[bool(layer.bias is not None and ir.is_scalar()) for _, ir in after])
        weights, biases = dict(zip(layer._irreps, layer.weights)), layer.bias
        with torch.no_grad():
            for (i, o), view in zip(
                [(ins.i_in, ins.i_out) for ins in theirs.instructions if ins.i_in >= 0], theirs.weight_views()
            ):
                ir = before[i].ir
                fan_in = sum(mul for mul, other in before if other == ir)
                matrix = weights[ir.l, ir.p] * math.sqrt(fan_in)
                row = sum(mul for mul, other in before[:i] if other == ir)
                column = sum(mul for mul, other in after[:o] if other == ir)
                view.copy_(matrix[row : row + before[i].mul, column : column + after[o].mul])
            if biases is not None:
                theirs.bias.copy_(biases)
        return theirs

    paths = [(p.first, p.second, place, "uvu", True) for place, p in enumerate(inner.plan.paths)]
    middle = o3.Irreps([(p.copies, inner.plan.out_type.fields[p.third][1].name) for p in inner.plan.paths])
    product = o3.TensorProduct(
        irreps_in, to_e3nn(harmonics), middle, paths, shared_weights=False, internal_weights=False
    )
    # ours gathers the paths of an irrep in one field
    joined = [place for third in range(len(irreps_mid)) for place, p in enumerate(inner.plan.paths) if p.third == third]
    assert joined == sorted(joined)

    with torch.no_grad():
        conv.self_connection.bias.normal_()  # type: ignore[union-attr]
    x = torch.randn(graph.num_points, into.channels)
    vectors = graph.vectors()
    y = o3.spherical_harmonics([0, 1, 2], vectors, True, "component")
    sent = linear(inner.before, irreps_in, irreps_in)(to_mul_ir(x, into))
    messages = product(gather(graph.incidence, sent, "sender"), y, inner.radial(distances(vectors)))
    total = reduce(graph.incidence, messages)
    theirs = linear(inner.after, middle, irreps_out)(total) + linear(conv.self_connection, irreps_in, irreps_out)(
        to_mul_ir(x, into)
    )
    assert gap(conv(x, graph), from_mul_ir(theirs, out)) < 1e-10


def test_a_vector_is_sent_along_the_edge_by_hand():
    plain, vector = FieldType(O(3), "1x0e"), FieldType(O(3), "1x1o")
    layer = Interaction(plain, vector, harmonics_type(1, O(3)), 3.0, 4, (4,), 1.0)
    graph = GeometricGraph.from_edges([0], [1], torch.tensor([[0.0, 0, 0], [0.3, 0.4, 1.2]]))
    direction = -torch.tensor([[0.3, 0.4, 1.2]]) / 1.3
    weights = layer.radial(torch.tensor([1.3])) * layer.before.weights[0] * layer.after.weights[0]
    y = layer(
        torch.tensor([[2.0], [5.0]]), graph.incidence, spherical_harmonics([0, 1], graph.vectors()), torch.ones(1) * 1.3
    )
    assert torch.allclose(y[1], 2 * math.sqrt(3) * weights[0] * direction[0])
    assert torch.equal(y[0], torch.zeros(3))


def test_linear_map_is_the_general_one_of_its_types():
    into, out = FieldType(O(3), "2x0e+1x1o+2x1o+1x2e"), FieldType(O(3), "3x0e+1x1e+2x1o+1x1o+1x0e")
    layer, general = IrrepLinear(into, out), EquivariantLinear(into, out)
    assert sum(p.numel() for p in layer.parameters()) == sum(p.numel() for p in general.parameters())
    turn = O(3).sample(1, torch.Generator().manual_seed(3))[0]
    x = torch.randn(5, into.channels)
    assert gap(layer(into.act(turn, x)), out.act(turn, layer(x))) < 1e-12
    assert torch.equal(layer(x)[:, 3:6], torch.zeros(5, 3))  # no pseudovector comes in


def test_linear_map_of_each_kind_is_its_own():
    type = FieldType(O(3), "2x0e+1x1o")
    layer = IrrepLinear(type, type, bias=False, kinds=2)
    x = torch.randn(6, type.channels)
    both = torch.eye(2).repeat(3, 1)
    y, one = layer(x, kind=both), layer(x, kind=torch.eye(2)[:1].expand(6, 2))
    assert torch.allclose(y[::2], one[::2])
    assert not torch.allclose(y[1::2], one[1::2])
    with pytest.raises(ValueError, match="expects a kind"):
        layer(x)


def test_radial_weights_vanish_with_two_derivatives_at_the_cut_off():
    weights = RadialWeights(3, 2.0)
    r = torch.tensor([2.0 - 1e-7, 2.0, 5.0], requires_grad=True)
    w = weights(r)
    assert w.abs().max() < 1e-15
    for _ in range(2):
        (slope,) = torch.autograd.grad(w.sum(), r, create_graph=True)
        assert slope.abs().max() < 1e-4
        w = slope


def test_coincident_points_have_finite_derivatives():
    type = FieldType(O(3), "2x0e+1x1o+1x2e")
    conv = E3Conv(type, type, 3.0, hidden=(4,))
    places = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 0]], requires_grad=True)
    graph = GeometricGraph.from_edges([0, 1, 2], [1, 0, 0], places)
    x = torch.randn(3, type.channels, requires_grad=True)
    first = torch.autograd.grad(conv(x, graph).square().sum(), [x, places], create_graph=True)
    second = torch.autograd.grad(
        sum(g.square().sum() for g in first), [x, places, *conv.parameters()], allow_unused=True
    )
    assert all(torch.isfinite(g).all() for g in (*first, *second) if g is not None)


@pytest.mark.parametrize("points", [0, 1])
def test_without_edges_only_the_self_connection_is_left(points):
    type = FieldType(O(3), "2x0e+1x1o")
    graph = GeometricGraph.from_positions(torch.zeros(points, 3), 1.0)
    conv, x = E3Conv(type, type, 1.0), torch.randn(points, 5)
    assert torch.equal(conv(x, graph), conv.self_connection(x))  # type: ignore[misc]


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(TypeError, match="irreps of O"):
        E3Conv(FieldType(SO(3), "2xstandard"), 3, 1.0)
    with pytest.raises(TypeError, match="one group"):
        E3Conv(FieldType(SO(3), "1x1"), FieldType(O(3), "1o"), 1.0)
    with pytest.raises(ValueError, match="No path"):
        E3Conv(3, FieldType(O(3), "1x1e"), 1.0)
    with pytest.raises(ValueError, match="number of neighbours"):
        E3Conv(2, 2, 1.0, neighbours=-1)
    with pytest.raises(TypeError, match="where points are"):
        E3Conv(2, 2, 1.0)(torch.ones(3, 2))
