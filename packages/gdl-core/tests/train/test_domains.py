"""Samples that live on domains of their own, targets that are left out, targets of any leading shape."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("lightning")

from gdl_core.cli.main import main
from gdl_core.train import IGNORED, ConfigError, collate, evaluate, load_model, train
from gdl_core.train.groups import parameter_groups
from gdl_core.train.options import TaskOptions
from gdl_core.train.task import Task

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    for name in ("paths.py", "paths.yaml"):
        shutil.copy(HERE / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def task(**options):
    return Task(nn.Identity(), TaskOptions(**options))


def figures(task, stage="train"):
    return {name.partition("_")[2]: float(mean.compute()) for name, mean in task.means.items() if stage in name}


def measure(task, *batches):
    task.log = lambda *_, **__: None
    for batch in batches:
        task.training_step(batch, 0)
    return figures(task)


def test_ignored_targets_count_neither_in_the_loss_nor_in_the_weight_of_a_batch():
    torch.manual_seed(0)
    output, targets = torch.randn(10, 3), torch.randint(3, (10,))
    hidden = targets.clone()
    hidden[[0, 3, 4]] = IGNORED
    kept = hidden != IGNORED
    got = measure(task(), (output, hidden))
    alone = measure(task(), (output[kept], targets[kept]))
    assert got == pytest.approx(alone, rel=1e-6)
    # In two batches of 1 and 6 rows that count: the mean is over rows, not over batches.
    parts = measure(task(), (output[:4], hidden[:4]), (output[4:], hidden[4:]))
    assert parts == pytest.approx(alone, rel=1e-6)
    assert measure(task(), (output, targets)) != pytest.approx(alone, rel=1e-3)  # hiding makes a difference


def test_the_gradient_of_ignored_rows_is_zero_and_a_batch_of_them_has_a_finite_loss():
    rows = torch.randn(4, 3, requires_grad=True)
    quiet = task(label_smoothing=0.1)
    quiet.log = lambda *_, **__: None
    quiet.training_step((rows, torch.tensor([1, IGNORED, 0, IGNORED])), 0).backward()
    assert torch.equal(rows.grad[[1, 3]], torch.zeros(2, 3)) and (rows.grad[[0, 2]] != 0).all()
    assert float(quiet.training_step((rows.detach(), torch.full((4,), IGNORED)), 0)) == 0.0


def test_targets_of_a_sequence_are_as_many_rows():
    output, targets = torch.randn(4, 5, 3), torch.randint(3, (4, 5))
    flat = measure(task(), (output.reshape(20, 3), targets.reshape(20)))
    assert measure(task(), (output, targets)) == pytest.approx(flat, rel=1e-6)


def test_the_loss_of_a_regression_is_squared_or_absolute():
    output, targets = torch.tensor([[1.0], [5.0]]), torch.tensor([[2.0], [2.0]])
    assert measure(task(kind="regression"), (output, targets)) == {"loss": 5.0, "mae": 2.0}
    assert measure(task(kind="regression", loss="mae"), (output, targets)) == {"loss": 2.0, "mae": 2.0}


def test_a_batch_of_samples_on_domains_is_one_domain_and_a_single_sample_is_not_copied():
    import paths

    samples = [((torch.full((size, 2), float(size)), paths.path(size)), torch.tensor([size])) for size in (3, 1, 2)]
    (values, domain), targets = collate(samples)
    assert values[:, 0].tolist() == [3, 3, 3, 1, 2, 2] and targets.tolist() == [3, 1, 2]
    assert domain.owner.tolist() == [0, 0, 0, 1, 2, 2] and domain.first.tolist() == [0, 3, 4]
    assert collate(samples[:1])[0][0] is samples[0][0][0]
    plain = collate([(torch.zeros(2), torch.tensor(1)), (torch.ones(2), torch.tensor(0))])
    assert plain[0].tolist() == [[0, 0], [1, 1]] and plain[1].tolist() == [1, 0]


def test_paths_of_several_lengths_are_learnt_and_the_checkpoint_has_an_example_on_its_domain():
    run = train("paths.yaml", ["--data.count", "200", "--task.monitor", "loss"], "r")
    assert run.metrics["test/accuracy"] > 0.85
    one = evaluate(run.checkpoint, ["--loader.batch_size", "1"])
    assert one == pytest.approx({name: run.metrics[name] for name in one}, abs=1e-6)
    model, signal, _ = load_model(run.checkpoint)
    assert type(signal.domain).__name__ == "Paths" and len(signal.domain.first) == 4
    assert model(signal.values, signal.domain).shape == (4, 2)
    content = torch.load(run.checkpoint, weights_only=True)["gdl"]["example"]
    assert isinstance(content["structure"], str) and all(isinstance(t, torch.Tensor) for t in content["tensors"])


def test_points_of_one_path_are_learnt_with_each_split_knowing_its_own(capsys):
    options = ["--data.points", "--data.count", "200", "--model.points", "--task.monitor", "loss"]
    run = train("paths.yaml", [*options, "--trainer.max_epochs", "60"], "r")
    assert run.metrics["test/accuracy"] >= 0.9 and run.checkpoint.name == "best.ckpt"
    Path("walk.txt").write_text("-2 3 -1")
    assert main(["predict", str(run.checkpoint), "walk.txt"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in table[-3:]] == [["0", "down"], ["1", "up"], ["2", "down"]]


def test_a_sequence_is_learnt_letter_by_letter_and_the_best_epoch_is_chosen_by_the_loss():
    options = ["--data", "paths.Letters", "--model", "paths.Bigram", "--task.monitor", "loss"]
    run = train("paths.yaml", options, "r")
    assert run.metrics["test/accuracy"] == 1.0
    assert "valid/loss" in run.metrics and "valid/accuracy" not in run.metrics


def test_predict_is_not_offered_where_the_data_cannot_read_files(capsys):
    options = ["--data", "paths.Letters", "--model", "paths.Bigram", "--trainer.max_epochs", "1"]
    assert main(["train", "paths.yaml", *options]) == 0
    said = capsys.readouterr().out
    assert "gdl test" in said and "gdl predict" not in said


def test_drifts_are_learnt_as_numbers(capsys):
    options = ["--data.numbers", "--model.outputs", "1", "--task.kind", "regression", "--task.loss", "mae"]
    run = train("paths.yaml", [*options, "--trainer.max_epochs", "20"], "r")
    assert run.metrics["test/loss"] == run.metrics["test/mae"] < 0.4
    Path("walk.txt").write_text("0.5 0.7")
    assert main(["predict", str(run.checkpoint), "walk.txt"]) == 0
    assert "walk.txt  [" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data.points"], ["[1, 2]", "[60, 2]"]),
        (["--model.outputs", "3"], ["[4, 3]", "[4, 2]"]),
        (["--task.decay", '["enter.weights"]'], ["'enter.weights'", "Did you mean 'enter.weight'"]),
    ],
)
def test_what_does_not_fit_is_one_sentence(options, words):
    with pytest.raises(ConfigError) as caught:
        train("paths.yaml", options, "r")
    for word in words:
        assert word in str(caught.value)


def test_weight_decay_reaches_the_named_parameters_only():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    decayed, rest = parameter_groups(model, ["0.*"])
    assert decayed["params"] == [*model[0].parameters()] and rest["weight_decay"] == 0.0
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(parameter_groups(model, ["*.weight"]), lr=0.5, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    shrunk = [0.75, 1.0, 0.75, 1.0]
    for parameter, old, factor in zip(model.parameters(), before, shrunk):
        torch.testing.assert_close(parameter.detach(), factor * old)
