"""Energies and forces of every network on atoms compile with double backward, and export for graphs of any size."""

import copy
import os
import subprocess
import sys

import pytest
import torch
from gdl_core.geometry import Blueprint
from gdl_groups import EGNN, MACE, Conservative, NequIP, PaiNN, SchNet, SumPool
from gdl_groups._cases.geometric import CLOUD, CRYSTAL, cloud
from gdl_groups.models.e3 import e3_network
from gdl_groups.physics.conservative import trace
from gdl_groups.physics.program import export

F64 = torch.float64
NETWORKS = {
    "egnn": lambda: Blueprint([EGNN(2, 1, hidden=3, layers=1), SumPool(1)]),
    "schnet": lambda: SchNet(2, channels=2, layers=1, cutoff=1.8, basis=3),
    "painn": lambda: PaiNN(2, channels=2, layers=1, cutoff=1.8, basis=3),
    "nequip": lambda: NequIP(2, "2x0e+1x1o", 2.0, layers=1, basis=3, radial=(2,), readout=2),
    "mace": lambda: MACE(2, "2x0e", 2.0, layers=1, order=2, degree=1, basis=3, radial=(2,), readout=2),
    "product": lambda: e3_network(2, 1, "2x0e+1x1o", 2.0, layers=1, readout="sum"),
    "so2": lambda: e3_network(2, 1, "2x0e+1x1o", 2.0, layers=1, readout="sum", convolution="so2"),
    "attention": lambda: e3_network(2, 1, "4x0e+4x1o", 2.0, layers=1, readout="sum", convolution="attention"),
}
SIZES = (4, 5, 3, 6)  # no length of this batch equals another, so that nothing is compiled twice
EVERY = pytest.mark.parametrize("name", NETWORKS)


def head_of(name, **options):
    torch.manual_seed(0)
    return Conservative(NETWORKS[name]().double(), **options)


def drawn(graph, seed=0):
    return torch.randn(graph.num_points, 2, dtype=F64, generator=torch.Generator().manual_seed(seed))


def gradients(head, run, graph):
    """Energies, forces, and the gradients of a loss of both by every parameter."""
    head.zero_grad()
    found = run(drawn(graph), graph)
    (found.forces.square().sum() + found.energy.sum()).backward()
    slopes = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in head.parameters()]
    return [found.energy.detach(), found.forces.detach(), *slopes]


def compare(head, run, graph):
    expected = gradients(head, head.forward, graph)
    assert float(expected[1].abs().max()) > 1e-3 and sum(float(slope.abs().sum()) for slope in expected[2:]) > 1e-3
    for part, other in zip(gradients(head, run, graph), expected, strict=True):
        torch.testing.assert_close(part, other, rtol=1e-9, atol=1e-11)


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@EVERY
def test_a_trace_has_the_gradients_of_forces_on_graphs_of_other_sizes(name):
    head = head_of(name)
    traced = trace(head, drawn(CLOUD), CLOUD)
    for sizes in (SIZES, (7,)):
        compare(head, traced, cloud(sizes, seed=3))


@pytest.mark.slow
@EVERY
def test_a_compiled_head_has_double_backward(name):
    """By the backend that `GDL_TEST_COMPILE_BACKEND` names; without it Dynamo alone, since the rest takes minutes."""
    head = head_of(name)
    head.compile(backend=os.environ.get("GDL_TEST_COMPILE_BACKEND", "eager"), fullgraph=True)
    compare(head, head, cloud(SIZES, seed=3))


@pytest.mark.slow
@pytest.mark.filterwarnings(r"ignore:.*torch\.jit\.:DeprecationWarning")  # inductor imports parts that warn
@pytest.mark.parametrize("name", ["painn", "nequip"])
def test_inductor_gives_the_parameter_gradients_of_a_loss_on_forces(name):
    head = head_of(name)
    compare(head, torch.compile(trace(head, drawn(CLOUD), CLOUD), fullgraph=True, dynamic=True), cloud(SIZES, seed=3))


@pytest.mark.slow
@pytest.mark.filterwarnings(r"ignore:.*torch\.jit\.:DeprecationWarning")  # inductor imports parts that warn
@pytest.mark.parametrize("name", ["egnn", "nequip", "so2"])
def test_other_sizes_are_not_compiled_again(name):
    """Forward and backward: a length that became a number on the way would be compiled for again and again."""
    head = head_of(name)
    run = torch.compile(trace(head, drawn(CLOUD), CLOUD), backend="aot_eager", fullgraph=True, dynamic=True)
    gradients(head, run, cloud(SIZES, seed=3))
    with torch.compiler.set_stance("fail_on_recompile"):
        gradients(head, run, cloud((7, 5, 4, 6), seed=4))


SCRIPT = """
import sys
import torch
import gdl_groups.physics.program
run = torch.export.load(sys.argv[1]).module()
samples = torch.load(sys.argv[2])
torch.save([tuple(run(x, graph)) for x, graph in samples], sys.argv[3])
"""


@pytest.mark.slow
def test_a_saved_program_runs_graphs_of_other_sizes_in_another_process(tmp_path):
    head = head_of("nequip")
    torch.export.save(export(head, drawn(CLOUD), CLOUD), tmp_path / "head.pt2")
    samples = [(drawn(graph), graph) for graph in (CLOUD, cloud(SIZES, seed=3), cloud((7, 2), seed=5))]
    torch.save(samples, tmp_path / "samples.pt")
    files = [str(tmp_path / name) for name in ("head.pt2", "samples.pt", "found.pt")]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for (x, graph), (energy, forces, stress) in zip(samples, torch.load(files[2]), strict=True):
        expected = head(x, graph)
        torch.testing.assert_close(energy, expected.energy, rtol=0, atol=1e-12)
        torch.testing.assert_close(forces, expected.forces, rtol=0, atol=1e-12)
        assert stress is None


@pytest.mark.slow
@EVERY
def test_an_exported_program_runs_graphs_of_other_sizes(name):
    head = head_of(name)
    program = export(head, drawn(CLOUD), CLOUD).module()
    for sizes in (SIZES, (7,), (2,), (1,)):  # a single sample, a pair, a lone atom
        graph = cloud(sizes, seed=3)
        found = program(drawn(graph), graph)
        torch.testing.assert_close(found.forces, head(drawn(graph), graph).forces, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_program_of_a_crystal_has_its_stress():
    head, graph = head_of("schnet", stress=True), cloud((3, 4, 5), periodic=True, seed=2)
    found = export(head, drawn(CRYSTAL), CRYSTAL).module()(drawn(graph), graph)
    torch.testing.assert_close(found.stress, head(drawn(graph), graph).stress, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_compiling_in_place_keeps_names_copies_and_lonely_atoms():
    head = head_of("schnet")
    names = list(head.state_dict())
    head.compile(backend="aot_eager")
    compare(head, head, cloud(SIZES, seed=3))
    assert list(head.state_dict()) == names
    assert copy.deepcopy(head)._compiled_call_impl is None
    lonely = cloud((1,))
    torch.testing.assert_close(head(drawn(lonely), lonely).energy, head.forward(drawn(lonely), lonely).energy)
    with torch.inference_mode():
        assert head(drawn(CLOUD), CLOUD).forces.shape == (9, 3)
    with pytest.raises(TypeError, match="Conservative needs positions"):
        head(drawn(CLOUD))


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
def test_compiling_from_outside_runs_the_head_as_it_is_or_says_what_to_do():
    head = head_of("schnet")
    compare(head, torch.compile(head, backend="aot_eager"), CLOUD)
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match=r"use `head.compile\(\)`, or compile what .*trace"):
        torch.compile(head, backend="aot_eager", fullgraph=True)(drawn(CLOUD), CLOUD)


def test_a_model_that_only_fits_one_size_is_refused():
    class Fixed(torch.nn.Module):
        def forward(self, x, graph):
            r = graph.vectors().square().sum(1)
            e = r.new_zeros(len(x)).index_add(0, graph.incidence.receiver.long(), r)  # len is a Python number
            return SumPool(1)(e[:, None], graph)

    with pytest.raises(ValueError, match=r"Fixed computes in a way that only fits a size of 9"):
        trace(Conservative(Fixed()), drawn(CLOUD), CLOUD)
    lonely = cloud((1,))
    with pytest.raises(ValueError, match="at least two points and two edges, got 1 and 0"):
        trace(head_of("schnet"), drawn(lonely), lonely)
