"""What `gdl-graphs` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_graphs, summary)
COMPONENTS = (
    ("domain", "graph", "graph:Graph", "Nodes and edges; a batch is graphs side by side."),
    ("domain", "point-set", "point_set:PointSet", "Sets of points without edges."),
    ("readout", "attention-pool", "readout:AttentionPool", "A weighted sum over the points, weights by attention."),
    ("readout", "global-pool", "readout:GlobalPool", "Sum, mean, maximum or minimum over the points of a sample."),
)

RECIPES: tuple[tuple[str, str], ...] = ()

# (name, module inside gdl_graphs.kernels, summary)
KERNELS: tuple[tuple[str, str, str], ...] = (
    ("set_attention", "set_attention", "Attention within each sample of a packed batch."),
    ("set_attention_backward", "set_attention", "The gradients of attention within each sample."),
)


@hookimpl
def gdl_components():
    for kind, name, target, summary in COMPONENTS:
        yield Component(kind, name, f"gdl_graphs.{target}", summary)
    for name, summary in RECIPES:
        yield Component("recipe", name, f"gdl_graphs:recipes/{name}.yaml", summary)


@hookimpl
def gdl_cases(component):
    from gdl_graphs.cases import cases

    yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels():
    for name, module, summary in KERNELS:
        yield KernelEntry(name, f"gdl_graphs.kernels.{module}:{name}", summary)
