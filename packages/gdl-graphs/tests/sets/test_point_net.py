"""PointNet: invariant, insensitive to points that attain no maximum, and aligned by matrices of its own making."""

import pytest
import torch
from gdl_graphs import Alignment, PointNet, PointSet
from gdl_graphs.sets.point_net import orthogonality

SMALL = {"local": (6, 4), "features": (8,), "head": (5,)}


def values(n, seed=0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scrambled(module):
    """A module whose zero parameters are zero no more."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=draw)
    return module.double().eval()


@pytest.mark.parametrize("sizes", [[4, 4], [5, 0, 3]])
def test_the_network_is_its_formula_with_matrices_applied_to_rows(sizes):
    net = scrambled(PointNet(3, 2, **SMALL, input_transform=True, feature_transform=True))
    x, points = values(sum(sizes)), PointSet.of(sizes)
    outputs = []
    for part in x.split(sizes):
        if not len(part):
            outputs.append(net.head(torch.zeros(1, 8, dtype=torch.float64)))
            continue
        one = PointSet.of(len(part))
        h = net.local(part @ net.input_alignment(part, one).reshape(3, 3))
        h = h @ net.feature_alignment(h, one).reshape(4, 4)
        outputs.append(net.head(net.features(h).amax(0, keepdim=True)))
    assert torch.allclose(net(x, points), torch.cat(outputs), atol=1e-12)


def test_it_is_invariant_under_permutations_and_under_repeated_points():
    net, points = scrambled(PointNet(3, 2, **SMALL, feature_transform=True)), PointSet.of([5, 3])
    x = values(8)
    symmetry = points.symmetries()["permutation"]
    for g in symmetry.group.sample(5, torch.Generator().manual_seed(0)):
        moved, _ = symmetry.move(g, x, points)
        assert float((net(moved, points) - net(x, points)).detach().abs().max()) <= 1e-12
    repeated = torch.cat([x[:5], x[:2], x[5:]])
    assert torch.allclose(net(repeated, PointSet.of([7, 3])), net(x, points), atol=1e-12)
    assert not torch.allclose(net(x + 1, points), net(x, points), atol=1e-3)


def test_alignment_starts_as_the_identity_and_orthogonality_measures_the_distance_from_rotations():
    net, points = Alignment(3).double().eval(), PointSet.of([4, 2])
    x = values(6)
    assert torch.equal(net(x, points), torch.eye(3, dtype=torch.float64).flatten().expand(2, -1))
    assert torch.allclose(net.apply_to(x, points), x, atol=1e-15)
    angle = torch.tensor(0.4).double()
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()])
    assert float(orthogonality(turn[None])) < 1e-30
    assert float(orthogonality(2 * turn[None])) == pytest.approx(2 * 9)


def test_networks_without_layers_are_refused():
    with pytest.raises(ValueError, match="needs local channels and features"):
        PointNet(3, 2, local=())
