"""A folder with a recipe and a module of networks and data, as a user has them: nothing is registered."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(Path(__file__).parent / "waves.py", tmp_path / "waves.py")
    shutil.copy(Path(__file__).parent / "waves.yaml", tmp_path / "waves.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path
