"""The recipe of molecules trains on energies and forces, and its checkpoint predicts both."""

import gzip
import json

import numpy as np
import pytest
import torch

pytest.importorskip("lightning")
pytest.importorskip("ase")

from gdl_core.cli import main
from gdl_core.train import ConfigError, evaluate, load_model, train
from gdl_groups.datasets.graph_samples import EnergyForces
from gdl_groups.physics.conservative import Prediction
from gdl_groups.physics.energy_forces import EnergyForcesLoss

SMALL = ["--data.valid", "4", "--model.model.init_args.channels", "4", "--model.model.init_args.layers", "1"]
SMALL += ["--loader.batch_size", "4", "--trainer.progress", "none", "--trainer.max_epochs", "3"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Springs between three atoms: energies that a network can learn."""
    draw = np.random.default_rng(0)
    for name, count in (("train", 20), ("test_MD", 6)):
        lines = []
        for _ in range(count):
            x = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]) + 0.1 * draw.normal(size=(3, 3))
            away = x[:, None] - x[None]
            r = np.linalg.norm(away, axis=-1) + np.eye(3)
            energy, forces = 0.25 * ((r - 1) ** 2).sum() - 14, -((r - 1) / r)[:, :, None] * away
            lines += ["3", f'Properties=species:S:1:pos:R:3:forces:R:3 energy={energy} pbc="F F F"']
            rows = zip("OHH", np.concatenate([x, forces.sum(1)], 1), strict=True)
            lines += [f"{kind} " + " ".join(f"{number:.8f}" for number in row) for kind, row in rows]
        with gzip.open(tmp_path / f"{name}.xyz.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_recipe_trains_on_forces_and_tests_again(tmp_path):
    run = train("groups/molecules", [*SMALL, "--data.root", str(tmp_path)], "r")
    assert {"test/loss", "test/forces_mae", "test/energy_mae", "valid/forces_mae"} <= set(run.metrics)
    again = evaluate(run.checkpoint)
    assert again == pytest.approx({key: run.metrics[key] for key in again}, abs=1e-6)
    model, signal, _ = load_model(run.checkpoint)
    found = model(signal.values, signal.domain)
    assert isinstance(found, Prediction) and found.forces.shape == (signal.domain.num_points, 3)


def test_a_checkpoint_is_audited_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", "reference")  # compiling kernels would take longer than the rest
    options = ["--model.model", "groups/nequip", "--model.model.species", "3", "--model.model.hidden", "2x0e+2x1o"]
    options += ["--model.model.layers", "1", "--data.valid", "4", *SMALL[6:-1], "1", "--data.root", str(tmp_path)]
    run = train("groups/molecules", options, "r")
    capsys.readouterr()
    assert main(["audit", str(run.checkpoint), "--samples", "1", "--json", "out.json"]) == 0
    printed = capsys.readouterr().out
    for name in ("permutation", "translation", "rotation", "orthogonal"):
        assert f"{name}: the network's error is" in printed
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["model"] == "Conservative" and not any(found["first_lost"].values())


def test_a_network_without_forces_is_refused_before_training(tmp_path):
    options = [*SMALL[:2], "--data.root", str(tmp_path), "--model", "groups/painn", "--model.in_type", "3"]
    with pytest.raises(ConfigError, match=r"The model gives Tensor, the data needs energies \[4\] and forces"):
        train("groups/molecules", options, "r")


def test_the_loss_weighs_errors_of_energies_per_atom_and_of_forces():
    targets = EnergyForces(torch.tensor([1.0, 2.0]), torch.zeros(5, 3), torch.tensor([2.0, 3.0]))
    output = Prediction(torch.tensor([3.0, 5.0]), torch.full((5, 3), 0.5))
    found = EnergyForcesLoss(2.0, 4.0).measure(output, targets)
    assert float(found["loss"][0]) == pytest.approx(2 * 1 + 4 * 0.25) and found["loss"][1] == 2
    assert float(found["forces_mae"][0]) == 0.5 and found["forces_mae"][1] == 5
    assert float(found["energy_mae"][0]) == 2.5
    objective = EnergyForcesLoss()
    assert objective.check(output, targets) is None
    assert "energies [1]" in objective.check(Prediction(torch.zeros(1), torch.zeros(5, 3)), targets)
    assert "targets Tensor" in objective.check(output, torch.zeros(3))
    with pytest.raises(ValueError, match="not both 0"):
        EnergyForcesLoss(0, 0)
