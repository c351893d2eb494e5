"""The command line from a recipe of a plugin to a prediction, in processes of their own, as a user types it."""

import json
import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("lightning")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("train")


def gdl(place, *arguments):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GDL_")}
    environ |= {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gdl_core.cli", *arguments]
    return subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(place):
    done = gdl(place, "train", "grids/digits", "--trainer.max_epochs", "1", "--loader.batch_size", "128")
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (place / "runs" / "grids" / "digits").iterdir()
    return folder


def test_a_recipe_is_trained_without_a_warning_and_leaves_its_files(run):
    assert {"config.yaml", "metrics.json", "best.ckpt", "last.ckpt"} <= {path.name for path in run.iterdir()}
    assert json.loads((run / "metrics.json").read_text())["test/accuracy"] > 0.1


def test_a_checkpoint_is_measured_applied_and_audited(place, run):
    Image.new("RGB", (33, 20), "white").save(place / "paper.png")
    done = gdl(place, "predict", "paper.png", "--invert")
    assert (done.returncode, done.stderr) == (0, "") and "probability" in done.stdout
    done = gdl(place, "audit", str(run / "best.ckpt"), "--symmetry", "shift", "--samples", "1")
    assert (done.returncode, done.stderr) == (0, "") and "shift" in done.stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "grids/digit"], "'grids/digits'"),
        (["train", "grids/digits", "--model", "grids/lennet"], "'grids/lenet'"),
        (["train", "grids/digits", "--model.chanels", "3"], "Did you mean 'channels'"),
        (["train", "grids/mnist", "--data.root", "nowhere"], "no folder 'nowhere'"),
        (["train", "grids/mnist"], "--data.root FOLDER"),
        (["train", "grids/digits", "--model.in_channels", "3"], "3 channels"),
    ],
)
def test_a_wrong_name_and_absent_data_are_one_sentence_before_training(argv, words, capsys, tmp_path, monkeypatch):
    from gdl_core.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_checkpoint_of_another_version_of_the_plugin_is_refused_with_both_versions(place, run):
    content = torch.load(run / "last.ckpt", weights_only=True)
    assert set(content["gdl"]["versions"]) == {"gdl-core", "gdl-grids"}
    content["gdl"]["versions"]["gdl-grids"] = "9.1.0"
    torch.save(content, place / "other.ckpt")
    done = gdl(place, "test", "other.ckpt")
    assert done.returncode == 2 and "written with gdl-grids 9.1.0, here is gdl-grids" in done.stderr


def test_the_same_weights_keep_shifts_with_polyphase_pools_and_lose_them_with_strided_ones(run):
    from gdl_core.train import build_model, load_model
    from gdl_core.verify import audit, equivariance_error

    _, signal, config = load_model(run)
    shift = signal.domain.symmetries()["shift"]
    for kept, lost in (("polyphase", "stride"), ("max-polyphase", "max")):
        weights = load_model(run)[0].state_dict()
        errors = {}
        for pool in (kept, lost):
            config["model"]["init_args"]["pool"] = pool
            model = build_model(config).eval()
            model.load_state_dict(weights)
            errors[pool] = equivariance_error(model, signal, shift).max
            found = audit(model, signal, ["shift"], samples=1)
            assert found.first_lost("shift") == (None if pool == kept else "parts.3")
        assert errors[kept] <= 1e-6
        assert errors[lost] >= 1e-3
