"""Plugins: what a distribution declares, how it is loaded, and how names become objects.

The registry exists for *strings*: configuration, command line, conformance, documentation. Python users
import classes (``from gdl_grids import Conv``). Nothing here imports torch, and nothing is discovered before
the first question.
"""

from gdl_core.plugins.manager import PluginError, PluginManager
from gdl_core.plugins.registry import (
    cases,
    checks,
    commands,
    components,
    find,
    kernels,
    manager,
    records,
    refresh,
    replaced,
    resolve,
)
from gdl_core.plugins.spec import (
    GDL_API,
    Case,
    Check,
    Command,
    Component,
    KernelEntry,
    hookimpl,
)
from gdl_core.plugins.steps import PluginRecord

__all__ = [
    "GDL_API",
    "Case",
    "Check",
    "Command",
    "Component",
    "KernelEntry",
    "PluginError",
    "PluginManager",
    "PluginRecord",
    "cases",
    "checks",
    "commands",
    "components",
    "find",
    "hookimpl",
    "kernels",
    "manager",
    "records",
    "refresh",
    "replaced",
    "resolve",
]
