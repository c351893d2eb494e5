"""The kit, the kernel that symmetry leaves, and training on hexagonal digits."""

import pytest
import torch
from gdl_core import Blueprint, DihedralGroup, FieldType, Signal
from gdl_core.derive import operators
from gdl_core.testing import parametrize_with_checks
from gdl_core.verify import equivariance_error
from gdl_hex import HexConv, HexMean, HexTorus, hex_digits


@parametrize_with_checks("hex")
def test_conformance(check, case):
    check(case)


@pytest.mark.parametrize(
    ("into", "out", "dimension"),
    [("trivial", "trivial", 2), ("trivial", "regular", 7), ("regular", "regular", 84), ("trivial", "sign", 0)],
)
def test_one_ring_kernels_have_the_dimension_counted_by_hand(into, out, dimension):
    """The seven cells fall into two orbits; to the regular field each cell is free, and from it |D_6| times that."""
    lattice, point = HexTorus(7), DihedralGroup(6)
    symmetry = lattice.symmetries()["p6m"]
    reps = [point.representation(name) for name in (into, out)]
    assert len(operators(symmetry, *reps, lattice.ring())) == dimension


def test_scalar_convolution_is_the_centre_and_the_mean_of_the_ring():
    lattice = HexTorus(5)
    conv = HexConv(lattice, 1, 1, bias=False).double()
    impulse = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    impulse[0, 0, 2, 2] = 1
    response = conv(impulse)[0, 0]
    ring = torch.stack(
        [response[(2 + q) % 5, (2 + r) % 5] for q, r in [(1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)]]
    )
    assert torch.allclose(ring, ring[0].expand(6))
    assert int((response.abs() > 1e-12).sum()) == 7


def test_training_on_hexagonal_digits():
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    torch.manual_seed(0)
    images, labels = hex_digits(10)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = order[:1297], order[1297:]
    lattice, point = HexTorus(10), DihedralGroup(6)
    hidden = FieldType(point, "2xregular")
    parts = [HexConv(lattice, 1, hidden), torch.nn.ReLU(), HexConv(lattice, hidden, hidden), torch.nn.ReLU()]
    parts += [HexConv(lattice, hidden, hidden), torch.nn.ReLU(), HexConv(lattice, hidden, 64), torch.nn.ReLU()]
    net = Blueprint([*parts, HexMean(64), torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10)], domain=lattice)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=21 * 7)
    for _ in range(7):
        for batch in train[torch.randperm(len(train))].split(64):
            loss = torch.nn.functional.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        accuracy = float((net(images[test]).argmax(1) == labels[test]).float().mean())
    assert accuracy > 0.85, accuracy
    signal = Signal(images[:4].double(), lattice, FieldType.scalars(1))
    assert equivariance_error(net.double(), signal, lattice.symmetries()["p6m"]).max < 1e-12
