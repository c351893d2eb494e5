"""The recipes of turned digits: networks that fit their data and do not see a quarter turn."""

import pytest
import torch
from gdl_core.geometry import Blueprint

pytest.importorskip("jsonargparse")

from gdl_core.train import read_recipe
from gdl_core.train.build import build_model, build_source, check


@pytest.mark.parametrize("name", ["rotated-digits", "rotmnist"])
def test_its_network_is_invariant_to_quarter_turns_and_fits_the_images(name):
    config = check(read_recipe(f"groups/{name}").config)
    source, model = build_source(config), build_model(config).eval()
    assert isinstance(model, Blueprint) and "rotation" in model.symmetries()
    side = source.size[0] + 2 * source.pad
    x = torch.randn(2, 1, side, side)
    assert source.signal(x).domain == model.domain
    with torch.no_grad():
        torch.testing.assert_close(model(x.rot90(1, (2, 3))), model(x), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(model(x.flip(3)), model(x), atol=1e-4)
    assert model(x).shape == (2, len(source.classes))
