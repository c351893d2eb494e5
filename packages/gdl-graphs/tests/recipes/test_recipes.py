"""Every recipe is accepted by what it names, trains on small data and leaves a checkpoint that can be used."""

from pathlib import Path

import gdl_graphs
import pytest
import torch

pytest.importorskip("lightning")

from gdl_core import plugins
from gdl_core.cli.main import main
from gdl_core.train import evaluate, load_model, read_recipe, train
from gdl_core.train.build import build_model, build_source, check
from gdl_core.verify import audit

FILES = sorted(Path(gdl_graphs.__file__).parent.glob("recipes/*.yaml"))
QUIET = ["--trainer.progress", "none", "--trainer.max_epochs", "2"]

# recipe → what writes its data small, and options that make the network fit
SMALL = {
    "citeseer": ("write_planetoid", {"name": "citeseer", "classes": 6}, ["--model.in_channels", "12"]),
    "citeseer-gat": ("write_planetoid", {"name": "citeseer", "classes": 6}, ["--model.in_channels", "12"]),
    "cora": ("write_planetoid", {}, ["--model.in_channels", "12"]),
    "cora-gat": ("write_planetoid", {}, ["--model.in_channels", "12"]),
    "esol": (
        "write_molecules",
        {},
        ["--model.channels", "8", "--model.walk_channels", "4", "--model.layers", "1", "--model.heads", "2"]
        + ["--loader.batch_size", "8"],
    ),
    "karate": (None, {}, []),
    "proteins": ("write_proteins", {}, ["--model.channels", "8", "--data.k", "4", "--loader.batch_size", "2"]),
    "sampled": (
        "write_store",
        {},
        ["--data.classes", "4", "--model.in_channels", "12", "--model.classes", "4", "--model.hidden", "8"]
        + ["--loader.batch_size", "16"],
    ),
    "shakespeare": (
        "write_text",
        {},
        ["--data.context", "16", "--model.context", "16", "--model.channels", "16", "--model.blocks", "1"]
        + ["--trainer.limit_train_batches", "3"],
    ),
    "traffic": ("write_traffic", {}, ["--model.channels", "8", "--model.layers", "1"]),
    "tu": ("write_tu", {}, ["--model.in_type", "3", "--model.hidden", "8", "--loader.valid_fraction", "0.2"]),
    "zinc": (
        "write_zinc",
        {},
        ["--model.channels", "8", "--model.walk_channels", "4", "--model.layers", "1", "--model.heads", "2"],
    ),
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run where runs may be left, with one thread: the networks are tiny."""
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small(small_data, tmp_path):
    """Return a function that writes the data of a recipe and gives the options to train on it."""

    def make(name):
        write, arguments, options = SMALL[name]
        if write is None:
            return [*QUIET, *options]
        getattr(small_data, write)(tmp_path, **arguments)
        return [*QUIET, *options, "--data.root", str(tmp_path)]

    return make


def test_every_file_is_a_component_and_every_component_a_file():
    named = {item.name for item in plugins.components("recipe") if item.namespace == "graphs"}
    assert named == {path.stem for path in FILES} == set(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_recipe_is_accepted_without_its_data(name):
    config = check(read_recipe(f"graphs/{name}").config)
    assert bool(build_source(config).classes) == (config["task"]["kind"] == "classification")
    assert sum(parameter.numel() for parameter in build_model(config).parameters()) > 0


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_recipe_trains_on_small_data(name, small):
    run = train(f"graphs/{name}", small(name), "r")
    assert 0 <= run.metrics.get("test/accuracy", 0) <= 1 and run.metrics.get("test/mae", 0) < 10
    again = evaluate(run.checkpoint)
    assert again == pytest.approx({key: run.metrics[key] for key in again}, abs=1e-6)


@pytest.mark.parametrize("name", ["cora", "cora-gat", "esol", "karate", "proteins", "sampled", "traffic", "tu", "zinc"])
def test_a_network_on_graphs_is_audited_from_its_checkpoint(name, small):
    run = train(f"graphs/{name}", small(name), "r")
    model, signal, _ = load_model(run.checkpoint)
    found = audit(model, signal, samples=1)
    assert found.symmetries == ("permutation",)
    assert found.output.cells["permutation"].verdict in ("exact", "rounding")


def test_a_checkpoint_of_a_large_graph_keeps_a_part_of_it(small):
    run = train("graphs/cora", small("cora"), "r")
    _, signal, _ = load_model(run.checkpoint)
    assert 1 < signal.domain.num_nodes <= 64 < 90
    assert (signal.domain.to_dense().diagonal() == 1).all()


def test_the_karate_club_is_told_apart_from_its_leaders():
    run = train("graphs/karate", ["--trainer.progress", "none"], "r")
    assert run.metrics["test/accuracy"] >= 0.9
    assert run.metrics["seconds"] < 60


def test_weight_decay_is_on_the_first_convolution_alone():
    from gdl_core.train.groups import parameter_groups

    config = check(read_recipe("graphs/cora").config)
    model = build_model(config)
    decayed, rest = parameter_groups(model, config["task"]["decay"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(p)] for p in decayed["params"]} == {"parts.1.lin.weight", "parts.1.bias"}
    assert {names[id(p)].split(".")[1] for p in rest["params"]} == {"4"}


def test_a_language_model_predicts_and_writes(small, capsys):
    run = train("graphs/shakespeare", small("shakespeare"), "r")
    Path("prompt.txt").write_text("To be")
    assert main(["predict", str(run.checkpoint), "prompt.txt"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2 + 5  # what follows each of the five letters
    arguments = ["sample", str(run.checkpoint), "--prompt", "To be", "--length", "30"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert text.startswith("To be") and len(text) == 5 + 30 + 1
    assert main(arguments) == 0
    assert capsys.readouterr().out == text
    assert main([*arguments, "--seed", "1"]) == 0
    assert capsys.readouterr().out != text
    assert main(["sample", str(run.checkpoint), "--prompt", "É"]) == 2
    assert "not in the alphabet" in capsys.readouterr().err


def test_a_graph_network_writes_no_text(small, capsys):
    run = train("graphs/karate", small("karate"), "r")
    assert main(["sample", str(run.checkpoint)]) == 2
    assert "was not trained on a text" in capsys.readouterr().err


def test_the_first_comment_of_a_recipe_says_what_it_is():
    for path in FILES:
        assert path.read_text().startswith("# "), path
