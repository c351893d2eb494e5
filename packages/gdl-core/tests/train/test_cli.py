"""`gdl train`, `gdl test`, `gdl predict`: what they print and their exit status."""

import os
import signal

import pytest

pytest.importorskip("lightning")

from gdl_core.cli import main
from gdl_core.train.run import latest
from gdl_core.train.task import Task

pytestmark = pytest.mark.usefixtures("folder")
QUICK = ["--trainer.max_epochs", "1"]


@pytest.fixture
def run(capsys):
    assert main(["train", "waves.yaml", *QUICK]) == 0
    capsys.readouterr()
    return latest("runs")


def test_training_says_where_everything_is_and_what_to_type_next(capsys):
    assert main(["train", "waves.yaml", *QUICK, "--output", "kept"]) == 0
    said = capsys.readouterr()
    best = latest("kept") / "best.ckpt"
    for words in (
        "test/accuracy",
        str(latest("kept") / "metrics.json"),
        f"gdl test {best}",
        f"gdl audit {best}",
        f"gdl predict {best}",
    ):
        assert words in said.out
    assert said.err == ""


def test_an_audit_is_not_proposed_where_the_data_live_on_no_domain(capsys, monkeypatch):
    import waves  # type: ignore[import-not-found]

    monkeypatch.delattr(waves.Waves, "signal")
    assert main(["train", "waves.yaml", *QUICK]) == 0
    said = capsys.readouterr().out
    assert "gdl test" in said and "gdl audit" not in said


def test_a_run_whose_configuration_is_damaged_says_so(run, capsys):
    (run / "config.yaml").write_text("model: [")
    assert main(["train", "--resume", str(run)]) == 2
    said = capsys.readouterr().err
    assert f"gdl: {run / 'config.yaml'} is not YAML" in said and said.count("\n") == 1


def test_a_run_is_measured_and_applied(run, capsys, folder):
    assert main(["test", str(run)]) == 0
    assert "test/accuracy" in capsys.readouterr().out
    (folder / "wave.txt").write_text(" ".join(["1", "0", "-1", "0"] * 4))
    assert main(["predict", str(run / "last.ckpt"), "wave.txt", "--top", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + 2
    assert main(["predict", "wave.txt"]) == 0  # the latest run
    said = capsys.readouterr().out
    assert str(run / "best.ckpt") in said
    assert all(name in said for name in ("low", "middle", "high"))
    assert main(["predict", "wave.txt", "--checkpoint", str(run), "--invert"]) == 0


def test_help_lists_the_options_of_a_recipe_with_their_values(capsys):
    assert main(["train", "waves.yaml", "--model", "waves.make_net", "--help"]) == 0
    said = capsys.readouterr().out
    assert (
        "--model.hidden" in said
        and "--optimizer.lr" in said
        and "--objective" not in said
        and "--optimizer.params" not in said
    )
    for command in ("train", "test", "predict"):
        assert main([command, "--help"]) == 0
        assert f"gdl {command}" in capsys.readouterr().out
        assert main([command]) == 2


def test_ctrl_c_saves_says_how_to_go_on_and_that_works(capsys, monkeypatch):
    compute = Task.training_step

    def training_step(self, batch, index):
        if self.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, batch, index)

    with monkeypatch.context() as patched:
        patched.setattr(Task, "training_step", training_step)
        assert main(["train", "waves.yaml", "--data.noise", "0.2"]) == 130
    said = capsys.readouterr().err
    assert f"gdl train --resume {latest('runs')}" in said
    assert main(["train", *said.split("gdl train")[-1].split()]) == 0
    assert (latest("runs") / "metrics.json").exists()
    assert main(["train", "--resume", *QUICK]) == 0  # the latest run
    assert "noise: 0.2" in (latest("runs") / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "no/such"], "no/such"),
        (["train", "absent.yaml"], "absent.yaml"),
        (["train", "waves.yaml", "--model.widht", "3"], "--model.widht"),
        (["train", "waves.yaml", "--output"], "--output needs a value"),
        (["predict", "model.ckpt"], "needs a file to apply model.ckpt to"),
        (["train", "--resume", "absent"], "absent: expected the file last.ckpt"),
        (["train", "waves.yaml", "--resume"], "no run with a last.ckpt below"),
        (["test", "absent.ckpt"], "no checkpoint absent.ckpt"),
        (["predict", "wave.txt"], "no run with a last.ckpt below runs/"),
        (["predict", "wave.txt", "--inverted"], "no option '--inverted'"),
        (["predict", "wave.txt", "--top", "x"], "--top: expected a number"),
    ],
)
def test_an_error_is_one_sentence_and_exit_status_2(capsys, argv, words):
    assert main(argv) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1 and "Traceback" not in said.err
