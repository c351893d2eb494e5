"""Core as a plugin: its groups, derived layers and kernels, through the same entry point as everybody's."""

from collections.abc import Iterator

from gdl_core.kernels.table import KERNELS
from gdl_core.plugins import Case, Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target, summary)
COMPONENTS = (
    ("domain", "grid", "gdl_core.grid:Grid", "A lattice in one to four dimensions, with a boundary per axis."),
    ("group", "trivial", "gdl_core.groups:TrivialGroup", "The group of one element."),
    (
        "group",
        "cyclic",
        "gdl_core.groups:CyclicGroup",
        "C_n: shifts of n points, rotations by 360/n degrees.",
    ),
    (
        "group",
        "dihedral",
        "gdl_core.groups:DihedralGroup",
        "D_n: rotations and reflections of a regular n-gon.",
    ),
    ("group", "symmetric", "gdl_core.groups:SymmetricGroup", "S_n: all permutations of n points."),
    ("group", "so", "gdl_core.groups:SO", "SO(n): rotations of n-dimensional space."),
    ("group", "o", "gdl_core.groups:O", "O(n): rotations and reflections of n-dimensional space."),
    ("layer", "linear", "gdl_core.derive:EquivariantLinear", "Every linear map between two field types."),
    (
        "layer",
        "operator",
        "gdl_core.derive:EquivariantOperator",
        "Every linear map of signals on a finite domain that commutes with a symmetry.",
    ),
)


@hookimpl
def gdl_components() -> Iterator[Component]:
    for kind, name, target, summary in COMPONENTS:
        yield Component(kind, name, target, summary)


@hookimpl
def gdl_cases(component: Component) -> Iterator[Case]:
    if component.kind in ("domain", "layer"):
        from gdl_core._cases import cases

        yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels() -> Iterator[KernelEntry]:
    for name, target, summary in KERNELS:
        yield KernelEntry(name, target, summary)
