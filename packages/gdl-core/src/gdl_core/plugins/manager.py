"""The plugin manager: one plugin never breaks another, and every one has a status with a reason.

Each plugin goes through these steps; the first that fails decides its status, and nothing is raised:

1. read the entry points (no import), apply GDL_DISABLE_PLUGINS and GDL_LOAD_PLUGINS → ``disabled``;
2. the name must be an identifier → ``failed``; two distributions with one name → ``conflict``, neither loads;
3. the distribution's requirement on gdl-core must admit the core that runs → ``incompatible`` (no import);
4. its source must not import torch and the like in order to be listed → ``failed`` (no import); then import;
5. its GDL_API must have the major number of core's and no larger minor number → ``incompatible``;
6. its hooks are known, its results of the right classes, its targets present → else ``failed``.

pluggy checks and calls the hooks; its own loader is never used, because one bad plugin would stop it.
"""

import importlib
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from gdl_core.errors import GdlError, UnknownNameError, closest
from gdl_core.plugins import spec, steps, targets
from gdl_core.plugins.spec import Case, Check, Command, Component, KernelEntry
from gdl_core.plugins.steps import PluginRecord, RejectedError

_Item = TypeVar("_Item", Component, KernelEntry, Command, Check)


class PluginError(GdlError):
    """A plugin that did not load (under GDL_STRICT_PLUGINS=1), or that failed while it answered."""


class PluginManager:
    """Discovers plugins at the first question and answers by name.

    Args:
        entry_points: the entry points to use; None reads those of the installed distributions.
        environ: where GDL_DISABLE_PLUGINS ("a,b" or "*"), GDL_LOAD_PLUGINS (allow-list), GDL_STRICT_PLUGINS
            and GDL_TRACE_PLUGINS are read, at discovery; None is the process's environment.
    """

    def __init__(
        self, entry_points: Iterable[EntryPoint] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self._entry_points = None if entry_points is None else tuple(entry_points)
        self._environ = os.environ if environ is None else environ
        self._lock = threading.RLock()
        self._clear()

    # ---- discovery ----

    def refresh(self) -> None:
        """Forget everything and discover again at the next question: for sessions that install a plugin."""
        with self._lock:
            importlib.invalidate_caches()
            self._clear()

    def records(self) -> tuple[PluginRecord, ...]:
        """What became of every plugin, in the order of names. Never raises because of a plugin."""
        with self._lock:
            if not self._discovered:
                self._discovered = True  # before, so that a plugin which asks while it is loaded gets an answer
                try:
                    self._discover()
                except BaseException:  # Ctrl-C: the next question starts again
                    self._clear()
                    raise
            return tuple(sorted(self._records, key=lambda record: (record.name, record.distribution)))

    def require_strict(self) -> None:
        """Under GDL_STRICT_PLUGINS=1, raise PluginError if a plugin is neither loaded nor disabled."""
        if not steps.is_set(self._environ, "GDL_STRICT_PLUGINS"):
            return
        bad = [record.sentence() for record in self.records() if record.status not in ("loaded", "disabled")]
        if bad:
            raise PluginError("GDL_STRICT_PLUGINS is set and not every plugin is loaded. " + ". ".join(bad))

    def register_module(
        self, namespace: str, module: Any, distribution: str = "by hand", version: str = "0"
    ) -> PluginRecord:
        """Register a module, or any object with the hooks, without an entry point: steps 2, 5 and 6.

        Never raises because of the plugin: the record that is returned has the status and the reason.
        """
        value = module.__name__ if isinstance(module, ModuleType) else type(module).__name__
        record = PluginRecord(namespace, "failed", distribution, version, value)
        with self._lock:
            taken = any(known.name == namespace and known.status == "loaded" for known in self.records())
            if taken:
                record = replace(record, status="conflict", reason=f"the name {namespace!r} is taken")
            else:
                record = self._guarded(record, lambda: module)
            self._records.append(record)
        return record

    def _clear(self) -> None:
        self._pluggy = pluggy.PluginManager("gdl")
        self._pluggy.add_hookspecs(spec)
        self._records: list[PluginRecord] = []
        self._found: dict[type, list[Any]] = {cls: [] for cls in (Component, KernelEntry, Command, Check)}
        self._tracing = self._discovered = False

    def _discover(self) -> None:
        by_name: dict[str, list[EntryPoint]] = defaultdict(list)
        for entry in steps.entries(self._entry_points):
            by_name[entry.name].append(entry)
        disable = steps.names(self._environ, "GDL_DISABLE_PLUGINS")
        allow = steps.names(self._environ, "GDL_LOAD_PLUGINS") or {"*"}
        self._tracing = steps.is_set(self._environ, "GDL_TRACE_PLUGINS")
        if self._tracing:
            self._pluggy.add_hookcall_monitoring(_trace_before, _trace_after)
        for name in sorted(by_name):
            blank = [steps.describe(entry) for entry in by_name[name]]
            if disable & {name, "*"}:
                status, reason = "disabled", "it is named by GDL_DISABLE_PLUGINS"
            elif not allow & {name, "*"}:
                status, reason = "disabled", "it is not named by GDL_LOAD_PLUGINS"
            elif len(blank) > 1:
                owners = " and ".join(f"{record.distribution} {record.version}" for record in blank)
                status, reason = "conflict", f"{owners} both provide {name!r}, so neither is loaded"
            else:
                entry = by_name[name][0]
                self._records.append(self._guarded(blank[0], lambda entry=entry: _import(entry)))
                continue
            self._records += [replace(record, status=status, reason=reason) for record in blank]

    def _guarded(self, record: PluginRecord, load: Callable[[], Any]) -> PluginRecord:
        """Load one plugin; whatever goes wrong becomes its record and leaves nothing registered."""
        start, before = time.perf_counter(), targets.HEAVY & sys.modules.keys()
        try:
            steps.check_name(record.name)
            module = load()
            record = replace(record, api=steps.check_api(module))
            steps.check_hooks(module)
            self._pluggy.register(module, record.name)
            self._pluggy.check_pending()
            hooks = sorted(caller.name for caller in self._pluggy.get_hookcallers(module) or ())
            record = replace(record, hooks=tuple(hooks))
            found = self._collect(record.name, module)
        except RejectedError as error:
            record = replace(record, status=error.status, reason=str(error))
        except (Exception, SystemExit) as error:  # a plugin may raise anything; Ctrl-C still ends the program
            record = replace(record, status="failed", reason=steps.last_line(error))
        else:
            for item in found:
                self._found[type(item)].append(item)
            heavy = sorted((targets.HEAVY & sys.modules.keys()) - before)
            warning = f"warning: being listed imported {', '.join(heavy)}" if heavy else ""
            record = replace(record, status="loaded", reason=warning)
        if record.status != "loaded" and self._pluggy.has_plugin(record.name):
            self._pluggy.unregister(name=record.name)
        if self._tracing:
            took = 1e3 * (time.perf_counter() - start)
            sys.stderr.write(f"gdl plugins: {record.name} {record.status} in {took:.1f} ms {record.reason}\n")
        return record

    def _collect(self, name: str, module: Any) -> list[Any]:
        """Ask one plugin for everything but its cases; an error half-way through leaves nothing behind."""
        found = [
            *self._items(name, "gdl_components", Component),
            *self._items(name, "gdl_kernels", KernelEntry),
            *self._items(name, "gdl_commands", Command),
            *self._items(name, "gdl_checks", Check),
        ]
        for item in found:
            steps.check_target(item, module)
        return found

    def _items(self, name: str, hook: str, expected: type[_Item]) -> list[_Item]:
        items: dict[tuple[str, str], _Item] = {}
        for item in self._call(name, hook):
            steps.check_item(item, hook, expected)
            key = (getattr(item, "kind", hook), item.name)
            if key in items:
                raise RejectedError("failed", f"{hook} yields the name {item.name!r} twice")
            items[key] = replace(item, namespace=name)
        return list(items.values())

    def _call(self, name: str, hook: str, **arguments: Any) -> Iterator[Any]:
        """Call one hook of one plugin through pluggy, so that tracing sees it, and chain what it yields."""
        others = [plugin for other, plugin in self._pluggy.list_name_plugin() if other != name]
        for result in self._pluggy.subset_hook_caller(hook, others)(**arguments):
            yield from result

    # ---- questions ----

    def components(self, kind: str | None = None) -> tuple[Component, ...]:
        """All components, or those of one kind, in the order of kinds and names."""
        chosen = (item for item in self._answers(Component) if kind in (None, item.kind))
        return tuple(sorted(chosen, key=lambda item: (item.kind, item.full_name)))

    def kernels(self) -> tuple[KernelEntry, ...]:
        """The custom operators of all plugins, in the order of names."""
        return self._answers(KernelEntry)

    def commands(self) -> tuple[Command, ...]:
        """The commands that plugins add to ``gdl``, in the order of names."""
        return self._answers(Command)

    def checks(self) -> tuple[Check, ...]:
        """The health checks of all plugins, in the order of names."""
        return self._answers(Check)

    def find(self, name: str, kind: str | None = None) -> Component:
        """Find a component by ``namespace/name``, or by its bare name where only one component has it.

        Raises:
            UnknownNameError: nothing has the name (the closest are offered, and a plugin of that namespace
                that is not loaded is named with its reason), or several components have it.
        """
        known = self.components(kind)
        found = [item for item in known if name in (item.full_name, item.name)]
        if len(found) == 1:
            return found[0]
        if found:
            owners = ", ".join(f"{item.full_name} ({item.kind})" for item in found)
            apart = len({item.kind for item in found}) == len(found)
            hint = "; say which kind (`gdl show` has --kind)" if apart else "; write the full name"
            raise UnknownNameError(f"The name {name!r} is not unique: it may be {owners}{hint}.")
        raise UnknownNameError(f"There is no {kind or 'component'} named {name!r}.{self._hint(name, known)}")

    def resolve(self, name: str, kind: str | None = None) -> Any:
        """Import what a name stands for; for a recipe, return the path of its YAML file.

        Raises:
            UnknownNameError: as `find`.
            PluginError: the target cannot be imported; the sentence names the plugin and its distribution.
        """
        return self.load(self.find(name, kind))

    def load(self, item: Component | Command | Check) -> Any:
        """Import the target of an item (of a recipe: return its path). Raises PluginError."""
        try:
            if isinstance(item, Component) and item.kind == "recipe":
                return targets.resource(item.target)
            return targets.load(item.target)
        except Exception as error:
            raise self._blame(item, f"cannot be imported from {item.target!r}", error) from error

    def cases(self, component: Component | str) -> tuple[Case, ...]:
        """The conformance cases of a component; empty when its plugin offers none. May import torch."""
        item = self.find(component) if isinstance(component, str) else component
        self.require_strict()
        try:
            found = tuple(self._call(item.namespace, "gdl_cases", component=item))
        except Exception as error:
            raise self._blame(item, "has no cases, because gdl_cases raised", error) from error
        for case in found:
            if not isinstance(case, Case):
                got = type(case).__name__
                raise PluginError(f"gdl_cases must yield Case objects, got {got} for {item.full_name}")
        return found

    def _answers(self, cls: type[_Item]) -> tuple[_Item, ...]:
        self.records()
        self.require_strict()
        return tuple(sorted(self._found[cls], key=lambda item: (item.namespace, item.name)))

    def _hint(self, name: str, known: tuple[Component, ...]) -> str:
        namespace, slash, bare = name.partition("/")
        absent = [record for record in self.records() if record.status != "loaded"]
        culprits = [record.sentence() for record in absent if slash and record.name == namespace]
        if culprits:
            return " " + ". ".join(culprits)
        near = closest(name, {item.full_name if slash else item.name for item in known})
        near = near or closest(bare or name, {item.name for item in known})
        if near or not absent:
            return near or " `gdl list` shows all names"
        return f" These plugins are not loaded: {', '.join(record.name for record in absent)}"

    def _blame(self, item: Component | Command | Check, what: str, error: Exception) -> PluginError:
        owner = next((record for record in self.records() if record.name == item.namespace), None)
        dist = f" ({owner.distribution} {owner.version})" if owner else ""
        return PluginError(f"{item.namespace}/{item.name}{dist} {what}: {steps.last_line(error)}")


def _import(entry: EntryPoint) -> Any:
    """Steps 3 and 4: everything that can be known without running the plugin, then its import."""
    steps.check_requirement(entry)
    steps.check_light(entry.module)
    return entry.load()


def _trace_before(hook: str, _: Any, arguments: Mapping[str, Any]) -> None:
    sys.stderr.write(f"gdl plugins: calling {hook} {dict(arguments) or ''}\n")


def _trace_after(outcome: Any, hook: str, _: Any, __: Any) -> None:
    sys.stderr.write(f"gdl plugins: {hook} {'returned' if outcome.exception is None else 'raised'}\n")
