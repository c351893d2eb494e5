"""Every recipe is accepted by what it names: components, options, types; its network fits its data's images."""

from pathlib import Path

import gdl_grids
import pytest
import torch

pytest.importorskip("jsonargparse")

from gdl_core import plugins
from gdl_core.geometry import Blueprint
from gdl_core.train import read_recipe
from gdl_core.train.build import build_model, build_source, check

FILES = sorted(Path(gdl_grids.__file__).parent.glob("recipes/*.yaml"))


def test_every_file_is_a_component_and_every_component_a_file():
    named = {item.name for item in plugins.components("recipe") if item.namespace == "grids"}
    assert named == {path.stem for path in FILES}
    assert {"digits", "mnist", "fashion-mnist", "cifar10"} <= named


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_builds_a_shift_invariant_network_for_the_images_of_its_data(path):
    config = check(read_recipe(f"grids/{path.stem}").config)
    source, model = build_source(config), build_model(config)
    assert isinstance(model, Blueprint)
    assert "shift" in model.symmetries()
    pixels = torch.randint(0, int(source.levels) + 1, (2, source.channels, *source.size), dtype=torch.uint8)
    values = source.prepare(pixels)
    assert model.domain.shape == tuple(values.shape[2:]) == source.signal(values).domain.shape
    model.eval()
    moved = values.roll((3, -1), (2, 3))
    with torch.no_grad():
        torch.testing.assert_close(model(moved), model(values), atol=1e-4, rtol=1e-4)
    assert model(values).shape == (2, len(source.classes))


def test_the_first_comment_of_a_recipe_says_what_it_is():
    for path in FILES:
        assert path.read_text().startswith("# "), path
