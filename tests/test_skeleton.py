"""``gdl new-plugin``: what it writes builds, lists, lints, and passes the conformance kit; bad names leave nothing."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from gdl_core.cli import main
from gdl_core.plugins import GDL_API

# A bias that differs from point to point.
BROKEN = """        self.reach = reach

    def forward(self, x, domain=None):
        return super().forward(x, domain) + torch.arange(8, dtype=x.dtype, device=x.device)[:, None]
"""


def run(*command, cwd, site=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GDL_", "PYTEST_"))}
    if site is not None:
        clean |= {"PYTHONPATH": str(site), "GDL_LOAD_PLUGINS": "saddle", "GDL_STRICT_PLUGINS": "1"}
    return subprocess.run(command, env=clean, cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("skeleton")
    assert main(["new-plugin", "saddle", "--path", str(path)]) == 0
    return path / "gdl-saddle"


@pytest.fixture(scope="module")
def site(folder, tmp_path_factory):
    """A folder with the skeleton's wheel unpacked, built by its own build backend."""
    path = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(path), cwd=folder)
    assert done.returncode == 0, done.stderr
    (wheel,) = path.glob("gdl_saddle-0.1.0-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(path / "site")
    return path / "site"


def test_installed_skeleton_is_loaded_with_its_components(site):
    done = run(sys.executable, "-m", "gdl_core.cli", "plugins", "--json", cwd=site, site=site)
    record = next(record for record in json.loads(done.stdout) if record["name"] == "saddle")
    assert (record["status"], record["reason"], record["distribution"]) == ("loaded", "", "gdl-saddle")
    assert tuple(record["api"]) == GDL_API
    done = run(sys.executable, "-m", "gdl_core.cli", "show", "saddle/conv", cwd=site, site=site)
    assert done.returncode == 0, done.stderr
    assert "rotation" in done.stdout
    assert "reach: int = 1" in done.stdout


def test_importing_the_skeleton_loads_no_torch(site):
    code = "import sys, gdl_saddle; assert gdl_saddle.__version__ == '0.1.0'; assert 'torch' not in sys.modules"
    done = run(sys.executable, "-c", code, cwd=site, site=site)
    assert done.returncode == 0, done.stderr


def test_its_own_tests_pass_on_the_installed_wheel(folder, site):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = run(*command, cwd=folder, site=site)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout
    assert "no tests ran" not in done.stdout


def test_its_tests_fail_when_its_layer_breaks_the_symmetry(folder, site, tmp_path):
    (tmp_path / "site").mkdir()
    for path in site.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            copy = tmp_path / "site" / path.relative_to(site)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text().replace("        self.reach = reach\n", BROKEN))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_conformance.py"]
    done = run(*command, "-k", "equivarian", cwd=folder, site=tmp_path / "site")
    assert done.returncode == 1, done.stdout[-4000:]
    assert "rotation" in done.stdout


def test_skeleton_is_complete_and_formatted(folder):
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    package = {"__init__.py", "__init__.pyi", "_cases.py", "_plugin.py", "_version.py", "domain.py", "layer.py"}
    assert {f"src/gdl_saddle/{name}" for name in package | {"py.typed"}} <= written
    top = {"LICENSE", "README.md", "noxfile.py", "pyproject.toml", ".gitignore"}
    assert top | {"tests/test_conformance.py", "tests/test_layer.py"} <= written
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text()
            assert "$" not in text, path
            assert max(map(len, text.splitlines() or [""])) <= 120, path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gdl-saddle", "Did you mean 'saddle'?"),
        ("Saddle", "Did you mean 'saddle'?"),
        ("3d", "must be a Python identifier"),
        ("class", "must be a Python identifier"),
        ("../up", "must be a Python identifier"),
        ("", "must be a Python identifier"),
        ("core", "belongs to gdl-core"),
    ],
)
def test_bad_name_is_a_sentence_and_writes_nothing(name, said, tmp_path, capsys):
    assert main(["new-plugin", name, "--path", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "gdl-saddle").mkdir()
    (tmp_path / "gdl-saddle" / "mine").write_text("kept")
    assert main(["new-plugin", "saddle", "--path", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["gdl-saddle", "mine"]


def test_path_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    Path(tmp_path, "file").write_text("")
    assert main(["new-plugin", "saddle", "--path", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
