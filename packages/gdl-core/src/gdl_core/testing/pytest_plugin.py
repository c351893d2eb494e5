"""The conformance kit without a file of one's own::

    pytest -p gdl_core.testing.pytest_plugin --pyargs gdl_core.testing.conformance --gdl-plugin grids

It is named on the command line and has no `pytest11` entry point, which would load it into everybody's tests.
"""

import pytest

from gdl_core.testing.fixtures import isolated_plugins

__all__ = ["isolated_plugins", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gdl", "conformance of gdl plugins")
    group.addoption(
        "--gdl-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="check the components of this plugin; may be repeated",
    )
