"""From the names in a recipe to the objects they stand for."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from gdl_core import plugins
from gdl_core.errors import GdlError, closest

# Which kind of component the name in a section stands for: `grids/digits` is a data set in one and a recipe in another.
KINDS = {"data": "dataset", "model": "model", "objective": "objective"}


class ConfigError(GdlError, ValueError):
    """A recipe or an option that is not accepted; the sentence names it and what would be."""


def find_callable(name: str, section: str) -> Callable[..., Any]:
    """Return what `class_path: name` in a section of a recipe means.

    `plugin/name` is a component of an installed plugin; `package.module.Name` is anything importable, also from the
    folder that the command runs in, so that a user's own network needs no registration.

    Raises:
        UnknownNameError: no plugin has such a component.
        ConfigError: the dotted path cannot be imported, or is nothing to call.
    """
    found = plugins.resolve(name, KINDS.get(section)) if "/" in name else _import(name, section)
    if not callable(found):
        raise ConfigError(f"{section}: {name!r} is a {type(found).__name__}, expected a class or a function.")
    return found


def _import(path: str, section: str) -> Any:
    module, _, attribute = path.replace(":", ".").rpartition(".")
    if not module:
        raise ConfigError(
            f"{section}: expected a component (plugin/name) or a dotted path (package.module.Name), got {path!r}."
        )
    if os.getcwd() not in sys.path:  # the command `gdl` does not put it there, `python -m` does
        sys.path.append(os.getcwd())
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not (error.name and f"{module}.".startswith(f"{error.name}.")):
            raise  # the module exists, and something it needs does not
        raise ConfigError(f"{section}: there is no module {error.name!r}, needed for {path!r}.") from error
    if not hasattr(found, attribute):
        raise ConfigError(f"{section}: {module} has no {attribute!r}.{closest(attribute, dir(found))}")
    return getattr(found, attribute)
