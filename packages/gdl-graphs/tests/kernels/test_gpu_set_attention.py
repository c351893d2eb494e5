"""The Triton kernels of attention within samples on a real GPU, against the reference in float64 on the CPU."""

import pytest
import torch
from gdl_graphs.sets.packed import packed_attention
from torch import Tensor

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SIZES = ([3, 0, 137, 1, 20, 64], [5, 4, 135, 0, 33, 64])
HEADS, DEPTH, CHANNELS = 3, 20, 33


def offsets(sizes: list[int]) -> Tensor:
    return torch.tensor([0, *sizes]).cumsum(0).int()


def tensors(dtype: torch.dtype) -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    n, m = (sum(sizes) for sizes in SIZES)
    shapes = ((n, HEADS, DEPTH), (m, HEADS, DEPTH), (m, HEADS, CHANNELS))
    return [torch.randn(*shape, generator=g).to(dtype) for shape in shapes]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_values_and_gradients_agree_with_the_reference(causal, dtype, monkeypatch):
    inputs, results = tensors(dtype), []
    for device, backend, precision in (("cpu", "reference", torch.float64), ("cuda", "cuda", dtype)):
        monkeypatch.setenv("GDL_KERNELS", backend)
        at = [value.to(device, precision).requires_grad_() for value in inputs]
        ptr_q, ptr_k = (offsets(sizes).to(device) for sizes in SIZES)
        y = packed_attention(at[0], at[1], at[2], ptr_q, ptr_k, causal)
        upstream = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape).to(device, precision)
        results.append([value.detach().cpu().double() for value in (y, *torch.autograd.grad(y, at, upstream))])
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10, torch.bfloat16: 5e-2}[dtype]
    for one, two in zip(*results, strict=True):
        assert float((one - two).abs().max() / one.abs().max()) < tolerance


def test_twenty_runs_are_bitwise_equal_and_none_waits_for_the_device():
    at = [value.cuda().requires_grad_() for value in tensors(torch.float32)]
    ptr_q, ptr_k = (offsets(sizes).cuda() for sizes in SIZES)
    results = []
    packed_attention(at[0], at[1], at[2], ptr_q, ptr_k).sum().backward()  # compiled before the device is watched
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            y = packed_attention(at[0], at[1], at[2], ptr_q, ptr_k)
            results.append((y, *torch.autograd.grad(y.square().sum(), at)))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for later in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], later, strict=True))
