"""Broken plugins side by side with a healthy one: each gets its status and reason, and none disturbs another."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("gdl_toys", HERE / "plugins" / "broken" / "toys.py")
toys = importlib.util.module_from_spec(_spec)
sys.modules["gdl_toys"] = toys  # dataclasses look their module up
_spec.loader.exec_module(toys)

BROKEN = [toy for toy in toys.TOYS if toy.status != "loaded"]
HEALTHY = toys.TOYS[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return toys.install(toys.TOYS, tmp_path_factory.mktemp("toys"))


def gdl(site, *arguments, **environ):
    """Run the command in a process that sees the toys, outside the checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GDL_")}
    clean |= {"PYTHONPATH": str(site), "PYTHONWARNINGS": "error"} | environ
    command = [sys.executable, "-m", "gdl_core.cli", *arguments]
    return subprocess.run(command, env=clean, cwd=site, capture_output=True, text=True, timeout=60)


def statuses(site, **environ):
    done = gdl(site, "plugins", "--json", **environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return {record["distribution"]: record for record in json.loads(done.stdout)}


def check(record, toy):
    assert (record["name"], record["status"]) == (toy.name, toy.status), record
    for word in toy.reason:
        assert word in record["reason"], record
    assert "\n" not in record["reason"]


def test_all_broken_plugins_together_get_their_status_and_reason(site):
    found = statuses(site)
    for toy in toys.TOYS:
        check(found[toy.distribution], toy)
    assert found["gdl-core"]["status"] == "loaded"


@pytest.mark.parametrize("toy", BROKEN, ids=lambda toy: toy.key)
def test_one_broken_plugin_beside_a_healthy_one(toy, tmp_path):
    others = [other for other in BROKEN if other.name == toy.name]
    found = statuses(toys.install([HEALTHY, *others], tmp_path))
    check(found[toy.distribution], toy)
    assert found[HEALTHY.distribution]["status"] == "loaded"
    assert found[HEALTHY.distribution]["reason"] == ""


def test_a_twin_alone_is_healthy(tmp_path):
    twin = next(toy for toy in BROKEN if toy.key == "twin_a")
    assert statuses(toys.install([twin], tmp_path))[twin.distribution]["status"] == "loaded"


def test_only_plugins_that_pass_the_checks_before_import_are_imported_and_only_once(site, tmp_path):
    log = tmp_path / "log"
    statuses(site, TOY_LOG=str(log))
    expected = {f"{toy.package}{end}" for toy in toys.TOYS if toy.imported for end in ("", "._plugin")}
    assert Counter(log.read_text().split()) == Counter(expected)


def test_listing_with_every_broken_plugin_loads_no_torch(site):
    code = (
        "import sys\nfrom gdl_core.cli import main\nassert main(['plugins']) == 0\n"
        "assert main(['--help']) == 0\nassert 'torch' not in sys.modules"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GDL_")}
    clean["PYTHONPATH"] = str(site)
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_disabled_plugins_are_not_imported(site, tmp_path):
    log = tmp_path / "log"
    found = statuses(site, TOY_LOG=str(log), GDL_DISABLE_PLUGINS="*")
    assert {record["status"] for record in found.values()} == {"disabled"}
    assert not log.exists()
    found = statuses(site, TOY_LOG=str(log), GDL_DISABLE_PLUGINS="half_way, not-an-identifier")
    assert found["gdl-toy-half-way"]["status"] == found["gdl-toy-bad-name"]["status"] == "disabled"
    assert found[HEALTHY.distribution]["status"] == "loaded"
    assert "gdl_toy_half_way" not in log.read_text()


def test_the_allow_list_loads_nothing_else(site, tmp_path):
    log = tmp_path / "log"
    found = statuses(site, TOY_LOG=str(log), GDL_LOAD_PLUGINS="healthy,core")
    loaded = {name for name, record in found.items() if record["status"] == "loaded"}
    assert loaded == {HEALTHY.distribution, "gdl-core"}
    assert set(log.read_text().split()) == {"gdl_toy_healthy", "gdl_toy_healthy._plugin"}


def test_no_load_runs_no_plugin(site, tmp_path):
    log = tmp_path / "log"
    done = gdl(site, "plugins", "--no-load", TOY_LOG=str(log))
    assert done.returncode == 0
    assert "gdl-toy-heavy 0.1.0" in done.stdout
    assert not log.exists()


@pytest.mark.parametrize("toy", [toy for toy in BROKEN if toy.key != "twin_b"], ids=lambda toy: toy.key)
def test_strict_mode_makes_one_broken_plugin_an_error(toy, tmp_path):
    others = [other for other in BROKEN if other.name == toy.name]
    done = gdl(toys.install([HEALTHY, *others], tmp_path), "list", "layers", GDL_STRICT_PLUGINS="1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"Plugin {toy.name!r} ({toy.distribution} 0.1.0) is {toy.status}" in done.stderr
    assert "Traceback" not in done.stderr


def test_strict_mode_accepts_healthy_and_disabled_plugins(site):
    names = ",".join(toy.name for toy in BROKEN)
    done = gdl(site, "list", "layers", GDL_STRICT_PLUGINS="1", GDL_DISABLE_PLUGINS=names, GDL_LOAD_PLUGINS="healthy")
    assert (done.returncode, done.stderr) == (0, "")
    assert "healthy/identity" in done.stdout


def test_a_failed_lookup_names_the_plugin_and_why_it_is_absent(site):
    done = gdl(site, "show", "half_way/identity")
    assert done.returncode == 2
    assert "gdl-toy-half-way 0.1.0" in done.stderr
    assert "RuntimeError: half-way" in done.stderr


def test_the_table_shows_every_status_within_100_columns(site):
    done = gdl(site, "plugins")
    assert max(map(len, done.stdout.splitlines())) <= 100
    for toy in toys.TOYS:
        assert any(line.startswith(toy.name) and toy.status in line for line in done.stdout.splitlines())


def test_doctor_reports_broken_plugins_and_fails(site):
    done = gdl(site, "doctor")
    assert done.returncode == 1
    for toy in BROKEN:
        assert f"trouble: Plugin {toy.name!r} ({toy.distribution} 0.1.0) is {toy.status}" in done.stdout
