"""Drawing: the right counts, no repeats, uniform, the same for everyone, exact with all neighbours."""

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_core.incidence import Incidence, aggregate
from gdl_graphs import Graph, unpad
from gdl_graphs.sampling import GraphStore, layerwise_inference, sample, sizes_at_most


@pytest.fixture
def store(tmp_path, draw):
    graph = draw(nodes=60, edges=900, weight=True)
    g = torch.Generator().manual_seed(1)
    return GraphStore.create(
        tmp_path / "s", graph, torch.randn(60, 5, generator=g, dtype=torch.float64), torch.arange(60)
    )


def whole(store):
    """The graph of a store."""
    receiver = np.repeat(np.arange(store.num_nodes), np.diff(store.ptr))
    weight = torch.from_numpy(store.edge_weight.copy())
    return Graph.from_edges(torch.from_numpy(store.sender.copy()), receiver, store.num_nodes, edge_weight=weight)


@pytest.mark.parametrize("fanouts", [[3], [4, 2], [1, 5, 3], [-1, 2], [0], []])
def test_a_batch_is_a_valid_piece_of_the_graph(store, fanouts):
    seeds = torch.tensor([7, 3, 50, 20])
    batch = sample(store, seeds, fanouts, seed=5)
    graph = batch.graph
    assert torch.equal(batch.nodes[:4], seeds) and batch.num_seeds == 4 and torch.equal(batch.y, seeds)
    assert len(batch.nodes.unique()) == graph.num_nodes
    assert torch.equal(batch.x, torch.from_numpy(store.features[batch.nodes.numpy()]))
    built = Incidence.from_edge_index(graph.edge_index(), graph.num_nodes)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm", "edge_id"):
        ours, theirs = getattr(graph.incidence, name), getattr(built, name)
        assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype, name
    # Every edge is the edge of the store that it says, and none comes twice.
    edges, degree = batch.edges.numpy(), np.diff(store.ptr)
    sender, receiver = batch.nodes[graph.edge_index()].numpy()
    assert np.array_equal(store.sender[edges], sender) and len(np.unique(edges)) == len(edges)
    assert ((store.ptr[receiver] <= edges) & (edges < store.ptr[receiver + 1])).all()
    assert np.array_equal(graph.edge_weight, store.edge_weight[edges])
    # As many as asked for at each step, all where there are fewer.
    step = np.full(graph.num_nodes, len(fanouts))
    step[:4] = 0
    for hop in range(1, len(fanouts)):
        heard = graph.incidence.sender[np.isin(graph.incidence.receiver, np.flatnonzero(step == hop - 1))]
        fresh = heard[step[heard] == len(fanouts)]
        step[fresh] = hop
    fanout = np.array([np.inf if f < 0 else f for f in [*fanouts, 0]])
    assert np.array_equal(graph.degree(), np.minimum(degree[batch.nodes], fanout[step]))


def test_every_neighbour_is_as_likely_and_sets_are_uniform(tmp_path):
    # Node 0 hears 1 … 6; all 20 sets of three must come up equally often over the epochs.
    ends = torch.stack([torch.arange(1, 7), torch.zeros(6, dtype=torch.int64)])
    store = GraphStore.create(tmp_path, Graph.from_edge_index(ends, 7))
    draws = 3000
    sets = torch.stack([sample(store, [0], [3], epoch=epoch).nodes[1:].sort().values for epoch in range(draws)])
    counts = sets.unique(dim=0, return_counts=True)[1]
    assert len(counts) == 20
    assert float(((counts - draws / 20) ** 2 / (draws / 20)).sum()) < 43.8  # chi-squared, 19 degrees, 1 in 1000


@pytest.mark.parametrize("fanout", [1, 2, 7, 40, 63])
def test_draws_from_a_long_row_are_distinct_and_uniform(tmp_path, fanout):
    ends = torch.stack([torch.arange(64), torch.zeros(64, dtype=torch.int64)])
    store = GraphStore.create(tmp_path, Graph.from_edge_index(ends, 64))
    counts, draws = np.zeros(64), 800
    for seed in range(draws):
        edges = sample(store, [0], [fanout], seed=seed).edges.numpy()
        assert len(edges) == fanout == len(np.unique(edges))
        counts[edges] += 1
    p = fanout / 64
    assert (abs(counts / draws - p) < 5 * np.sqrt(p * (1 - p) / draws)).all()


def test_the_draw_depends_on_seed_epoch_and_node_only(store):
    def drawn(seeds, **key):
        batch = sample(store, seeds, [4, 4], **key)
        ends = batch.nodes[batch.graph.edge_index()]
        return {int(v): sorted(ends[0][ends[1] == v].tolist()) for v in ends[1].unique()}

    one, two = drawn([3, 9, 40]), drawn([40, 11, 5])
    both = set(one) & set(two)
    assert len(both) > 4 and all(one[v] == two[v] for v in both)
    assert drawn([3, 9, 40]) == one and drawn([40, 3, 9]) == one
    for other in ({"seed": 1}, {"epoch": 1}, {"seed": 2**40}):
        assert drawn([3, 9, 40], **other) != one
    assert drawn([3], seed=1, epoch=0) != drawn([3], seed=0, epoch=1)


def test_threads_change_nothing(tmp_path):
    ends = torch.randint(3000, (2, 90_000), generator=torch.Generator().manual_seed(0))
    store = GraphStore.create(tmp_path, Graph.from_edge_index(ends, 3000))
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            batch = sample(store, torch.arange(0, 3000, 2), [10, 10])
            results.append((batch.nodes, batch.edges, batch.graph.incidence.perm))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


def network(x, graph, layers):
    for matrix in layers:
        x = (aggregate(graph.incidence, x @ matrix, graph.edge_weight.double()) + x).tanh()
    return x


def test_all_neighbours_give_the_seeds_what_the_whole_graph_gives(store):
    layers = [torch.randn(5, 5, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(3)]
    seeds = torch.tensor([5, 0, 31, 59])
    expected = network(torch.from_numpy(store.features.copy()), whole(store), layers)[seeds]
    batch = sample(store, seeds, [-1] * 3)
    assert torch.allclose(network(batch.x, batch.graph, layers)[:4], expected, rtol=0, atol=1e-14)
    shallow = sample(store, seeds, [-1] * 2)  # the control: one step too few
    assert not torch.allclose(network(shallow.x, shallow.graph, layers)[:4], expected, atol=1e-3)


def test_sampled_means_are_unbiased(store):
    graph, x = whole(store), torch.from_numpy(store.features.copy())
    expected = aggregate(graph.incidence, x, mean=True)[:20]
    draws = []
    for epoch in range(600):
        batch = sample(store, torch.arange(20), [3], epoch=epoch)
        draws.append(aggregate(batch.graph.incidence, batch.x, mean=True)[:20])
    draws = torch.stack(draws)
    error = (draws.mean(0) - expected) / (draws.std(0) / len(draws) ** 0.5 + 1e-12)
    assert float(error.abs().max()) < 4.5


def test_equal_fanouts_make_a_seed_independent_of_its_batch(store):
    layers = [torch.randn(5, 5, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(2)]
    seeds = torch.randperm(60, generator=torch.Generator().manual_seed(0))[:12]

    def outputs(fanouts, parts):
        batches = [sample(store, part, fanouts) for part in seeds.split(parts)]
        return torch.cat([network(b.x, b.graph, layers)[: b.num_seeds] for b in batches])

    assert torch.allclose(outputs([3, 3], 12), outputs([3, 3], 4), rtol=0, atol=1e-14)
    assert torch.allclose(outputs([3, 3], 12), outputs([3, 3], 1), rtol=0, atol=1e-14)
    assert not torch.allclose(outputs([5, 2], 12), outputs([5, 2], 4), atol=1e-6)  # as the docstring says


@pytest.mark.parametrize("fanouts", [[3, 2], [4]])
def test_padding_keeps_the_batch_and_bounds_hold(store, fanouts):
    seeds = torch.arange(6)
    plain, sizes = sample(store, seeds, fanouts), sizes_at_most(6, fanouts)
    padded = sample(store, seeds, fanouts, pad_to=sizes)
    assert (padded.graph.num_nodes, padded.graph.num_edges, padded.graph.batch_size) == (*sizes, 2)
    inner = unpad(padded.graph)
    assert torch.equal(inner.edge_index(), plain.graph.edge_index())
    n, e = plain.graph.num_nodes, plain.graph.num_edges
    assert torch.equal(padded.nodes[:n], plain.nodes) and bool((padded.nodes[n:] == -1).all())
    assert torch.equal(padded.edges[:e], plain.edges) and bool((padded.edges[e:] == -1).all())
    assert torch.equal(padded.x[:n], plain.x) and not bool(padded.x[n:].any())
    assert torch.equal(padded.y, plain.y)
    with pytest.raises(ValueError, match="pad expects room for"):
        sample(store, seeds, fanouts, pad_to=(6, 6))
    with pytest.raises(ValueError, match="Only fan-outs from 0 bound"):
        sizes_at_most(6, [-1])


def test_the_memory_of_a_batch_does_not_grow_with_the_graph(tmp_path):
    import tracemalloc

    peaks = []
    for nodes in (20_000, 400_000):
        receiver = torch.arange(nodes).repeat_interleave(8)
        sender = (receiver * 7919 + torch.arange(8).repeat(nodes) * 104_729 + 1) % nodes
        store = GraphStore.write(tmp_path / str(nodes), nodes, [torch.stack([sender, receiver])])
        sample(store, torch.arange(64), [5, 5])
        tracemalloc.start()
        sample(store, torch.arange(64), [5, 5])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 50_000 < 2_000_000


@pytest.mark.parametrize(
    ("seeds", "fanouts", "words"),
    [
        ([0, 60], [1], "Seeds are nodes from 0 to 59, got 60"),
        ([-1], [1], "Seeds are nodes from 0 to 59, got -1"),
        ([4, 5, 4, 4], [1], "Seeds must be distinct, got 2 repeated"),
        ([[1]], [1], r"Seeds are a list of nodes, got an array of shape \[1, 1\]"),
        ([1], [3, -2], "A fan-out is a number of edges from 0, or -1 for all, got -2"),
    ],
)
def test_bad_requests_are_told(store, seeds, fanouts, words):
    with pytest.raises(ValueError, match=words):
        sample(store, torch.tensor(seeds), fanouts)


def test_damaged_numbers_are_found_before_they_are_used(store):
    ptr = np.load(store.folder / "ptr.npy")
    ptr[5] = 10**9
    np.save(store.folder / "ptr.npy", ptr)
    with pytest.raises(DataError, match="ptr must rise from 0 to 900; the file is damaged"):
        sample(GraphStore(store.folder), [4], [-1])
    sender = np.load(store.folder / "sender.npy")
    sender[:] = 10**9
    np.save(store.folder / "sender.npy", sender)
    with pytest.raises(DataError, match="senders must be from 0 to 59; the file is damaged"):
        sample(GraphStore(store.folder), [30], [2])


def test_no_seeds_are_an_empty_batch(store):
    batch = sample(store, [], [3, 3])
    assert (batch.graph.num_nodes, batch.graph.num_edges) == (0, 0) and batch.x.shape == (0, 5)


@pytest.mark.parametrize("batch_size", [7, 60, 1000])
def test_layer_by_layer_is_the_whole_graph_at_once(store, tmp_path, batch_size):
    layers = [torch.randn(5, 5, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(3)]
    expected = network(torch.from_numpy(store.features.copy()), whole(store), layers)
    steps = [lambda x, graph, m=m: network(x, graph, [m]) for m in layers]
    for folder in (None, tmp_path / "out"):
        found = layerwise_inference(steps, store, batch_size, folder=folder)
        assert torch.allclose(found, expected, rtol=0, atol=1e-14)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["layer0.npy", "layer1.npy", "layer2.npy"]
    assert np.array_equal(np.load(tmp_path / "out" / "layer2.npy"), found)


def test_layerwise_inference_says_what_it_needs(store, tmp_path, draw):
    with pytest.raises(ValueError, match="at least one layer"):
        layerwise_inference([], store)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        layerwise_inference([lambda x, g: x], store, 0)
    with pytest.raises(ValueError, match=r"needs features, GraphStore\(7 nodes, 30 edges\) has none"):
        layerwise_inference([lambda x, g: x], GraphStore.create(tmp_path / "bare", draw()))
