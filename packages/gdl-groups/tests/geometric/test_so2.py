"""The SO(2) convolution is the tensor product with the harmonics of the edge, in any frame of the edge."""

import math

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO, O
from gdl_core.incidence import gather, reduce
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.angular import clebsch_gordan, spherical_harmonics
from gdl_groups.geometric.escn import SO2Conv
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.radial import distances
from gdl_groups.geometric.so2 import operation_counts, path_to_so2
from gdl_groups.products.plan import degree_and_parity
from torch import Tensor

AXES = torch.cat([torch.eye(3), -torch.eye(3)]).double()


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


def features(graph: GeometricGraph, type: FieldType) -> Tensor:
    return torch.randn(graph.num_points, type.channels)


def all_paths(conv: SO2Conv, parity: bool) -> dict[tuple[int, int, int], Tensor]:
    """A random weight matrix for every tensor product of a field with harmonics into a field."""
    found = {}
    for i, (c_in, rep_in) in enumerate(conv.in_type.fields):
        for o, (c_out, rep_out) in enumerate(conv.out_type.fields):
            (a, p), (b, q) = degree_and_parity(rep_in), degree_and_parity(rep_out)
            for degree in range(abs(a - b), a + b + 1):
                if not parity or p * q == (-1) ** degree:
                    found[i, degree, o] = torch.randn(c_out, c_in)
    return found


def dense_convolution(conv: SO2Conv, graph: GeometricGraph, x: Tensor, paths: dict) -> Tensor:
    """Sum over edges of all tensor products with the harmonics of the edge, by Clebsch-Gordan coefficients."""
    y = gather(graph.incidence, x, "sender")
    vectors = graph.vectors()
    out = [0.0] * len(conv.out_type.fields)
    slices = conv.in_type.slices()
    for (i, degree, o), weight in paths.items():
        rep_in, rep_out = conv.in_type.fields[i][1], conv.out_type.fields[o][1]
        field = y[:, slices[i]].unflatten(-1, (rep_in.dim, -1))
        a, b = degree_and_parity(rep_in)[0], degree_and_parity(rep_out)[0]
        harmonics = spherical_harmonics(degree, vectors)
        term = torch.einsum("emc,en,mnk,dc->ekd", field, harmonics, clebsch_gordan(a, degree, b), weight)
        out[o] = out[o] + term.flatten(1)
    return reduce(graph.incidence, torch.cat(out, -1))


def gap(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


def without_radial(conv: SO2Conv) -> None:
    conv.radial.forward = lambda r: torch.ones(len(r), conv.radial.weights[-1].shape[0])  # type: ignore[method-assign]


@pytest.mark.parametrize("degree", range(7))
def test_paths_are_square_and_invertible(degree):
    for other in range(degree + 1):
        matrix = path_to_so2(degree, other)
        assert matrix.shape[0] == matrix.shape[1] == 2 * other + 1
        assert torch.linalg.matrix_rank(matrix) == 2 * other + 1
        if degree <= 3:
            assert torch.linalg.cond(matrix / matrix.norm(dim=0)) < 12


def test_operation_counts_are_those_of_the_closed_forms():
    counts = [operation_counts(degree) for degree in range(1, 7)]
    assert [c["paths"] for c in counts] == [6, 19, 44, 85, 146, 231]
    assert [c["so2"] for c in counts] == [8, 29, 72, 145, 256, 413]
    assert [c["turn"] for c in counts] == [10, 35, 84, 165, 286, 455]
    assert [c["dense"] for c in counts] == [55, 615, 3436, 13075, 38991, 98245]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_weights_are_as_many_as_paths(degree):
    type = FieldType(SO(3), "+".join(f"1x{l}" for l in range(degree + 1)))
    conv = SO2Conv(type, type, 3.0)
    assert sum(weight.numel() for weight in conv.linear.weights) == operation_counts(degree)["paths"]
    assert len(all_paths(conv, parity=False)) == operation_counts(degree)["paths"]


@pytest.mark.parametrize(
    ("group", "into", "out"),
    [
        (SO(3), "3x0+2x1+2x2+1x3", "2x0+1x1+3x2+1x3"),
        (SO(3), "2x2+1x0+1x2", "1x3+1x1"),
        (O(3), "3x0e+2x1o+2x2e+1x3o", "2x0e+1x1o+3x2e"),
        (O(3), "2x0o+1x1e+2x1o+1x2e+2x0e+1x2o", "1x1e+2x2o+1x0o+1x2e+2x1o+1x0e"),
    ],
)
def test_spans_all_tensor_products(group, into, out):
    conv = SO2Conv(FieldType(group, into), FieldType(group, out), 3.0)
    paths = all_paths(conv, isinstance(group, O))
    conv.linear.set_paths(paths)
    without_radial(conv)
    graph = star()
    x = features(graph, conv.in_type)
    expected = dense_convolution(conv, graph, x, paths)
    assert gap(conv(x, graph), expected) < 1e-10
    free = sum(weight.numel() for weight in conv.linear.weights)
    assert free == sum(weight.numel() for weight in paths.values())  # square, so every W is such a product


def test_paths_that_do_not_couple_are_refused():
    conv = SO2Conv(FieldType(O(3), "1o"), FieldType(O(3), "1o"), 3.0)
    for degree in (1, 3):  # odd: the parity of 1o x 1o is even
        with pytest.raises(ValueError, match=f"degree {degree} do not couple"):
            conv.linear.set_paths({(0, degree, 0): torch.ones(1, 1)})


@pytest.mark.parametrize("m_max", [None, 1, 0])
@pytest.mark.parametrize(("group", "text"), [(SO(3), "2x0+1x1+2x2"), (O(3), "2x0e+1x1o+1x1e+2x2e+1x2o")])
def test_any_roll_of_the_frame_gives_the_same(group, text, m_max):
    type = FieldType(group, text)
    conv, graph = SO2Conv(type, type, 3.0, m_max=m_max), star()
    x = features(graph, type)
    expected = conv(x, graph)
    frames = conv.frames

    def rolled(vectors: Tensor) -> Tensor:
        angle = 2 * math.pi * torch.rand(len(vectors))
        c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
        roll = torch.stack([c, o, s, o, i, o, -s, o, c], -1).unflatten(-1, (3, 3))
        return roll @ frames(vectors)

    conv.frames = rolled  # type: ignore[method-assign]
    assert gap(conv(x, graph), expected) < 1e-10
    tilt = torch.linalg.qr(torch.randn(3, 3))[0]
    conv.frames = lambda vectors: frames(vectors) @ tilt  # type: ignore[method-assign]  # no frame of the edge
    assert gap(conv(x, graph), expected) > 1e-2


@pytest.mark.parametrize("m_max", [None, 1])
@pytest.mark.parametrize(("group", "text"), [(SO(3), "2x0+1x1+2x2"), (O(3), "2x0e+1x1o+1x1e+2x2e+1x2o")])
def test_equivariant_with_edges_along_every_axis(group, text, m_max):
    type = FieldType(group, text)
    conv, graph = SO2Conv(type, type, 3.0, m_max=m_max), star()
    signal = Signal(features(graph, type), graph, type)
    offered = graph.symmetries()
    assert ("orthogonal" in conv.claims) == isinstance(group, O)
    for name in conv.claims:
        assert_equivariant(conv, signal, offered[name], 1e-10)


def test_weights_of_so3_see_reflections_and_those_of_o3_do_not():
    type = FieldType(SO(3), "2x0+2x1")
    conv, graph = SO2Conv(type, type, 3.0), star()
    x = features(graph, type)
    flip = torch.cat([torch.ones(2), -torch.ones(6)])  # 2x0e+2x1o
    mirrored = conv(x * flip, graph.moved(-graph.positions)) * flip
    assert gap(mirrored, conv(x, graph)) > 1e-2


def test_coincident_points_send_nothing_and_have_finite_derivatives():
    type = FieldType(O(3), "2x0e+1x1o+1x2e")
    conv = SO2Conv(type, type, 3.0)
    places = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 0]], requires_grad=True)
    graph = GeometricGraph.from_edges([0, 1, 2], [1, 0, 0], places)
    x = features(graph, type).requires_grad_()
    y = conv(x, graph)
    assert torch.equal(y[1], torch.zeros_like(y[1]))
    assert y[0].abs().max() > 0
    first = torch.autograd.grad(y.square().sum(), [x, places], create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), [x, places, *conv.parameters()])
    assert all(torch.isfinite(g).all() for g in (*first, *second))


def test_forces_and_their_derivatives_are_those_of_finite_differences():
    type = FieldType(O(3), "1x0e+1x1o+1x2e")
    conv = SO2Conv(type, type, 3.0, hidden=(4,), basis=3)
    base = star()
    x = features(base, type)

    def energy(positions: Tensor) -> Tensor:
        return conv(x, base.moved(positions)).square().sum()

    places = (base.positions + 0.05 * torch.randn_like(base.positions)).requires_grad_()
    assert torch.autograd.gradcheck(energy, (places,), fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, (places,), fast_mode=True)


@pytest.mark.parametrize("points", [0, 1])
def test_no_edges(points):
    type = FieldType(O(3), "2x0e+1x1o")
    graph = GeometricGraph.from_positions(torch.zeros(points, 3), 1.0)
    assert torch.equal(SO2Conv(type, type, 1.0)(features(graph, type), graph), torch.zeros(points, 5))


def test_messages_vanish_smoothly_at_the_cut_off():
    conv = SO2Conv(2, 2, 1.0)
    places = torch.tensor([[0.0, 0, 0], [0, 0, 1 - 1e-5]])
    near = GeometricGraph.from_edges([0], [1], places)
    assert conv(torch.ones(2, 2), near).abs().max() < 1e-10
    assert distances(near.vectors()) < 1


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(TypeError, match="irreps of O"):
        SO2Conv(FieldType(SO(3), "2xstandard"), 3, 1.0)
    with pytest.raises(TypeError, match="two types of one group"):
        SO2Conv(FieldType(SO(3), "1x1"), FieldType(O(3), "1o"), 1.0)
    with pytest.raises(ValueError, match="m_max from 0"):
        SO2Conv(2, 2, 1.0, m_max=-1)
    with pytest.raises(ValueError, match="number of neighbours"):
        SO2Conv(2, 2, 1.0, neighbours=0)
