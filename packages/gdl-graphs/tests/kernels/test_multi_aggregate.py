"""Several aggregations in one read, against a dense oracle, with derivatives of two orders."""

from functools import partial

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate
from gdl_graphs.kernels.multi_aggregate import (
    AGGREGATIONS,
    aggregate_extreme,
    multi_aggregate,
    sender_statistics,
    sender_statistics_backward,
)
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

SENDERS, RECEIVERS, EDGES = 6, 7, 15
LEAVES = 100_000
CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def backend(request, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", request.param)
    return request.param


def some(seed: int = 0) -> Incidence:
    """Isolated receivers (0 and 6), an isolated sender (5), repeated edges and a receiver of one edge."""
    g = torch.Generator().manual_seed(seed)
    sender = torch.randint(SENDERS - 1, (EDGES,), generator=g)
    receiver = torch.randint(2, RECEIVERS - 1, (EDGES,), generator=g)
    sender[1], receiver[1] = sender[0], receiver[0]
    receiver[2] = 1
    return Incidence.from_edges(sender, receiver, SENDERS, RECEIVERS)


def randn(*shape: int, seed: int = 1) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_()


def oracle(incidence: Incidence, x: Tensor, weight: Tensor | None, eps: float = 1e-5) -> Tensor:
    """Receiver by receiver, with torch's own functions."""
    messages = x[incidence.sender.long()]
    messages = messages if weight is None else messages * weight[:, None]
    rows = []
    for m in messages.split(incidence.degree().tolist()):
        if not len(m):
            rows.append(x.new_zeros(6, x.shape[1]))
            continue
        var = m.var(0, correction=0)
        rows.append(torch.stack([m.sum(0), m.mean(0), var, (var + eps).sqrt(), m.max(0).values, m.min(0).values]))
    return torch.stack(rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_statistic_equals_the_dense_one_in_the_order_asked_for(weighted):
    inc, x = some(), randn(SENDERS, 3)
    weight = randn(EDGES, seed=2) if weighted else None
    expected = oracle(inc, x, weight)
    torch.testing.assert_close(multi_aggregate(inc, x, AGGREGATIONS, weight), expected)
    for what in [("max",), ("std", "sum"), ("min", "mean", "max"), ("var",), ("sum", "sum")]:
        got = multi_aggregate(inc, x, what, weight)
        torch.testing.assert_close(got, expected[:, [AGGREGATIONS.index(name) for name in what]])
    for name in ("max", "min"):
        got = aggregate_extreme(inc, x, name, weight)
        torch.testing.assert_close(got, expected[:, AGGREGATIONS.index(name)])


def statistics(incidence: Incidence, what: tuple, x: Tensor, weight: Tensor | None = None) -> Tensor:
    return multi_aggregate(incidence, x, what, weight, eps=0.1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_equals_that_of_the_dense_oracle(weighted):
    inc, inputs = some(), [randn(SENDERS, 3)] + [randn(EDGES, seed=2)] * weighted
    weight = inputs[1] if weighted else None
    upstream = randn(RECEIVERS, 6, 3, seed=3).detach()
    got = torch.autograd.grad(multi_aggregate(inc, inputs[0], AGGREGATIONS, weight), inputs, upstream)
    if not weighted:  # torch splits the gradient of a tie, and repeated edges tie
        weight = torch.ones(EDGES).double() + 1e-13 * torch.arange(EDGES, 0, -1)
    expected = torch.autograd.grad(oracle(inc, inputs[0], weight), inputs, upstream)
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    "what", [("sum",), ("max",), ("min", "max"), ("mean", "var"), ("std", "mean", "max", "min")], ids="-".join
)
def test_two_derivatives(what):
    inc, x, w = some(), randn(SENDERS, 2), randn(EDGES, seed=2)
    for inputs in ((x,), (x, w)):
        function = partial(statistics, inc, what)
        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs)


def test_the_derivative_of_a_maximum_is_piecewise_constant():
    inc, x = some(), randn(SENDERS, 2)
    (first,) = torch.autograd.grad(aggregate_extreme(inc, x).sum(), x, create_graph=True)
    assert first.sum() == 2 * 5  # one winner in each of five rows and two channels
    assert not first.requires_grad or torch.autograd.grad(first.sum(), x, allow_unused=True)[0] in (None, 0)


def test_the_first_of_equal_messages_gets_the_gradient():
    inc = Incidence.from_edges(torch.tensor([2, 0, 1]), torch.zeros(3, dtype=torch.int64), 3, 1)
    x = torch.tensor([[1.0], [3.0], [3.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(aggregate_extreme(inc, x, "max").sum(), x)
    assert grad[:, 0].tolist() == [0, 1, 0]
    (grad,) = torch.autograd.grad(aggregate_extreme(inc, -x, "min").sum(), x)
    assert grad[:, 0].tolist() == [0, -1, 0]


def test_a_nan_is_not_hidden_and_stays_in_its_row():
    inc = Incidence.from_edges(torch.tensor([0, 1, 2, 0]), torch.tensor([0, 0, 0, 1]), 3, 3)
    x = torch.tensor([[1.0], [torch.nan], [5.0]], requires_grad=True)
    y = multi_aggregate(inc, x, AGGREGATIONS)
    assert y[0].isnan().all()
    assert y[1, :, 0].tolist() == pytest.approx([1, 1, 0, 1e-5**0.5, 1, 1])
    assert y[2].eq(0).all()
    (grad,) = torch.autograd.grad(multi_aggregate(inc, x, ("max",))[0].sum(), x)
    assert grad[:, 0].tolist() == [0, 1, 0]


def test_infinities_are_extremes():
    inc = Incidence.from_edges(torch.tensor([0, 1]), torch.tensor([0, 0]), 2, 1)
    x = torch.full((2, 1), -torch.inf)
    assert aggregate_extreme(inc, x, "max").item() == -torch.inf
    assert aggregate_extreme(inc, -x, "min").item() == torch.inf


@pytest.mark.parametrize("degree", [7, 1000])
def test_the_variance_of_a_small_spread_about_a_large_mean_does_not_cancel(degree):
    spread = torch.arange(degree) % 4
    inc = Incidence.from_edges(torch.arange(degree), torch.zeros(degree, dtype=torch.int64), degree, 1)
    x = (4096 + spread * 2.0**-6)[:, None]  # exact in float32
    expected = spread.double().var(correction=0) * 2.0**-12
    got = multi_aggregate(inc, x, ("var",)).double().squeeze()
    assert abs(got / expected - 1) < 0.01
    naive = x.square().mean() - x.mean().square()  # the control
    assert abs(naive.double() / expected - 1) > 0.9


def star() -> Incidence:
    return Incidence.from_edges(torch.arange(LEAVES), torch.zeros(LEAVES, dtype=torch.int64), LEAVES, 1)


def test_a_star_of_a_hundred_thousand_leaves_is_right_in_bfloat16():
    x = (1 + torch.arange(LEAVES) % 2).bfloat16()[:, None].requires_grad_()
    y = multi_aggregate(star(), x, AGGREGATIONS, eps=0)
    assert y.dtype == torch.bfloat16
    expected = torch.tensor([1.5 * LEAVES, 1.5, 0.25, 0.5, 2, 1]).bfloat16()
    assert torch.equal(y[0, :, 0], expected)
    half = multi_aggregate(star(), x.detach().half(), ("mean", "var"))
    assert half[0, :, 0].tolist() == [1.5, 0.25]  # though the sum is no float16
    (grad,) = torch.autograd.grad(y[0, 1], x)
    torch.testing.assert_close(grad, torch.full_like(x, 1 / LEAVES))


def test_long_rows_in_float32_lose_nothing():
    x = torch.rand(LEAVES, 3, generator=torch.Generator().manual_seed(0))
    exact = multi_aggregate(star(), x.double(), AGGREGATIONS)
    assert ((multi_aggregate(star(), x, AGGREGATIONS) - exact) / exact).abs()[:, :4].max() < 2e-5


def test_twenty_runs_and_any_number_of_threads_are_bitwise_equal(backend):
    if backend == "reference":
        pytest.skip("index_add on several threads promises nothing")
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(500, (2, 20_000), generator=g)
    receiver[:4000], sender[4000:8000] = 7, 9
    inc = Incidence.from_edges(sender, receiver, 500, 500)
    x = torch.randn(500, 9, generator=g).requires_grad_()
    w = torch.randn(20_000, generator=g).requires_grad_()
    threads = torch.get_num_threads()
    try:
        results = []
        for run in range(20):
            torch.set_num_threads(1 + run % 4)
            y = multi_aggregate(inc, x, AGGREGATIONS, w)
            results.append([y, *torch.autograd.grad(y.square().sum(), [x, w])])
        for later in results[1:]:
            assert all(torch.equal(one, two) for one, two in zip(results[0], later, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_no_tensor_of_all_messages_is_made(backend):
    if backend == "reference":
        pytest.skip("the reference is the specification, which stores the messages")
    edges, channels = 4000, 8
    sender, receiver = torch.randint(50, (2, edges), generator=torch.Generator().manual_seed(0))
    inc = Incidence.from_edges(sender, receiver, 50, 50)
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            for value in out if isinstance(out, (tuple, list)) else [out]:
                largest = max(largest, value.numel() if isinstance(value, Tensor) else 0)
            return out

    x = torch.randn(50, channels, requires_grad=True)
    with Watch():
        y = multi_aggregate(inc, x, AGGREGATIONS)
        torch.autograd.grad(y.square().sum(), x)
    assert largest < edges * channels


@pytest.mark.parametrize(("edges", "senders", "receivers"), [(0, 3, 3), (0, 0, 0), (0, 0, 2), (0, 2, 0)])
def test_zero_edges_and_zero_ends(edges, senders, receivers):
    none = torch.zeros(edges, dtype=torch.int64)
    inc = Incidence.from_edges(none, none, senders, receivers)
    x, w = torch.randn(senders, 4, requires_grad=True), torch.randn(0, requires_grad=True)
    for weight in (None, w):
        y = multi_aggregate(inc, x, AGGREGATIONS, weight)
        assert y.shape == (receivers, 6, 4)
        assert y.eq(0).all()
        (grad,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        assert grad.shape == x.shape
        assert grad.eq(0).all()


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_any_number_of_trailing_axes(shape):
    inc, x = some(), randn(SENDERS, *shape)
    y = multi_aggregate(inc, x, ("mean", "max"))
    assert y.shape == (RECEIVERS, 2, *shape)
    torch.testing.assert_close(y[:, 0], aggregate(inc, x, mean=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_opcheck(weighted):
    inc = some()
    relation = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
    x = torch.randn(SENDERS, 3, requires_grad=True)
    w = torch.randn(EDGES, requires_grad=True) if weighted else None
    for flags in [(True, True, True, True), (False, False, True, False), (True, False, False, False)]:
        values, edge = sender_statistics(*relation, x.detach(), w, *flags)
        g = torch.randn(values.shape, requires_grad=True)
        for kernel, arguments in (
            (sender_statistics, (*relation, x, w, *flags)),
            (sender_statistics_backward, (*relation, x, w, g, edge, *flags)),
        ):
            results = torch.library.opcheck(kernel.op, arguments, test_utils=CHECKS)
            assert set(results.values()) == {"SUCCESS"}, (kernel, flags, results)


def test_a_function_of_it_compiles_without_a_break():
    inc, x = some(), randn(SENDERS, 3)

    def function(x):
        return multi_aggregate(inc, x, AGGREGATIONS).square().sum()

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(torch.autograd.grad(compiled(x), x), torch.autograd.grad(function(x), x))


def test_misfits_are_sentences():
    inc, x = some(), torch.randn(SENDERS, 3)
    with pytest.raises(ValueError, match=r"names among sum, mean, var, std, max, min, got \('median',\)"):
        multi_aggregate(inc, x, ("median",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got 'sum'"):
        multi_aggregate(inc, x, "sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got \(\)"):
        multi_aggregate(inc, x, ())
    with pytest.raises(ValueError, match=r"x must have one row for each of the 6 senders"):
        multi_aggregate(inc, x[1:], ("sum",))
    with pytest.raises(ValueError, match=r"one weight\[e\] for each edge, got \[15, 2\]"):
        multi_aggregate(inc, x, ("sum",), torch.ones(EDGES, 2))
    with pytest.raises(TypeError, match=r"x must be a floating-point tensor"):
        multi_aggregate(inc, x.long(), ("sum",))
    with pytest.raises(ValueError, match=r"'max' or 'min', got 'sum'"):
        aggregate_extreme(inc, x, "sum")  # type: ignore[arg-type]
