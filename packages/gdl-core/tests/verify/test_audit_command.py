"""``gdl audit``: prints the table and writes the files, for a checkpoint and for any network; errors are sentences."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from gdl_core.cli import main
from torch import nn

FOREIGN = """
import torch
from torch import nn

def make():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def wrong():
    return 5

class Breaks(nn.Module):
    def forward(self, x):
        raise RuntimeError("expected 7 channels")
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch, toys):
    """A folder with a network that is not ours, and a domain made from a shape."""
    (tmp_path / "foreign_net.py").write_text(FOREIGN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "toy_domain", SimpleNamespace(torus=lambda shape: toys.Torus(shape[2:])))
    yield ["audit", "--shape", "2,3,8,8", "--domain", "toy_domain:torus"]
    sys.modules.pop("foreign_net", None)


def test_a_network_that_is_not_ours(foreign, tmp_path, capsys):
    arguments = [*foreign, "--module", "foreign_net:make", "--symmetry", "shift", "turn"]
    assert main([*arguments, "--json", "out.json", "--plot", "out.png"]) == 0
    printed = capsys.readouterr().out
    assert "Conv2d" in printed and "shift: the network's error" in printed and "slide" not in printed
    assert json.loads((tmp_path / "out.json").read_text())["first_lost"]["shift"] == "0"
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert "out.json" in printed and "out.png" in printed


def test_a_checkpoint(monkeypatch, capsys, toys):
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"))
    signal = toys.image(dtype=torch.float32)
    asked = []

    def load_model(path):
        asked.append(path)
        return net, signal, {"seed": 0}

    monkeypatch.setitem(sys.modules, "gdl_core.train", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "gdl_core.train.checkpoint", SimpleNamespace(load_model=load_model))
    assert main(["audit", "run/last.ckpt", "--symmetry", "shift", "--samples", "1"]) == 0
    assert asked == ["run/last.ckpt"]
    assert "(exact)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--module", "foreign_net:mak"], "has no 'mak'. Did you mean 'make'"),
        (["--module", "nowhere_net:make"], "there is no module 'nowhere_net'"),
        (["--module", "foreign_net"], "names no factory"),
        (["--module", "foreign net:make"], "not of the form"),
        (["--module", "foreign_net:wrong"], "should make a torch.nn.Module, it made int"),
        (["--module", "foreign_net:Breaks"], "The audit of Breaks stopped: expected 7 channels"),
        (["--module", "foreign_net:make", "--symmetry", "shfit"], "Did you mean 'shift'"),
        (["--module", "foreign_net:make", "--shape", "2,x"], "--shape expects positive whole numbers"),
        (["--module", "foreign_net:make", "--json", "missing/out.json"], "no folder missing"),
        (["--module", "foreign_net:make", "--domain", "grids/grod"], "grod"),
    ],
)
def test_errors_are_one_sentence(foreign, capsys, arguments, sentence):
    assert main([*foreign, *arguments]) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.startswith("gdl: ") and message.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["a.ckpt", "--module", "m:f"], ["--module", "m:f"], ["a", "--samples", "-1"]]
)
def test_usage_errors(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["audit", *arguments])
    assert stopped.value.code == 2
    assert "usage: gdl audit" in capsys.readouterr().err
