"""Training by a recipe: what a run leaves behind, how it is interrupted and goes on, what it refuses."""

import errno
import json
import os
import signal

import pytest
import torch
import yaml

pytest.importorskip("lightning")

from gdl_core.errors import CheckpointError
from gdl_core.train import ConfigError, evaluate, load_model, train
from gdl_core.train.callbacks import Interrupted
from gdl_core.train.run import latest
from gdl_core.train.task import Task

pytestmark = pytest.mark.usefixtures("folder")


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def interrupt_after(monkeypatch, step):
    """Send this process the signal of Ctrl-C while it computes a step."""
    compute = Task.training_step

    def training_step(self, batch, index):
        if self.global_step == step:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, batch, index)

    monkeypatch.setattr(Task, "training_step", training_step)


def test_a_run_leaves_configuration_figures_and_checkpoints():
    run = train("waves.yaml", ["--trainer.max_epochs", "6"], "kept")
    assert run.folder.parent.name == "waves" and run.folder.parent.parent.name == "kept"
    assert {entry.name for entry in run.folder.iterdir()} == {
        "config.yaml", "metrics.json", "best.ckpt", "last.ckpt", "logs",
    }  # fmt: skip
    assert json.loads((run.folder / "metrics.json").read_text()) == run.metrics
    assert run.metrics["test/accuracy"] > 0.9  # three frequencies are easily told apart
    assert run.metrics["epochs"] == 6 and run.checkpoint.name == "best.ckpt"
    assert yaml.safe_load((run.folder / "config.yaml").read_text())["trainer"]["max_epochs"] == 6
    model, signal_, config = load_model(run.checkpoint)
    assert config["model"]["class_path"] == "waves.Net" and model(signal_.values).shape == (4, 3)
    figures = evaluate(run.folder)
    assert figures["test/accuracy"] == pytest.approx(run.metrics["test/accuracy"])
    assert latest("kept") == run.folder


def test_the_same_seed_trains_the_same_network_and_another_seed_does_not():
    options = ["--model.dropout", "0.3", "--data.jitter", "0.1", "--trainer.max_epochs", "1"]
    first, again, other = (train("waves.yaml", [*options, "--seed", seed], "r") for seed in ("1", "1", "2"))
    assert same(weights(first.folder / "last.ckpt"), weights(again.folder / "last.ckpt"))
    assert not same(weights(first.folder / "last.ckpt"), weights(other.folder / "last.ckpt"))


@pytest.mark.parametrize("step", [0, 3, 6])  # the first, the last of an epoch of four (goes on to the next), another
def test_an_interrupted_run_goes_on_to_the_same_weights_bit_by_bit(monkeypatch, step):
    options = [
        "--model.dropout", "0.3", "--data.jitter", "0.1", "--trainer.max_epochs", "3",
        "--scheduler", "torch.optim.lr_scheduler.OneCycleLR", "--scheduler.max_lr", "0.3",
    ]  # fmt: skip
    whole = train("waves.yaml", options, "whole")
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        interrupt_after(patched, step)
        with pytest.raises(Interrupted, match=r"To go on: gdl train --resume part/waves/") as caught:
            train("waves.yaml", options, "part")
    assert signal.getsignal(signal.SIGINT) is handler
    folder = latest("part")
    assert str(folder) in str(caught.value)
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] in (step + 1, step + 2)
    resumed = train(folder / "config.yaml", resume=folder)
    assert resumed.folder == folder
    assert same(weights(whole.folder / "last.ckpt"), weights(resumed.folder / "last.ckpt"))
    first, second = (torch.load(run.folder / "last.ckpt", weights_only=True) for run in (whole, resumed))
    assert same(first["optimizer_states"][0]["state"][0], second["optimizer_states"][0]["state"][0])
    assert first["lr_schedulers"] == second["lr_schedulers"]
    assert resumed.metrics["test/loss"] == whole.metrics["test/loss"]


def test_more_epochs_can_be_added_to_a_finished_run():
    short = train("waves.yaml", ["--trainer.max_epochs", "1"], "r")
    longer = train("waves.yaml", ["--trainer.max_epochs", "3"], resume=short.folder)
    whole = train("waves.yaml", ["--trainer.max_epochs", "3"], "whole")
    assert same(weights(longer.folder / "last.ckpt"), weights(whole.folder / "last.ckpt"))


def test_a_damaged_checkpoint_is_not_resumed_and_nothing_is_overwritten():
    run = train("waves.yaml", ["--trainer.max_epochs", "1"], "r")
    path = run.folder / "last.ckpt"
    path.write_bytes(path.read_bytes()[:-100])
    before = {entry: entry.read_bytes() for entry in run.folder.iterdir() if entry.is_file()}
    with pytest.raises(CheckpointError, match="cut off"):
        train("waves.yaml", ["--trainer.max_epochs", "2"], resume=run.folder)
    assert {entry: entry.read_bytes() for entry in before} == before


def test_a_disk_that_fills_while_training_ends_in_a_sentence_and_keeps_the_last_checkpoint(monkeypatch):
    calls = []

    def filling(_):
        calls.append(1)
        if len(calls) > 2:  # two checkpoints, of the first epoch, are written
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", filling)
    with pytest.raises(CheckpointError, match="No space left on device; the previous one is kept"):
        train("waves.yaml", [], "r")
    assert torch.load(latest("r") / "last.ckpt", weights_only=True)["global_step"] == 4


def test_a_regression_measures_its_own_figures():
    options = ["--data.regression", "--model.outputs", "1", "--task.kind", "regression", "--model.width", "8"]
    run = train("waves.yaml", [*options, "--trainer.max_epochs", "12"], "r")
    assert run.metrics["test/mae"] < 0.4 and "test/accuracy" not in run.metrics
    mean = sum(run.metrics[name] for name in ("test/loss", "test/mae"))
    assert mean == pytest.approx(sum(evaluate(run.checkpoint).values()))


def test_figures_are_means_over_samples_however_they_are_batched():
    run = train("waves.yaml", ["--trainer.max_epochs", "1"], "r")
    odd = evaluate(run.checkpoint, ["--loader.batch_size", "7"])  # 48 = 6 · 7 + 6
    for name, value in odd.items():
        assert value == pytest.approx(run.metrics[name], abs=1e-6)


def test_patience_stops_a_run_that_gets_no_better():
    run = train("waves.yaml", ["--optimizer.lr", "0", "--trainer.patience", "2", "--trainer.max_epochs", "20"], "r")
    assert run.metrics["epochs"] == 3


def test_a_run_of_less_than_an_epoch_leaves_its_last_checkpoint():
    run = train("waves.yaml", ["--trainer.max_steps", "1"], "short")
    assert run.checkpoint.is_file() and "test/loss" in run.metrics


def test_without_validation_the_last_checkpoint_is_the_result():
    run = train("waves.yaml", ["--loader.valid_fraction", "0", "--trainer.max_epochs", "1"], "r")
    assert run.checkpoint.name == "last.ckpt"
    assert not (run.folder / "best.ckpt").exists()


def test_a_compiled_network_is_compiled_in_place_and_its_checkpoint_has_clean_names(monkeypatch):
    compiled = []

    def compile_eagerly(self, *arguments, **options):
        compiled.append(type(self).__name__)
        self._compiled_call_impl = torch.compile(self._call_impl, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_eagerly)
    run = train("waves.yaml", ["--trainer.compile", "--trainer.max_epochs", "1"], "r")
    assert compiled == ["Net"]
    load_model(run.checkpoint)


def test_mixed_precision_trains_float32_weights():
    run = train("waves.yaml", ["--trainer.precision", "bf16-mixed", "--trainer.max_epochs", "4"], "r")
    assert run.metrics["test/accuracy"] > 0.7
    assert {value.dtype for value in weights(run.checkpoint).values()} == {torch.float32}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.channels", "3"], ["does not take the data's input", "3 channels"]),
        (["--model.outputs", "5"], ["[4, 5]", "[4, 3]", "one number per class"]),
        (["--task.kind", "regression"], ["[4, 3]", "the shape of the targets"]),
    ],
)
def test_a_network_that_does_not_fit_the_data_is_refused_before_anything_is_written(folder, options, words):
    with pytest.raises(ConfigError) as caught:
        train("waves.yaml", options, "r")
    for word in words:
        assert word in str(caught.value)
    assert not (folder / "r").exists()


def test_a_line_per_epoch_where_the_output_is_no_terminal(capsys):
    train("waves.yaml", ["--trainer.progress", "auto"], "r")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  train/accuracy 0.") and "valid/loss" in lines[1]


def test_a_progress_bar_is_drawn_on_request(capsys):
    train("waves.yaml", ["--trainer.progress", "bar", "--trainer.max_epochs", "1"], "r")
    assert "Epoch 0/0" in capsys.readouterr().out
