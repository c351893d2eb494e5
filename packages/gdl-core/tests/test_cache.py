"""The cache folder: chosen by the environment, made on demand, never an error."""

from pathlib import Path

import pytest
from gdl_core.cache import cache_dir


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv("GDL_CACHE", raising=False)
    monkeypatch.delenv("GDL_CACHE_DIR", raising=False)


def test_the_folder_is_named_by_the_environment_and_made(monkeypatch, tmp_path):
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "a" / "b"))
    assert cache_dir() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())


def test_without_a_name_it_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "gdl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_dir() == tmp_path / "home" / ".cache" / "gdl"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_dir() == tmp_path / "home" / "Library" / "Caches" / "gdl"


def test_it_can_be_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GDL_CACHE", "0")
    assert cache_dir() is None
    monkeypatch.setenv("GDL_CACHE", "1")
    assert cache_dir() == tmp_path


def test_a_folder_that_cannot_be_written_is_none(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "file"))
    assert cache_dir() is None
