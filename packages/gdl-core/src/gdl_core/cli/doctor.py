"""``gdl doctor``: is this installation sound? Versions, backends, settings, plugins, their checks."""

import argparse
import importlib.metadata
import os
import platform
import sys

from gdl_core import plugins
from gdl_core._version import __version__
from gdl_core.cache import cache_dir
from gdl_core.cli.table import table
from gdl_core.kernels import status
from gdl_core.plugins.steps import last_line, names

PACKAGES = ("torch", "numpy", "scipy", "numba", "triton", "lightning", "jsonargparse", "torchmetrics")


def run(argv: list[str]) -> int:
    """Print what was found and return 1 if anything is wrong."""
    argparse.ArgumentParser(prog="gdl doctor", description=__doc__).parse_args(argv)
    trouble: list[str] = []
    print(table(("what", "found"), _versions()))
    rows = [(name, "yes" if runs else "no", reason) for name, runs, reason in status()]
    print("\n" + table(("backend", "runs", "why"), rows))
    print("\n" + table(("setting", "value"), _settings(trouble)))
    print("\n" + table(("plugin", "status", "reason"), _plugins(trouble)))
    checks = _checks(trouble)
    if checks:
        print("\n" + table(("check", "result", "what"), checks))
    print("\n" + ("\n".join(f"trouble: {line}" for line in trouble) if trouble else "All is well."))
    return 1 if trouble else 0


def _versions() -> list[tuple[str, str]]:
    rows = [("Python", f"{platform.python_version()} ({platform.system()} {platform.machine()})")]
    rows += [("gdl-core", __version__), ("GDL_API", ".".join(map(str, plugins.GDL_API)))]
    for name in PACKAGES:  # from metadata: importing torch takes seconds
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return rows


def _settings(trouble: list[str]) -> list[tuple[str, str]]:
    rows = [(name, value) for name, value in sorted(os.environ.items()) if name.startswith("GDL_")]
    installed = {record.name for record in plugins.records()}
    for variable in ("GDL_DISABLE_PLUGINS", "GDL_LOAD_PLUGINS"):
        for name in sorted(names(os.environ, variable) - installed - {"*"}):
            trouble.append(f"{variable} names {name!r}, which is no installed plugin")
    forced = os.environ.get("GDL_KERNELS", "auto") or "auto"
    runs = {name: (able, reason) for name, able, reason in status()}
    if forced != "auto" and not runs.get(forced, (False, ""))[0]:
        reason = runs[forced][1] if forced in runs else f"the backends are {', '.join(runs)}"
        trouble.append(f"GDL_KERNELS={forced} cannot run: {reason}")
    folder = cache_dir()
    if folder is None and os.environ.get("GDL_CACHE", "1") != "0":
        trouble.append("the cache folder cannot be written, so derived bases are computed again in each run")
    return [*rows, ("cache folder", str(folder or "none"))]


def _plugins(trouble: list[str]) -> list[tuple[str, str, str]]:
    rows = []
    for record in plugins.records():
        rows.append((record.name, record.status, record.reason or f"{record.distribution} {record.version}"))
        if record.status not in ("loaded", "disabled") or record.reason.startswith("warning"):
            trouble.append(record.sentence())
    return rows


def _checks(trouble: list[str]) -> list[tuple[str, str, str]]:
    """Run every plugin's checks; one that raises is trouble, and does not stop the others."""
    rows = []
    for item in plugins.manager().checks() if not _strict_trouble() else ():
        try:
            said = plugins.manager().load(item)()
        except (Exception, SystemExit) as error:
            said = last_line(error)
        name = f"{item.namespace}/{item.name}"
        rows.append((name, "failed" if said else "passed", item.summary))
        if said:
            trouble.append(f"{name}: {said}")
    return rows


def _strict_trouble() -> bool:
    """Under GDL_STRICT_PLUGINS the registry refuses to answer; the plugins' table has already said why."""
    try:
        plugins.manager().require_strict()
    except plugins.PluginError as error:
        sys.stderr.write(f"gdl: {error}\n")
        return True
    return False
