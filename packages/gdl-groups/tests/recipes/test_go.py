"""The recipes of boards and voxels: their networks fit their data and keep its symmetries."""

import pytest
import torch

pytest.importorskip("jsonargparse")

from gdl_core.geometry import Blueprint
from gdl_core.train import read_recipe
from gdl_core.train.build import build_model, build_source, check
from gdl_groups.datasets.go import turned_points
from gdl_groups.models.go import PointScores


def test_the_policy_of_the_recipe_scores_every_point_and_turns_with_the_board():
    config = check(read_recipe("groups/go").config)
    source, model = build_source(config), build_model(config).eval()
    assert isinstance(model, PointScores)
    assert model.network.symmetries() == ("rotation", "reflection")
    x = torch.randn(2, 15, 19, 19)
    assert source.signal(x).domain == model.network.domain
    with torch.no_grad():
        scores, turned = model(x), model(x.rot90(1, (2, 3)))
    assert scores.shape == (2, len(source.classes))
    torch.testing.assert_close(turned[:, turned_points(19)[1]], scores, atol=1e-3, rtol=1e-3)


def test_the_plain_network_that_the_recipe_names_is_of_equal_size():
    recipe = read_recipe("groups/go").config
    ours = build_model(check(recipe))
    recipe["model"]["init_args"] |= {"group": "1", "channels": 32}
    plain = build_model(check(recipe))
    sizes = [sum(parameter.numel() for parameter in net.parameters()) for net in (ours, plain)]
    assert abs(sizes[0] / sizes[1] - 1) < 0.05


def test_the_network_of_voxels_keeps_the_turns_of_the_cube():
    config = check(read_recipe("groups/voxels").config)
    source, model = build_source(config), build_model(config)
    assert isinstance(model, Blueprint) and model.symmetries() == ("rotation",)
    assert source.signal(torch.zeros(1, 1, 16, 16, 16)).domain == model.domain
