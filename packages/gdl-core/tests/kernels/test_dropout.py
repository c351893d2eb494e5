"""Dropout by counters: Philox's published words, one mask on every backend, and any number of derivatives."""

from pathlib import Path

import pytest
import torch
from gdl_core.geometry import Dropout
from gdl_core.kernels.dropout import dropout, dropout_kernel
from gdl_core.kernels.philox import keep, keep_range, philox
from gdl_core.representations import FieldType

SEED = torch.tensor(2**61 + 12345)


def test_philox_gives_the_words_of_its_published_test_vectors():
    """Salmon et al. 2011, known answers of Philox4x32-10 (Random123, kat_vectors): key and counter zero."""
    zero = philox(torch.tensor(0), torch.tensor(0))
    assert [hex(word) for word in zero.tolist()] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_the_compiled_philox_equals_the_reference():
    numba = pytest.importorskip("numba")
    assert numba
    import numpy as np
    from gdl_core.kernels.philox_cpu import philox as compiled
    from gdl_core.kernels.philox_cpu import philox_block

    words = np.empty((4, 8), np.uint32)
    philox_block(np.uint64(SEED.item()), np.uint64(2**33 - 4), words)
    for j in range(8):
        expected = philox(SEED, torch.tensor(2**33 - 4 + j)).tolist()
        assert [int(w) for w in compiled(np.uint64(SEED.item()), np.uint64(2**33 - 4 + j))] == expected
        assert words[:, j].tolist() == expected


@pytest.mark.parametrize("count", [0, 1, 5, 2047, 2048, 2049, 300_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_reference_and_cpu_agree_bit_for_bit_for_any_number_of_threads(count, dtype):
    x = torch.randn(count, dtype=dtype)
    expected = dropout_kernel.reference(x, SEED, 0.3)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert torch.equal(dropout_kernel.backend("cpu")(x, SEED, 0.3), expected)
    finally:
        torch.set_num_threads(before)


def test_the_triton_kernel_agrees_in_the_interpreter(run_triton):
    run_triton(Path(__file__).with_name("dropout_triton.py"), "interpret")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_triton_kernel_agrees_on_the_device():
    x = torch.randn(100_001, device="cuda")
    expected = dropout_kernel.reference(x.cpu(), SEED, 0.6)
    assert torch.equal(dropout_kernel(x, SEED.cuda(), 0.6).cpu(), expected)


def test_the_rate_is_kept_the_mean_is_kept_and_words_are_independent():
    mask = keep_range(SEED, 1 << 20, 0.3).double()
    assert abs(float(mask.mean()) - 0.7) < 5 * (0.21 / (1 << 20)) ** 0.5
    pairs = (mask[:-1] * mask[1:]).mean() - mask.mean() ** 2
    assert abs(float(pairs)) < 5e-3
    visited = keep(SEED, torch.arange(1 << 18), 0.3).double()
    assert abs(float(visited.mean()) - 0.7) < 5 * (0.21 / (1 << 18)) ** 0.5
    assert abs(float(dropout(torch.ones(1 << 18), 0.6).mean()) - 1) < 0.02


def test_one_seed_gives_one_mask_and_the_next_call_another():
    x = torch.ones(1000)
    torch.manual_seed(0)
    one, two = dropout(x, 0.5), dropout(x, 0.5)
    torch.manual_seed(0)
    assert torch.equal(one, dropout(x, 0.5))
    assert not torch.equal(one, two)


def test_derivatives_of_first_and_second_order():
    x = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)

    def cube(x):
        return dropout_kernel(x, SEED, 0.4) ** 3

    assert torch.autograd.gradcheck(cube, x)
    assert torch.autograd.gradgradcheck(cube, x)


def test_opcheck_and_a_layout_that_is_not_contiguous():
    x = torch.randn(6, 4)
    torch.library.opcheck(dropout_kernel.op, (x.requires_grad_(), SEED, 0.4))
    turned = torch.randn(4, 6).T
    assert torch.equal(dropout_kernel(turned, SEED, 0.4), dropout_kernel(turned.contiguous(), SEED, 0.4))


def test_bad_rates_and_dtypes_are_refused():
    with pytest.raises(ValueError, match="rate in"):
        dropout(torch.ones(3), 1.0)
    with pytest.raises(TypeError, match="int64"):
        dropout(torch.ones(3, dtype=torch.int64), 0.5)


def test_the_layer_drops_whole_copies_of_a_field_and_nothing_in_evaluation():
    from gdl_core import DihedralGroup

    layer = Dropout(FieldType(DihedralGroup(4), "5xtrivial+7xstandard"), 0.5)
    x = torch.ones(100, layer.in_type.channels)
    assert layer.eval()(x) is x
    vectors = layer.train()(x)[:, 5:].unflatten(1, (-1, 7))
    assert bool((vectors == vectors[:, :1]).all())
    assert 0.3 < float((vectors == 0).double().mean()) < 0.7
