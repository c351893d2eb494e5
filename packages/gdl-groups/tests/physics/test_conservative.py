"""Forces and stress are derivatives of the energy, can be learnt, and compile and export once traced."""

import copy
import io

import pytest
import torch
from gdl_groups import Conservative, GeometricGraph, PaiNN, SchNet, SumPool, distances
from gdl_groups._cases.geometric import CLOUD, CRYSTAL, cloud
from gdl_groups.physics.conservative import trace
from torch import nn

F64 = torch.float64


class Springs(nn.Module):
    """E = Σ k/4 (r - 1)² over directed edges: each spring is counted from both ends."""

    def __init__(self, stiffness=3.0):
        super().__init__()
        self.stiffness, self.pool = nn.Parameter(torch.tensor(stiffness, dtype=F64)), SumPool(1)

    def forward(self, x, graph):
        e = 0.25 * self.stiffness * (distances(graph.vectors()) - 1).square()
        share = torch.zeros(graph.num_points, dtype=e.dtype).index_add(0, graph.incidence.receiver.long(), e)
        return self.pool(share[:, None], graph)


def painn(channels=1):
    torch.manual_seed(0)
    return PaiNN(channels, channels=4, layers=2, cutoff=1.8).double()


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def test_forces_of_springs_are_those_of_hooke():
    positions = torch.tensor([[0.0, 0, 0], [1.5, 0, 0]], dtype=F64)
    graph = GeometricGraph.from_positions(positions, 2.0)
    found = Conservative(Springs())(torch.ones(2, 1, dtype=F64), graph)
    assert found.energy.tolist() == pytest.approx([0.5 * 3 * 0.25])
    torch.testing.assert_close(found.forces, torch.tensor([[1.5, 0, 0], [-1.5, 0, 0]], dtype=F64))
    assert found.stress is None


@pytest.mark.parametrize("graph", [CLOUD, CRYSTAL], ids=["open", "periodic"])
def test_forces_are_finite_differences_of_the_energy_and_add_up_to_zero(graph):
    model, x, step = painn(2), drawn(graph.num_points, 2), 1e-5
    forces = Conservative(model)(x, graph).forces.detach()
    for i in range(graph.num_points):
        for axis in range(3):
            push = torch.zeros_like(graph.positions)
            push[i, axis] = step
            rise = (model(x, graph.moved(graph.positions + push)) - model(x, graph.moved(graph.positions - push))).sum()
            assert float(forces[i, axis]) == pytest.approx(-float(rise.detach()) / (2 * step), abs=1e-7)
    total = torch.stack([part.sum(0) for part in forces.split(graph.ptr.diff().tolist())])
    torch.testing.assert_close(total, torch.zeros_like(total), rtol=0, atol=1e-12)


def test_the_stress_is_the_finite_difference_by_strain_and_symmetric():
    model, x, step = painn(2), drawn(3, 2), 1e-5
    found = Conservative(model, stress=True)(x, CRYSTAL)
    volume = float(torch.linalg.det(CRYSTAL.cell).abs())
    for i in range(3):
        for j in range(3):
            energies = []
            for sign in (1, -1):
                strain = torch.zeros(3, 3, dtype=F64)
                strain[i, j] += sign * step / 2
                strain[j, i] += sign * step / 2
                turn = (torch.eye(3, dtype=F64) + strain).T
                energies.append(model(x, CRYSTAL.moved(CRYSTAL.positions @ turn, CRYSTAL.cell @ turn)).item())
            expected = (energies[0] - energies[1]) / (2 * step) / volume
            assert found.stress[0, i, j].item() == pytest.approx(expected, abs=1e-8)
    torch.testing.assert_close(found.stress, found.stress.mT)
    torch.testing.assert_close(found.forces, Conservative(model)(x, CRYSTAL).forces)


def test_forces_and_stress_turn_with_the_points():
    head, x = Conservative(painn(2), stress=True), drawn(3, 2)
    here = head(x, CRYSTAL)
    for g in CRYSTAL.symmetries()["orthogonal"].group.sample(3, torch.Generator().manual_seed(1)):
        there = head(x, CRYSTAL.moved(CRYSTAL.positions @ g.T, CRYSTAL.cell @ g.T))
        torch.testing.assert_close(there.energy, here.energy, rtol=0, atol=1e-12)
        torch.testing.assert_close(there.forces, here.forces @ g.T, rtol=0, atol=1e-11)
        torch.testing.assert_close(there.stress, g @ here.stress @ g.T, rtol=0, atol=1e-11)


def test_energy_is_conserved_along_a_trajectory():
    head, x = Conservative(painn(2)), drawn(4, 2)
    graph = GeometricGraph.from_positions(drawn(4, 3, seed=1), 9.0)
    velocities, positions, step = torch.zeros(4, 3, dtype=F64), graph.positions, 0.02
    totals = []
    with torch.no_grad():
        forces = head(x, graph).forces
        for _ in range(50):  # velocity Verlet
            velocities = velocities + step / 2 * forces
            positions = positions + step * velocities
            energy, forces, _ = head(x, graph.moved(positions))
            velocities = velocities + step / 2 * forces
            totals.append(float(energy + 0.5 * velocities.square().sum()))
    kinetic = 0.5 * float(velocities.square().sum())
    assert kinetic > 1e-4 and max(totals) - min(totals) < 5e-3 * kinetic


def test_gradients_of_a_loss_on_forces_are_right():
    head, x = Conservative(Springs()), torch.ones(9, 1, dtype=F64)
    found = head(x, CLOUD)
    found.forces.square().sum().backward()
    unit = Conservative(Springs(1.0))(x, CLOUD).forces
    assert head.model.stiffness.grad.item() == pytest.approx((2 * 3 * unit.square().sum()).item())
    model, target = painn(2), drawn(9, 3, seed=3)
    parameters = dict(model.named_parameters())
    x = drawn(9, 2)

    def loss(*values):
        swapped = copy.deepcopy(model)
        found = torch.func.functional_call(
            Conservative(swapped), {f"model.{n}": v for n, v in zip(parameters, values)}, (x, CLOUD)
        )
        return (found.forces - target).square().sum() + found.energy.sum()

    values = tuple(value.detach().clone().requires_grad_() for value in parameters.values())
    assert torch.autograd.gradcheck(loss, values, fast_mode=True)


def test_without_gradients_there_is_no_history_and_inference_mode_gives_the_same():
    head, x = Conservative(painn(2), stress=True), drawn(3, 2)
    expected = head(x, CRYSTAL)
    assert all(part.requires_grad for part in expected)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = head(x, CRYSTAL)
            made = CRYSTAL.map_tensors(torch.clone)  # in inference mode, a tensor that cannot be differentiated
            again = head(x.clone(), made)
        for part, other, value in zip(found, again, expected):
            assert not part.requires_grad
            torch.testing.assert_close(part, value.detach(), rtol=0, atol=1e-14)
            torch.testing.assert_close(other, value.detach(), rtol=0, atol=1e-14)


def test_positions_that_depend_on_something_pass_their_gradient_on():
    scale = torch.tensor(1.0, dtype=F64, requires_grad=True)
    graph = GeometricGraph.from_positions(torch.tensor([[0.0, 0, 0], [1.5, 0, 0]], dtype=F64), 2.0)
    found = Conservative(Springs())(torch.ones(2, 1, dtype=F64), graph.moved(graph.positions * scale))
    (slope,) = torch.autograd.grad(found.forces[1, 0], scale)
    assert slope.item() == pytest.approx(-3 * 1.5)


def test_a_model_that_sees_no_position_gives_no_force_and_empty_samples_no_nan():
    class Count(nn.Module):
        def forward(self, x, graph):
            return SumPool(1)(x, graph)

    found = Conservative(Count())(torch.ones(9, 1, dtype=F64), CLOUD)
    assert found.energy.tolist() == [5.0, 4.0] and torch.equal(found.forces, torch.zeros(9, 3, dtype=F64))
    lonely = GeometricGraph.from_positions(torch.zeros(1, 3, dtype=F64), 1.0, sizes=[0, 1])
    found = Conservative(painn())(torch.ones(1, 1, dtype=F64), lonely)
    assert found.energy[0] == 0 and torch.equal(found.forces, torch.zeros(1, 3, dtype=F64))


def gradients(head, run, x, graph):
    head.zero_grad()
    found = run(x, graph)
    found.forces.square().sum().backward()
    parts = [found.energy, found.forces, *(p.grad for p in head.parameters() if p.grad is not None)]
    return [part.detach().clone() for part in parts if float(part.detach().abs().max()) > 0]


def compare(head, run, x, graph):
    for part, expected in zip(gradients(head, run, x, graph), gradients(head, head, x, graph), strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-9, atol=1e-12)


def test_a_trace_has_the_same_forces_and_gradients_on_graphs_of_other_sizes():
    head = Conservative(painn(2))
    traced = trace(head, drawn(9, 2), CLOUD)
    compare(head, traced, drawn(9, 2), CLOUD)
    compare(head, traced, drawn(16, 2), cloud((7, 3, 6), seed=3))


def test_a_trace_compiles_with_double_backward_and_exports():
    torch.manual_seed(0)
    head, x = Conservative(SchNet(2, channels=2, layers=1, cutoff=1.8, basis=3).double()), drawn(9, 2)
    traced = trace(head, x, CLOUD)
    torch._dynamo.reset()
    compare(head, torch.compile(traced, fullgraph=True, backend="aot_eager", dynamic=True), x, CLOUD)
    torch._dynamo.reset()
    file = io.BytesIO()
    torch.export.save(torch.export.export(traced, (x, CLOUD), strict=False), file)
    file.seek(0)
    loaded = torch.export.load(file).module()(x, CLOUD)
    torch.testing.assert_close(loaded.forces, head(x, CLOUD).forces, rtol=0, atol=1e-12)


def test_a_model_that_detaches_is_not_traced_to_something_else():
    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.springs = Springs()

        def forward(self, x, graph):
            return self.springs(x, graph) * self.springs.stiffness.detach()

    with pytest.raises(ValueError, match="other derivatives than the module itself"):
        trace(Conservative(Detached()), torch.ones(9, 1, dtype=F64), CLOUD)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Conservative(Springs())(torch.ones(2, 1)), TypeError, "Conservative needs positions"),
        (lambda: Conservative(Springs(), stress=True)(torch.ones(9, 1), CLOUD), ValueError, "needs a cell"),
    ],
)
def test_bad_input_raises(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_model_without_an_energy_per_sample_is_refused():
    class PerPoint(nn.Module):
        def forward(self, x, graph):
            return x

    with pytest.raises(ValueError, match=r"one energy per sample, \[2, 1\], got \[9, 1\] from PerPoint"):
        Conservative(PerPoint())(torch.ones(9, 1, dtype=F64), CLOUD)
