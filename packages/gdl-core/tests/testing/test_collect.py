"""The decorator: which checks run on what, their ids, expected failures; and the variant without a file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gdl_core.plugins import PluginError, PluginManager
from gdl_core.testing import conformance, parametrize_with_checks, subjects
from gdl_core.testing.collect import parameters
from gdl_toy_plugin import Toy

TOYS = Path(__file__).parent / "toys"


def manager_of(plugin: object) -> PluginManager:
    manager = PluginManager(entry_points=(), environ={})
    record = manager.register_module("toy", plugin)
    assert record.status == "loaded", record.reason
    return manager


def ids(plugin: object, **options) -> list[str]:
    return [param.id for param in parameters("toy", manager=manager_of(plugin), **options)]


def test_ids_name_component_case_and_check():
    found = ids(Toy({"Conv": "layer"}))
    assert {"toy-check_plugin_loads", "conv-check_docstring", "conv-ring-check_equivariance"} <= set(found)
    assert len(set(found)) == len(found)


def test_a_layer_without_a_case_fails_and_a_dataset_does_not():
    for kind, fails in (("layer", True), ("model", True), ("dataset", False)):
        manager = manager_of(Toy({"Conv": kind}, without_case=True))
        has_case = [
            (check, subject) for check, subject in subjects("toy", manager) if check.__name__ == "check_has_case"
        ]
        assert bool(has_case) is fails
        for check, subject in has_case:
            with pytest.raises(AssertionError, match="has no case: yield one from gdl_cases"):
                check(subject)


def test_a_plugin_that_raises_in_its_cases_is_a_failing_check_and_not_an_error_of_collection():
    plugin = Toy({"Conv": "layer"})
    manager = manager_of(plugin)
    plugin.exceptions = 5  # gdl_cases fails on it
    found = {check.__name__: (check, subject) for check, subject in subjects("toy", manager)}
    assert "check_equivariance" not in found
    check, subject = found["check_has_case"]
    with pytest.raises(PluginError, match="has no cases, because gdl_cases raised: TypeError"):
        check(subject)


def test_an_unknown_plugin_is_one_failing_check_with_a_sentence():
    ((check, subject),) = subjects("nowhere", PluginManager(entry_points=(), environ={}))
    with pytest.raises(AssertionError, match="No plugin is called 'nowhere'"):
        check(subject)


@pytest.mark.parametrize("key", ["check_compile", "conv/check_compile", "conv/ring/check_compile"])
def test_expected_failures_become_strict_xfails(key):
    params = parameters("toy", {key: "the toy breaks the graph"}, manager=manager_of(Toy({"Conv": "layer"})))
    marked = {param.id: param.marks[0].kwargs for param in params if param.marks}
    assert marked == {"conv-ring-check_compile": {"reason": "the toy breaks the graph", "strict": True}}


def test_exceptions_of_a_case_become_strict_xfails():
    plugin = Toy({"Conv": "layer"}, exceptions={"check_export": "a reason"})
    marked = [param.id for param in parameters("toy", manager=manager_of(plugin)) if param.marks]
    assert marked == ["conv-ring-check_export"]


def test_a_misspelt_expected_failure_raises_and_offers_the_closest_check():
    manager = manager_of(Toy({"Conv": "layer"}))
    with pytest.raises(ValueError, match=r"'check_exprot', which is no check of 'toy'\. Did you mean 'check_export'"):
        parametrize_with_checks("toy", {"check_exprot": "?"}, manager=manager)
    with pytest.raises(ValueError, match="exception for 'check_exprot', which is no check of a layer"):
        list(subjects("toy", manager_of(Toy({"Conv": "layer"}, exceptions={"check_exprot": "?"}))))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TOYS), *filter(None, sys.path)]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfEsxX", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


ONE_LINE = """
from gdl_core.plugins import PluginManager
from gdl_core.testing import parametrize_with_checks
import gdl_toy_plugin

manager = PluginManager(entry_points=(), environ={})
manager.register_module("toy", gdl_toy_plugin)
EXPECTED = {"check_docstring": "passes, so strict xfail fails"}

@parametrize_with_checks("toy", EXPECTED, manager=manager)
def test_conformance(check, case):
    check(case)
"""


def test_one_line_of_pytest_checks_an_importable_plugin_and_an_unexpected_pass_fails(tmp_path):
    (tmp_path / "test_toy.py").write_text(ONE_LINE)
    done = run(tmp_path, "-k", "docstring or side_effects or check_repr or domain_values or points or actions")
    failed = sorted(line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED"))
    assert failed == [
        f"FAILED test_toy.py::test_conformance[{name}-check_docstring]" for name in ("conv", "mean", "pool", "ring")
    ], done.stdout
    assert "XPASS(strict)" in done.stdout
    assert "8 passed" in done.stdout and "skipped" not in done.stdout, done.stdout  # fresh process, 4 repr, 3 of Ring


def test_the_variant_without_a_file_checks_the_groups_of_core(tmp_path):
    plugin = ("-p", "gdl_core.testing.pytest_plugin", "--pyargs", "gdl_core.testing.conformance")
    done = run(tmp_path, *plugin, "--gdl-plugin", "core", "-k", "group_axioms")
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout + done.stderr


TWO_CASES = """
import dataclasses
from gdl_core.plugins import PluginManager, hookimpl
from gdl_core.testing import parametrize_with_checks
import gdl_toy_plugin

class Twice(gdl_toy_plugin.Toy):
    @hookimpl
    def gdl_cases(self, component):
        for case in super().gdl_cases(component):
            yield case
            yield dataclasses.replace(case, name="again")

manager = PluginManager(entry_points=(), environ={})
manager.register_module("toy", Twice({"Conv": "layer", "Mean": "readout"}))

@parametrize_with_checks("toy", manager=manager)
def test_conformance(check, case):
    check(case)
"""


def test_the_first_cases_alone_are_checked_on_request(tmp_path):
    (tmp_path / "test_toy.py").write_text(TWO_CASES)
    options = ("-p", "gdl_core.testing.pytest_plugin", "-k", "check_repr or check_signature", "-vv")
    every, first = (run(tmp_path, *options, *more).stdout for more in ((), ("--gdl-first-case",)))
    assert "6 passed" in every and every.count("-again-check_repr") == 2, every
    assert "4 passed, " in first and "-again-" not in first and first.count("check_signature") == 2, first


def test_the_variant_without_a_file_asks_for_the_plugin():
    class Metafunc:
        class config:
            getoption = staticmethod(lambda name, default: [])

    with pytest.raises(pytest.UsageError, match=r"Name the plugin: -p .* --gdl-plugin NAME"):
        conformance.pytest_generate_tests(Metafunc)


def test_isolated_plugins_discovers_nothing(isolated_plugins):
    from gdl_core import plugins

    assert plugins.manager() is isolated_plugins
    assert plugins.records() == ()
