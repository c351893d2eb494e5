"""The default manager and the questions users ask it, as plain typed functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gdl_core.plugins.manager import PluginManager
from gdl_core.plugins.spec import Case, Check, Command, Component, KernelEntry
from gdl_core.plugins.steps import PluginRecord

_default = PluginManager()


def manager() -> PluginManager:
    """The manager that the functions of this module ask."""
    return _default


@contextmanager
def replaced(other: PluginManager) -> Iterator[PluginManager]:
    """Let another manager answer inside the ``with`` block: for tests."""
    global _default
    before, _default = _default, other
    try:
        yield other
    finally:
        _default = before


def records() -> tuple[PluginRecord, ...]:
    """What became of every installed plugin."""
    return _default.records()


def components(kind: str | None = None) -> tuple[Component, ...]:
    """All components, or those of one kind."""
    return _default.components(kind)


def find(name: str, kind: str | None = None) -> Component:
    """The component called ``namespace/name`` (or ``name`` where that is unique); raises UnknownNameError."""
    return _default.find(name, kind)


def resolve(name: str, kind: str | None = None) -> Any:
    """Import what a name stands for (a recipe: its path); raises UnknownNameError, PluginError."""
    return _default.resolve(name, kind)


def cases(component: Component | str) -> tuple[Case, ...]:
    """The conformance cases of a component."""
    return _default.cases(component)


def kernels() -> tuple[KernelEntry, ...]:
    """The custom operators of all plugins."""
    return _default.kernels()


def commands() -> tuple[Command, ...]:
    """The commands that plugins add to ``gdl``."""
    return _default.commands()


def checks() -> tuple[Check, ...]:
    """The health checks of all plugins."""
    return _default.checks()


def refresh() -> None:
    """Discover again at the next question."""
    _default.refresh()
