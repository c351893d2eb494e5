"""What must be light is light: fresh processes, no extra installed, nothing heavy loaded before it is used."""

import ast
import importlib.util
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

import pytest

PACKAGES = sorted(d.name.replace("-", "_") for d in distributions() if d.name.startswith("gdl-"))
PLUGINS = [name for name in PACKAGES if name != "gdl_core"]
HEAVY = {"torch", "numpy", "scipy", "numba", "triton", "matplotlib", "lightning", "sklearn", "jsonargparse"}
EXTRAS = {"matplotlib", "lightning", "sklearn", "jsonargparse", "torchmetrics", "rich", "hypothesis", "pytest", "PIL"}
BUDGET = 0.3  # seconds

COMMANDS = [["--help"], ["--version"], ["plugins"], ["plugins", "--json"], ["recipes"], ["list", "layers"]]


def loaded_by(code):
    """Run `code` in a fresh process; return the top-level modules that it leaves loaded."""
    code += "\nimport sys\nprint('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def fastest(command, runs=20):
    """The best of several runs, since the machine may be busy; stops at the first within the budget."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        times.append(time.perf_counter() - start)
        if times[-1] < BUDGET:
            break
    return min(times)


def public_names(package):
    """The names that the stub of a lazy package promises, its lazy sub-packages included."""
    folder = Path(importlib.util.find_spec(package).origin).parent
    for stub in sorted(folder.rglob("__init__.pyi")):
        module = ".".join((package, *stub.parent.relative_to(folder).parts))
        for statement in ast.parse(stub.read_text()).body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    yield module, alias.asname or alias.name


@pytest.mark.parametrize("module", [*PACKAGES, *(f"{name}._plugin" for name in PACKAGES), "gdl_core.plugins"])
def test_import_loads_nothing_heavy(module):
    assert not loaded_by(f"import {module}") & HEAVY


def test_heavy_modules_would_be_seen():
    assert "torch" in loaded_by("import gdl_core\ngdl_core.FieldType")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_command_loads_nothing_heavy(arguments):
    code = (
        "import contextlib, io\nfrom gdl_core.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    assert main({arguments!r}) == 0"
    )
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_command_answers_within_the_budget(arguments):
    assert fastest([sys.executable, "-m", "gdl_core.cli", *arguments]) < BUDGET


@pytest.mark.parametrize("module", ["gdl_core", "gdl_core.plugins"])
def test_import_answers_within_the_budget(module):
    assert fastest([sys.executable, "-c", f"import {module}"]) < BUDGET


@pytest.mark.parametrize("package", PLUGINS)
def test_using_a_plugin_loads_no_other_plugin_and_no_extra(package):
    names = sorted({name for module, name in public_names(package) if module == package})
    loaded = loaded_by(f"import {package}\n" + "\n".join(f"{package}.{name}" for name in names))
    assert "torch" in loaded
    assert not loaded & (EXTRAS | {*PLUGINS} - {package})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_stub_promises_can_be_imported(package):
    names = [pair for pair in public_names(package) if "train" not in pair[0].split(".")]  # needs the extra
    assert len(names) > 10
    lines = [f"assert getattr(importlib.import_module({module!r}), {name!r}) is not None" for module, name in names]
    loaded_by("import importlib\n" + "\n".join(lines))


@pytest.mark.skipif(importlib.util.find_spec("lightning") is not None, reason="the extra `train` is installed")
@pytest.mark.parametrize("command", ["train", "test", "predict"])
def test_training_without_its_extra_says_what_to_install(command):
    done = subprocess.run(
        [sys.executable, "-m", "gdl_core.cli", command, "x"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "gdl-core[train]" in done.stderr
    assert "Traceback" not in done.stderr
