"""What holds for every component, bit by bit where that is claimed; and more for the layers that pass messages."""

from importlib import import_module

import pytest
import torch
from gdl_core.geometry import Part, Signal
from gdl_core.testing.measure import assert_equivariant
from gdl_graphs import Graph
from gdl_graphs._cases import FAMILIES, convolution, norm
from gdl_graphs._cases.inputs import random_graph

EVERYTHING = {
    f"{name}-{case.name}": case
    for family in FAMILIES
    for (kind, name), group in import_module(f"gdl_graphs._cases.{family}").CASES.items()
    for case in group
    if kind != "domain"
}
every_component = pytest.mark.parametrize("name", EVERYTHING)

CASES = {
    f"{name}-{case.name}": case
    for cases in (convolution.CASES, norm.CASES)
    for (_, name), group in cases.items()
    for case in group
    if isinstance(case.inputs(0, torch.float64, "cpu").domain, Graph)
}
every_case = pytest.mark.parametrize("name", CASES)


def built(name):
    torch.manual_seed(0)
    case = EVERYTHING[name]
    return case.build().double().eval(), case.inputs(0, torch.float64, "cpu")


def on(graph: Graph, like: Graph) -> Graph:
    """Return `graph` with weights and features where `like` has some."""
    draw = torch.Generator().manual_seed(5)
    weight, features = like.edge_weight, like.edge_features
    if weight is not None:
        weight = 0.5 + torch.rand(graph.num_edges, generator=draw, dtype=weight.dtype)
    if features is not None:
        features = torch.randn(graph.num_edges, features.shape[1], generator=draw, dtype=features.dtype)
    sender, receiver = graph.edge_index()
    return Graph.from_edges(sender, receiver, graph.num_nodes, edge_weight=weight, edge_features=features)


def values_of(result):
    return result[0] if isinstance(result, tuple) else result


def results(module, x, graph):
    """The output, the features of edges if it has some, and the gradients of x and of the parameters."""
    x = x.clone().requires_grad_()
    torch.manual_seed(1)  # sampled graphs draw numbers
    result = module(x, graph)
    y = values_of(result)
    upstream = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    grads = torch.autograd.grad(y, [x, *module.parameters()], upstream, allow_unused=True) if y.requires_grad else []
    edges = [result[1].edge_features] if isinstance(result, tuple) and isinstance(result[1], Graph) else []
    edges = [features for features in edges if features is not None]
    return [y, *edges, *(g for g in grads if g is not None)]


@every_component
def test_equivariant_under_permutations_to_1e_12(name):
    module, signal = built(name)
    symmetry = signal.domain.symmetries()["permutation"]
    claims = module.symmetries(signal.domain) if isinstance(module, Part) else module.symmetries()
    if "permutation" not in claims:
        pytest.skip(f"{name} claims no permutations")
    assert_equivariant(module, signal, symmetry, 1e-12)


@every_component
def test_edges_in_any_order_give_the_same_bits(name):
    module, signal = built(name)
    if type(signal.domain) is not Graph or signal.domain.batch_size > 1 or signal.domain.parent is not None:
        pytest.skip("one list of edges makes one graph")
    graph = on(signal.domain, signal.domain)
    expected = results(module, signal.values, graph)
    sender, receiver = graph.edge_index()
    for seed in range(3):
        order = torch.randperm(graph.num_edges, generator=torch.Generator().manual_seed(seed))
        values = (None if v is None else v[order] for v in (graph.edge_weight, graph.edge_features))
        weight, features = values
        shuffled = Graph.from_edges(
            sender[order], receiver[order], graph.num_nodes, edge_weight=weight, edge_features=features
        )
        for one, two in zip(results(module, signal.values, shuffled), expected, strict=True):
            assert torch.equal(one, two)


@every_component
def test_twenty_runs_give_the_same_bits(name):
    module, signal = built(name)
    first = results(module, signal.values, signal.domain)
    for _ in range(20):
        assert all(map(torch.equal, results(module, signal.values, signal.domain), first))


@every_case
def test_a_batch_gives_what_its_graphs_give_one_by_one(name):
    module, signal = built(name)
    graphs = [on(random_graph(n, e), signal.domain) for n, e in ((5, 9), (3, 0), (8, 20), (2, 1))]
    parts = [torch.randn(g.num_nodes, signal.values.shape[1], dtype=torch.float64) for g in graphs]
    together = module(torch.cat(parts), Graph.collate(graphs))
    alone = [module(x, g) for x, g in zip(parts, graphs, strict=True)]
    axis_values = torch.cat([values_of(y) for y in alone])
    assert torch.allclose(values_of(together), axis_values, atol=1e-12, rtol=1e-12)
    if isinstance(together, tuple):
        features = torch.cat([graph.edge_features for _, graph in alone])
        assert torch.allclose(together[1].edge_features, features, atol=1e-12, rtol=1e-12)


@every_case
@pytest.mark.parametrize("nodes", [0, 1, 4])
@pytest.mark.parametrize("training", [False, True])
def test_without_edges_or_nodes_all_is_finite(name, nodes, training):
    module, signal = built(name)
    graph = on(Graph.from_edges([], [], nodes) if nodes else Graph.empty(0), signal.domain)
    for y in results(module.train(training), signal.values[:nodes], graph):
        assert torch.isfinite(y).all()


@every_case
def test_every_parameter_is_used(name):
    module, signal = built(name)
    if not list(module.parameters()):
        pytest.skip("has no parameters")
    y = values_of(module(signal.values, signal.domain))
    grads = torch.autograd.grad(y.square().sum(), list(module.parameters()), allow_unused=True)
    unused = [key for (key, _), g in zip(module.named_parameters(), grads, strict=True) if g is None]
    allowed = {"norm_edges.weight", "norm_edges.bias"} if name == "gated-gcn-plain" else set()
    assert set(unused) == allowed  # the features of edges are another output


def test_spoiled_inputs_are_noticed():
    """Negative control of the equality above: a layer that sees the numbers of the nodes is not equivariant."""
    module, signal = built("gcn-conv-plain")

    def spoiled(x, graph):
        return module(x * torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None], graph)

    with pytest.raises(AssertionError):
        assert_equivariant(spoiled, signal, signal.domain.symmetries()["permutation"], 1e-12)
    assert isinstance(signal, Signal)
