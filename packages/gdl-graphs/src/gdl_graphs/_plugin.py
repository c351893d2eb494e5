"""What `gdl-graphs` offers by name. Imports nothing heavy: targets are dotted strings."""

from gdl_core.plugins import Command, Component, KernelEntry, hookimpl

GDL_API = (1, 0)

# (kind, name, target inside gdl_graphs, summary)
COMPONENTS = (
    ("domain", "graph", "graph:Graph", "Nodes and edges; a batch is graphs side by side."),
    ("domain", "pair-set", "higher_order.pair_set:PairSet", "All ordered pairs of points of each sample."),
    ("domain", "paired-points", "higher_order.pair_set:PairedPoints", "Points that lead to their pairs."),
    ("domain", "point-set", "point_set:PointSet", "Sets of points without edges."),
    ("coarsening", "basis-net", "encodings.basis_net:BasisNet", "An encoder of eigenspaces that sees no basis."),
    ("coarsening", "cluster-pool", "coarsen.cluster:ClusterPool", "Clusters that the graph gives become nodes."),
    ("coarsening", "diff-pool", "coarsen.soft:DiffPool", "Soft clusters, with a link and an entropy loss."),
    ("coarsening", "edge-pool", "coarsen.matching:EdgePool", "Contracts the edges with the best scores."),
    (
        "coarsening",
        "ign-contract",
        "higher_order.ign:IGNContract",
        "All 5 equivariant linear maps from pairs to points.",
    ),
    ("coarsening", "min-cut-pool", "coarsen.soft:MinCutPool", "Soft clusters, with a loss that cuts few edges."),
    ("coarsening", "top-k-pool", "coarsen.topk:TopKPool", "Keeps the nodes with the best scores."),
    ("dataset", "karate", "datasets:Karate", "A karate club's 34 members, by the side each took."),
    ("dataset", "molecules", "datasets:Molecules", "Molecules from SMILES, and a value of each."),
    ("dataset", "planetoid", "datasets:Planetoid", "Cora, CiteSeer, PubMed: papers by topic, published split."),
    ("dataset", "proteins", "datasets:Proteins", "Backbones of proteins, and the amino acid of each residue."),
    ("dataset", "stored", "datasets:Stored", "Nodes of a graph in files, with sampled neighbours."),
    ("dataset", "text", "datasets:Text", "Characters of a text file, each to be predicted."),
    ("dataset", "traffic", "datasets:Traffic", "Speeds on a road network, to be predicted from those before."),
    ("dataset", "tu", "datasets:TU", "Graphs of a TU data set, by class, in folds."),
    ("dataset", "zinc", "datasets:ZINC", "Molecules and their penalised logP."),
    (
        "language-model",
        "char-transformer",
        "models.char_transformer:CharTransformer",
        "A causal Transformer on characters.",
    ),
    ("layer", "deep-sets", "sets.deep_sets:DeepSets", "All permutation-equivariant linear maps of sets."),
    ("layer", "isab", "sets.set_transformer:ISAB", "Points attend to each other through induced ones."),
    ("layer", "sab", "sets.set_transformer:SAB", "The points of a set attend to each other."),
    ("layer", "batch-norm", "layers.norm:BatchNorm", "Normalises channels over all points of the batch."),
    ("layer", "cheb-conv", "layers.cheb:ChebConv", "A Chebyshev polynomial of the graph Laplacian."),
    ("layer", "decoder", "transformer.block:Decoder", "Causal Transformer blocks: a model of sequences."),
    ("layer", "degree-encoder", "encodings.encoders:DegreeEncoder", "A learned vector for each degree."),
    ("layer", "dynamic-edge-conv", "latent.knn:DynamicEdgeConv", "EdgeConv on the nearest in feature space."),
    ("layer", "edge-conv", "layers.edge_conv:EdgeConv", "An MLP of a node and its difference to each neighbour."),
    ("layer", "encoder", "transformer.block:Encoder", "Transformer blocks: a function of sets."),
    ("layer", "feed-forward", "transformer.block:FeedForward", "Two linear maps, point by point."),
    ("layer", "gated-gcn", "layers.gated_gcn:GatedGCN", "Gated messages; features of nodes and edges made anew."),
    ("layer", "gat-conv", "layers.gat:GATConv", "Attention by the sum of a score of each end."),
    ("layer", "gatv2-conv", "layers.gatv2:GATv2Conv", "Attention by a score of both ends together."),
    ("layer", "gcn-conv", "layers.gcn:GCNConv", "A linear map and the normalised adjacency matrix."),
    ("layer", "gin-conv", "layers.gin:GINConv", "An MLP of the sum of the neighbours."),
    ("layer", "gine-conv", "layers.gin:GINEConv", "The same with features of edges."),
    ("layer", "gps-conv", "layers.gps:GPSConv", "Message passing beside attention over all nodes."),
    ("layer", "graph-norm", "layers.norm:GraphNorm", "Normalises channels per sample, less a share of the mean."),
    ("layer", "gumbel-graph", "latent.gumbel:GumbelGraph", "Samples neighbours; the gradient passes through."),
    ("layer", "ign-linear", "higher_order.ign:IGNLinear", "All 15 equivariant linear maps from pairs to pairs."),
    ("layer", "instance-norm", "layers.norm:InstanceNorm", "Normalises channels over the points of each sample."),
    ("layer", "knn-graph", "latent.knn:KNNGraph", "Joins each point to its nearest in feature space."),
    ("layer", "layer-norm", "layers.norm:LayerNorm", "Normalises over the channels of a point or a sample."),
    ("layer", "learned-positions", "transformer.positions:LearnedPositions", "A learned vector for each place."),
    (
        "layer",
        "multi-head-attention",
        "transformer.attention:MultiHeadAttention",
        "Every point of a sample hears every other.",
    ),
    ("readout", "alignment", "sets.point_net:Alignment", "A matrix that a set of points makes."),
    ("readout", "deep-sets-net", "sets.deep_sets:DeepSetsNet", "A function of the sum of functions of points."),
    ("readout", "pma", "sets.set_transformer:PMA", "Learned seeds attend to a set."),
    ("readout", "point-net", "sets.point_net:PointNet", "The maximum over points, between two perceptrons."),
    ("readout", "set-transformer", "sets.set_transformer:SetTransformer", "Attention blocks, seeds, attention blocks."),
    ("readout", "set2set", "sets.set2set:Set2Set", "A recurrent network that reads a set by attention."),
    ("layer", "nn-conv", "layers.nn_conv:NNConv", "Messages through a matrix that a network makes of the edge."),
    ("layer", "pair-norm", "layers.norm:PairNorm", "Keeps the mean distance of pairs of points."),
    ("layer", "pna-conv", "layers.pna:PNAConv", "Several aggregations, each scaled by the degree in several ways."),
    ("layer", "ppgn-block", "higher_order.ppgn:PPGNBlock", "The product of two matrices of pairs."),
    ("layer", "random-sign", "encodings.signs:RandomSign", "A random sign for each eigenvector while training."),
    (
        "layer",
        "random-walk-encoder",
        "encodings.encoders:RandomWalkEncoder",
        "Reads the return probabilities of random walks.",
    ),
    ("layer", "res-gated-graph-conv", "layers.gated_gcn:ResGatedGraphConv", "Messages gated channel by channel."),
    ("layer", "sage-conv", "layers.sage:SAGEConv", "The mean, sum or maximum of the neighbours beside the node."),
    ("layer", "sg-conv", "layers.sgc:SGConv", "Hops of the normalised adjacency matrix, one linear map."),
    ("layer", "sigmoid-graph", "latent.gumbel:SigmoidGraph", "Joins all points with learned weights."),
    ("layer", "sign-net", "encodings.signs:SignNet", "An encoder of eigenvectors that sees no sign."),
    ("layer", "sinusoidal-positions", "transformer.positions:SinusoidalPositions", "Waves that tell the place."),
    ("layer", "transformer-conv", "layers.transformer_conv:TransformerConv", "Dot-product attention over edges."),
    (
        "layer",
        "transformer-block",
        "transformer.block:TransformerBlock",
        "Attention and a feed-forward map, with norms.",
    ),
    ("model", "gat", "models.gnn:gat", "Graph attention network for nodes or graphs."),
    ("model", "gated-network", "models.gated:GatedNetwork", "Gated layers that make nodes and edges anew."),
    ("model", "gcn", "models.gnn:gcn", "Graph convolutional network for nodes or graphs."),
    ("model", "gin", "models.gnn:gin", "Graph isomorphism network for nodes or graphs."),
    ("model", "gps", "models.gps:GPS", "Message passing beside attention, for whole graphs."),
    ("model", "graph-sage", "models.sage:GraphSAGE", "GraphSAGE, also for graphs too large for memory."),
    ("model", "ign", "higher_order.ppgn:IGN", "Equivariant linear maps of pairs with ReLUs between."),
    ("model", "ppgn", "higher_order.ppgn:PPGN", "Products of matrices of pairs: as strong as 2-FWL."),
    ("readout", "attention-pool", "readout:AttentionPool", "A weighted sum over the points, weights by attention."),
    ("readout", "global-pool", "readout:GlobalPool", "Sum, mean, maximum or minimum over the points of a sample."),
    ("readout", "ign-readout", "higher_order.ign:IGNReadout", "Both invariant linear maps of pairs."),
    ("refinement", "ign-expand", "higher_order.ign:IGNExpand", "All 5 equivariant linear maps from points to pairs."),
    ("refinement", "unpool", "coarsen.select:Unpool", "Back to the graph that a coarsening was given."),
)

RECIPES: tuple[tuple[str, str], ...] = (
    ("citeseer", "GCN on CiteSeer, public split."),
    ("citeseer-gat", "GAT on CiteSeer, public split."),
    ("cora", "GCN on Cora, public split."),
    ("cora-gat", "GAT on Cora, public split."),
    ("esol", "GPS on molecules from SMILES: solubility."),
    ("karate", "GCN on the karate club, built in; a few seconds."),
    ("proteins", "Gated layers on backbones of proteins: which amino acid each residue is."),
    ("sampled", "GraphSAGE from sampled neighbourhoods of a graph in files."),
    ("shakespeare", "A causal Transformer on the characters of Tiny Shakespeare."),
    ("traffic", "Gated layers on a road network: speeds 15 minutes ahead."),
    ("tu", "GIN on graphs of a TU data set, one fold of ten."),
    ("zinc", "GPS on molecules of ZINC."),
)

# (name, target inside gdl_graphs.commands, summary)
COMMANDS = (
    ("attention", "attention:run", "a picture of how much each node hears of each neighbour"),
    ("embed", "embed:run", "a picture of the hidden features of nodes, by class"),
    ("sample", "sample:run", "text in the manner of what a language model was trained on"),
)

# (name, module inside gdl_graphs.kernels, summary)
KERNELS: tuple[tuple[str, str, str], ...] = (
    ("edge_attention", "edge_attention_kernels", "Scaled dot-product attention over the edges of each row."),
    ("edge_attention_backward", "edge_attention_kernels", "The gradients of dot-product attention over edges."),
    ("gat_attention", "edge_attention_kernels", "Attention over edges by a score of each end (GAT)."),
    ("gat_attention_backward", "edge_attention_kernels", "The gradients of GAT's attention."),
    ("gatv2_attention", "edge_attention_kernels", "Attention over edges by a score of both ends (GATv2)."),
    ("gatv2_attention_backward", "edge_attention_kernels", "The gradients of GATv2's attention."),
    ("sender_statistics", "multi_aggregate", "Several aggregations of the senders in one read of the edges."),
    ("sender_statistics_backward", "multi_aggregate", "The gradient of several aggregations."),
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
    from gdl_graphs._cases import cases

    yield from cases(component.kind, component.name)


@hookimpl
def gdl_kernels():
    for name, module, summary in KERNELS:
        yield KernelEntry(name, f"gdl_graphs.kernels.{module}:{name}", summary)


@hookimpl
def gdl_commands():
    for name, target, summary in COMMANDS:
        yield Command(name, summary, f"gdl_graphs.commands.{target}")
