"""Exact where it must be, bitwise repeatable, and faithful in half precision on a star of degree 100,000."""

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate, gather, reduce, segment_softmax
from torch import Tensor

LEAVES = 100_000


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def backend(request, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", request.param)
    return request.param


@pytest.fixture(scope="module")
def star() -> Incidence:
    """Every leaf sends to the only receiver."""
    return Incidence.from_edges(torch.arange(LEAVES), torch.zeros(LEAVES, dtype=torch.int64), LEAVES, 1)


def test_a_star_in_bfloat16_is_right_to_one_rounding(star):
    ones = torch.ones(LEAVES, 2, dtype=torch.bfloat16)
    total = torch.tensor(float(LEAVES)).bfloat16()
    assert aggregate(star, ones).eq(total).all()
    assert reduce(star, ones).eq(total).all()
    assert aggregate(star, ones, mean=True).eq(1).all()
    assert reduce(star, ones, "mean").eq(1).all()
    assert ones.sum(0, dtype=torch.float32)[0] == LEAVES
    stuck = torch.zeros(1, 2, dtype=torch.bfloat16).index_add(0, star.receiver, ones)
    assert stuck[0, 0] != total  # the control: accumulating in bfloat16 stops growing


def test_a_mean_in_float16_does_not_overflow(star):
    ones = torch.ones(LEAVES, 2, dtype=torch.float16)
    assert reduce(star, ones, "mean").eq(1).all()
    torch.testing.assert_close(aggregate(star, ones, mean=True).float(), torch.ones(1, 2), rtol=2**-10, atol=0)
    assert reduce(star, ones).isinf().all()  # the control: the sum is not a float16


def test_softmax_of_a_star_in_bfloat16_sums_to_one(star):
    p = segment_softmax(star, torch.zeros(LEAVES, dtype=torch.bfloat16))
    assert p.dtype == torch.bfloat16
    torch.testing.assert_close(p[0].float(), torch.tensor(1e-5), rtol=2**-8, atol=0)


def test_long_rows_in_float32_are_summed_in_blocks(backend, star):
    if backend == "reference":
        pytest.skip("the reference adds one by one")
    x = torch.rand(LEAVES, 4, generator=torch.Generator().manual_seed(0))
    exact = x.double().sum(0)
    error = (aggregate(star, x)[0].double() - exact).abs() / exact
    assert error.max() < 1e-6  # one by one it is about 2e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_results_keep_the_dtype_and_gradients_the_dtypes_of_their_tensors(dtype):
    inc = Incidence.from_edges(torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0]), 2, 3)
    x = torch.randn(2, 3, dtype=dtype, requires_grad=True)
    w = torch.randn(3, requires_grad=True)  # float32 whatever x is
    y = aggregate(inc, x, w)
    assert y.dtype == dtype
    for gradient, tensor in zip(torch.autograd.grad(y.sum(), [x, w]), [x, w], strict=True):
        assert gradient.dtype == tensor.dtype
    for reduction in ("sum", "mean", "max"):
        v = torch.randn(3, 2, dtype=dtype, requires_grad=True)
        (gradient,) = torch.autograd.grad(reduce(inc, v, reduction).sum(), v)  # type: ignore[arg-type]
        assert gradient.dtype == dtype


def everything(inc: Incidence, x: Tensor, w: Tensor) -> list[Tensor]:
    y = aggregate(inc, x, w)
    p = segment_softmax(inc, w)
    top = reduce(inc, gather(inc, x, "sender"), "max")  # x[inc.sender] would not: its gradient scatters
    return [y, p, top, *torch.autograd.grad((y * top).sum() + p.square().sum(), [x, w])]


def test_twenty_runs_and_any_number_of_threads_are_bitwise_equal(backend):
    if backend == "reference":
        pytest.skip("index_add on several threads promises nothing")
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(500, (2, 20_000), generator=g)
    receiver[:4000] = 7  # one long row
    inc = Incidence.from_edges(sender, receiver, 500, 500)
    x = torch.randn(500, 33, generator=g).requires_grad_()
    w = torch.randn(20_000, generator=g).requires_grad_()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = everything(inc, x, w)
        for run in range(20):
            torch.set_num_threads(1 + run % 4)
            for one, two in zip(first, everything(inc, x, w), strict=True):
                assert torch.equal(one, two)
    finally:
        torch.set_num_threads(threads)
