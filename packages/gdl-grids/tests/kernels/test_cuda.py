"""The Triton kernels of grids on a real GPU, through the layers that use them, against the CPU reference."""

import pytest
import torch
from gdl_grids import BlurPool, Grid, PolyphasePool, PolyphaseUp

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SHAPES = [(48,), (16, 24), (8, 6, 10)]


def both(monkeypatch, function, x):
    """Return value and gradient by the reference in float64 on the CPU, and by Triton in float32 on the GPU."""
    results = []
    for backend, device, dtype in (("reference", "cpu", torch.float64), ("cuda", "cuda", torch.float32)):
        monkeypatch.setenv("GDL_KERNELS", backend)
        value = x.to(device, dtype).requires_grad_()
        y = function(value)
        results.append((y, torch.autograd.grad(y.square().sum(), value)[0]))
    return results


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("boundary", ["periodic", "zero", "reflect"])
def test_blur_pool(monkeypatch, shape, boundary):
    pool, grid = BlurPool(3), Grid(shape, boundary)
    x = torch.randn(2, 3, *shape)
    for one, two in zip(*both(monkeypatch, lambda value: pool(value, grid)[0], x)):
        torch.testing.assert_close(two.cpu().double(), one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_polyphase_down_and_up(monkeypatch, shape):
    down, up = PolyphasePool(3), PolyphaseUp(3)
    x = torch.randn(2, 3, *shape)

    def there_and_back(value):
        return up(*down(value, Grid(shape)))[0]

    for one, two in zip(*both(monkeypatch, there_and_back, x)):
        torch.testing.assert_close(two.cpu().double(), one, rtol=1e-4, atol=1e-4)
