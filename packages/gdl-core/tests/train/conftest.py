"""A folder with a recipe and a module of networks and data, as a user has them: nothing is registered."""

import shutil
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """The networks are tiny, and threads that wait for each other on a busy machine cost ten times the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(Path(__file__).parent / "waves.py", tmp_path / "waves.py")
    shutil.copy(Path(__file__).parent / "waves.yaml", tmp_path / "waves.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path
