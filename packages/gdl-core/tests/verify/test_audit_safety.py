"""`audit` leaves no trace in the network, runs compiled ones, names NaN, and writes files whole."""

import json
import os
import sys

import pytest
import torch
from gdl_core.errors import GdlError, UnknownNameError
from gdl_core.verify import VERDICTS, audit
from torch import nn


def network(mode="circular"):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode=mode),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def hooks(net):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


def test_modes_hooks_buffers_gradients_and_random_state_are_restored(toys):
    net = network()
    net[1].eval()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    modes, random = [m.training for m in net.modules()], torch.get_rng_state()
    assert audit(net, toys.image(dtype=torch.float32), "shift").verdict("shift") == "exact"  # dropout is off
    assert [m.training for m in net.modules()] == modes
    assert hooks(net) == 0
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_they_are_restored_when_the_network_raises(toys):
    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    net = nn.Sequential(network()[:3], Fails())
    with pytest.raises(RuntimeError, match="no"):
        audit(net, toys.image(dtype=torch.float32), "shift")
    assert hooks(net) == 0
    assert all(m.training for m in net.modules())


def test_hooks_of_the_user_stay_and_count(toys):
    net = network()
    handle = net[0].register_forward_hook(lambda module, args, result: result * torch.arange(12.0))
    found = audit(net, toys.image(dtype=torch.float32), "shift")
    assert found.first_lost("shift") == "0"
    assert hooks(net) == 1
    handle.remove()


@pytest.mark.parametrize("mode", ["circular", "zeros"])
def test_a_compiled_network_is_audited_layer_by_layer(toys, mode):
    seen = []

    def backend(graph, inputs):
        seen.append(graph)
        return graph.forward

    net = torch.compile(network(mode), backend=backend)
    found = audit(net, toys.image(dtype=torch.float32), "shift")
    assert seen  # the total comes from the compiled network
    assert found.compiled and found.model == "Sequential"
    assert found.first_lost("shift") == (None if mode == "circular" else "3")
    assert len(found.layers) == 8


def test_compiled_submodules_and_compile_in_place(toys):
    net = network("zeros")
    net[0] = torch.compile(net[0], backend="eager")
    net[3].compile(backend="eager")
    found = audit(net, toys.image(dtype=torch.float32), "shift")
    assert found.first_lost("shift") == "3"
    assert found.row("0").cells["shift"].verdict == "exact"
    assert net[3]._compiled_call_impl is not None


def test_nan_is_named_in_the_input_and_in_the_module_that_made_it(toys):
    signal = toys.image(dtype=torch.float32)
    values = signal.values.clone()
    values[0, 0, 2, 1] = float("nan")
    with pytest.raises(ValueError, match=r"input of the audit holds NaN at index \(0, 0, 2, 1\)"):
        audit(network(), signal.with_values(values), "shift")

    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)

    net = nn.Sequential(*network()[:2], Log(), *network()[3:])
    with pytest.raises(ValueError, match=r"Module '2' \(Log\) returned NaN at index"):
        audit(net, signal, "shift")
    assert hooks(net) == 0


def test_what_is_no_module_and_unknown_names_get_a_sentence(toys):
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Module, got builtin"):
        audit(torch.relu, toys.image(), "shift")
    with pytest.raises(UnknownNameError, match="Did you mean 'shift'"):
        audit(network(), toys.image(dtype=torch.float32), ["shfit"])
    found = audit(network(), toys.image(dtype=torch.float32), "shift", samples=0)
    with pytest.raises(UnknownNameError, match="no symmetry 'turn'"):
        found.first_lost("turn")
    with pytest.raises(UnknownNameError, match="no row 'conv'"):
        found.row("conv")


def test_an_audit_repeats_with_its_seed(toys):
    first, again = (audit(network("zeros"), toys.image(dtype=torch.float32), seed=5) for _ in range(2))
    assert first == again


def test_the_table_has_a_row_per_layer_and_marks_the_first_loss(toys):
    text = str(audit(network("zeros"), toys.image(dtype=torch.float32), ["shift", "turn"]))
    lines = {line.split()[0]: line for line in text.splitlines()[3:12]}
    assert set(lines) == {*"01234567", "(output)"}
    assert text.count("← lost here") == 2
    assert "lost here" in lines["3"] and "lost here" in lines["0"]  # shift, turn
    assert "first lost in 3" in text


def test_the_json_holds_plain_types_and_replaces_the_old_file_at_once(toys, tmp_path, monkeypatch):
    found = audit(network("zeros"), toys.image(dtype=torch.float32))
    path = found.save_json(tmp_path / "new" / "audit.json")
    read = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read["first_lost"]["shift"] == "3"
    assert [row["name"] for row in read["rows"]][-1] == "(output)"
    assert {cell["verdict"] for row in read["rows"] for cell in row["cells"].values()} <= set(VERDICTS)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        found.save_json(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["audit.json"]


def test_the_picture_is_drawn_without_pyplot(toys, tmp_path):
    pytest.importorskip("matplotlib")
    found = audit(network("zeros"), toys.image(dtype=torch.float32))
    path = found.save_plot(tmp_path / "audit.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000
    assert "matplotlib.pyplot" not in sys.modules or sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_a_missing_matplotlib_is_a_sentence(toys, tmp_path, monkeypatch):
    found = audit(network(), toys.image(dtype=torch.float32), "shift")
    for name in [*sys.modules]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(GdlError, match=r"needs matplotlib.*pip install"):
        found.save_plot(tmp_path / "audit.png")
