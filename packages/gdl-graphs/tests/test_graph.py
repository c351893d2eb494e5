"""`Graph`: construction, canonical order, what can be made of it, and batches."""

import copy
import pickle

import pytest
import torch
import torch._dynamo.testing
from gdl_core.incidence import aggregate
from gdl_graphs import Graph
from torch.utils import _pytree

FULL = {"weight": True, "features": 3, "positions": 2}


def same(a, b):
    """Whether two graphs agree bit for bit, in every field."""
    one, two = _pytree.tree_flatten(a), _pytree.tree_flatten(b)
    if one[1] != two[1]:
        return False
    leaves = [(x, y) for x, y in zip(one[0], two[0], strict=True) if not (x is None and y is None)]
    return all(x.dtype == y.dtype and torch.equal(x, y) for x, y in leaves)


def same_but_for_the_list(a, b):
    """Whether two graphs agree bit for bit, except for the order in which their edges were listed."""
    return same(*(g.replace(incidence=g.incidence.replace(edge_id=torch.zeros(0))) for g in (a, b)))


def rows(graph):
    """Return the edges with their values as a sorted list of tuples, an independent description of the graph."""
    columns = [graph.edge_index().T.double()]
    columns += [
        v.reshape(graph.num_edges, -1).double() for v in (graph.edge_weight, graph.edge_features) if v is not None
    ]
    return sorted(map(tuple, torch.cat(columns, 1).tolist()))


def test_edges_are_sorted_by_receiver_then_sender_and_bring_their_values():
    graph = Graph.from_edges([2, 0, 1, 0], [1, 1, 0, 3], 5, edge_weight=torch.tensor([0.2, 0.1, 0.4, 0.3]))
    assert graph.edge_index().tolist() == [[1, 0, 2, 0], [0, 1, 1, 3]]
    assert graph.edge_weight.tolist() == torch.tensor([0.4, 0.1, 0.2, 0.3]).tolist()
    assert graph.degree().tolist() == [1, 2, 0, 1, 0]
    assert (graph.num_nodes, graph.num_edges, graph.batch_size) == (5, 4, 1)
    assert graph.ptr.tolist() == [0, 5] and graph.owner.tolist() == [0] * 5
    assert graph.incidence.sender.dtype == graph.owner.dtype == torch.int32
    assert str(graph) == "Graph(5 nodes, 4 edges)" and repr(graph) == "Graph(5 nodes, 4 edges, edge_weight)"


@pytest.mark.parametrize("kind", [{}, {"weight": True}, {"features": 3}, {"weight": True, "features": 2}])
def test_the_order_in_which_edges_are_listed_does_not_change_a_bit(draw, kind):
    graph = draw(nodes=5, edges=60, **kind)  # many parallel edges
    ends = graph.edge_index()
    assert len(torch.unique(ends, dim=1).T) < graph.num_edges - 20
    x = torch.randn(5, 4)
    for seed in range(5):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
        values = {
            n: None if getattr(graph, n) is None else getattr(graph, n)[order] for n in ("edge_weight", "edge_features")
        }
        shuffled = Graph.from_edge_index(ends[:, order], 5, **values)
        assert same_but_for_the_list(graph, shuffled)
        weight = None if graph.edge_weight is None else graph.edge_weight.float()
        assert torch.equal(aggregate(graph.incidence, x, weight), aggregate(shuffled.incidence, x, weight))


def test_parallel_edges_in_another_order_would_give_other_bits():
    # The control of the test above: with what Incidence alone guarantees, values follow the list.
    weight = torch.tensor([1e8, 1.0, -1e8])
    sums = {float(aggregate(Graph.from_edges([0] * 3, [0] * 3, 1).incidence, torch.ones(1, 1), weight[list(o)]))
            for o in ((0, 1, 2), (0, 2, 1))}  # fmt: skip
    assert len(sums) == 2
    ours = {float(aggregate(g.incidence, torch.ones(1, 1), g.edge_weight))
            for o in ((0, 1, 2), (0, 2, 1), (2, 1, 0))
            for g in [Graph.from_edges([0] * 3, [0] * 3, 1, edge_weight=weight[list(o)])]}  # fmt: skip
    assert len(ours) == 1


def test_values_come_back_in_the_order_given(draw):
    sender, receiver = torch.randint(4, (2, 20), generator=torch.Generator().manual_seed(1))
    weight = torch.rand(20)
    graph = Graph.from_edges(sender, receiver, 4, edge_weight=weight)
    assert torch.equal(graph.incidence.to_given(graph.edge_weight), weight)
    assert torch.equal(graph.incidence.to_given(graph.edge_index()[0]), sender)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_indices_of_every_integer_type_and_lists_are_taken(dtype):
    expected = Graph.from_edges([0, 1], [1, 2], 3)
    ends = torch.tensor([[0, 1], [1, 2]], dtype=dtype)
    assert same(expected, Graph.from_edge_index(ends, 3))
    assert same(expected, Graph.from_edge_index(ends.numpy(), torch.tensor(3)))


@pytest.mark.parametrize("nodes", [0, 1, 4])
def test_no_edges_and_no_nodes(nodes):
    for graph in (Graph.from_edges([], [], nodes), Graph.empty(nodes)):
        assert (graph.num_nodes, graph.num_edges) == (nodes, 0)
        for made in (graph.to_undirected(), graph.reversed(), graph.without_self_loops(), *graph.unbatch()):
            assert made.num_edges == 0 and made.num_nodes == nodes
        assert graph.with_self_loops().num_edges == nodes
        assert graph.to_dense().shape == (nodes, nodes)


def test_dense_matrices_are_receivers_by_senders_and_come_back():
    matrix = torch.tensor([[0.0, 2.0], [0.0, -1.0]])
    graph = Graph.from_dense(matrix)
    assert graph.edge_index().tolist() == [[1, 1], [0, 1]] and graph.edge_weight.tolist() == [2, -1]
    assert torch.equal(graph.to_dense(), matrix)
    assert Graph.from_dense(matrix.bool()).edge_weight is None


def test_complete_and_causal_graphs_join_who_they_say():
    assert torch.equal(Graph.complete([2, 0, 3]).to_dense(), torch.block_diag(torch.ones(2, 2), torch.ones(3, 3)))
    expected = torch.block_diag(torch.ones(2, 2), torch.ones(3, 3)) - torch.eye(5)
    assert torch.equal(Graph.complete([2, 3], self_loops=False).to_dense(), expected)
    assert torch.equal(Graph.causal(4).to_dense(), torch.ones(4, 4).tril())  # receiver i hears senders up to i
    assert Graph.complete([2, 0, 3]).batch_size == 3


def test_self_loops_are_added_only_where_there_is_none(draw):
    graph = draw(**FULL)
    looped = graph.with_self_loops(weight=0.5, features=torch.tensor([1.0, 2.0, 3.0]))
    had = (graph.edge_index()[0] == graph.edge_index()[1]).sum()
    assert had > 1  # some, also twice at one node
    bare = graph.without_self_loops()
    assert bare.num_edges == graph.num_edges - had
    assert rows(bare) == [row for row in rows(graph) if row[0] != row[1]]
    added = sorted(set(range(7)) - {int(row[0]) for row in rows(graph) if row[0] == row[1]})
    assert rows(looped) == sorted(rows(graph) + [(float(i), float(i), 0.5, 1.0, 2.0, 3.0) for i in added])
    assert same(looped.with_self_loops(), looped)


def test_undirected_adds_only_missing_reverses_with_their_values():
    graph = Graph.from_edges([0, 1, 1, 2, 3], [1, 0, 2, 2, 1], 4, edge_weight=torch.arange(1.0, 6))
    both = graph.to_undirected()
    assert rows(both) == sorted([*rows(graph), (2.0, 1.0, 3.0), (1.0, 3.0, 5.0)])
    assert same(both.to_undirected(), both)


def test_undirected_graphs_are_symmetric(draw):
    ends = draw(nodes=9, edges=25).to_undirected().to_dense() > 0
    assert torch.equal(ends, ends.T)


def test_reversed_turns_every_edge_and_twice_is_the_graph(draw):
    graph = draw(**FULL)
    turned = graph.reversed()
    assert rows(turned) == sorted((r[1], r[0], *r[2:]) for r in rows(graph))
    assert same(turned.reversed(), graph)
    rebuilt = Graph.from_edges(
        *graph.edge_index().flip(0), 7, edge_weight=graph.edge_weight, edge_features=graph.edge_features,
        positions=graph.positions,
    )  # fmt: skip
    assert same_but_for_the_list(turned, rebuilt)


def test_subgraphs_keep_the_edges_inside_and_the_samples(draw):
    batch = Graph.collate([draw(seed=i, **FULL) for i in range(3)])
    keep = torch.rand(batch.num_nodes, generator=torch.Generator().manual_seed(3)) < 0.6
    keep[7:14] = False  # nothing is left of the second
    part = batch.subgraph(keep)
    new = keep.cumsum(0) - 1
    assert rows(part) == [
        (float(new[int(r[0])]), float(new[int(r[1])]), *r[2:])
        for r in rows(batch)
        if keep[int(r[0])] and keep[int(r[1])]
    ]
    assert torch.equal(part.positions, batch.positions[keep])
    assert part.ptr.diff().tolist() == [int(keep[:7].sum()), 0, int(keep[14:].sum())]
    each = [g.subgraph(k) for g, k in zip(batch.unbatch(), keep.split(7))]
    assert all(same_but_for_the_list(a, b) for a, b in zip(each, part.unbatch()))


def test_kept_edges_keep_their_values(draw):
    graph = draw(**FULL)
    keep = torch.arange(30) % 3 == 0
    kept = graph.keep_edges(keep)
    assert torch.equal(kept.edge_index(), graph.edge_index()[:, keep])
    assert torch.equal(kept.edge_features, graph.edge_features[keep])
    assert kept.incidence.edge_id.tolist() == list(range(10))


def test_relabelling_moves_edges_and_positions_and_undoes_itself(draw):
    graph = draw(**FULL)
    images = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    moved = graph.relabel(images)
    assert rows(moved) == sorted((float(images[int(r[0])]), float(images[int(r[1])]), *r[2:]) for r in rows(graph))
    assert torch.equal(moved.positions[images], graph.positions)
    assert same_but_for_the_list(moved.relabel(torch.argsort(images)), graph)


@pytest.mark.parametrize("kind", [{}, {"weight": True}, FULL])
def test_unbatch_is_the_exact_inverse_of_collate(draw, kind):
    graphs = [draw(nodes=n, edges=e, seed=n, **kind) for n, e in ((5, 9), (1, 0), (3, 4), (0, 0), (4, 7))]
    batch = Graph.collate(graphs)
    assert (batch.batch_size, batch.num_nodes, batch.num_edges) == (5, 13, 20)
    assert batch.owner.tolist() == [0] * 5 + [1] + [2] * 3 + [4] * 4
    assert all(same(a, b) for a, b in zip(graphs, batch.unbatch(), strict=True))
    dense = [graph.to_dense() for graph in graphs]
    assert torch.equal(batch.to_dense(), torch.block_diag(*dense))
    assert torch.equal(batch.edge_owner(), batch.owner[batch.incidence.receiver.long()])
    assert str(batch) == "Graph(5 graphs, 13 nodes, 20 edges)"


def test_a_batch_of_batches_is_one_flat_batch(draw):
    graphs = [draw(seed=i, **FULL) for i in range(4)]
    nested = Graph.collate([Graph.collate(graphs[:3]), graphs[3]])
    assert same(nested, Graph.collate(graphs))
    assert same(Graph.collate([nested]), nested)


def test_a_batch_is_the_same_as_building_it_from_its_edges(draw):
    graphs = [draw(seed=i, **FULL) for i in range(3)]
    batch = Graph.collate(graphs)
    whole = Graph.from_edge_index(
        torch.cat([g.edge_index() + 7 * i for i, g in enumerate(graphs)], 1),
        21,
        edge_weight=torch.cat([g.edge_weight for g in graphs]),
        edge_features=torch.cat([g.edge_features for g in graphs]),
        positions=torch.cat([g.positions for g in graphs]),
    )
    assert same_but_for_the_list(batch.replace(ptr=whole.ptr, owner=whole.owner), whole)


@pytest.mark.parametrize("change", ["with_self_loops", "without_self_loops", "to_undirected", "reversed"])
def test_changing_a_batch_is_changing_its_graphs(draw, change):
    graphs = [draw(nodes=n, edges=3 * n, seed=n, **FULL) for n in (5, 3, 4)]
    apart = [getattr(graph, change)() for graph in graphs]
    together = getattr(Graph.collate(graphs), change)()
    assert all(same_but_for_the_list(a, b) for a, b in zip(apart, together.unbatch(), strict=True))


def test_graphs_survive_pickle_copy_and_torch_save(draw, tmp_path):
    graph = Graph.collate([draw(seed=i, **FULL) for i in range(2)])
    torch.save(graph, tmp_path / "graph.pt")
    for back in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph), torch.load(tmp_path / "graph.pt")):
        assert same(back, graph)


def test_to_changes_the_dtype_of_values_and_not_of_indices(draw):
    graph = draw(**FULL).to(torch.device("cpu"), torch.float32)
    assert graph.edge_weight.dtype == graph.edge_features.dtype == graph.positions.dtype == torch.float32
    assert graph.incidence.sender.dtype == graph.ptr.dtype == torch.int32
    assert graph.to("meta").edge_features.device.type == "meta"


def test_gradients_reach_weights_features_and_positions_through_what_is_made_of_a_graph(draw):
    weight, features = (torch.rand(6, *s, dtype=torch.float64, requires_grad=True) for s in ((), (2,)))
    positions = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    ends = torch.tensor([[0, 1, 1, 3, 2, 0], [1, 2, 2, 0, 0, 0]])
    graph = Graph.from_edge_index(ends, 4, edge_weight=weight, edge_features=features, positions=positions)
    graph = Graph.collate([graph, graph]).with_self_loops().reversed().subgraph(torch.ones(8, dtype=torch.bool))
    (graph.edge_weight.sum() + graph.edge_features.sum() + graph.positions.sum()).backward()
    assert torch.equal(weight.grad, torch.full_like(weight, 2)) and torch.equal(
        features.grad, torch.full_like(features, 2)
    )
    assert torch.equal(positions.grad, torch.full_like(positions, 2))


def test_one_compiled_program_serves_graphs_of_all_sizes(draw):
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")

    @torch.compile(backend=counter, fullgraph=True)
    def mean(x, graph):
        return aggregate(graph.incidence, x, graph.edge_weight, mean=True) + graph.num_nodes

    for nodes, edges in ((7, 30), (5, 11), (9, 40), (20, 80)):
        graph, x = draw(nodes=nodes, edges=edges, weight=True), torch.randn(nodes, 3, dtype=torch.float64)
        assert torch.allclose(mean(x, graph), aggregate(graph.incidence, x, graph.edge_weight, mean=True) + nodes)
    assert counter.frame_count <= 2  # once for the first size, once for all others
