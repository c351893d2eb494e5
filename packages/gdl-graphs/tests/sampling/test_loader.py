"""`NeighbourLoader`: all seeds, and the same batches for any number of workers and processes."""

import sys
from pathlib import Path

import pytest
import torch
import torch._dynamo.testing
from gdl_graphs import Graph
from gdl_graphs.sampling import GraphStore, NeighbourLoader, sizes_at_most

sys.path.insert(0, str(Path(__file__).parent))  # what the processes run is a plain module
import training

SEEDS = training.SEEDS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    g = torch.Generator().manual_seed(0)
    graph = Graph.from_edge_index(torch.randint(80, (2, 800), generator=g), 80)
    x = torch.randn(80, 4, generator=g, dtype=torch.float64)
    return GraphStore.create(tmp_path_factory.mktemp("store"), graph, x, torch.randint(3, (80,), generator=g))


def fields(batch):
    return batch.nodes, batch.edges, batch.graph.incidence.sender, batch.graph.incidence.perm, batch.x, batch.y


def same(one, two):
    return len(one) == len(two) and all(
        torch.equal(a, b) for x, y in zip(one, two, strict=True) for a, b in zip(fields(x), fields(y), strict=True)
    )


def test_every_seed_comes_once_with_its_label(store):
    loader = NeighbourLoader(store, SEEDS, [3, 3], 12, train=False)
    batches = list(loader)
    assert [batch.num_seeds for batch in batches] == [12, 12, 12, 4] and len(loader) == 4
    assert torch.equal(torch.cat([batch.nodes[: batch.num_seeds] for batch in batches]), SEEDS)
    assert torch.equal(torch.cat([batch.y for batch in batches]), torch.from_numpy(store.labels[SEEDS.numpy()]))
    mask = torch.zeros(80, dtype=torch.bool)
    mask[SEEDS] = True
    assert same(list(NeighbourLoader(store, mask, [3, 3], 12, train=False)), batches)


def test_epochs_differ_and_repeat(store):
    loader = NeighbourLoader(store, SEEDS, [2, 2], 10)
    first = list(loader)
    loader.set_epoch(1)
    second = list(loader)
    loader.set_epoch(0)
    assert same(list(loader), first) and not same(second, first)
    assert not same(list(NeighbourLoader(store, SEEDS, [2, 2], 10, seed=1)), first)
    assert torch.equal(torch.cat([b.nodes[:10] for b in second]).sort().values, SEEDS)


def test_the_number_of_workers_changes_nothing(store):
    results = []
    for workers in (0, 1, 2):
        loader = NeighbourLoader(store, SEEDS, [3, 2], 8, workers=workers)
        epochs = []
        for epoch in (0, 1):  # workers live on, and must hear of the new epoch
            loader.set_epoch(epoch)
            epochs += list(loader)
        results.append(epochs)
    assert same(results[0], results[1]) and same(results[0], results[2])


def test_a_global_random_number_is_not_used(store):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(NeighbourLoader(store, SEEDS, [2], 8, workers=1))
    assert torch.equal(torch.rand(3), expected)


def test_shares_of_a_batch_are_its_seeds(store):
    whole = list(NeighbourLoader(store, SEEDS, [3, 3], 8))
    shares = [list(NeighbourLoader(store, SEEDS, [3, 3], 8, rank=rank, world=2)) for rank in (0, 1)]
    for batch, one, two in zip(whole, *shares, strict=True):
        seeds = torch.cat([one.nodes[: one.num_seeds], two.nodes[: two.num_seeds]])
        assert torch.equal(seeds.sort().values, batch.nodes[:8].sort().values) and one.num_seeds == 4


def test_what_cannot_be_shared_is_told(store):
    with pytest.raises(ValueError, match="divisible by 2 processes, got 9"):
        NeighbourLoader(store, SEEDS, [1], 9, world=2)
    with pytest.raises(ValueError, match=r"a mask of nodes, bool\[80\], got \[40\]"):
        NeighbourLoader(store, torch.ones(40, dtype=torch.bool), [1], 9)
    with pytest.raises(ValueError, match="at least one seed, got none"):
        NeighbourLoader(store, SEEDS[:0], [1], 9)
    with pytest.raises(ValueError, match="Seeds are nodes from 0 to 79, got 80"):
        list(NeighbourLoader(store, torch.tensor([80]), [1], 1))


def test_one_compiled_program_serves_all_padded_batches(store):
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    network = training.Network()
    compiled = torch.compile(network, backend=counter, fullgraph=True, dynamic=False)
    for batch in NeighbourLoader(store, SEEDS, [3, 3], 8, pad_to=sizes_at_most(8, [3, 3])):
        out = compiled(batch.x, batch.graph)
        assert torch.allclose(out, network(batch.x, batch.graph))
    assert counter.frame_count == 1
