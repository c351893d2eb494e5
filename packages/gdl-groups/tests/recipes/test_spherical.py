"""The recipe spherical-digits: its network fits its data, is nearly invariant, and reads what it has not seen."""

import pytest
import torch

pytest.importorskip("jsonargparse")
pytest.importorskip("sklearn")

from gdl_core.geometry import Blueprint
from gdl_core.groups import SO
from gdl_core.train import read_recipe
from gdl_core.train.build import build_model, build_source, check
from gdl_groups.models.spherical import spherical_cnn


def built():
    config = check(read_recipe("groups/spherical-digits").config)
    torch.manual_seed(0)
    return build_source(config), build_model(config)


def test_the_network_of_the_recipe_fits_its_data_and_is_nearly_invariant():
    source, model = built()
    assert isinstance(model, Blueprint)
    assert source.sphere == model.domain
    assert "longitude" in model.symmetries()
    signal = source.signal(source.splits().test.inputs[:16])
    turn = signal.domain.symmetries()["rotation"]
    g = SO(3).sample(1, torch.Generator().manual_seed(0))[0]
    model.eval()
    with torch.no_grad():
        before, after = model(signal.values), model(turn.act(g, signal).values)
        assert before.shape == (16, len(source.classes))
        assert float((after - before).norm() / before.norm()) < 0.2
        torch.testing.assert_close(model(signal.values.roll(7, 3)), before, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_it_learns_upright_digits_and_reads_turned_ones():
    """Two epochs of upright digits: far above chance on turned ones, of which it has never seen any."""
    source, model = built()
    splits = source.splits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for rows in torch.randperm(len(splits.train)).repeat(2).split(32):
        loss = torch.nn.functional.cross_entropy(model(splits.train.inputs[rows]), splits.train.targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = model(splits.test.inputs).argmax(1)
        share = float((found == splits.test.targets).double().mean())
    assert share > 0.4


def test_spherical_cnn_refuses_lists_of_different_lengths_and_unknown_filters():
    with pytest.raises(ValueError, match="one entry per convolution"):
        spherical_cnn(channels=(8, 8), degrees=(4,))
    with pytest.raises(ValueError, match="filters='zonal' or 'free'"):
        spherical_cnn(filters="steerable")
