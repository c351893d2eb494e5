"""Fixtures; import them in a `conftest.py`, or run pytest with `-p gdl_core.testing.pytest_plugin`."""

from collections.abc import Iterator

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
