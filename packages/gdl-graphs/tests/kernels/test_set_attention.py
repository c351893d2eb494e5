"""Packed attention equals its definition sample by sample, on every backend, and differentiates to any order."""

import itertools

import pytest
import torch
from gdl_graphs.kernels.set_attention import _seen_in_batch, attend_dense, set_attention
from gdl_graphs.sets.packed import packed_attention

BATCHES = {
    "uneven": ([3, 0, 2, 5, 1, 3], [2, 4, 0, 5, 1, 2]),
    "equal": ([4, 4, 4], [4, 4, 4]),
    "equal-cross": ([2, 2], [5, 5]),
    "sorted": ([1, 2, 3], [3, 3, 1]),
    "no samples": ([], []),
    "no points": ([0, 0], [0, 0]),
    "no keys": ([2, 1], [0, 0]),
    "no queries": ([0, 0], [2, 1]),
}


def offsets(sizes):
    return torch.tensor([0, *itertools.accumulate(sizes)], dtype=torch.int32)


def inputs(sizes_q, sizes_k, heads=2, width=3, out_width=4, dtype=torch.float64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shapes = (sum(sizes_q), heads, width), (sum(sizes_k), heads, width), (sum(sizes_k), heads, out_width)
    tensors = [torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]
    return *tensors, offsets(sizes_q), offsets(sizes_k)


def by_definition(query, key, value, ptr_q, ptr_k, causal, scale):
    """Written with loops over samples, heads and queries, from the formula alone."""
    rows = []
    for (q0, q1), (k0, k1) in zip(itertools.pairwise(ptr_q.tolist()), itertools.pairwise(ptr_k.tolist())):
        for i in range(q0, q1):
            seen = range(k0, k1 - (q1 - 1 - i) if causal else k1)
            if not len(seen):
                rows.append(query.new_zeros(value.shape[1:]))
                continue
            keys, values = key[k0 : seen.stop], value[k0 : seen.stop]
            heads = []
            for h in range(query.shape[1]):
                weights = torch.exp(scale * keys[:, h] @ query[i, h])
                heads.append((weights / weights.sum()) @ values[:, h])
            rows.append(torch.stack(heads))
    return torch.stack(rows) if rows else query.new_zeros(0, *value.shape[1:])


@pytest.fixture(params=["reference", "cpu"])
def backend(request, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", request.param)
    return request.param


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", BATCHES)
def test_output_and_gradients_equal_the_definition(backend, name, causal):
    *tensors, ptr_q, ptr_k = inputs(*BATCHES[name])
    expected = by_definition(*tensors, ptr_q, ptr_k, causal, 0.7)
    got = packed_attention(*tensors, ptr_q, ptr_k, causal, 0.7)
    assert torch.allclose(got, expected, atol=1e-12, rtol=0)
    if not expected.requires_grad:
        assert not bool(got.any())
        return
    g = torch.randn(expected.shape, dtype=torch.float64)
    wanted = torch.autograd.grad(expected, tensors, g, allow_unused=True, materialize_grads=True)
    for one, two in zip(torch.autograd.grad(got, tensors, g), wanted):
        assert torch.allclose(one, two, atol=1e-12, rtol=0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["equal", "equal-cross"])
def test_known_sizes_give_what_offsets_give(backend, name, causal):
    sizes_q, sizes_k = BATCHES[name]
    *tensors, ptr_q, ptr_k = inputs(sizes_q, sizes_k)
    known = packed_attention(*tensors, ptr_q, ptr_k, causal, size=(sizes_q[0], sizes_k[0]))
    assert torch.allclose(known, packed_attention(*tensors, ptr_q, ptr_k, causal), atol=1e-14, rtol=0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["uneven", "equal"])
def test_derivatives_to_third_order(backend, name, causal):
    *tensors, ptr_q, ptr_k = inputs(*BATCHES[name], heads=1, width=2, out_width=2)

    def first(*tensors):
        y = packed_attention(*tensors, ptr_q, ptr_k, causal)
        return torch.autograd.grad(y.sin().sum(), tensors, create_graph=True)

    assert torch.autograd.gradcheck(lambda *t: packed_attention(*t, ptr_q, ptr_k, causal), tensors, fast_mode=True)
    assert torch.autograd.gradcheck(first, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(first, tensors, fast_mode=True)


def test_it_equals_pytorchs_attention_on_one_sample():
    query, key, value = (torch.randn(6, 2, 8, dtype=torch.float64) for _ in range(3))
    ptr = torch.tensor([0, 6], dtype=torch.int32)
    for causal in (False, True):
        dense = [t.transpose(0, 1) for t in (query, key, value)]
        expected = torch.nn.functional.scaled_dot_product_attention(*dense, is_causal=causal).transpose(0, 1)
        assert torch.allclose(packed_attention(query, key, value, ptr, ptr, causal), expected, atol=1e-13)


def test_the_last_query_sees_every_key_and_none_sees_a_later_one():
    query, key, value = (torch.randn(n, 1, 4, dtype=torch.float64) for n in (2, 5, 5))
    ptr_q, ptr_k = offsets([2]), offsets([5])
    causal = packed_attention(query, key, value, ptr_q, ptr_k, causal=True)
    assert torch.allclose(causal[1], packed_attention(query, key, value, ptr_q, ptr_k)[1], atol=1e-14)
    shorter = packed_attention(query[:1], key[:4], value[:4], offsets([1]), offsets([4]))
    assert torch.allclose(causal[0], shorter[0], atol=1e-14)


def test_huge_scores_stay_finite_and_nan_is_not_hidden(backend):
    *tensors, ptr_q, ptr_k = inputs([3, 2], [3, 2])
    query, key, value = (t.detach() for t in tensors)
    assert torch.isfinite(packed_attention(query * 1e4, key * 1e4, value, ptr_q, ptr_k)).all()
    key[0, 0, 0] = torch.nan
    got = packed_attention(query, key, value, ptr_q, ptr_k)
    assert got[:3, 0].isnan().all() and not got[3:].isnan().any() and not got[:, 1].isnan().any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_accumulated_in_float32(backend, dtype):
    *tensors, ptr_q, ptr_k = inputs([2, 3], [4000, 3000], width=8, out_width=8, dtype=dtype)
    exact = [t.detach().double().requires_grad_() for t in tensors]
    got, expected = packed_attention(*tensors, ptr_q, ptr_k), packed_attention(*exact, ptr_q, ptr_k)
    assert got.dtype == dtype
    assert torch.allclose(got.double(), expected, atol=1e-3, rtol=4e-3)
    grads = zip(torch.autograd.grad(got.sum(), tensors), torch.autograd.grad(expected.sum(), exact))
    for one, two in grads:
        assert float((one - two).norm() / two.norm()) < 0.02


def test_results_repeat_bit_for_bit(backend):
    *tensors, ptr_q, ptr_k = inputs([30, 7, 30, 12], [5, 40, 5, 13], width=16, out_width=16, dtype=torch.float32)
    runs = []
    for _ in range(3):
        y = packed_attention(*tensors, ptr_q, ptr_k)
        runs.append([y, *torch.autograd.grad(y.square().sum(), tensors)])
    assert all(torch.equal(a, b) for run in runs[1:] for a, b in zip(runs[0], run))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["uneven", "equal-cross", "no keys"])
def test_what_a_traced_program_computes_without_reading_offsets_is_the_same(name, causal):
    query, key, value, ptr_q, ptr_k = (t.detach() for t in inputs(*BATCHES[name]))
    seen = _seen_in_batch(ptr_q, ptr_k, len(query), len(key), causal)
    traced, lse = attend_dense(query, key, value, seen, 0.5)
    expected, expected_lse = set_attention.reference(query, key, value, ptr_q, ptr_k, causal, 0.5, -1, -1)
    assert torch.allclose(traced, expected, atol=1e-13) and torch.allclose(lse, expected_lse, atol=1e-13)


def test_opcheck():
    *tensors, ptr_q, ptr_k = inputs(*BATCHES["uneven"])
    torch.library.opcheck(set_attention.op, (*tensors, ptr_q, ptr_k, True, 0.5, -1, -1))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch.func warns about itself
def test_transforms_of_functions_run_the_reference():
    *tensors, ptr_q, ptr_k = inputs([3, 2], [2, 3])
    query, key, value = (t.detach() for t in tensors)
    function = lambda q: packed_attention(q, key, value, ptr_q, ptr_k)  # noqa: E731
    _, tangent = torch.func.jvp(function, (query,), (torch.ones_like(query),))
    step = 1e-6
    assert torch.allclose(tangent, (function(query + step) - function(query - step)) / (2 * step), atol=1e-8)


def test_bad_input_is_a_sentence():
    query, key, value, ptr_q, ptr_k = inputs([2, 2], [3, 1])
    with pytest.raises(ValueError, match="same heads"):
        packed_attention(query, key[:, :1], value, ptr_q, ptr_k)
    with pytest.raises(ValueError, match="expects query"):
        packed_attention(query[0], key, value, ptr_q, ptr_k)
    with pytest.raises(TypeError, match="one floating-point dtype"):
        packed_attention(query.float(), key, value, ptr_q, ptr_k)
    with pytest.raises(ValueError, match="same b"):
        packed_attention(query, key, value, ptr_q, ptr_k[:-1])
    with pytest.raises(ValueError, match="do not make"):
        packed_attention(query, key, value, ptr_q, ptr_k, size=(3, 2))
    for wrong in ([0, 2, 3], [1, 2, 4], [0, 5, 4]):
        with pytest.raises(ValueError, match=r"ptr_q must rise from 0 to the number of rows \(4\)"):
            packed_attention(query, key, value, torch.tensor(wrong), ptr_k)
