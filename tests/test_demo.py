"""The demo, shortened: it writes what it says, and its exit status tells a poor result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")
DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def demo(place, *options):
    environ = os.environ | {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(DEMO), *options]
    return subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, timeout=300)


def test_the_demo_writes_its_files_and_fails_below_the_accuracy_it_promises(tmp_path):
    done = demo(tmp_path, "--trainer.max_epochs", "1", "--trainer.limit_train_batches", "3")
    assert done.returncode == 1
    assert done.stderr.startswith("The test accuracy is ") and done.stderr.count("\n") == 1
    (run,) = (tmp_path / "runs" / "grids" / "digits").iterdir()
    for name in ("best.ckpt", "metrics.json", "audit.json", "audit.png"):
        assert (run / name).stat().st_size > 100
        assert name in done.stdout
    json.loads((run / "audit.json").read_text())
    for words in ("rotation", "reflection", "stability", "gdl test", "gdl audit"):
        assert words in done.stdout


@pytest.mark.slow
def test_the_demo_reaches_97_percent(tmp_path):
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "runs" / "grids" / "digits").iterdir()
    assert json.loads((run / "metrics.json").read_text())["test/accuracy"] >= 0.97
