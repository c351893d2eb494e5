"""Targets ("package.module:attribute"): read without running any code, imported only on request.

`missing` and `heavy_imports` answer from the source text. They find modules through the path finders, never
by import: importing ``package.module`` would run ``package/__init__.py``, and a careless one costs seconds.
"""

import ast
import importlib
import importlib.machinery
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gdl_core.errors import closest

# Modules that cost from a tenth of a second to seconds: a plugin may use them, but not in order to be listed.
_LEARNING = {"torch", "torchvision", "torchmetrics", "lightning", "pytorch_lightning", "sklearn"}
HEAVY = frozenset(_LEARNING | {"matplotlib", "numba", "triton", "scipy", "pandas"})


def split(target: str) -> tuple[str, str]:
    """Split "package.module:attribute" (the attribute may be empty); raises ValueError for anything else."""
    module, _, attribute = target.partition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"the target {target!r} is not of the form 'package.module:attribute'")
    return module, attribute


def locate(module: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module's spec without importing it or its parents; None when there is no such module."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a half-imported module without __spec__
        return None
    name = top
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def load(target: str) -> Any:
    """Import a target and return the object it names."""
    module, attribute = split(target)
    found: Any = importlib.import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


def resource(target: str) -> Path:
    """Return the path of "package:path/inside/package.yaml"; the package itself is not imported."""
    package, inside = split(target)
    spec = locate(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, inside)
        if path.is_file():
            return path
    raise FileNotFoundError(f"the package {package!r} contains no file {inside!r}")


def missing(target: str, kind: str = "") -> str | None:
    """Say why `target` cannot resolve; None when it can, or when only running the code would tell."""
    try:
        module, attribute = split(target)
    except ValueError as error:
        return str(error)
    if kind == "recipe":
        try:
            resource(target)
        except FileNotFoundError as error:
            return f"the target {target!r} does not resolve: {error}"
        return None
    if attribute and not all(part.isidentifier() for part in attribute.split(".")):
        return f"the target {target!r} is not of the form 'package.module:attribute'"
    reason = _missing(module, attribute.partition(".")[0], depth=0)
    return None if reason is None else f"the target {target!r} does not resolve: {reason}"


def heavy_imports(module: str) -> str | None:
    """Say which heavy module the import of `module` would load, with file and line, or return None.

    Follows the imports at module level inside the same top package. Imports made through other distributions
    are not seen here; the manager compares `sys.modules` around the import for those.
    """
    top = module.partition(".")[0]
    waiting, seen = _with_parents(module), set()
    while waiting:
        name = waiting.pop(0)
        spec = None if name in seen else locate(name)
        seen.add(name)
        source = _source(spec)
        if spec is None or source is None:
            continue
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        for line, imported in _imports(source, package):
            if imported.partition(".")[0] in HEAVY:
                return (
                    f"{short(spec.origin)} line {line} imports {imported.split('.')[0]}, which must not "
                    "be loaded to list plugins; import it where it is used and make __init__ lazy"
                )
            if imported.partition(".")[0] == top and top != "gdl_core":
                waiting += _with_parents(imported)
    return None


def _missing(module: str, attribute: str, depth: int) -> str | None:
    spec = locate(module)
    if spec is None:
        return f"there is no module {module!r}"
    source = _source(spec)
    if not attribute or source is None or depth > 4:
        return None
    # The usual case, without parsing: a class, a function or an assignment at the start of a line.
    if re.search(rf"^(?:(?:async def|def|class) {attribute}\b|{attribute}\s*[:=])", source, re.MULTILINE):
        return None
    if spec.submodule_search_locations is not None and locate(f"{module}.{attribute}"):
        return None
    names, open_ended = _names(source)
    stub = Path(spec.origin or "").with_suffix(".pyi")
    if open_ended and stub.is_file():  # a lazy package: its stub lists what it exports
        names, open_ended = _names(stub.read_text(encoding="utf-8"))
    if attribute in names:
        origin = names[attribute]
        if origin is None or origin[0].partition(".")[0] not in ("", module.partition(".")[0]):
            return None
        package = module if spec.submodule_search_locations is not None else module.rpartition(".")[0]
        try:
            return _missing(importlib.util.resolve_name(origin[0], package), origin[1], depth + 1)
        except ImportError:
            return f"the module {module!r} imports from beyond its top package"
    if open_ended:
        return None
    return f"the module {module!r} has no {attribute!r}.{closest(attribute, names)}".removesuffix(".")


def _names(source: str) -> tuple[dict[str, tuple[str, str] | None], bool]:
    """Names bound at module level, with (module, name) if imported, and whether there may be more."""
    names: dict[str, tuple[str, str] | None] = {}
    open_ended = False
    for node in _module_level(_parse(source), into_classes=False):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names[node.id] = None
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                open_ended |= alias.name == "*"
                # "from . import x" may bind a submodule, which is found as the attribute of the package.
                names[alias.asname or alias.name] = (module, alias.name)
        elif isinstance(node, ast.Import):
            names.update((alias.asname or alias.name.partition(".")[0], None) for alias in node.names)
    return names, open_ended or "__getattr__" in names


def _imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    for node in _module_level(_parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, package) if node.level else relative
            yield node.lineno, module
            # "from package import module" runs the module too; an attribute is simply not located.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names if alias.name != "*")


def _module_level(tree: ast.AST, into_classes: bool = True) -> Iterator[ast.AST]:
    """Walk the nodes that run on import: no function bodies, nothing under TYPE_CHECKING."""
    closed: tuple[type[ast.AST], ...] = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    if not into_classes:
        closed += (ast.ClassDef,)
    waiting = list(ast.iter_child_nodes(tree))
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting = [*node.orelse, *waiting]
            continue
        yield node
        if not isinstance(node, closed):
            waiting = [*ast.iter_child_nodes(node), *waiting]


def _parse(source: str) -> ast.Module:
    """Parse a module; one with a syntax error has no names here, and its import says where."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _source(spec: importlib.machinery.ModuleSpec | None) -> str | None:
    """Text of a module; None for namespace packages, extension modules and all else without a source."""
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    try:
        return Path(str(spec.origin)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def short(path: str | None) -> str:
    """Last folder and name of a file: enough to find it, and the same on every machine."""
    return "/".join(Path(path or "").parts[-2:])
