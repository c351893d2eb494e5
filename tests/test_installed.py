"""The wheels are what is tested: exactly the expected ones are installed, complete, and imported from where they lie.

`nox` says by the variable GDL_INSTALLED which distributions of ours a session has.
"""

import importlib
import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions, entry_points, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXPECTED = os.environ.get("GDL_INSTALLED", "").split()
IGNORED = {"__pycache__"}

pytestmark = pytest.mark.skipif(not EXPECTED, reason="GDL_INSTALLED is not set: run by hand, the checkout is tested")


def source(distribution):
    (path,) = [*ROOT.glob(f"packages/{distribution}/src/*/"), *ROOT.glob(f"tests/plugins/{distribution}/src/*/")]
    return path


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not IGNORED & {*path.parts}}


def test_exactly_the_expected_distributions_are_installed():
    found = {distribution.name for distribution in distributions() if distribution.name.startswith("gdl-")}
    assert found == set(EXPECTED)


@pytest.mark.parametrize("distribution", EXPECTED)
def test_package_is_imported_from_site_packages_and_knows_its_version(distribution):
    module = importlib.import_module(source(distribution).name)
    assert Path(module.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert getattr(module, "__version__", version(distribution)) == version(distribution)


@pytest.mark.parametrize("distribution", EXPECTED)
def test_wheel_holds_every_file_of_the_source(distribution):
    folder = source(distribution)
    installed = files(Path(sysconfig.get_path("purelib")) / folder.name)
    assert installed == files(folder)
    assert Path("py.typed") in installed


def test_every_installed_plugin_is_loaded():
    done = subprocess.run(
        [sys.executable, "-m", "gdl_core.cli", "plugins", "--json"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = {record["distribution"]: (record["status"], record["reason"]) for record in json.loads(done.stdout)}
    assert found == dict.fromkeys(EXPECTED, ("loaded", ""))


def test_every_installed_distribution_is_a_plugin():
    assert {entry.dist.name for entry in entry_points(group="gdl.plugins")} == set(EXPECTED)
