"""Small instances of every component with inputs, for the conformance kit and the gallery; one file per family."""

from collections.abc import Iterator
from importlib import import_module

from gdl_core.plugins import Case

FAMILIES = ("emlp", "groups", "fibre", "geometric", "e3", "grid", "steerable", "symmetrize", "spherical", "products")


def cases(kind: str, name: str) -> Iterator[Case]:
    """Yield the cases of a component: those that a module of this package lists under its name in `CASES`."""
    for family in FAMILIES:
        yield from import_module(f"gdl_groups._cases.{family}").CASES.get((kind, name), ())
