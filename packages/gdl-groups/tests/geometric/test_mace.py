"""MACE gives an invariant, extensive energy; its order says how many atoms it hears together."""

import itertools

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.geometric.e3conv import edge_values
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.mace import MACE
from gdl_groups.physics.conservative import Conservative
from torch import Tensor


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def molecules() -> tuple[Tensor, GeometricGraph]:
    graph = GeometricGraph.from_positions(1.2 * torch.randn(9, 3), 3.0, sizes=(5, 4))
    return torch.eye(3)[torch.arange(9) % 3], graph


def model(hidden: FieldType | str = "3x0e+3x1o", order: int = 3, layers: int = 2, degree: int = 2) -> MACE:
    return MACE(3, hidden, 3.0, order=order, layers=layers, degree=degree, radial=(8,))


@pytest.mark.parametrize("hidden", ["3x0e+3x1o", FieldType(SO(3), "3x0+3x1")])
def test_energy_is_invariant(hidden):
    x, graph = molecules()
    network = model(hidden)
    assert ("orthogonal" in network.claims) == isinstance(hidden, str)
    for name in network.claims:
        assert_equivariant(network, Signal(x, graph, network.in_type), graph.symmetries()[name], 1e-10)


def test_energy_is_extensive():
    x, graph = molecules()
    network, (one, two) = model(), graph.unbatch()
    assert torch.allclose(network(x, graph), torch.cat([network(x[:5], one), network(x[5:], two)]), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_features_of_one_layer_are_sums_over_groups_of_as_many_neighbours_as_the_order(order):
    layer = model("3x0e", order=order, layers=1).layers[0]
    around = torch.randn(4, 3)
    places = torch.cat([torch.zeros(1, 3), around])

    def feature(neighbours: tuple[int, ...]) -> Tensor:
        """That of atom 0 with these neighbours: the polynomial of A alone."""
        ends = list(neighbours) or [1]
        far = places.clone()
        far[ends if not neighbours else []] += 100  # nobody near
        graph = GeometricGraph.from_edges(ends, [0] * len(ends), far)
        harmonics, r = edge_values(graph, 2, torch.float64)
        a = layer.interaction(torch.ones(5, 3), graph.incidence, harmonics, r)
        return layer.contraction(a, species=torch.zeros(5, dtype=torch.int64))[0]

    def together(group: tuple[int, ...]) -> Tensor:
        """What the group has to say that its parts do not: inclusion and exclusion."""
        parts = [part for size in range(len(group) + 1) for part in itertools.combinations(group, size)]
        return sum(((-1) ** (len(group) - len(part)) * feature(part) for part in parts), torch.zeros(3))

    size = feature((1, 2, 3, 4)).detach().norm()
    assert together((1, 2, 3, 4)[: order + 1]).detach().norm() < 1e-10 * size
    assert together((1, 2, 3, 4)[:order]).detach().norm() > 1e-4 * size


def test_forces_are_derivatives_and_can_be_learnt():
    x, graph = molecules()
    network = MACE(3, "2x0e+2x1o", 3.0, order=2, degree=1, basis=3, radial=(4,))
    head = Conservative(network)
    forces = head(x, graph).forces
    step = 1e-5 * torch.randn_like(graph.positions)
    up, down = (head(x, graph.moved(graph.positions + s * step)).energy.sum() for s in (1, -1))
    work = -(forces * step).sum()
    assert ((up - down) / 2 - work).detach().abs() < 1e-8 * work.detach().abs()
    names = [name for name, _ in network.named_parameters()]
    parameters = tuple(p.detach().requires_grad_() for p in network.parameters())

    def loss(*values: Tensor) -> Tensor:
        swapped = {f"model.{name}": value for name, value in zip(names, values)}
        return torch.func.functional_call(head, swapped, (x, graph)).forces.square().sum()

    assert torch.autograd.gradcheck(loss, parameters, fast_mode=True)


def test_a_lone_atom_and_coincident_atoms_are_finite():
    network = MACE(1, "2x0e+2x1o", 3.0, shifts=[-3.0], order=2, degree=1, radial=(4,))
    alone = GeometricGraph.from_positions(torch.zeros(1, 3), 3.0)
    assert torch.isfinite(network(torch.ones(1, 1), alone)).all()
    twice = GeometricGraph.from_edges([0, 1], [1, 0], torch.zeros(2, 3))
    assert all(torch.isfinite(part).all() for part in Conservative(network)(torch.ones(2, 1), twice)[:2])


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="equal multiplicities"):
        MACE(2, "4x0e+2x1o", 2.0)
    with pytest.raises(ValueError, match="invariant channels"):
        MACE(2, "4x1o", 2.0)
    with pytest.raises(ValueError, match="orders 1, 2 and 3"):
        MACE(2, "4x0e", 2.0, order=4)
