"""The conformance kit without a file of one's own::

    pytest -p gdl_core.testing.pytest_plugin --pyargs gdl_core.testing.conformance --gdl-plugin grids

It is named on the command line and has no `pytest11` entry point, which would load it into everybody's tests.
"""

import pytest

from gdl_core.testing.fixtures import isolated_plugins, run_triton, shared_data
from gdl_core.testing.subject import Subject

__all__ = ["isolated_plugins", "pytest_addoption", "pytest_collection_modifyitems", "run_triton", "shared_data"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gdl", "conformance of gdl plugins")
    group.addoption(
        "--gdl-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="check the components of this plugin; may be repeated",
    )
    group.addoption(
        "--gdl-first-case",
        action="store_true",
        help="check each component on the first of its cases only, where another run has them all",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the checks of further cases if `--gdl-first-case` is given."""
    if not config.getoption("gdl_first_case"):
        return
    first: dict[tuple, str] = {}  # cases are collected in their order
    kept, further = [], []
    for item in items:
        callspec = getattr(item, "callspec", None)
        subject = None if callspec is None else callspec.params.get("case")
        if isinstance(subject, Subject) and subject.component is not None and subject.case is not None:
            key = (subject.manager, subject.component.full_name)
            (kept if first.setdefault(key, subject.case.name) == subject.case.name else further).append(item)
        else:
            kept.append(item)
    config.hook.pytest_deselected(items=further)
    items[:] = kept
