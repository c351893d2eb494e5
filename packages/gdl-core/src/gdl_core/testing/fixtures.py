"""Fixtures; import them in a `conftest.py`, or run pytest with `-p gdl_core.testing.pytest_plugin`."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gdl_core import plugins
from gdl_core.plugins import PluginManager


@pytest.fixture
def isolated_plugins() -> Iterator[PluginManager]:
    """A manager that discovers nothing and ignores the environment; `register_module` adds plugins to it by hand.

    Within the test it answers the questions of `gdl_core.plugins`.
    """
    with plugins.replaced(PluginManager(entry_points=(), environ={})) as manager:
        yield manager


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """A function from the name of a folder of real data to its path, which skips the test where it is absent.

    The folders lie in `GDL_SHARED_DATA`, else in the nearest `shared/data` at or above pytest's root.
    """
    chosen = os.environ.get("GDL_SHARED_DATA")
    above = (place / "shared" / "data" for place in (pytestconfig.rootpath, *pytestconfig.rootpath.parents))
    root = Path(chosen) if chosen else next((place for place in above if place.is_dir()), Path("shared", "data"))

    def find(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"the data set {name} is not on this machine (GDL_SHARED_DATA names another folder)")
        return root / name

    return find


@pytest.fixture
def run_triton(tmp_path: Path) -> Callable[[Path, str], None]:
    """A function that runs a script on Triton kernels in a process of its own, and fails the test with its last words.

    `run_triton(script, "interpret")` runs them on the CPU in Triton's interpreter, `run_triton(script, "compile")` with
    the compiler, for a GPU that need not be there; the script gets the word as its argument. A process of its own,
    because Triton decides at import which of the two it is. Skips where Triton is not installed.
    """
    pytest.importorskip("triton", reason="triton is not installed (it comes with CUDA builds of torch)")
    modes = {"interpret": {"TRITON_INTERPRET": "1", "GDL_KERNELS": "cuda"}, "compile": {"TRITON_INTERPRET": "0"}}

    def run(script: Path, mode: str) -> None:
        kept = {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_DEFAULT_FP_FUSION": "1"}
        env = {**os.environ, **kept, **modes[mode]}
        done = subprocess.run([sys.executable, script, mode], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    return run
