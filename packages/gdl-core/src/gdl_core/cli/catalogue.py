"""``gdl list``, ``gdl show`` and ``gdl recipes``: the components that the plugins offer."""

import argparse
import inspect
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gdl_core import plugins
from gdl_core.cli.table import table
from gdl_core.errors import UnknownNameError, closest
from gdl_core.plugins import Component


def run_list(argv: list[str]) -> int:
    """Print the components of one kind (singular or plural), or how many there are of each kind."""
    parser = argparse.ArgumentParser(prog="gdl list", description=run_list.__doc__)
    parser.add_argument("kind", nargs="?", help="layers, groups, domains, models, datasets, recipes, …")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(argv)
    found = plugins.components()
    kinds = Counter(item.kind for item in found)
    if options.kind is None and not options.json:
        print(table(("kind", "count"), sorted(kinds.items())) if kinds else "No plugin offers a component.")
        return 0
    if options.kind is not None:
        kind = next((kind for kind in kinds if options.kind in (kind, _plural(kind))), None)
        if kind is None:
            hint = closest(options.kind, map(_plural, kinds))
            hint = hint or f" Known kinds: {', '.join(sorted(kinds)) or 'none'}"
            raise UnknownNameError(f"No plugin offers components of the kind {options.kind!r}.{hint}")
        found = tuple(item for item in found if item.kind == kind)
    if options.json:
        print(json.dumps([asdict(item) for item in found], indent=2))
    else:
        print(table(("name", "summary"), [(item.full_name, item.summary) for item in found]))
    return 0


def run_recipes(argv: list[str]) -> int:
    """Print the recipes; ``gdl show NAME`` prints one, ``gdl train NAME`` runs it."""
    parser = argparse.ArgumentParser(prog="gdl recipes", description=run_recipes.__doc__)
    parser.parse_args(argv)
    rows = [(item.full_name, item.summary) for item in plugins.components("recipe")]
    print(table(("recipe", "summary"), rows) if rows else "No plugin offers a recipe.")
    return 0


def run_show(argv: list[str]) -> int:
    """Print one component: where it is from, how it is called, which symmetries it claims."""
    parser = argparse.ArgumentParser(prog="gdl show", description=run_show.__doc__)
    parser.add_argument("name", help="such as grids/conv; the part before '/' may be left out if it is clear")
    parser.add_argument("--kind", help="where several kinds share the name")
    options = parser.parse_args(argv)
    item = plugins.find(options.name, options.kind)
    found = plugins.resolve(item.full_name, item.kind)
    if isinstance(found, Path):
        print(table((item.kind, item.full_name), [*_origin(item), ("file", found)]))
        print("\n" + found.read_text(encoding="utf-8").rstrip())
        return 0
    rows = [*_origin(item), *_source(found)]
    if getattr(found, "claims", None):
        rows.append(("symmetries", ", ".join(map(str, found.claims))))
    print(table((item.kind, item.full_name), rows))
    if callable(found):
        print("\n" + _signature(found))
    documentation = inspect.getdoc(found)
    if documentation:
        print("\n" + documentation)
    return 0


def _origin(item: Component) -> list[tuple[str, object]]:
    owner = next(record for record in plugins.records() if record.name == item.namespace)
    rows = [
        ("summary", item.summary),
        ("from", f"{owner.distribution} {owner.version}"),
        ("target", item.target),
    ]
    return [*rows, ("tags", ", ".join(item.tags))] if item.tags else list(rows)


def _source(found: Any) -> list[tuple[str, object]]:
    try:
        return [("file", f"{inspect.getsourcefile(found)}:{inspect.getsourcelines(found)[1]}")]
    except (TypeError, OSError):  # an instance, or something without Python source
        return []


def _signature(found: Any) -> str:
    name = getattr(found, "__name__", type(found).__name__)
    try:
        text = f"{name}{inspect.signature(found)}"
        parameters = [str(p) for p in inspect.signature(found).parameters.values()]
    except (TypeError, ValueError):
        return name
    return text if len(text) <= 100 else f"{name}(\n    " + ",\n    ".join(parameters) + ",\n)"


def _plural(kind: str) -> str:
    """A layer, layers; a symmetry, symmetries.

    >>> _plural("symmetry"), _plural("layer")
    ('symmetries', 'layers')
    """
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
