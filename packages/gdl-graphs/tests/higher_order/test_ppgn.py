"""PPGN: the dense definition, uneven sizes, and what it and IGN tell apart, pair by pair, as theory says."""

import pytest
import torch
from gdl_graphs import IGN, PPGN, Graph, PairSet, PPGNBlock, folklore_weisfeiler_leman, multisets, pair_values
from gdl_graphs.expressive.colours import same
from gdl_graphs.expressive.fwl import tuple_offsets
from gdl_graphs.io import read_graph6


def per_pair(network, x):
    """A network on the channels of `[n, n, c]`."""
    y = network(x.reshape(x.shape[0] * x.shape[1], x.shape[2]))
    return y.reshape(*x.shape[:2], y.shape[1])


@pytest.mark.parametrize("scale", ["root", "mean", "none"])
@pytest.mark.parametrize("sizes", [[4, 4], [5, 1, 0, 3]], ids=["even", "uneven"])
def test_a_block_is_the_product_of_matrices_channel_by_channel(sizes, scale):
    torch.manual_seed(0)
    block, pairs = PPGNBlock(3, 4, hidden=5, scale=scale).double(), PairSet.of(sizes)
    x, expected = torch.randn(pairs.num_pairs, 3, dtype=torch.float64), []
    for part, n in zip(x.split([n * n for n in sizes]), sizes):
        matrix = part.reshape(n, n, 3)
        product = torch.einsum("ack,cbk->abk", per_pair(block.left, matrix), per_pair(block.right, matrix))
        product = product / {"root": max(n, 1) ** 0.5, "mean": max(n, 1), "none": 1}[scale]
        expected.append(per_pair(block.mix, torch.cat([matrix, product], 2)).reshape(n * n, 4))
    assert torch.allclose(block(x, pairs), torch.cat(expected), atol=1e-12)


def gaps(network, batch):
    """The largest difference of the network between the graphs of each pair, relative to its values."""
    values, pairs = pair_values(batch, dtype=torch.float64)
    with torch.no_grad():
        y = network(values, pairs)
    return (y[::2] - y[1::2]).abs().amax(1) / y.abs().max()


def ppgn():
    torch.manual_seed(0)
    return PPGN(2, 8, hidden=(16,) * 4).double()


@pytest.mark.parametrize("name", ["basic", "regular", "extension"])
def test_a_random_ppgn_tells_apart_what_2_fwl_does(shared_data, name):
    batch = read_graph6(shared_data("expressiveness") / "brec" / f"{name}.npy")
    assert int((gaps(ppgn(), batch) > 1e-12).sum()) == batch.batch_size // 2


@pytest.mark.parametrize("name", ["str", "4vtx", "dr"])
def test_a_random_ppgn_tells_no_strongly_or_distance_regular_graphs_apart_as_2_fwl(shared_data, name):
    batch = read_graph6(shared_data("expressiveness") / "brec" / f"{name}.npy")
    few = Graph.collate(batch.unbatch()[:20])
    assert bool(same(multisets(tuple_offsets(few), folklore_weisfeiler_leman(few))).all())
    assert float(gaps(ppgn(), few).max()) < 1e-14


def test_a_random_ign_tells_apart_no_pair_that_wl_does_not(shared_data):
    torch.manual_seed(0)
    network = IGN(2, 8, hidden=(16, 16, 16)).double()
    for name in ("basic", "regular"):
        batch = read_graph6(shared_data("expressiveness") / "brec" / f"{name}.npy")
        assert float(gaps(network, batch).max()) < 1e-12
    different = Graph.collate([Graph.complete(4, self_loops=False), Graph.empty(4)])  # negative control
    assert float(gaps(network, different).max()) > 1e-3


def test_models_need_a_layer():
    for kind in (IGN, PPGN):
        with pytest.raises(ValueError, match=f"{kind.__name__} needs the channels"):
            kind(2, 3, hidden=())
