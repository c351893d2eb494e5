"""What is checked about one plugin, step by step; each check ends the loading with a status and a reason."""

import importlib.metadata
import inspect
import os
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from gdl_core._version import __version__
from gdl_core.errors import closest
from gdl_core.plugins import spec, targets
from gdl_core.plugins.spec import GDL_API, HOOKS, Component

GROUP = "gdl.plugins"
STATUSES = ("loaded", "disabled", "incompatible", "conflict", "failed")


def entries(given: Iterable[EntryPoint] | None = None) -> tuple[EntryPoint, ...]:
    """Entry points of the group ``gdl.plugins``, read from metadata: nothing is imported."""
    found = importlib.metadata.entry_points(group=GROUP) if given is None else given
    return tuple({(owner(entry), entry.name, entry.value): entry for entry in found}.values())


def owner(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that declares an entry point."""
    return ("unknown", "0") if entry.dist is None else (entry.dist.name, entry.dist.version)


def names(environ: Mapping[str, str], variable: str) -> frozenset[str]:
    """The names listed in a variable such as GDL_DISABLE_PLUGINS="a, b"."""
    return frozenset(name.strip() for name in environ.get(variable, "").split(",") if name.strip())


def is_set(environ: Mapping[str, str], variable: str) -> bool:
    return environ.get(variable, "0") not in ("", "0")


def check_name(name: str) -> None:
    """Step 2: the name is a namespace, so it must be an identifier."""
    if not name.isidentifier():
        raise RejectedError("failed", f"the entry point's name {name!r} must be a Python identifier")


def check_requirement(entry: EntryPoint) -> None:
    """Step 3: catches what pip would have refused (``--no-deps``, conda mixes) before the plugin runs."""
    requires = entry.dist.requires if entry.dist is not None else None
    for text in requires or ():
        if not text.lower().replace("_", "-").startswith("gdl-core"):
            continue  # `packaging` costs 20 ms, so only the line that matters is parsed
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name

        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != "gdl-core":
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            wants = f"it requires gdl-core{requirement.specifier}"
            raise RejectedError("incompatible", f"{wants}, and this is gdl-core {__version__}")


def check_light(module: str) -> None:
    """Step 4: the plugin's source must not import torch and the like in order to be listed."""
    reason = targets.heavy_imports(module)
    if reason:
        raise RejectedError("failed", reason)


def check_api(module: Any) -> tuple[int, int]:
    """Step 5: the same major number, and no minor number newer than core's. Returns the plugin's GDL_API."""
    name = getattr(module, "__name__", type(module).__name__)
    api = getattr(module, "GDL_API", None)
    if api is None:
        raise RejectedError("incompatible", f"the module {name!r} has no GDL_API; write GDL_API = {GDL_API}")
    if not (isinstance(api, tuple) and len(api) == 2 and all(type(number) is int for number in api)):
        raise RejectedError("incompatible", f"GDL_API must be two integers such as {GDL_API}, got {api!r}")
    if api[0] != GDL_API[0] or api[1] > GDL_API[1]:
        got, expected = (".".join(map(str, pair)) for pair in (api, GDL_API))
        raise RejectedError("incompatible", f"it is written for plugin API {got}, and core has {expected}")
    return api


def check_hooks(module: Any) -> None:
    """Step 6: pluggy ignores an unmarked hook, and has no sentence for a misspelt one or a wrong argument."""
    for name in sorted(vars(module) if isinstance(module, ModuleType) else dir(module)):
        marked = getattr(getattr(module, name), "gdl_impl", None)
        if name in HOOKS and marked is None:
            raise RejectedError("failed", f"{name} is not marked with @hookimpl")
        if marked and not marked["specname"] and not marked["optionalhook"] and name not in HOOKS:
            raise RejectedError("failed", f"there is no hook {name!r}.{closest(name, HOOKS, 1)}".rstrip("."))
        if marked and name in HOOKS:
            known = inspect.signature(getattr(spec, name)).parameters
            given = inspect.signature(getattr(module, name)).parameters
            unknown = [argument for argument in given if argument not in known]
            if unknown:
                takes = f"only {', '.join(known)}" if known else "no argument"
                raise RejectedError("failed", f"{name} takes {takes}, got {', '.join(map(repr, unknown))}")


def check_item(item: Any, hook: str, expected: type) -> None:
    """Step 6: one result of a hook."""
    if not isinstance(item, expected):
        got = f"{type(item).__name__} ({item!r:.60})"
        raise RejectedError("failed", f"{hook} must yield {expected.__name__} objects, got {got}")
    name = item.name
    if not isinstance(name, str) or not name or "/" in name or any(map(str.isspace, name)):
        raise RejectedError("failed", f"{hook} yields the name {name!r}; a name is text without '/' and spaces")


def check_target(item: Any, module: Any) -> None:
    """Step 6: the target is there, as far as that can be told without running code."""
    top = item.target.partition(":")[0].partition(".")[0]
    own = isinstance(module, ModuleType) and module.__name__.partition(".")[0] == top
    if not own and top.isidentifier() and targets.locate(top) is None:
        return  # a package that is not installed may belong to an extra: told when somebody asks for it
    reason = targets.missing(item.target, item.kind if isinstance(item, Component) else "")
    if reason:
        raise RejectedError("failed", f"{item.namespace}/{item.name}: {reason}")


def last_line(error: BaseException) -> str:
    """``KeyError: 'x' (gdl_hex/_plugin.py line 7)``: type, message and place of an error, on one line."""
    text = " ".join("".join(traceback.format_exception_only(error)[-1:]).split())
    frames = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if not _machinery(frame.filename.replace(os.sep, "/"))]
    return f"{text} ({targets.short(frames[-1].filename)} line {frames[-1].lineno})" if frames else text


def _machinery(filename: str) -> bool:
    inside = ("/pluggy/", "/importlib/", "/gdl_core/plugins/")
    return filename.startswith("<") or any(folder in filename for folder in inside)


class RejectedError(Exception):
    """Ends the loading of one plugin with a status and a reason; the manager turns it into a record."""

    def __init__(self, status: str, reason: str):
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class PluginRecord:
    """What became of one entry point.

    Args:
        name: the entry's name, which is the namespace of its components.
        status: one of `STATUSES`.
        distribution: who provides it.
        version: of the distribution.
        module: the entry's value.
        reason: why it is not loaded; a warning when it is; empty when all is well.
        api: the plugin's GDL_API, None before it was imported.
        hooks: names of the hooks it implements.
    """

    name: str
    status: str
    distribution: str
    version: str
    module: str
    reason: str = ""
    api: tuple[int, int] | None = None
    hooks: tuple[str, ...] = ()

    def sentence(self) -> str:
        """``Plugin 'hex' (gdl-hex 0.1.0) is failed: <reason>``."""
        return f"Plugin {self.name!r} ({self.distribution} {self.version}) is {self.status}: {self.reason}"


def describe(entry: EntryPoint) -> PluginRecord:
    """The record of an entry point that was not loaded (yet)."""
    return PluginRecord(entry.name, "failed", *owner(entry), entry.value)
