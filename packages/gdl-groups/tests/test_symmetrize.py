"""`Symmetrize`: any network becomes equivariant; the audit says so, and says that the network alone is not."""

import pytest
import torch
from gdl_core import SO, DihedralGroup, FieldType, Grid, Layer, O, Signal, SymmetricGroup, audit, equivariance_error
from gdl_core.incidence import aggregate
from gdl_groups import GeometricGraph, Symmetrize
from torch import nn

D4 = FieldType(DihedralGroup(4), "2xtrivial+1xstandard")
GRID = Grid((5, 5), "zero")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def cnn(channels=4, out=4):
    return nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, out, 3, padding=1)).double()


def image(samples=3):
    return Signal(torch.randn(samples, 4, 5, 5, dtype=torch.float64), GRID, D4)


class Plain(Layer):
    """A network on points that respects no rotation: coordinates go into a perceptron."""

    def __init__(self, in_type, out_type, readout=False):
        super().__init__(in_type, out_type)
        self.inner = nn.Sequential(
            nn.Linear(self.in_type.channels + 3, 16), nn.Tanh(), nn.Linear(16, self.out_type.channels)
        )
        self.readout = readout
        self.double()

    def forward(self, x, domain=None):
        y = aggregate(domain.incidence, self.inner(torch.cat([x, domain.positions.sin()], 1)))
        return torch.stack([part.sum(0) for part in y.split(domain.ptr.diff().tolist())]) if self.readout else y


def cloud(group=None):
    group = group or O(3)
    positions = torch.randn(9, 3, dtype=torch.float64)
    graph = GeometricGraph.from_positions(positions, 2.0, sizes=[5, 4])
    type = FieldType(group, [(2, group.trivial()), (1, "standard")])
    return Signal(torch.randn(9, type.channels, dtype=torch.float64), graph, type)


@pytest.mark.parametrize("method", ["average", "canonical"])
@pytest.mark.parametrize("name", ["rotation", "reflection"])
def test_a_cnn_becomes_equivariant_to_turns_and_flips(method, name):
    symmetry = GRID.symmetries()[name]
    alone = equivariance_error(cnn(), image(), symmetry).max
    made = Symmetrize(cnn(), symmetry, D4, D4, method)
    assert alone > 1e-2
    assert equivariance_error(made, image(), symmetry).max < 1e-12


def test_the_average_over_all_of_p4m_on_a_torus():
    torus = Grid((4, 4))
    signal = Signal(torch.randn(1, 4, 4, 4, dtype=torch.float64), torus, D4)
    symmetry = torus.symmetries()["lattice"]
    assert equivariance_error(Symmetrize(cnn(), symmetry, D4, D4), signal, symmetry).max < 1e-12


@pytest.mark.parametrize("method", ["average", "canonical"])
def test_a_readout_becomes_invariant(method):
    net = nn.Sequential(nn.Flatten(), nn.Linear(100, 3)).double()
    made = Symmetrize(net, GRID.symmetries()["rotation"], D4, 3, method, readout=True)
    x = image().values
    turned = GRID.symmetries()["rotation"].act(torch.tensor(1), image().with_values(x)).values
    assert torch.allclose(made(x, GRID), made(turned, GRID), atol=1e-12)
    assert not torch.allclose(net(x), net(turned), atol=1e-3)


def test_a_network_that_is_equivariant_already_is_left_as_it_is():
    made = Symmetrize(nn.Tanh(), GRID.symmetries()["rotation"], 4, 4)
    x = image().values
    assert torch.allclose(made(x), x.tanh(), atol=1e-15)


def test_the_canonical_pose_is_the_one_of_the_highest_score():
    calls = []

    class Spy(nn.Module):
        def forward(self, x):
            calls.append(x)
            return x

    def corner(x):
        return x[:, 0, 0, 0]

    x = image(2).values
    y = Symmetrize(Spy(), GRID.symmetries()["rotation"], 4, 4, "canonical", score=corner)(x)
    corners = torch.stack([x[:, 0, i, j] for i in (0, -1) for j in (0, -1)])
    assert torch.equal(calls[0][:, 0, 0, 0], corners.max(0).values)
    assert torch.equal(y, x)


@pytest.mark.parametrize("method", ["frame", "canonical"])
@pytest.mark.parametrize(("name", "group"), [("orthogonal", O(3)), ("rotation", SO(3)), ("rotation", O(3))])
def test_a_perceptron_of_coordinates_becomes_equivariant_to_rotations(method, name, group):
    signal = cloud(group)
    plain = Plain(signal.type, signal.type)
    made = Symmetrize(plain, name, signal.type, signal.type, method)
    symmetries = signal.domain.symmetries()
    assert equivariance_error(plain, signal, symmetries[name]).max > 1e-2
    for symmetry in (symmetries[name], symmetries["translation"], symmetries["permutation"]):
        assert equivariance_error(made, signal, symmetry).max < 1e-10


def test_a_frame_of_rotations_does_not_promise_reflections():
    signal = cloud()
    made = Symmetrize(Plain(signal.type, signal.type), "rotation", signal.type, signal.type, "frame")
    assert equivariance_error(made, signal, signal.domain.symmetries()["orthogonal"]).max > 1e-3


def test_vectors_per_sample_turn_with_the_sample():
    signal = cloud()
    out = FieldType(O(3), "1x0e+1x1o")
    made = Symmetrize(Plain(signal.type, out, readout=True), "orthogonal", signal.type, out, "frame", readout=True)
    symmetry = signal.domain.symmetries()["orthogonal"]
    g = symmetry.group.sample(1, torch.Generator().manual_seed(1))[0]
    moved = symmetry.act(g, signal)
    assert torch.allclose(made(moved.values, moved.domain), out.act(g, made(signal.values, signal.domain)), atol=1e-10)


def test_gradients_are_finite_where_moments_are_equal():
    positions = torch.tensor(
        [[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64, requires_grad=True
    )
    graph = GeometricGraph.from_positions(positions)
    made = Symmetrize(Plain(1, 1), "orthogonal", 1, 1, "frame")
    made(torch.ones(4, 1, dtype=torch.float64), graph).sum().backward()
    assert torch.isfinite(positions.grad).all()


def test_the_audit_certifies_it():
    symmetry = GRID.symmetries()["rotation"]
    report = audit(Symmetrize(cnn(), symmetry, D4, D4), image(), ["rotation"])
    assert report.first_lost("rotation") != ""
    assert equivariance_error(Symmetrize(cnn(), symmetry, D4, D4), image(), symmetry).max < 1e-12


@pytest.mark.parametrize(
    ("symmetry", "method", "message"),
    [
        ("rotation", "average", "too many to average"),
        ("shift", "frame", "'rotation' or 'orthogonal'"),
        (Grid((4, 4)).symmetries()["fractional_shift"], "average", "finite groups"),
        (GRID.symmetries()["rotation"], "frame", "'average' or 'canonical'"),
    ],
)
def test_a_method_that_the_group_does_not_admit_is_refused(symmetry, method, message):
    with pytest.raises(TypeError, match=message):
        Symmetrize(nn.Identity(), symmetry, 1, 1, method)


def test_a_group_too_large_is_refused():
    with pytest.raises(ValueError, match=r"at most 1024 elements, SymmetricGroup\(7\) has 5040"):
        Symmetrize(nn.Identity(), _Shuffle(), 1, 1)


class _Shuffle:
    name, domain, group, is_exact = "shuffle", GRID, SymmetricGroup(7), True


def test_a_symmetry_of_atoms_is_taken_by_name():
    from gdl_groups import GeometricGraph

    graph = GeometricGraph.from_positions(torch.eye(3))
    with pytest.raises(TypeError, match=r"by its name.*give 'rotation' or 'orthogonal'.*got 'rotation' itself"):
        Symmetrize(torch.nn.Identity(), graph.symmetries()["rotation"], 1, 1)
