"""The test that `--pyargs gdl_core.testing.conformance` runs; see `gdl_core.testing.pytest_plugin`."""

import pytest

from gdl_core.testing.collect import parameters


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = metafunc.config.getoption("gdl_plugin", default=None)
    if not names:
        raise pytest.UsageError("Name the plugin: -p gdl_core.testing.pytest_plugin --gdl-plugin NAME.")
    metafunc.parametrize(("check", "case"), [param for name in names for param in parameters(name)])


def test_conformance(check, case) -> None:
    check(case)
