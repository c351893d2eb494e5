"""Two processes take the same steps as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning")

from gdl_core.train import train


def test_two_processes_reach_the_loss_and_the_weights_of_one_within_rounding(folder):
    options = ["--trainer.accelerator", "cpu", "--data.count", "101", "--loader.batch_size", "16"]
    options += ["--optimizer", "torch.optim.SGD", "--optimizer.lr", "0.1", "--optimizer.momentum", "0.9"]
    alone = train("waves.yaml", options, "one")
    command = [sys.executable, "-W", "error", "-m", "gdl_core.cli", "train", "waves.yaml", *options]
    command += ["--trainer.strategy", "ddp", "--trainer.devices", "2", "--output", "two"]
    environ = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (folder_of_two,) = Path("two/waves").iterdir()
    figures = json.loads((folder_of_two / "metrics.json").read_text())
    assert (alone.metrics["processes"], figures["processes"]) == (1, 2)
    for name, value in alone.metrics.items():
        if "/" in name:
            assert figures[name] == pytest.approx(value, rel=1e-4), name
    first, second = (
        torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (alone.folder, folder_of_two)
    )
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-4, atol=1e-6)
