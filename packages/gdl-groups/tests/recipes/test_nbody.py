"""The recipe of charged particles trains, leaves a checkpoint that is exact under motions, and can be tested again."""

import pytest
import torch

pytest.importorskip("lightning")

from gdl_core.train import evaluate, load_model, read_recipe, train
from gdl_core.train.build import build_model, check
from gdl_core.verify import audit

SMALL = ["--data.train", "16", "--data.valid", "4", "--data.test", "4", "--data.start", "20", "--data.steps", "10"]
SMALL += ["--model.hidden", "8", "--model.layers", "2", "--loader.batch_size", "4"]
SMALL += ["--trainer.progress", "none", "--trainer.max_epochs", "2"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    from gdl_groups.datasets import nbody

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(nbody, "DRAWN", (16, 4, 4))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_recipe_is_the_published_network():
    config = check(read_recipe("groups/nbody").config)
    assert sum(parameter.numel() for parameter in build_model(config).parameters()) == 134_020
    assert config["data"]["init_args"] == {
        "train": 3000,
        "valid": 2000,
        "test": 2000,
        "start": 3100,
        "steps": 1000,
        "seed": 43,
    }


def test_the_recipe_trains_and_its_network_keeps_every_motion():
    run = train("groups/nbody", SMALL, "r")
    again = evaluate(run.checkpoint)
    assert again == pytest.approx({key: run.metrics[key] for key in again}, abs=1e-6)
    assert 0 < run.metrics["test/loss"] < 1
    model, signal, _ = load_model(run.checkpoint)
    found = audit(model, signal, samples=1)
    assert set(found.symmetries) == {"permutation", "translation", "rotation", "orthogonal"}
    for name in found.symmetries:
        assert found.output.cells[name].verdict in ("exact", "rounding"), name
