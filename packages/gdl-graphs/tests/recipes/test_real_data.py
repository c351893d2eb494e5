"""Every recipe's network fits the real data, where these are."""

import pytest

pytest.importorskip("lightning")

from gdl_core.train import read_recipe
from gdl_core.train.build import build_model, build_source, check, options
from gdl_core.train.data import DataModule
from gdl_core.train.task import Task

# recipe → folder of the shared data, samples to train on, to choose by and to test on
DATA = {
    "citeseer": ("planetoid", (1, 1, 1)),
    "citeseer-gat": ("planetoid", (1, 1, 1)),
    "cora": ("planetoid", (1, 1, 1)),
    "cora-gat": ("planetoid", (1, 1, 1)),
    "esol": ("moleculenet", (904, 112, 112)),
    "shakespeare": ("text_tinyshakespeare", (1_003_726, 871, 871)),
    "traffic": ("traffic", (1437, 147, 390)),
    "tu": ("tu/dgcnn_format", (3330, 369, 411)),
    "zinc": ("zinc250k_part", (10_000, 1000, 1000)),
}


@pytest.mark.parametrize("name", sorted(DATA))
def test_the_network_of_a_recipe_fits_its_data(name, shared_data):
    folder, sizes = DATA[name]
    recipe = read_recipe(f"graphs/{name}").override(["--data.root", str(shared_data(folder))])
    config = check(recipe.config)
    source = build_source(config)
    data = DataModule(source, options(config, "loader"))
    data.setup()
    assert tuple(map(len, (data.train, data.valid, data.test))) == sizes
    inputs, targets = data.example()
    Task(build_model(config), options(config, "task")).check_output(inputs, targets, source.classes)
    if folder == "planetoid":
        counted = [int((part[0][1] >= 0).sum()) for part in (data.train, data.valid, data.test)]
        assert counted == [20 * len(source.classes), 500, 1000]
