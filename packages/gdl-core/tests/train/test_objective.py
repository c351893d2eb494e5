"""A recipe may name its own objective, where outputs and targets are more than one tensor."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("lightning")

from gdl_core.train import ConfigError, evaluate, read_recipe, train

OBJECTIVE = '''
from gdl_core.train import Objective


class Hinge(Objective):
    """A loss on labels -1 and 1; the figure is the share of right signs."""

    figures = ("right", "margin")
    more_is_better = True

    def __init__(self, margin: float = 1.0):
        self.margin = margin

    def check(self, output, targets):
        if output.shape[-1] != 1:
            return f"The model gives {output.shape[-1]} numbers, Hinge needs 1."

    def measure(self, output, targets):
        sign = 2 * (targets > 0).float() - 1
        score = sign * output[:, 0]
        return {
            "loss": ((self.margin - score).relu().mean(), len(score)),
            "right": ((score > 0).float().mean(), len(score)),
            "margin": (score.mean(), len(score)),
        }


class NoObjective:
    pass
'''


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    for name in ("waves.py", "waves.yaml"):
        shutil.copy(Path(__file__).parent / name, tmp_path / name)
    (tmp_path / "hinge.py").write_text(OBJECTIVE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def options(*more, outputs="1", objective="hinge.Hinge"):
    return ["--model.outputs", outputs, "--objective", objective, *more]


def test_the_objective_gives_loss_and_figures_of_training_and_evaluation():
    run = train("waves.yaml", options("--objective.margin", "0.5", "--trainer.max_epochs", "8"), "r")
    assert {f"test/{name}" for name in ("loss", "right", "margin")} <= set(run.metrics)
    assert "valid/right" in run.metrics and run.metrics["test/right"] > 0.8
    again = evaluate(run.checkpoint)
    assert again == pytest.approx({key: run.metrics[key] for key in again}, abs=1e-6)


def test_what_does_not_fit_is_one_sentence():
    with pytest.raises(ConfigError, match="The model gives 3 numbers, Hinge needs 1"):
        train("waves.yaml", options(outputs="3"), "r")
    with pytest.raises(ConfigError, match="to return an Objective, got NoObjective"):
        train("waves.yaml", options(objective="hinge.NoObjective"), "r")
    with pytest.raises(ConfigError, match="Hinge has no option 'margn'"):
        train("waves.yaml", options("--objective.margn", "1"), "r")


def test_without_one_a_recipe_learns_what_its_task_says():
    assert "objective" not in read_recipe("waves.yaml").config
    run = train("waves.yaml", [], "r")
    assert "test/accuracy" in run.metrics
