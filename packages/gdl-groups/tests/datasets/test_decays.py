"""Decays keep energy and momentum, and boosts keep the mass."""

import pytest
import torch

pytest.importorskip("lightning")

from gdl_groups.datasets.decays import Decays, boost, decays

METRIC = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))


def square(p):
    return torch.einsum("...i,ij,...j->...", p, METRIC, p)


def test_the_parts_are_massless_and_their_sum_has_the_mass():
    momenta, mass = decays(200, 4, 0.0, 2.0, torch.Generator().manual_seed(0))
    assert square(momenta).abs().max() < 1e-10
    assert torch.allclose(square(momenta.sum(1)), mass.square(), atol=1e-10)


def test_a_boost_is_a_lorentz_transformation_and_gives_rest_its_rapidity():
    along, rapidity = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    g = boost(along, rapidity)
    assert torch.allclose(g.mT @ METRIC @ g, METRIC.expand(5, 4, 4), atol=1e-12)
    assert torch.allclose(g[:, 0, 0], rapidity.cosh())
    assert torch.allclose(g[:, 1:, 0], rapidity.sinh()[:, None] * along / along.norm(dim=1, keepdim=True))


def test_the_test_set_is_faster_than_the_training_set_and_seeds_repeat():
    splits = Decays(train=50, test=60).splits()
    speeds = []
    for part in (splits.train, splits.test):
        x, _ = part.__getitems__(list(range(len(part))))[0]
        total = x.unflatten(1, (4, 4)).sum(2)
        speeds.append(torch.acosh(total[:, 0] / (total[:, 0] ** 2 - total[:, 1:].square().sum(1)).sqrt()))
    assert len(speeds[0]) == 50 and len(speeds[1]) == 60
    assert speeds[0].max() < 0.51 and speeds[1].min() > 0.49
    assert torch.equal(Decays(train=50, test=60).splits().test.inputs, splits.test.inputs)


@pytest.mark.parametrize(
    ("option", "message"), [({"particles": 1}, "two particles"), ({"test_rapidity": 9}, "at most 3")]
)
def test_impossible_decays_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        Decays(**option)
