"""Attention over edges equals loops over rows, is differentiable twice, and gives the same bits every time."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from gdl_core.incidence import Incidence
from gdl_core.kernels.philox import new_seed
from gdl_graphs import Graph, edge_attention, gat_attention, gatv2_attention
from gdl_graphs.kernels import edge_attention_kernels as kernels
from torch import Tensor

SENDERS, RECEIVERS, HEADS, CHANNELS, SLOPE = 6, 5, 2, 3, 0.2
BACKENDS = ("reference", "cpu")
OPERATIONS: dict[str, Callable] = {"dot": edge_attention, "gat": gat_attention, "gatv2": gatv2_attention}
KERNELS = {
    "dot": (kernels.edge_attention, kernels.edge_attention_backward),
    "gat": (kernels.gat_attention, kernels.gat_attention_backward),
    "gatv2": (kernels.gatv2_attention, kernels.gatv2_attention_backward),
}
each_operation = pytest.mark.parametrize("name", OPERATIONS)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def relation(edges: int = 17) -> Incidence:
    """Parallel edges; a sender without edges, and receivers without: the last two."""
    draw = torch.Generator().manual_seed(3)
    sender = torch.randint(SENDERS - 1, (edges,), generator=draw)
    return Incidence.from_edges(sender, torch.randint(RECEIVERS - 2, (edges,), generator=draw), SENDERS, RECEIVERS)


def arguments(
    name: str, senders: int, receivers: int, heads: int = HEADS, channels: int = CHANNELS, dtype=torch.float64
) -> list[Tensor]:
    shapes = {
        "dot": [(receivers, heads, channels), (senders, heads, channels), (senders, heads, channels + 1)],
        "gat": [(receivers, heads), (senders, heads), (senders, heads, channels)],
        "gatv2": [(receivers, heads, channels), (senders, heads, channels), (heads, channels)],
    }[name]
    return [normal(*shape, seed=place, dtype=dtype).requires_grad_() for place, shape in enumerate(shapes)]


def by_loops(name: str, inc: Incidence, tensors: list[Tensor], bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """The definition, receiver by receiver and head by head."""
    a, b, c = tensors
    value = b if name == "gatv2" else c
    outs, lses = [], []
    for i in range(inc.num_receivers):
        for h in range(value.shape[1]):
            scores, values = [], []
            for e in range(int(inc.ptr[i]), int(inc.ptr[i + 1])):
                j = int(inc.sender[e])
                extra = 0.0 if bias is None else bias[e, h]
                if name == "dot":
                    scores.append(a[i, h] @ b[j, h] / math.sqrt(a.shape[2]) + extra)
                elif name == "gat":
                    scores.append(torch.nn.functional.leaky_relu(a[i, h] + b[j, h] + extra, SLOPE))
                else:
                    scores.append(torch.nn.functional.leaky_relu(a[i, h] + b[j, h], SLOPE) @ c[h] + extra)
                values.append(value[j, h])
            if scores:
                s = torch.stack(scores)
                outs.append(s.softmax(0) @ torch.stack(values))
                lses.append(s.logsumexp(0))
            else:
                outs.append(value.new_zeros(value.shape[2]))
                lses.append(value.new_tensor(-torch.inf))
    shape = (inc.num_receivers, value.shape[1])
    return torch.stack(outs).reshape(*shape, -1), torch.stack(lses).reshape(shape)


def gradients(results: tuple[Tensor, Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Of both results, the log-sum-exp only where it is finite."""
    out, lse = results
    loss = (out * normal(*out.shape, seed=7)).sum() + (
        lse.where(lse > -torch.inf, 0) * normal(*lse.shape, seed=8)
    ).sum()
    return list(torch.autograd.grad(loss, inputs))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("biased", [False, True])
@each_operation
def test_values_and_gradients_equal_loops_over_rows(name, biased, backend, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc, tensors = relation(), arguments(name, SENDERS, RECEIVERS)
    bias = normal(inc.num_edges, HEADS, seed=5).requires_grad_() if biased else None
    inputs = tensors + ([bias] if bias is not None else [])
    got, expected = OPERATIONS[name](inc, *tensors, bias), by_loops(name, inc, tensors, bias)
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)
    for one, two in zip(gradients(got, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@each_operation
def test_first_and_second_derivatives(name, rate):
    inc, tensors = relation(), arguments(name, SENDERS, RECEIVERS)
    bias, seed = normal(inc.num_edges, HEADS, seed=5).requires_grad_(), torch.tensor(11)

    def run(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        out, lse = OPERATIONS[name](inc, *inputs, dropout=rate, seed=seed)
        return out, lse[:-2]  # the last receivers have no edges: -inf

    assert torch.autograd.gradcheck(run, (*tensors, bias), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (*tensors, bias), fast_mode=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("slope", [-0.5, 0.0, 1.0, 1.5])
def test_derivatives_of_each_result_of_gat_alone_for_any_slope(slope, backend, monkeypatch):
    """The backward pass takes what receivers get from sums of the forward pass, which hold the slopes."""
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc, tensors = relation(), arguments("gat", SENDERS, RECEIVERS)

    def run(result: int, *inputs: Tensor) -> Tensor:
        results = gat_attention(inc, *inputs, negative_slope=slope, dropout=0.3, seed=torch.tensor(11))
        return results[result][: RECEIVERS - 2]  # the others have no edges: -inf

    for result in (0, 1):
        inputs = tensors[: 3 - result]  # the log-sum-exp does not depend on the values
        rest = tensors[3 - result :]
        assert torch.autograd.gradcheck(lambda *x, result=result, rest=rest: run(result, *x, *rest), inputs)


def test_without_gradients_gat_computes_nothing_for_them():
    inc, tensors = relation(), [t.detach() for t in arguments("gat", SENDERS, RECEIVERS)]
    structure = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
    for train, rows in ((False, 0), (True, RECEIVERS)):
        results = kernels.gat_attention(*structure, *tensors, None, None, 0.2, 0.0, train)
        assert [len(x) for x in results] == [RECEIVERS, RECEIVERS, rows, rows]


@pytest.mark.parametrize(("name", "biased"), [("dot", False), ("dot", True), ("gat", True), ("gatv2", True)])
def test_operators_are_registered_as_pytorch_asks(name, biased):
    inc, tensors = relation(), arguments(name, SENDERS, RECEIVERS)
    structure = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
    bias = normal(inc.num_edges, HEADS, seed=5).requires_grad_() if biased else None
    shared = (*structure, *tensors, bias, torch.tensor(5))
    forward, backward = KERNELS[name]
    channels = tensors[1 if name == "gatv2" else 2].shape[2]
    made = [normal(RECEIVERS, HEADS, *rest).requires_grad_() for rest in ((), (), (channels,), (channels,), ())]
    torch.library.opcheck(forward.op, (*shared, 0.3, 0.25, *[True] * (name == "gat")))
    torch.library.opcheck(backward.op, (*shared, *made[: 5 if name == "gat" else 3], 0.3, 0.25))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@each_operation
def test_backends_agree_on_long_rows_with_dropout(name, kind, monkeypatch):
    """Rows of several blocks, rows of no multiple of four edges; the dropped weights are the same ones."""
    draw = torch.Generator().manual_seed(0)
    receiver = torch.cat([torch.zeros(150, dtype=torch.int64), torch.randint(1, 40, (200,), generator=draw)])
    inc = Incidence.from_edges(torch.randint(50, (350,), generator=draw), receiver, 50, 41)
    tensors = arguments(name, 50, 41, heads=3, channels=5, dtype=kind)
    bias, results = normal(350, 3, seed=5, dtype=kind).requires_grad_(), []
    for backend in BACKENDS:
        monkeypatch.setenv("GDL_KERNELS", backend)
        got = OPERATIONS[name](inc, *tensors, bias, dropout=0.4, seed=torch.tensor(2**40 + 17))
        results.append([*got, *gradients(got, [*tensors, bias])])
    tolerance = 1e-11 if kind == torch.float64 else 1e-4
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, atol=tolerance, rtol=tolerance)


@each_operation
def test_twenty_runs_any_threads_and_any_order_of_edges_give_the_same_bits(name):
    draw = torch.Generator().manual_seed(1)
    sender, receiver = torch.randint(3000, (2, 60_000), generator=draw)
    sender, receiver = torch.unique(torch.stack([sender, receiver]), dim=1)
    inputs = arguments(name, 3000, 3000, heads=2, channels=8, dtype=torch.float32)
    threads = torch.get_num_threads()

    def bits(inc: Incidence) -> list[Tensor]:
        results = OPERATIONS[name](inc, *inputs, dropout=0.2, seed=torch.tensor(3))
        return [t.detach().clone() for t in (*results, *gradients(results, inputs))]

    inc = Incidence.from_edges(sender, receiver, 3000, 3000)
    first = bits(inc)
    assert first[0].abs().sum() > 0
    try:
        for run in range(20):
            torch.set_num_threads(1 + run % 3)
            assert all(map(torch.equal, first, bits(inc))), run
    finally:
        torch.set_num_threads(threads)
    for seed in range(3):
        order = torch.randperm(len(sender), generator=torch.Generator().manual_seed(seed))
        shuffled = Incidence.from_edges(sender[order], receiver[order], 3000, 3000)
        assert all(map(torch.equal, first, bits(shuffled)))


@each_operation
def test_a_star_of_100000_edges_is_right_in_bfloat16(name):
    """A sum in bfloat16 would stop growing at 256."""
    leaves = 100_000
    inc = Incidence.from_edges(torch.arange(leaves), torch.zeros(leaves, dtype=torch.int64), leaves, 1)
    tensors = arguments(name, leaves, 1, heads=1, channels=4, dtype=torch.bfloat16)
    wide = [t.detach().double().requires_grad_() for t in tensors]
    got, expected = OPERATIONS[name](inc, *tensors), OPERATIONS[name](inc, *wide)
    assert got[0].dtype == torch.bfloat16 and got[1].dtype == torch.float32
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one.double(), two, rtol=0.01, atol=1e-4)
    ones = [torch.autograd.grad(y[0].sum(), t) for y, t in ((got, tensors), (expected, wide))]
    for one, two in zip(*ones, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one.double() - two).norm() <= 0.01 * two.norm() + 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
@each_operation
def test_scores_of_ten_thousand_overflow_nothing(name, backend, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc, tensors = relation(), arguments(name, SENDERS, RECEIVERS, dtype=torch.float32)
    bias = torch.full((inc.num_edges, HEADS), -1e4).index_fill(0, torch.arange(0, inc.num_edges, 3), 1e4)
    bias = bias.requires_grad_()
    got, expected = OPERATIONS[name](inc, *tensors, bias), by_loops(name, inc, tensors, bias)
    torch.testing.assert_close(got[0], expected[0], atol=2e-3, rtol=1e-3)
    assert all(grad.isfinite().all() for grad in gradients(got, [*tensors, bias]))


@pytest.mark.parametrize("backend", BACKENDS)
@each_operation
def test_a_bias_of_minus_infinity_removes_an_edge(name, backend, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc, tensors = relation(), arguments(name, SENDERS, RECEIVERS)
    keep = (torch.arange(inc.num_edges) % 3 > 0) & (inc.receiver != 0)  # receiver 0 loses all of its edges
    bias = torch.zeros(inc.num_edges, HEADS, dtype=torch.float64).masked_fill(~keep[:, None], -torch.inf)
    less = Incidence.from_edges(inc.sender[keep], inc.receiver[keep], SENDERS, RECEIVERS)
    got, expected = OPERATIONS[name](inc, *tensors, bias), OPERATIONS[name](less, *tensors)
    assert (got[1][0] == -torch.inf).all() and (got[0][0] == 0).all()
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)
    for one, two in zip(gradients(got, tensors), gradients(expected, tensors), strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_nan_is_not_hidden_and_stays_in_its_row(backend, poison, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc = relation()
    query, key, value = (t.detach().float() for t in arguments("dot", SENDERS, RECEIVERS))
    bias = torch.zeros(inc.num_edges, HEADS)
    bias[int(inc.ptr[1]), 0] = poison
    out, _ = edge_attention(inc, query, key, value, bias)
    clean, _ = edge_attention(inc, query, key, value)
    assert out[1, 0].isnan().all()
    out[1, 0] = clean[1, 0]
    torch.testing.assert_close(out, clean)


@pytest.mark.parametrize(("senders", "receivers", "edges"), [(0, 0, 0), (3, 4, 0), (0, 2, 0)])
@each_operation
def test_no_edges_and_no_nodes(name, senders, receivers, edges):
    nothing = torch.zeros(edges, dtype=torch.int64)
    inc = Incidence.from_edges(nothing, nothing, senders, receivers)
    tensors = arguments(name, senders, receivers)
    out, lse = OPERATIONS[name](inc, *tensors)
    assert out.shape[:2] == (receivers, HEADS) and (out == 0).all() and (lse == -torch.inf).all()
    assert all((grad == 0).all() for grad in torch.autograd.grad(out.sum(), tensors))


@pytest.mark.parametrize("causal", [False, True])
def test_on_complete_and_causal_graphs_it_is_scaled_dot_product_attention(causal):
    graph = Graph.causal([9, 5]) if causal else Graph.complete([9, 5])
    tensors = [normal(14, 3, 4, seed=place).requires_grad_() for place in range(3)]
    out, _ = OPERATIONS["dot"](graph.incidence, *tensors)
    parts = []
    for start, stop in ((0, 9), (9, 14)):
        q, k, v = (t[start:stop].transpose(0, 1) for t in tensors)
        dense = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        parts.append(dense.transpose(0, 1))
    expected = torch.cat(parts)
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=0)
    up = normal(*out.shape, seed=9)
    for one, two in zip(torch.autograd.grad(out, tensors, up), torch.autograd.grad(expected, tensors, up), strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)


def weights_of(inc: Incidence, rate: float, seed: int) -> Tensor:
    """The weights after dropout ``[e]`` where all scores are equal: each sender sends its own basis vector."""
    nodes = inc.num_senders
    scores, value = torch.zeros(inc.num_receivers, 1), torch.eye(nodes)[:, None]
    out, _ = gat_attention(inc, scores, torch.zeros(nodes, 1), value, dropout=rate, seed=torch.tensor(seed))
    return out[inc.receiver, 0, inc.sender]


@pytest.mark.parametrize("backend", BACKENDS)
def test_dropout_keeps_its_rate_and_the_mean(backend, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    graph, rate = Graph.complete(60), 0.3
    draws = torch.stack([60 * weights_of(graph.incidence, rate, seed) for seed in range(40)])
    kept = draws > 0
    count = kept.numel()
    assert abs(kept.double().mean() - (1 - rate)) < 4 * math.sqrt(rate * (1 - rate) / count)
    torch.testing.assert_close(draws[kept], torch.full((int(kept.sum()),), 1 / (1 - rate)))
    assert abs(draws.mean() - 1) < 4 * math.sqrt(rate / (1 - rate) / count)
    assert not torch.equal(kept[0], kept[1])


def test_dropout_drops_the_same_edges_on_all_backends_and_heads_differ(monkeypatch):
    inc = Graph.complete(20).incidence
    zeros, value = torch.zeros(20, 2), torch.eye(20)[:, None].expand(-1, 2, -1)
    masks = []
    for backend in BACKENDS:
        monkeypatch.setenv("GDL_KERNELS", backend)
        masks.append(gat_attention(inc, zeros, zeros, value, dropout=0.5, seed=torch.tensor(2**61 + 5))[0] > 0)
    assert torch.equal(*masks)
    assert not torch.equal(masks[0][:, 0], masks[0][:, 1])


def test_a_drawn_seed_follows_manual_seed():
    torch.manual_seed(4)
    first = new_seed()
    torch.manual_seed(4)
    assert torch.equal(first, new_seed()) and not torch.equal(first, new_seed())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch loads its own formulas
def test_forward_mode_and_torch_func_use_the_reference():
    inc, tensors = relation(), [t.detach() for t in arguments("dot", SENDERS, RECEIVERS)]

    def run(query: Tensor) -> Tensor:
        return OPERATIONS["dot"](inc, query, *tensors[1:])[0].square().sum()

    query = tensors[0].clone().requires_grad_()
    (expected,) = torch.autograd.grad(run(query), query)
    torch.testing.assert_close(torch.func.grad(run)(tensors[0]), expected)
    direction = normal(*query.shape, seed=4)
    slope = torch.func.jvp(run, (tensors[0],), (direction,))[1]
    torch.testing.assert_close(slope, (expected * direction).sum())


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"query": normal(4, 2, 3)}, ValueError, r"query \[5, any, any\]"),
        ({"key": normal(6, 3, 3)}, ValueError, r"key \[6, 2, 3\]"),
        ({"value": torch.ones(6, 2, 3, dtype=torch.int64)}, TypeError, "floating-point tensors, got value"),
        ({"bias": normal(17, 1)}, ValueError, r"bias \[17, 2\]"),
        ({"dropout": 1.0}, ValueError, r"rate in \[0, 1\), got 1.0"),
        ({"dropout": 0.5}, ValueError, "needs a seed"),
        ({"dropout": 0.5, "seed": torch.tensor([1.0])}, ValueError, "int64 with shape"),
    ],
)
def test_wrong_arguments_are_named(change, error, sentence):
    query, key, value = arguments("dot", SENDERS, RECEIVERS)
    given: dict[str, Any] = {"query": query, "key": key, "value": value} | change
    with pytest.raises(error, match=sentence):
        edge_attention(relation(), **given)


@pytest.mark.parametrize("name", ["dot", "gatv2"])
@pytest.mark.parametrize("same", [True, False])
def test_windows_of_receivers_give_the_gradients_of_the_whole(name, same, monkeypatch):
    """The gradients of scores are kept for a window of receivers at a time; here there are several windows."""
    from gdl_graphs.kernels import edge_attention_cpu as backend

    nodes, edges = 700, 150_000
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(nodes, (2, edges), generator=draw)
    receiver[: edges // 4] = 130  # a row that is longer than its share
    inc = Incidence.from_edges(sender, receiver, nodes, nodes)
    inputs = arguments(name, nodes, nodes)
    if name == "dot" and same:  # then a query and its gradient lie side by side
        inputs[2] = normal(nodes, HEADS, CHANNELS, seed=2).requires_grad_()
    found, windows, cut = {}, [], backend._windows
    monkeypatch.setattr(backend, "SMALL", 0)  # rows lie side by side only where no cache holds them
    monkeypatch.setattr(backend, "_windows", lambda *a: windows.append(cut(*a)[1]) or cut(*a))
    for choice in BACKENDS:
        monkeypatch.setenv("GDL_KERNELS", choice)
        out, lse = OPERATIONS[name](inc, *inputs, dropout=0.3, seed=torch.tensor(7))
        upstream = normal(*out.shape, seed=5)
        found[choice] = torch.autograd.grad((out * upstream).sum() + lse.square().sum(), inputs)
    assert len(windows[0]) > 1
    for one, two in zip(found["reference"], found["cpu"], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)
