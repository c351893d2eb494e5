"""Checkpoints: one that was written is never lost, and one that cannot be used says why."""

import errno
import json
import os
import resource
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("jsonargparse")

from gdl_core._version import __version__
from gdl_core.errors import CheckpointError
from gdl_core.train import checkpoint, load_model, read_recipe
from gdl_core.train.build import build_model, check


@pytest.fixture
def content(folder):
    config = check(read_recipe("waves.yaml").config)
    weights = {f"model.{name}": value for name, value in build_model(config).state_dict().items()}
    example = torch.randn(4, 1, 16)
    return {"state_dict": weights, "gdl": checkpoint.header(config, example)}


@pytest.fixture
def path(folder, content):
    checkpoint.write(content, "run/last.ckpt")
    return folder / "run" / "last.ckpt"


def only_file_in(folder):
    (name,) = [entry.name for entry in Path(folder).iterdir()]
    return name


def test_the_network_comes_back_with_its_weights_an_example_and_its_configuration(path, content):
    model, signal, config = load_model(path)
    assert config == content["gdl"]["config"]
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, content["state_dict"][f"model.{name}"])
    assert torch.equal(signal.values, content["gdl"]["example"])
    assert model(signal.values).shape == (4, 3)


def test_a_checkpoint_holds_plain_values_and_tensors_only(path):
    found = torch.load(path, weights_only=True)
    json.dumps(found["gdl"]["config"])
    assert found["gdl"]["versions"] == {"gdl-core": __version__}


def test_the_folder_of_a_run_means_its_best_checkpoint_or_its_last(path, content):
    assert checkpoint.locate(path.parent) == path
    checkpoint.write(content, path.with_name("best.ckpt"))
    assert checkpoint.locate(path.parent).name == "best.ckpt"
    with pytest.raises(CheckpointError, match=r"neither best\.ckpt nor last\.ckpt"):
        checkpoint.locate(path.parent.parent)


def test_a_full_disk_keeps_the_previous_checkpoint(path, content, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device; the previous one is kept") as caught:
        checkpoint.write(content | {"more": torch.zeros(1000)}, path)
    assert "last.ckpt" in str(caught.value)
    assert path.read_bytes() == before
    assert only_file_in(path.parent) == "last.ckpt"


def test_a_write_that_fails_half_way_keeps_the_previous_checkpoint(path, content):
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the kernel refuses what lies beyond
    try:
        with pytest.raises(CheckpointError, match="the previous one is kept"):
            checkpoint.write(content | {"more": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert only_file_in(path.parent) == "last.ckpt"


def test_ctrl_c_while_writing_keeps_the_previous_checkpoint(path, content, monkeypatch):
    before = path.read_bytes()
    save = torch.save

    def interrupted(what, file):
        save({"half": torch.zeros(1000)}, file)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(content, path)
    assert path.read_bytes() == before
    assert only_file_in(path.parent) == "last.ckpt"


def test_a_folder_that_cannot_be_made_is_named(folder, content):
    (folder / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"The folder .*file of a checkpoint cannot be made: File exists"):
        checkpoint.write(content, folder / "file" / "last.ckpt")


def test_an_absent_file_is_named(folder):
    with pytest.raises(CheckpointError, match=r"no checkpoint absent\.ckpt"):
        load_model("absent.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_off_checkpoint_is_told_with_its_size(path, share):
    whole = path.read_bytes()
    kept = int(len(whole) * share)
    path.write_bytes(whole[:kept])
    with pytest.raises(CheckpointError, match=rf"last\.ckpt is no checkpoint or is cut off.*got {kept} bytes"):
        load_model(path)


def test_a_flipped_bit_in_any_tensor_is_found_by_its_checksum(path):
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        parts = [item for item in archive.infolist() if "/data/" in item.filename and item.file_size > 16]
    assert parts
    for item in parts:
        # A local header is 30 bytes, the name, and padding of the length that its last two bytes say.
        header = item.header_offset + 28
        start = item.header_offset + 30 + len(item.filename) + int.from_bytes(whole[header : header + 2], "little")
        damaged = bytearray(whole)
        damaged[start + 5] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=rf"damaged: the checksum of its part '{item.filename}'"):
            load_model(path)


def test_a_file_with_code_in_it_is_not_opened(folder):
    class Code:
        def __reduce__(self):
            return os.mkdir, ("made-by-the-checkpoint",)

    torch.save({"gdl": Code()}, "code.ckpt")
    with pytest.raises(CheckpointError, match=r"code\.ckpt cannot be read as plain values and tensors"):
        load_model("code.ckpt")
    assert not Path("made-by-the-checkpoint").exists()


def test_a_checkpoint_of_something_else_is_told(folder):
    torch.save(nn.Linear(2, 2).state_dict(), "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt is not a checkpoint that `gdl train` wrote"):
        load_model("other.ckpt")


def test_another_format_is_told_with_both(path, content):
    content["gdl"]["format"] = 7
    checkpoint.write(content, path)
    with pytest.raises(CheckpointError, match="expected checkpoint format 1, got 7"):
        load_model(path)


def test_another_minor_version_is_told_with_both_and_another_patch_is_read(path, content):
    major, minor, *_ = __version__.split(".")
    content["gdl"]["versions"]["gdl-core"] = f"{major}.{minor}.99"
    checkpoint.write(content, path)
    load_model(path)
    content["gdl"]["versions"]["gdl-core"] = "7.3.1"
    checkpoint.write(content, path)
    with pytest.raises(CheckpointError, match=rf"written with gdl-core 7\.3\.1, here is gdl-core {__version__}"):
        load_model(path)


def test_a_plugin_that_is_not_installed_is_named(path, content):
    content["gdl"]["versions"]["gdl-honeycomb"] = "0.1.0"
    checkpoint.write(content, path)
    with pytest.raises(CheckpointError, match=r"gdl-honeycomb 0\.1\.0, here is no gdl-honeycomb"):
        load_model(path)


def test_weights_of_another_network_are_told(path, content):
    content["gdl"]["config"]["model"]["init_args"]["width"] = 6
    checkpoint.write(content, path)
    with pytest.raises(CheckpointError, match=r"do not fit its network: size mismatch for 0\.weight"):
        load_model(path)
