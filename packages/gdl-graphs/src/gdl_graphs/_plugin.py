"""What `gdl-graphs` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_graphs, summary)
COMPONENTS = (
    ("domain", "graph", "graph:Graph", "Nodes and edges; a batch is graphs side by side."),
    ("domain", "point-set", "point_set:PointSet", "Sets of points without edges."),
    ("layer", "batch-norm", "layers.norm:BatchNorm", "Normalises channels over all points of the batch."),
    ("layer", "cheb-conv", "layers.cheb:ChebConv", "A Chebyshev polynomial of the graph Laplacian."),
    ("layer", "edge-conv", "layers.edge_conv:EdgeConv", "An MLP of a node and its difference to each neighbour."),
    ("layer", "gated-gcn", "layers.gated_gcn:GatedGCN", "Gated messages; features of nodes and edges made anew."),
    ("layer", "gcn-conv", "layers.gcn:GCNConv", "A linear map and the normalised adjacency matrix."),
    ("layer", "gin-conv", "layers.gin:GINConv", "An MLP of the sum of the neighbours."),
    ("layer", "gine-conv", "layers.gin:GINEConv", "The same with features of edges."),
    ("layer", "graph-norm", "layers.norm:GraphNorm", "Normalises channels per sample, less a share of the mean."),
    ("layer", "instance-norm", "layers.norm:InstanceNorm", "Normalises channels over the points of each sample."),
    ("layer", "layer-norm", "layers.norm:LayerNorm", "Normalises over the channels of a point or a sample."),
    ("layer", "nn-conv", "layers.nn_conv:NNConv", "Messages through a matrix that a network makes of the edge."),
    ("layer", "pair-norm", "layers.norm:PairNorm", "Keeps the mean distance of pairs of points."),
    ("layer", "res-gated-graph-conv", "layers.gated_gcn:ResGatedGraphConv", "Messages gated channel by channel."),
    ("layer", "sage-conv", "layers.sage:SAGEConv", "The mean, sum or maximum of the neighbours beside the node."),
    ("layer", "sg-conv", "layers.sgc:SGConv", "Hops of the normalised adjacency matrix, one linear map."),
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
