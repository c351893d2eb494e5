"""Run by test_dropout.py in Triton's interpreter, which has to be chosen before Triton is imported."""

import torch
from gdl_core.kernels.dropout import dropout_kernel

SEED = torch.tensor(2**61 + 12345)
for dtype in (torch.float32, torch.float64, torch.bfloat16):
    for count in (0, 5, 2048, 5000):
        x = torch.randn(count, dtype=dtype)
        expected = dropout_kernel.reference(x, SEED, 0.3)
        got = dropout_kernel.backend("cuda")(x, SEED, 0.3)
        assert torch.equal(got == 0, expected == 0), (dtype, count)
        # the interpreter truncates to bfloat16 where the device rounds
        assert torch.allclose(got, expected, rtol=1e-2 if dtype == torch.bfloat16 else 0, atol=0), (dtype, count)
