"""GPSConv and GPS: the formula by hand, far nodes, what the branches may be, and a network that learns."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.geometry import Pointwise
from gdl_graphs import (
    GPS,
    GatedGCN,
    GINConv,
    GINEConv,
    GPSConv,
    Graph,
    MultiHeadAttention,
    ResGatedGraphConv,
    random_walk_encoding,
)
from torch.nn import functional


def normalised(x):
    return functional.batch_norm(x, None, None, training=True)


def test_it_is_the_sum_of_two_branches_and_a_feed_forward_map(draw):
    torch.manual_seed(0)
    graph = Graph.collate([draw(nodes=6, edges=12, features=2), draw(nodes=4, edges=5, features=2)])
    layer = GPSConv(4, GINEConv(4, 4, 2), 2).double()
    x = torch.randn(10, 4, dtype=torch.float64)
    local = normalised(x + layer.local(x, graph))
    seen = torch.cat([attend(layer.attention, part, 2) for part in x.split([6, 4])])
    h = local + normalised(x + seen)
    expected = normalised(h + layer.outer(layer.inner(h).relu()))
    assert torch.allclose(layer(x, graph), expected, atol=1e-12)


def attend(attention, x, heads):
    weight, bias = attention.in_proj.weight, attention.in_proj.bias
    query, key, value = (part.unflatten(1, (heads, -1)).transpose(0, 1) for part in (x @ weight.T + bias).chunk(3, 1))
    y = functional.scaled_dot_product_attention(query, key, value)
    return attention.out_proj(y.transpose(0, 1).flatten(1))


@pytest.mark.parametrize("norm", ["batch", "layer", "graph", "none"])
def test_attention_reaches_nodes_that_messages_do_not_and_no_other_sample(norm):
    torch.manual_seed(0)
    line = torch.arange(5)
    graph = Graph.collate([Graph.from_edges(line, line + 1, 6), Graph.from_edges(line, line + 1, 6)])
    x = torch.randn(12, 4, dtype=torch.float64)

    def heard(layer):
        layer = layer.double().eval()
        change = torch.zeros_like(x)
        change[5, 0] = 1.0  # the end of the first line, which sends to nobody
        with torch.no_grad():
            return ((layer(x + change, graph) - layer(x, graph)).abs().amax(1) > 1e-9).tolist()

    assert heard(GPSConv(4, GINConv(4, 4), 2, norm=norm)) == [True] * 6 + [False] * 6
    alone = [False] * 5 + [True] + [False] * 6
    if norm != "graph":  # which spreads over the sample by itself
        assert heard(GPSConv(4, GINConv(4, 4), None, norm=norm)) == alone


def test_any_layer_serves_as_branch_and_claims_follow(draw):
    graph = draw(nodes=6, edges=12)
    x = torch.randn(6, 4)
    for local in (ResGatedGraphConv(4, 4), GINConv(4, 4), Pointwise(4), None):
        assert GPSConv(4, local, 2)(x, graph).shape == (6, 4)
    assert GPSConv(4, None, MultiHeadAttention(4, causal=True)).claims == ()
    assert GPSConv(4, GINConv(4, 4)).claims == ("permutation",)


def test_branches_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="neither"):
        GPSConv(4, None, None)
    with pytest.raises(ValueError, match="from 4xtrivial to 4xtrivial"):
        GPSConv(4, GINConv(4, 5))
    with pytest.raises(TypeError, match="they are layers"):
        GPSConv(4, GatedGCN(4, 4))
    with pytest.raises(UnknownNameError, match="graph"):
        GPSConv(4, None, norm="grph")
    with pytest.raises(TypeError, match="GPSConv sends messages along edges"):
        GPSConv(4, None)(torch.zeros(3, 4))


def test_the_published_network_of_zinc_has_half_a_million_weights():
    network = GPS(28 + 20, 1, edge_channels=3)
    assert 380_000 < sum(p.numel() for p in network.parameters()) < 500_000


def test_gps_refuses_inputs_that_have_no_room_for_the_walks():
    with pytest.raises(ValueError, match="got 10 inputs"):
        GPS(10, 1)
    with pytest.raises(ValueError, match="to 70 of its 64 channels"):
        GPS(30, 1, walk_channels=70)


def test_return_probabilities_tell_apart_what_messages_alone_cannot():
    """Two triangles against a hexagon, which agree under the Weisfeiler–Leman test."""
    torch.manual_seed(0)
    ring = torch.arange(6)
    hexagon = Graph.from_edges(ring, (ring + 1) % 6, 6).to_undirected()
    triangles = Graph.from_edges(ring, torch.tensor([1, 2, 0, 4, 5, 3]), 6).to_undirected()
    batch = Graph.collate([hexagon, triangles])
    ones = torch.ones(12, 1, dtype=torch.float64)
    x = torch.cat([ones, random_walk_encoding(batch, 4, dtype=torch.float64)], 1)
    with torch.no_grad():
        blind = GPS(1, 1, channels=16, layers=2, heads=2, walk_steps=0).double()(ones, batch)
        seeing = GPS(5, 1, channels=16, layers=2, heads=2, walk_steps=4, walk_channels=8).double()(x, batch)
    assert float((blind[0] - blind[1]).abs()) < 1e-12
    assert float((seeing[0] - seeing[1]).abs()) > 1e-4


def test_it_learns_a_function_of_graphs(draw):
    torch.manual_seed(0)
    graphs = [draw(nodes=5, edges=edges, seed=edges) for edges in range(4, 12)]
    batch, target = Graph.collate(graphs), torch.arange(8.0)[:, None] / 4 - 1
    network, x = GPS(1, 1, channels=16, layers=1, heads=2, walk_steps=0), torch.ones(batch.num_nodes, 1)
    optimizer, losses = torch.optim.Adam(network.parameters(), 0.01), []
    for _ in range(15):
        loss = functional.mse_loss(network(x, batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
