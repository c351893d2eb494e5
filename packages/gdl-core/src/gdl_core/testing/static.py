"""Checks that need no input: the plugin loads, listing it costs nothing, names resolve, documentation is there."""

import functools
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gdl_core.plugins import targets
from gdl_core.testing.subject import Subject, require

_LISTING = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
hooks = ("gdl_components", "gdl_kernels", "gdl_commands", "gdl_checks")
items = [item for name in hooks if hasattr(module, name) for item in getattr(module, name)()]
print(json.dumps(sorted(sys.modules)))
"""


def check_plugin_loads(subject: Subject) -> None:
    """The plugin has the status `loaded`. Rule: `gdl_core.plugins.manager`, steps 1 to 6."""
    records = [record for record in subject.manager.records() if record.name == subject.namespace]
    known = ", ".join(record.name for record in subject.manager.records()) or "none"
    require(bool(records), f"No plugin is called {subject.namespace!r}; installed are: {known}.")
    bad = [record.sentence() for record in records if record.status != "loaded"]
    require(not bad, ". ".join(bad))


def check_import_side_effects(subject: Subject) -> None:
    """A fresh process that lists the plugin imports no torch or other heavy module. Rule: `gdl_core.plugins.spec`."""
    record = next(record for record in subject.manager.records() if record.name == subject.namespace)
    module = record.module.partition(":")[0]
    if not all(part.isidentifier() for part in module.split(".")) or targets.locate(module) is None:
        pytest.skip(f"{subject} was registered as an object, not as an importable module")
    loaded = _modules_after_listing(module)
    heavy = sorted(targets.HEAVY & set(loaded))
    require(not heavy, f"Listing {subject} imports {', '.join(heavy)}; import them where they are used.")


@functools.cache
def _modules_after_listing(module: str) -> tuple[str, ...]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _LISTING, module]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    require(done.returncode == 0, f"Listing {module} in a fresh process failed:\n{done.stderr[-2000:]}")
    require(done.stdout.count("\n") == 1, f"Listing {module} prints: {done.stdout[:500]!r}.")
    return tuple(json.loads(done.stdout))


def check_kernels_load(subject: Subject) -> None:
    """Every custom operator that the plugin lists can be imported. Rule: `KernelEntry`."""
    entries = [entry for entry in subject.manager.kernels() if entry.namespace == subject.namespace]
    if not entries:
        pytest.skip(f"{subject} lists no custom operators")
    for entry in entries:
        try:
            targets.load(entry.target)
        except (ImportError, AttributeError) as error:
            raise AssertionError(
                f"Operator {entry.name!r} of {subject} does not load from {entry.target!r}: {error}."
            ) from error


def check_has_case(subject: Subject) -> None:
    """A layer, coarsening, refinement, readout or model has a case: else nothing about it is checked. Rule: `Case`."""
    require(subject.component is not None, f"{subject} is not a component.")
    found = subject.manager.cases(subject.component) if subject.component is not None else ()
    require(bool(found), f"{subject} has no case: yield one from gdl_cases, or its symmetry claims go unchecked.")
    names = [case.name for case in found]
    require(len(set(names)) == len(names), f"{subject} has two cases of one name: {', '.join(names)}.")


def check_loads(subject: Subject) -> None:
    """The target resolves to a class, a function, or for a recipe a file. Rule: `Component.target`."""
    found = subject.target()
    if isinstance(found, Path):
        require(found.is_file() and found.stat().st_size > 0, f"{subject} names the file {found}, which is empty.")
    else:
        require(found is not None, f"{subject} resolves to None.")
    summary = subject.component.summary if subject.component is not None else ""
    require(
        bool(summary.strip()) and "\n" not in summary, f"The summary of {subject} must be one line, got {summary!r}."
    )


def check_signature(subject: Subject) -> None:
    """No `**kwargs`: a misspelt option must raise where it is written. Rule: CONTRIBUTING, style."""
    found = subject.target()
    functions = [found] if callable(found) else []
    forward = getattr(found, "forward", None) if inspect.isclass(found) else None
    functions += [] if forward is None else [forward]
    for function in functions:
        tunnels = [p.name for p in _parameters(function) if p.kind == p.VAR_KEYWORD]
        where = getattr(function, "__qualname__", repr(function))
        require(not tunnels, f"{where} takes **{''.join(tunnels)}; name its options instead.")


def check_docstring(subject: Subject) -> None:
    """A summary that ends with a period, and every option of the constructor described. Rule: CONTRIBUTING, style.

    Options may be described where the constructor is inherited from, or in a class of the same module that the
    docstring names in backticks ("as in `Conv`").
    """
    found = subject.target()
    if not callable(found):
        pytest.skip(f"{subject} is not a class or a function")
    text = found.__doc__ or ""
    where = getattr(found, "__qualname__", repr(found))
    lines = inspect.cleandoc(text).splitlines()
    require(bool(lines), f"{where} has no docstring.")
    paragraph = inspect.cleandoc(text).split("\n\n")[0].rstrip()
    require(paragraph.endswith((".", ":")), f"The docstring of {where} starts with no sentence: {lines[0]!r}.")
    if inspect.isclass(found):  # an inherited constructor is described where it is defined
        owner = next(cls for cls in found.__mro__ if "__init__" in vars(cls))
        text = "\n".join(filter(None, (text, owner.__doc__, owner.__init__.__doc__)))
    text += "\n".join(_documentation_named_in(text, found))
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    options = [p.name for p in _parameters(found) if p.kind in named and not p.name.startswith("_")]
    absent = [name for name in options if not re.search(rf"\b{name}\b", text)]
    require(not absent, f"The docstring of {where} does not mention {', '.join(absent)}.")
    if inspect.isclass(found) and len(options) > 1:
        has_section = re.search(r"^\s*(Args|Attributes):", text, re.MULTILINE)
        require(bool(has_section), f"The docstring of {where} has no section 'Args:' for {', '.join(options)}.")


def _documentation_named_in(text: str, found: Any) -> list[str]:
    """Return the docstrings of the classes and functions of the same module that `text` names in backticks."""
    module = sys.modules.get(getattr(found, "__module__", ""), None)
    named = (getattr(module, name, None) for name in re.findall(r"`(\w+)", text))
    return [one.__doc__ for one in named if callable(one) and one.__doc__]


def check_repr(subject: Subject) -> None:
    """`repr` names the class and does not change with a call. Rule: DESIGN §9, type objects have a faithful repr."""
    built = subject.instance()
    text = repr(built)
    require(
        type(built).__name__ in text or text == getattr(built, "name", None),
        f"repr of {subject} does not name its class: {text!r}.",
    )
    require(" object at 0x" not in text.splitlines()[0], f"{subject} has the default repr {text!r}.")
    require(text == repr(subject.instance()), f"Two equal instances of {subject} print differently.")


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # builtins have none
        return []
