"""``gdl plugins``: what is installed and what became of it."""

import argparse
import json
import textwrap
from dataclasses import asdict

from gdl_core import plugins
from gdl_core.cli.table import WIDTH, table
from gdl_core.errors import UnknownNameError, closest
from gdl_core.plugins import PluginRecord
from gdl_core.plugins.steps import describe, entries


def run(argv: list[str]) -> int:
    """Print the table, its JSON, or one plugin. The exit status is 0 whatever the plugins do, 2 if strict."""
    parser = argparse.ArgumentParser(prog="gdl plugins", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["show"], help="show NAME: one plugin and what it offers")
    parser.add_argument("name", nargs="?", help="a plugin (its namespace) or a component")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--no-load", action="store_true", help="read metadata only; no plugin's code runs")
    options = parser.parse_args(argv)
    if options.action == "show":
        if not options.name:
            parser.error("show needs the NAME of a plugin or component")
        return _show(options.name)
    if options.no_load:
        found = [asdict(describe(entry)) | {"status": "not loaded"} for entry in entries()]
        found.sort(key=lambda record: record["name"])
    else:
        found = [asdict(record) for record in plugins.records()]
    print(json.dumps(found, indent=2) if options.json else _table(found))
    if not options.no_load:
        plugins.manager().require_strict()
    return 0


def _table(found: list[dict]) -> str:
    if not found:
        return "No plugin is installed."
    rows = []
    for record in found:
        api = ".".join(map(str, record["api"])) if record["api"] else "-"
        hooks = " ".join(hook.removeprefix("gdl_") for hook in record["hooks"])
        owner = f"{record['distribution']} {record['version']}"
        rows.append((record["name"], record["status"], api, owner, hooks or "-"))
    header, *printed = table(("name", "status", "api", "distribution", "hooks"), rows).splitlines()
    starts = [place for place, line in enumerate(printed) if not line.startswith(" ")]  # long rows are wrapped
    lines = [header]
    for start, stop, record in zip(starts, [*starts[1:], len(printed)], found, strict=True):
        reason = textwrap.wrap(record["reason"], WIDTH - 6, break_long_words=False, break_on_hyphens=False)
        lines += [*printed[start:stop], *(f"      {more}" for more in reason)]
    return "\n".join(lines)


def _show(name: str) -> int:
    if "/" in name:
        from gdl_core.cli.catalogue import run_show

        return run_show([name])
    found = [record for record in plugins.records() if record.name == name]
    if not found:
        known = [record.name for record in plugins.records()]
        hint = closest(name, known) or f" Installed: {', '.join(known) or 'none'}"
        raise UnknownNameError(f"There is no plugin named {name!r}.{hint}")
    for record in found:
        print(_card(record))
    rows = [(item.kind, item.full_name, item.summary) for item in plugins.components()]
    rows = [row for row in rows if row[1].startswith(f"{name}/")]
    if rows:
        print("\n" + table(("kind", "name", "summary"), rows))
    return 0


def _card(record: PluginRecord) -> str:
    rows = [
        ("distribution", f"{record.distribution} {record.version}"),
        ("module", record.module),
        ("status", record.status),
        ("reason", record.reason or "-"),
        ("API", ".".join(map(str, record.api)) if record.api else "not read"),
        ("hooks", ", ".join(record.hooks) or "-"),
    ]
    return table(("plugin", record.name), rows)
