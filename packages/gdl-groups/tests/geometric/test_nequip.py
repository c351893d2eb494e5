"""NequIP gives an invariant, extensive energy whose forces are its derivatives."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.nequip import NequIP
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


@pytest.mark.parametrize("hidden", ["4x0e+2x0o+3x1o+2x1e+2x2e", FieldType(SO(3), "4x0+3x1+2x2")])
def test_energy_is_invariant(hidden):
    x, graph = molecules()
    model = NequIP(3, hidden, 3.0, radial=(8,))
    assert ("orthogonal" in model.claims) == isinstance(hidden, str)
    for name in model.claims:
        assert_equivariant(model, Signal(x, graph, model.in_type), graph.symmetries()[name], 1e-10)


def test_forces_are_derivatives_of_the_energy_and_turn_with_the_molecule():
    x, graph = molecules()
    head = Conservative(NequIP(3, "4x0e+3x1o+2x2e", 3.0, radial=(8,)))
    energy, forces, _ = head(x, graph)
    step = 1e-5 * torch.randn_like(graph.positions)
    up, down = (head(x, graph.moved(graph.positions + s * step)).energy.sum() for s in (1, -1))
    work = -(forces * step).sum()
    assert ((up - down) / 2 - work).detach().abs() < 1e-8 * work.detach().abs()
    turn = torch.linalg.qr(torch.randn(3, 3))[0]
    turned = head(x, graph.moved(graph.positions @ turn.T))
    assert torch.allclose(turned.energy, energy, rtol=1e-10, atol=0)
    assert torch.allclose(turned.forces, forces @ turn.T, rtol=0, atol=1e-10 * float(forces.detach().norm()))
    assert forces[:5].sum(0).abs().max() < 1e-12


def test_forces_can_be_learnt():
    x, graph = molecules()
    model = NequIP(3, "2x0e+1x1o", 3.0, layers=2, basis=3, radial=(4,))
    head = Conservative(model)
    parameters = [p.detach().requires_grad_() for p in model.parameters()]
    names = [name for name, _ in model.named_parameters()]

    def loss(*values: Tensor) -> Tensor:
        swapped = {f"model.{name}": value for name, value in zip(names, values)}
        return torch.func.functional_call(head, swapped, (x, graph)).forces.square().sum()

    assert torch.autograd.gradcheck(loss, tuple(parameters), fast_mode=True)


def test_a_step_of_training_on_forces_compiles_as_one_graph():
    x, graph = molecules()
    model = NequIP(3, "2x0e+1x1o", 3.0, layers=1, basis=3, radial=(4,))
    parameters = list(model.parameters())

    def step(x: Tensor, graph: GeometricGraph, positions: Tensor) -> tuple[Tensor, ...]:
        energy = model(x, graph.moved(positions)).sum()
        (slope,) = torch.autograd.grad(energy, positions, create_graph=True)
        loss = (slope - 1).square().sum()
        return tuple(g.detach() for g in torch.autograd.grad(loss, parameters, allow_unused=True) if g is not None)

    positions = graph.positions.clone().requires_grad_()
    expected = step(x, graph, positions)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(step, fullgraph=True, backend="aot_eager")(x, graph, positions)
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-14) for a, b in zip(found, expected, strict=True))


def test_energy_is_extensive_and_lone_atoms_have_their_shift():
    x, graph = molecules()
    model = NequIP(3, "4x0e+2x1o", 3.0, shifts=[-1.0, -2.0, -3.0], scale=2.0)
    parts = torch.cat([model(x[:5], graph.unbatch()[0]), model(x[5:], graph.unbatch()[1])])
    assert torch.allclose(model(x, graph), parts, rtol=1e-12)
    plain = NequIP(3, "4x0e+2x1o", 3.0)
    plain.load_state_dict(model.state_dict() | {"energy.shifts": torch.zeros(3), "energy.scale": torch.ones(())})
    assert torch.allclose(model(x, graph), 2 * plain(x, graph) + graph_shift(x, graph))
    empty = GeometricGraph.from_positions(torch.zeros(0, 3), 1.0)
    assert torch.equal(model(x[:0], empty), torch.zeros(1, 1))


def graph_shift(x: Tensor, graph: GeometricGraph) -> Tensor:
    shift = x @ torch.tensor([-1.0, -2.0, -3.0])
    return torch.stack([shift[:5].sum(), shift[5:].sum()])[:, None]


def test_crossing_the_cut_off_is_smooth():
    model = NequIP(1, "4x0e+2x1o", 2.0)
    head = Conservative(model)

    def force(r: float) -> Tensor:
        graph = GeometricGraph.from_positions(torch.tensor([[0.0, 0, 0], [r, 0, 0]]), 2.0)
        return head(torch.ones(2, 1), graph).forces

    assert (force(2 - 1e-5) - force(2 + 1e-5)).abs().max() < 1e-8
    assert force(1.5).abs().max() > 1e-4


def test_unreachable_channels_are_left_out():
    first = NequIP(2, "4x0e+4x0o+4x1o+4x1e", 2.0).layers[0]
    assert str(first.gate.out_type) == "4x0e+4x1o"  # invariants and harmonics make no pseudovector


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="invariant channels"):
        NequIP(2, "4x1o", 2.0)
    with pytest.raises(ValueError, match="each of 2 species, got 3"):
        NequIP(2, "4x0e", 2.0, shifts=[1, 2, 3])
