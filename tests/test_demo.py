"""The demo, shortened: it writes what it says, and its exit status tells a poor result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")
pytest.importorskip("gdl_groups")
DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def demo(place, *options):
    environ = os.environ | {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(DEMO), *options]
    return subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, timeout=300)


def runs(place):
    """Return the folders of both runs, the one with the picture first."""
    found = list((place / "runs" / "groups" / "rotated-digits").iterdir())
    return sorted(found, key=lambda folder: not (folder / "turned.json").exists())


def test_the_demo_writes_its_files_and_fails_below_the_accuracy_it_promises(tmp_path):
    done = demo(tmp_path, "--trainer.max_epochs", "1", "--trainer.limit_train_batches", "3")
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("The test accuracy is ") and done.stderr.count("\n") == 1
    run, other = runs(tmp_path)
    for name in ("best.ckpt", "metrics.json", "turned.json", "turned.png", "audit.json", "audit.png"):
        assert (run / name).stat().st_size > 100
        assert name in done.stdout
    assert (other / "best.ckpt").exists()
    curves = json.loads((run / "turned.json").read_text())
    assert (
        len({curves["equivariant"][position] for position in (0, 6, 12, 18, 24)}) == 1
    )  # quarter turns change nothing
    for words in ("rotation", "equivariant", "plain", "gdl test", "gdl train"):
        assert words in done.stdout


@pytest.mark.slow
def test_the_demo_reads_95_percent_where_a_plain_network_of_equal_size_does_not(tmp_path):
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    run, other = runs(tmp_path)
    assert json.loads((run / "metrics.json").read_text())["test/accuracy"] >= 0.95
    assert json.loads((other / "metrics.json").read_text())["test/accuracy"] < 0.6
