"""Sampled graphs: the Plackett-Luce distribution, its log-probabilities, gradients, and permutations."""

import itertools
import math

import pytest
import torch
from gdl_core.incidence import aggregate
from gdl_core.testing.measure import group_elements
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.graph import Graph
from gdl_graphs.latent import search
from gdl_graphs.latent.gumbel import GumbelGraph, SigmoidGraph, gumbel_noise, log_probability
from gdl_graphs.point_set import PointSet

PLACES = torch.tensor([[0.0], [0.6], [-0.9], [1.3]], dtype=torch.float64)


def values(rows: int, channels: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plackett_luce(weights: dict[int, float], picks: tuple[int, ...]) -> float:
    left, p = dict(weights), 1.0
    for pick in picks:
        p *= left[pick] / sum(left.values())
        del left[pick]
    return p


def neighbours_of(graph: Graph, node: int) -> tuple[int, ...]:
    index = graph.edge_index()
    return tuple(index[0, index[1] == node].tolist())


def test_the_noise_has_the_gumbel_distribution_and_is_a_function_of_its_keys():
    key = torch.arange(500)
    noise = gumbel_noise(torch.tensor(3), key[:, None], key[None])
    assert abs(float(noise.mean()) - 0.5772156649) < 0.01  # Euler's constant; the deviation of the mean is 0.0026
    assert abs(float(noise.var()) - math.pi**2 / 6) < 0.03
    for level in (-1.0, 0.0, 1.0, 3.0):
        assert abs(float((noise <= level).double().mean()) - math.exp(-math.exp(-level))) < 0.005
    assert torch.equal(gumbel_noise(torch.tensor(3), key[7:9, None], key[None, 4:6]), noise[7:9, 4:6])
    other = gumbel_noise(torch.tensor(4), key[:, None], key[None])
    for a, b in ((noise, other), (noise, noise.T), (noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])):
        assert abs(float(torch.corrcoef(torch.stack([a.reshape(-1), b.reshape(-1)]))[0, 1])) < 0.01


def test_the_sampled_sets_have_the_plackett_luce_distribution():
    layer = GumbelGraph(1, 2, scale=0.7).double()
    draws = 4000
    found: dict[tuple[int, ...], int] = {}
    domain, many = PointSet.of([4] * draws), PLACES.repeat(draws, 1)
    with torch.no_grad():
        graph = layer(many, domain, seed=1)[1]
    first = graph.edge_index()[0].reshape(draws, 4, 2)[:, 0] - 4 * torch.arange(draws)[:, None]
    for row in first.tolist():
        found[tuple(row)] = found.get(tuple(row), 0) + 1
    weights = {j: math.exp(-0.7 * float((PLACES[0] - PLACES[j]).square().sum())) for j in (1, 2, 3)}
    for pair in itertools.combinations((1, 2, 3), 2):
        p = sum(plackett_luce(weights, picks) for picks in itertools.permutations(pair))
        deviation = math.sqrt(p * (1 - p) / draws)
        assert abs(found[pair] / draws - p) < 4 * deviation, (pair, found[pair] / draws, p)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_log_probabilities_are_exact_and_those_of_all_sequences_add_up_to_one(k):
    x = PLACES[None]
    total = torch.zeros(4, dtype=torch.float64)
    for sequence in itertools.permutations((1, 2, 3), k):
        picks = torch.tensor(sequence).expand(1, 4, k).clone()
        for node in (1, 2, 3):  # the same for the other nodes, with their own others
            others = [j for j in range(4) if j != node]
            picks[0, node] = torch.tensor([others[j - 1] for j in sequence])
        terms = search.pick_terms(x, picks, 0.7)
        weights = {j: math.exp(-0.7 * float((PLACES[0] - PLACES[j]).square().sum())) for j in (1, 2, 3)}
        assert math.isclose(float(terms[0, 0].sum().exp()), plackett_luce(weights, sequence), rel_tol=1e-12)
        total += terms.sum(-1).exp()[0]
    torch.testing.assert_close(total, torch.ones(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_graph_carries_these_log_probabilities():
    layer, x = GumbelGraph(2, 3, "score-function").double(), values(9)
    graph = layer(x, PointSet.of([5, 4]), seed=5)[1]
    got = log_probability(graph)
    noise = gumbel_noise(torch.tensor(5), torch.arange(9)[:, None], torch.arange(9))
    for node in range(9):
        block = range(5) if node < 5 else range(5, 9)
        logit = {j: -float((x[node] - x[j]).square().sum()) for j in block if j != node}
        picks = sorted(logit, key=lambda j: -(logit[j] + float(noise[node, j])))[:3]
        assert set(neighbours_of(graph, node)) == set(picks)
        expected = plackett_luce({j: math.exp(v) for j, v in logit.items()}, tuple(picks))
        assert math.isclose(float(got[node].detach().exp()), expected, rel_tol=1e-9)
    assert torch.equal(log_probability(graph.with_self_loops()), got), "an edge that is certain changes nothing"


def test_in_blocks_it_is_the_same_forward_and_backward(monkeypatch):
    found = []
    for block in (1 << 22, 30):
        monkeypatch.setattr(search, "BLOCK", block)
        layer, x = GumbelGraph(2, 3, "score-function").double(), values(13).requires_grad_()
        graph = layer(x, PointSet.of(13), seed=2)[1]
        log_probability(graph).square().sum().backward()
        found.append((graph.edge_index(), x.grad, layer.log_scale.grad))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1:], found[1][1:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("noise", [None, 3])
def test_the_gradients_of_the_terms_are_right_to_second_order(noise):
    x, picks = values(5)[None].requires_grad_(), torch.tensor([[[1, 2], [0, 3], [4, 0], [2, 4], [3, 1]]])
    scale = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    key = torch.arange(5)
    drawn = None if noise is None else lambda rows: gumbel_noise(torch.tensor(noise), key[rows, None], key)[None]

    def terms(x, scale):
        return search.pick_terms(x, picks, scale, noise=drawn, temperature=0.7)

    assert torch.autograd.gradcheck(terms, (x, scale))
    assert torch.autograd.gradgradcheck(terms, (x, scale))


def test_straight_through_weights_are_one_and_their_gradient_vanishes_with_the_temperature():
    domain, sizes = PointSet.of(12), []
    for temperature in (1.0, 1e-4):
        layer, x = GumbelGraph(2, 3, temperature=temperature).double(), values(12).requires_grad_()
        graph = layer(x, domain, seed=0)[1]
        assert torch.equal(graph.edge_weight, torch.ones(36, dtype=torch.float64))
        weight = torch.randn(36, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        (graph.edge_weight * weight).sum().backward()
        sizes.append(float(x.grad.abs().max()))
    assert sizes[0] > 1e-3
    assert sizes[1] < 1e-6


def test_the_score_function_is_an_unbiased_gradient():
    # d/dt E[reward] over all pairs of picks of node 0, exactly, against the mean of reward * d log p / dt
    reward = {(1, 2): 1.0, (1, 3): -2.0, (2, 3): 0.5}

    def expected(scale: torch.Tensor) -> torch.Tensor:
        logit = -scale * (PLACES[0] - PLACES[1:]).square().sum(-1)
        total = torch.zeros((), dtype=torch.float64)
        for picks in itertools.permutations((1, 2, 3), 2):
            first, second = logit[picks[0] - 1], logit[picks[1] - 1]
            rest = torch.cat([logit[: picks[0] - 1], logit[picks[0] :]])
            p = torch.exp(first - logit.logsumexp(0) + second - rest.logsumexp(0))
            total = total + p * reward[min(picks), max(picks)]
        return total

    log_scale = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(expected(log_scale.exp()), log_scale)
    draws = 20000
    layer = GumbelGraph(1, 2, "score-function").double()
    graph = layer(PLACES.repeat(draws, 1), PointSet.of([4] * draws), seed=7)[1]
    picked = graph.edge_index()[0].reshape(draws, 4, 2)[:, 0] - 4 * torch.arange(draws)[:, None]
    gain = torch.tensor([reward[a, b] for a, b in picked.tolist()], dtype=torch.float64)
    log_p = log_probability(graph)[::4]
    (got,) = torch.autograd.grad((gain * log_p).mean(), layer.log_scale)
    assert abs(float(got - exact)) < 0.03, (float(got), float(exact))


@pytest.mark.parametrize("estimator", ["straight-through", "score-function"])
def test_both_estimators_lower_the_loss_of_a_graph_that_is_to_be_found(estimator):
    # Targets are means over nodes of the same kind; of six features, two tell the kinds apart, four are noise.
    draw = torch.Generator().manual_seed(0)
    kind = torch.arange(24) % 3
    x = torch.cat([2 * torch.eye(3)[kind][:, :2], torch.randn(24, 4, generator=draw)], 1)
    torch.manual_seed(0)
    project = torch.nn.Linear(6, 2)
    layer, domain = GumbelGraph(2, 3, estimator, temperature=0.5).train(), PointSet.of(24)
    optimiser = torch.optim.Adam([*project.parameters(), *layer.parameters()], 0.03)

    def wrong(graph: Graph) -> torch.Tensor:
        """For each node the share of neighbours of another kind."""
        other = (kind[graph.incidence.sender.long()] != kind[graph.incidence.receiver.long()]).float()
        ones = torch.ones(24, 1)
        weight = other if graph.edge_weight is None else other * graph.edge_weight
        return aggregate(graph.incidence, ones, weight)[:, 0] / 3

    history = []
    for step in range(150):
        optimiser.zero_grad()
        graph = layer(project(x), domain, seed=step)[1]
        loss = wrong(graph)
        if estimator == "score-function":
            advantage = (loss - loss.mean()).detach()
            (advantage * log_probability(graph)).mean().backward()
        else:
            loss.mean().backward()
        optimiser.step()
        history.append(loss.mean().item())
    before, after = sum(history[:10]) / 10, sum(history[-10:]) / 10
    assert after < 0.5 * before, (before, after)


def test_in_evaluation_it_is_the_nearest_neighbours_and_training_repeats_under_its_seed():
    layer, x, domain = GumbelGraph(2, 3).double(), values(10), PointSet.of(10)
    layer.eval()
    distance = torch.cdist(x, x).fill_diagonal_(math.inf)
    assert neighbours_of(layer(x, domain)[1], 4) == tuple(sorted(distance[4].topk(3, largest=False).indices.tolist()))
    layer.train()
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(layer(x, domain)[1].edge_index())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_with_keys_that_move_with_the_points_the_sampled_graph_moves_with_them():
    domain = PointSet.of([6, 5])
    layer, x, keys = GumbelGraph(2, 2, "score-function").double(), values(11), torch.arange(11)
    symmetry = domain.symmetries()["permutation"]
    graph = layer(x, domain, seed=3, keys=keys)[1]
    for g in group_elements(symmetry.group):
        got = layer(*symmetry.move(g, x, domain), seed=3, keys=keys[torch.argsort(g)])[1]
        expected = graph.relabel(g)
        assert torch.equal(got.edge_index(), expected.edge_index())
        torch.testing.assert_close(got.edge_features, expected.edge_features, rtol=0, atol=1e-12)
    unkeyed = layer(*symmetry.move(g, x, domain), seed=3)[1]
    assert not torch.equal(unkeyed.edge_index(), graph.relabel(g).edge_index()), "else the keys do nothing"


@pytest.mark.parametrize("sizes", [[], [0], [1, 0, 3], [2, 2]])
@pytest.mark.parametrize("estimator", ["straight-through", "score-function"])
def test_small_samples_take_all_others_and_have_finite_gradients(sizes, estimator):
    x = values(sum(sizes)).requires_grad_()
    graph = GumbelGraph(2, 5, estimator).double()(x, PointSet.of(sizes), seed=0)[1]
    assert graph.degree().tolist() == [size - 1 for size in sizes for _ in range(size)]
    carried = graph.edge_weight if estimator == "straight-through" else graph.edge_features
    (carried.sum() + 0 * x.sum()).backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("loop", [False, True])
def test_the_weights_of_the_sigmoid_graph_are_those_of_the_formula(loop):
    layer, x, graph = SigmoidGraph(2, 1.5, 0.8, loop).double(), values(7) + 3, random_graph(7, 16)
    got = layer(x, graph)[1].to_dense()
    expected = torch.sigmoid(1.5 * (0.8 - torch.cdist(x, x).square()))
    expected = expected if loop else expected * (1 - torch.eye(7))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-7)  # 1.5 and 0.8 were float32 first
    assert layer(x[:4], PointSet.of([3, 0, 1]))[1].num_edges == (10 if loop else 6)


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="GumbelGraph expects at least one neighbour, got k=0"):
        GumbelGraph(2, 0)
    with pytest.raises(ValueError, match="positive numbers, got temperature=0, scale=1"):
        GumbelGraph(2, 1, temperature=0)
    with pytest.raises(ValueError, match="straight-through or score-function, got 'reinforce'"):
        GumbelGraph(2, 1, "reinforce")
    with pytest.raises(ValueError, match="SigmoidGraph expects a positive scale, got -1"):
        SigmoidGraph(2, -1)
    with pytest.raises(ValueError, match="log_probability reads edge features"):
        log_probability(random_graph())
