"""Aggregation, reductions and softmax against a dense float64 oracle, with derivatives of two orders."""

from functools import partial

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate, broadcast, edge_dot, gather, reduce, segment_softmax
from gdl_core.incidence import kernels as k
from torch import Tensor
from torch.autograd import forward_ad, gradcheck, gradgradcheck

SENDERS, RECEIVERS, EDGES = 5, 6, 14


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def backend(request, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", request.param)
    return request.param


def some(seed: int = 0, edges: int = EDGES) -> Incidence:
    """Isolated receivers (0 and 5), an isolated sender (4), and repeated edges."""
    g = torch.Generator().manual_seed(seed)
    sender = torch.randint(SENDERS - 1, (edges,), generator=g)
    receiver = torch.randint(1, RECEIVERS - 1, (edges,), generator=g)
    sender[1], receiver[1] = sender[0], receiver[0]
    return Incidence.from_edges(sender, receiver, SENDERS, RECEIVERS)


def randn(*shape: int, seed: int = 1) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_()


def one_hot(incidence: Incidence) -> Tensor:
    """[m, e], 1 where the edge belongs to the receiver."""
    return (incidence.receiver == torch.arange(RECEIVERS)[:, None]).double()


def check_derivatives(function, *inputs: Tensor) -> None:
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_aggregate_equals_the_dense_product():
    inc, x, w = some(), randn(SENDERS, 3), randn(EDGES, seed=2)
    torch.testing.assert_close(aggregate(inc, x), inc.to_dense(torch.ones(EDGES).double()) @ x)
    torch.testing.assert_close(aggregate(inc, x, w), inc.to_dense(w) @ x)
    mean = (inc.to_dense(w) @ x) / inc.degree().clamp(min=1)[:, None]
    torch.testing.assert_close(aggregate(inc, x, w, mean=True), mean)
    assert aggregate(inc, x)[[0, 5]].eq(0).all()  # receivers without edges


def test_aggregate_per_head_equals_one_dense_product_per_head():
    inc, x, w = some(), randn(SENDERS, 2, 3), randn(EDGES, 2, seed=2)
    expected = torch.stack([inc.to_dense(w[:, h]) @ x[:, h] for h in range(2)], 1)
    torch.testing.assert_close(aggregate(inc, x, w), expected)


def test_aggregate_has_two_derivatives():
    inc = some()
    check_derivatives(partial(aggregate, inc), randn(SENDERS, 2))
    check_derivatives(partial(aggregate, inc), randn(SENDERS, 2), randn(EDGES, seed=2))
    check_derivatives(partial(aggregate, inc), randn(SENDERS, 2, 2), randn(EDGES, 2, seed=2))
    check_derivatives(partial(aggregate, inc, mean=True), randn(SENDERS, 1), randn(EDGES, seed=2))


def test_edge_dot_equals_the_dense_scores_and_has_two_derivatives():
    inc, a, b = some(), randn(RECEIVERS, 2, 3), randn(SENDERS, 2, 3, seed=2)
    scores = torch.einsum("mhc,nhc->mnh", a, b)
    torch.testing.assert_close(edge_dot(inc, a, b), scores[inc.receiver, inc.sender])
    torch.testing.assert_close(edge_dot(inc, a[:, 0], b[:, 0]), scores[inc.receiver, inc.sender, 0])
    check_derivatives(partial(edge_dot, inc), a, b)


def test_transposed_kernels_equal_the_kernels_of_the_transpose():
    inc, x, w = some(), randn(RECEIVERS, 1, 3), randn(EDGES, 1, seed=2)
    s = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
    back = k.aggregate_kernel(*s, x, w, True)[:, 0]
    torch.testing.assert_close(back, aggregate(inc.transpose(), x[:, 0], w[inc.perm.long(), 0]))
    transposed = partial(k.aggregate_kernel, *s)
    check_derivatives(lambda x, w: transposed(x, w, True), x, w)


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_gather_is_indexing_and_has_two_derivatives(end):
    inc, x = some(), randn(SENDERS if end == "sender" else RECEIVERS, 2, 2)
    torch.testing.assert_close(gather(inc, x, end), x[getattr(inc, end)])
    check_derivatives(partial(gather, inc, end=end), x)


@pytest.mark.parametrize("rows", ["incidence", "ptr"])
def test_sum_and_mean_equal_the_dense_ones_and_have_two_derivatives(rows):
    inc, v = some(), randn(EDGES, 3)
    where = inc if rows == "incidence" else inc.ptr.long()
    total = one_hot(inc) @ v
    torch.testing.assert_close(reduce(where, v), total)
    torch.testing.assert_close(reduce(where, v, "mean"), total / inc.degree().clamp(min=1)[:, None])
    check_derivatives(partial(reduce, where), v)
    check_derivatives(lambda v: reduce(where, v, "mean"), v)


@pytest.mark.parametrize("rows", ["incidence", "ptr"])
def test_the_variance_is_the_biased_one_of_each_row_and_has_two_derivatives(rows):
    inc, v = some(), randn(EDGES, 3)
    where = inc if rows == "incidence" else inc.ptr
    expected = [part.var(0, correction=0) if len(part) else v.new_zeros(3) for part in v.split(inc.degree().tolist())]
    torch.testing.assert_close(reduce(where, v, "var"), torch.stack(expected))
    check_derivatives(lambda v: reduce(where, v, "var"), v)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_variance_of_a_long_row_does_not_cancel(dtype):
    v = (1024 + torch.arange(100_000) % 2 * 8).to(dtype)  # the square of a mean is no float16
    assert reduce(torch.tensor([0, 0, 100_000]), v, "var").tolist() == [0, 16]


@pytest.mark.parametrize("rows", ["incidence", "ptr"])
def test_broadcast_gives_each_edge_the_value_of_its_row_and_is_the_adjoint_of_the_sum(rows):
    inc, x, v = some(), randn(RECEIVERS, 2, 2), randn(EDGES, 2, 2, seed=2)
    where = inc if rows == "incidence" else inc.ptr.long()
    y = broadcast(where, x, EDGES)
    torch.testing.assert_close(y, x.repeat_interleave(inc.degree().long(), 0))
    torch.testing.assert_close((y * v).sum(), (x * reduce(where, v, "sum")).sum())
    (grad,) = torch.autograd.grad(y, x, v)
    torch.testing.assert_close(grad, reduce(where, v, "sum"))
    check_derivatives(lambda x: broadcast(where, x, EDGES).sin(), x)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_broadcast_takes_any_number_of_trailing_axes_and_no_edges(shape):
    assert broadcast(some(), randn(RECEIVERS, *shape), EDGES).shape == (EDGES, *shape)
    assert broadcast(torch.tensor([0, 0, 0]), randn(2, *shape), 0).shape == (0, *shape)
    assert broadcast(torch.tensor([0]), randn(0, *shape), 0).shape == (0, *shape)


@pytest.mark.parametrize("reduction", ["max", "min"])
def test_extremes_equal_the_dense_ones_and_fill_empty_rows(reduction):
    inc, v = some(), randn(EDGES, 3)
    worst = -torch.inf if reduction == "max" else torch.inf
    table = torch.where(one_hot(inc)[:, :, None] == 1, v, worst)
    expected = getattr(table, reduction)(1).values
    expected = torch.where(inc.degree()[:, None] == 0, -7.0, expected)
    torch.testing.assert_close(reduce(inc, v, reduction, fill=-7.0), expected)
    assert reduce(inc.ptr, v, reduction)[0].eq(0).all()  # the default fill
    check_derivatives(lambda v: reduce(inc, v, reduction), v)


def test_the_first_of_equal_maxima_gets_the_gradient():
    v = torch.tensor([[1.0], [3.0], [3.0], [2.0]], requires_grad=True)
    ptr = torch.tensor([0, 4, 4])
    (grad,) = torch.autograd.grad(reduce(ptr, v, "max").sum(), v)
    assert grad[:, 0].tolist() == [0, 1, 0, 0]
    (grad,) = torch.autograd.grad(reduce(ptr, -v, "min").sum(), v)
    assert grad[:, 0].tolist() == [0, -1, 0, 0]


def test_a_nan_is_not_hidden():
    v = torch.tensor([1.0, torch.nan, 5.0, 2.0])
    ptr = torch.tensor([0, 3, 4])
    for reduction in ("sum", "mean", "var", "max", "min"):
        y = reduce(ptr, v, reduction)  # type: ignore[arg-type]
        assert y[0].isnan()
        assert y[1] == (0 if reduction == "var" else 2)
    assert segment_softmax(ptr, v).isnan().tolist() == [True, True, True, False]


def test_softmax_equals_the_dense_one_and_has_two_derivatives():
    inc, s = some(), randn(EDGES, 2)
    table = torch.where(one_hot(inc)[:, :, None] == 1, s, -torch.inf).softmax(1)
    torch.testing.assert_close(segment_softmax(inc, s), table[inc.receiver, torch.arange(EDGES)])
    torch.testing.assert_close(reduce(inc, segment_softmax(inc, s))[1:5], torch.ones(4, 2).double())
    check_derivatives(partial(segment_softmax, inc.ptr), s)


def test_softmax_of_huge_logits_is_finite():
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 3.0])
    p = segment_softmax(torch.tensor([0, 3, 3, 4, 5]), logits)
    assert p.tolist() == [0.5, 0, 0.5, 1, 1]


@pytest.mark.parametrize("shape", [(0, 3, 3), (0, 0, 0), (0, 0, 2), (0, 2, 0)])
def test_zero_edges_and_zero_ends(shape):
    edges, senders, receivers = shape
    none = torch.zeros(edges, dtype=torch.int64)
    inc = Incidence.from_edges(none, none, senders, receivers)
    x = torch.randn(senders, 4, requires_grad=True)
    w = torch.randn(0, requires_grad=True)
    y = aggregate(inc, x, w)
    assert y.shape == (receivers, 4)
    assert y.eq(0).all()
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.eq(0).all()
    assert gather(inc, x, "sender").shape == (0, 4)
    for reduction in ("sum", "mean", "var", "max", "min"):
        assert reduce(inc, torch.zeros(0, 4), reduction).shape == (receivers, 4)  # type: ignore[arg-type]
    assert segment_softmax(inc, torch.zeros(0, 2)).shape == (0, 2)
    assert edge_dot(inc, torch.randn(receivers, 4), x).shape == (0,)


@pytest.mark.parametrize("channels", [(0,), (), (2, 3, 4)])
def test_any_number_of_trailing_axes(channels):
    inc, x = some(), randn(SENDERS, *channels)
    torch.testing.assert_close(
        aggregate(inc, x), x.new_zeros(RECEIVERS, *channels).index_add(0, inc.receiver, x[inc.sender])
    )
    assert reduce(inc, randn(EDGES, *channels), "max").shape == (RECEIVERS, *channels)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch.func itself
def test_forward_mode_and_func_transforms_work_through_the_reference():
    inc, x, w = some(), randn(SENDERS, 3).detach(), randn(EDGES, seed=2).detach()
    tangent = torch.ones_like(x)
    _, by_func = torch.func.jvp(lambda x: aggregate(inc, x, w), (x,), (tangent,))
    torch.testing.assert_close(by_func, aggregate(inc, tangent, w))
    with forward_ad.dual_level():
        dual = segment_softmax(inc, forward_ad.make_dual(w, torch.ones_like(w)))
        slope = forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(slope, torch.zeros_like(w), atol=1e-12, rtol=0)  # softmax ignores a constant
    many = torch.func.vmap(lambda x: reduce(inc, gather(inc, x, "sender"), "max"))(torch.stack([x, 2 * x]))
    torch.testing.assert_close(many[0], reduce(inc, gather(inc, x, "sender"), "max"))


def test_misfits_are_sentences():
    inc, x = some(), torch.randn(SENDERS, 3)
    with pytest.raises(ValueError, match=r"x must have one row for each of the 5 senders, got the shape \[6, 3\]"):
        aggregate(inc, torch.randn(6, 3))
    with pytest.raises(TypeError, match=r"x must be a floating-point tensor, got torch.int64"):
        aggregate(inc, torch.ones(SENDERS, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"x is on meta, its senders are on cpu; move one of them"):
        aggregate(inc, x.to("meta"))
    with pytest.raises(ValueError, match=r"weight must have one row for each of the 14 edges"):
        aggregate(inc, x, torch.ones(3))
    with pytest.raises(ValueError, match=r"weight\[e, h\] with x\[n, h, c\], got weight\[14, 2\]"):
        aggregate(inc, x, torch.ones(EDGES, 2))
    with pytest.raises(ValueError, match=r"edge_dot expects"):
        edge_dot(inc, torch.ones(RECEIVERS, 2), torch.ones(SENDERS, 3))
    with pytest.raises(ValueError, match=r"got 'median'"):
        reduce(inc, torch.ones(EDGES), "median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"x must have one row for each of the 6 rows, got the shape \[5, 3\]"):
        broadcast(inc, x, EDGES)
    with pytest.raises(TypeError, match=r"x must be a floating-point tensor, got torch.int64"):
        broadcast(inc, torch.ones(RECEIVERS, dtype=torch.int64), EDGES)
    with pytest.raises(ValueError, match=r"broadcast to 3 edges, but the incidence has 14"):
        broadcast(inc, torch.ones(RECEIVERS), 3)
    with pytest.raises(ValueError, match=r"got 'both'"):
        gather(inc, x, "both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"ptr must be integers"):
        reduce(torch.ones(3), torch.ones(EDGES))


@pytest.mark.parametrize("ptr", [[0, 3], [1, 4], [0, 5, 4], [0, 2, 1, 4]])
def test_offsets_that_would_read_past_the_end_are_refused_on_the_cpu(ptr, backend):
    if backend == "reference":
        pytest.skip("the reference indexes by searchsorted, which cannot read past the end")
    for function in (reduce, segment_softmax, lambda ptr, x: broadcast(ptr, x[: len(ptr) - 1], 4)):
        with pytest.raises(ValueError, match=r"ptr must rise from 0 to the number of rows of the values \(4\)"):
            function(torch.tensor(ptr), torch.ones(4))
