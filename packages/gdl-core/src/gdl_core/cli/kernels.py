"""``gdl kernels``: the custom operators, and which of their backends run on this machine and why."""

import argparse
import os

from gdl_core import plugins
from gdl_core.cli.table import table
from gdl_core.kernels import describe, status


def run(argv: list[str]) -> int:
    """Print two tables: the backends of this machine with their reasons, and the operators of all plugins."""
    argparse.ArgumentParser(prog="gdl kernels", description=__doc__).parse_args(argv)
    forced = os.environ.get("GDL_KERNELS", "")
    rows = [(name, "yes" if runs else "no", reason) for name, runs, reason in status()]
    print(table(("backend", "runs", "why"), rows))
    print(f"\nGDL_KERNELS={forced}: only this one" if forced else "\nGDL_KERNELS is not set: the tensor decides")
    entries = plugins.kernels()
    if not entries:
        return 0
    rows = []
    for entry in entries:
        backends = " ".join(name for name, runs, _ in describe(entry).backends if runs)
        rows.append((f"{entry.namespace}/{entry.name}", backends, entry.summary))
    print("\n" + table(("operator", "runs here", "what it computes"), rows))
    return 0
