"""What `gdl-groups` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_groups, summary)
COMPONENTS: tuple[tuple[str, str, str, str], ...] = (
    ("layer", "steerable-conv", "grid.steerable:SteerableConv", "Convolution that keeps any turns, of C_n to O(3)."),
    ("layer", "group-conv", "grid.group_conv:GroupConv", "Convolution that keeps turns and flips of the grid, exactly."),
    ("domain", "geometric-graph", "geometric.graph:GeometricGraph", "Points in space and who is near whom."),
    ("layer", "so2-conv", "geometric.escn:SO2Conv", "Convolution in the frame of each edge (eSCN)."),
)

RECIPES: tuple[tuple[str, str], ...] = ()

# (name, module inside gdl_groups.kernels, summary)
KERNELS: tuple[tuple[str, str, str], ...] = ()


@hookimpl
def gdl_components():
    for kind, name, target, summary in COMPONENTS:
        yield Component(kind, name, f"gdl_groups.{target}", summary)
    for name, summary in RECIPES:
        yield Component("recipe", name, f"gdl_groups:recipes/{name}.yaml", summary)


@hookimpl
def gdl_cases(component):
    from gdl_groups._cases import cases

    yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels():
    for name, module, summary in KERNELS:
        yield KernelEntry(name, f"gdl_groups.kernels.{module}:{name}", summary)
