"""The contract between core and a plugin: five hooks that yield frozen dataclasses, and an API number.

A plugin is a module named by an entry point of the group ``gdl.plugins``; the entry's name is its namespace.
The module imports only `gdl_core.plugins` and the standard library: targets are dotted strings, imported when
somebody uses them.
No hook result depends on the order in which plugins are called.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pluggy

# (major, minor). Minor: a hook or a field was added. Major: one was removed or changed its meaning.
GDL_API = (1, 0)

hookspec = pluggy.HookspecMarker("gdl")
hookimpl = pluggy.HookimplMarker("gdl")


@hookspec
def gdl_components() -> Iterable["Component"]:
    """List what the plugin offers by name.

    Example::

        from gdl_core.plugins import Component, hookimpl

        GDL_API = (1, 0)

        @hookimpl
        def gdl_components():
            yield Component("domain", "hexagon", "gdl_honeycomb.domain:HexGrid", "Hexagonal grid on a torus.")
            yield Component("layer", "conv", "gdl_honeycomb.conv:HexConv", "Convolution over hexagons.")
            yield Component("recipe", "digits", "gdl_honeycomb:recipes/digits.yaml", "Digits on hexagonal pixels.")
    """
    raise NotImplementedError


@hookspec
def gdl_cases(component: "Component") -> Iterable["Case"]:
    """Say how to build a small `component` and its input, for the conformance kit and the gallery.

    Called only by them, so the body may import what it needs. Yield nothing for a component without cases.

    Example::

        from gdl_core.plugins import Case, hookimpl

        GDL_API = (1, 0)

        @hookimpl
        def gdl_cases(component):
            if component.name == "conv":
                from gdl_honeycomb._cases import build_conv, hexagon_signal

                yield Case("conv-2-to-3", build=build_conv, inputs=hexagon_signal)
    """
    raise NotImplementedError


@hookspec
def gdl_kernels() -> Iterable["KernelEntry"]:
    """List the custom operators of the plugin, for ``gdl kernels`` and the operator checks.

    Example::

        from gdl_core.plugins import KernelEntry, hookimpl

        GDL_API = (1, 0)

        @hookimpl
        def gdl_kernels():
            yield KernelEntry("hex_pool", "gdl_honeycomb.kernels.pool", "Pooling over seven hexagons.")
    """
    raise NotImplementedError


@hookspec
def gdl_commands() -> Iterable["Command"]:
    """Add commands to ``gdl``; the target takes the remaining arguments and returns an exit status or None.

    Example::

        from gdl_core.plugins import Command, hookimpl

        GDL_API = (1, 0)

        @hookimpl
        def gdl_commands():
            yield Command("hexify", "Resample an image to hexagonal pixels.", "gdl_honeycomb.cli:hexify")
    """
    raise NotImplementedError


@hookspec
def gdl_checks() -> Iterable["Check"]:
    """Add health checks to ``gdl doctor``; the target returns None when all is well, or else a sentence.

    Example::

        from gdl_core.plugins import Check, hookimpl

        GDL_API = (1, 0)

        @hookimpl
        def gdl_checks():
            yield Check("tables", "The table of hexagon neighbours can be read.", "gdl_honeycomb.health:tables")
    """
    raise NotImplementedError


HOOKS = ("gdl_components", "gdl_cases", "gdl_kernels", "gdl_commands", "gdl_checks")


@dataclass(frozen=True)
class Component:
    """Something that a string can name: a domain, a group, a layer, a model, a dataset, a recipe …

    Args:
        kind: "domain", "group", "symmetry", "layer", "coarsening", "refinement", "readout", "model",
            "dataset", "recipe" or any other word: a new kind needs no new core.
        name: unique within its plugin and kind; the registry knows it as ``namespace/name``.
        target: ``package.module:attribute``; for a recipe ``package:path/inside/package.yaml``.
        summary: one line for tables.
        tags: free words to search by.
        namespace: filled in by the manager, never by the plugin.
    """

    kind: str
    name: str
    target: str
    summary: str
    tags: tuple[str, ...] = ()
    namespace: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Case:
    """A small instance of a component with inputs to test it on.

    Args:
        name: unique within the component; shown in the test's name.
        build: returns a fresh ``torch.nn.Module``, which the kit casts to its dtypes; for a component of the
            kind "domain" or "group" it returns one of these.
        inputs: ``inputs(seed, dtype, device)`` returns a `gdl_core.Signal` (values, domain, type) for it.
        symmetries: names of the symmetries to check; empty: its claims on the signal's domain.
        tolerance: largest relative equivariance error in float64.
        exceptions: check name → the reason why it does not hold here; the kit expects that check to fail.
        second_order: the module is twice differentiable, so double backward is checked.
    """

    name: str
    build: Callable[[], Any]
    inputs: Callable[..., Any]
    symmetries: tuple[str, ...] = ()
    tolerance: float = 1e-10
    exceptions: Mapping[str, str] = field(default_factory=dict)
    second_order: bool = True


@dataclass(frozen=True)
class KernelEntry:
    """A custom operator: its name, the module that registers it (`target`), and one line."""

    name: str
    target: str
    summary: str
    namespace: str = ""


@dataclass(frozen=True)
class Command:
    """A command of ``gdl``: ``gdl NAMESPACE/NAME``, or ``gdl NAME`` where no other command has the name."""

    name: str
    summary: str
    target: str
    namespace: str = ""


@dataclass(frozen=True)
class Check:
    """A health check: the target takes no arguments and returns None, or a sentence about the trouble."""

    name: str
    summary: str
    target: str
    namespace: str = ""
