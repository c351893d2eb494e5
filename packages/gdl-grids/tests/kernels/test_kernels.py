"""Every backend equals the reference; derivatives, opcheck, and Triton without a GPU."""

import importlib.util
import random
from pathlib import Path

import pytest
import torch
from gdl_grids.kernels import axis_filter, polyphase_gather, polyphase_phase, polyphase_scatter

CASES = Path(__file__).with_name("triton_cases.py")


def test_the_numba_backend_equals_the_reference_in_any_setting():
    spec = importlib.util.spec_from_file_location("grid_triton_cases", CASES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.compare("cpu", 120)


def test_adjoint_pairs_are_adjoint():
    draw = random.Random(0)
    for _ in range(40):
        n, k, stride, boundary = draw.randint(1, 9), draw.randint(1, 7), draw.randint(1, 3), draw.randint(0, 2)
        numbers = (n, -(-n // stride), stride, draw.randint(0, k - 1), boundary)
        taps = torch.randn(k, dtype=torch.float64)
        x, g = torch.randn(2, n, 3, dtype=torch.float64), torch.randn(2, numbers[1], 3, dtype=torch.float64)
        left = (axis_filter(x, taps, *numbers, False) * g).sum()
        assert torch.allclose(left, (x * axis_filter(g, taps, *numbers, True)).sum(), atol=1e-12)
    x, phase = torch.randn(2, 3, 4, 6), torch.tensor([[1, 0], [0, 2]])
    y = polyphase_gather(x, phase, [2, 3])
    g = torch.randn_like(y)
    assert torch.allclose((y * g).sum(), (x * polyphase_scatter(g, phase, [2, 3])).sum(), atol=1e-5)


def test_derivatives_to_second_order():
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)
    x = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    check = lambda t: axis_filter(t, taps, 5, 3, 2, 1, 2, False).sin()  # noqa: E731
    assert torch.autograd.gradcheck(check, (x,)) and torch.autograd.gradgradcheck(check, (x,))
    x = torch.randn(2, 1, 4, 3, dtype=torch.float64, requires_grad=True)
    phase = torch.tensor([[1, 0], [0, 2]])
    check = lambda t: polyphase_gather(t, phase, [2, 3]).sin()  # noqa: E731
    assert torch.autograd.gradcheck(check, (x,)) and torch.autograd.gradgradcheck(check, (x,))


def test_opcheck():
    x = torch.randn(2, 3, 4, 6, requires_grad=True)
    phase = torch.tensor([[1, 0], [0, 2]])
    torch.library.opcheck(polyphase_phase.op, (x.detach(), [2, 3]))
    torch.library.opcheck(polyphase_gather.op, (x, phase, [2, 3]))
    torch.library.opcheck(polyphase_scatter.op, (torch.randn(2, 3, 2, 2, requires_grad=True), phase, [2, 3]))
    rows = torch.randn(2, 6, 3, requires_grad=True)
    torch.library.opcheck(axis_filter.op, (rows, torch.ones(3), 6, 3, 2, 1, 0, False))


def test_results_repeat_bitwise_for_any_number_of_threads():
    x = torch.randn(8, 16, 64, 64)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            filtered = axis_filter(x.reshape(-1, 64, 64), torch.tensor([0.25, 0.5, 0.25]), 64, 32, 2, 1, 0, False)
            found.append((polyphase_phase(x, [2, 2]), filtered))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found))


@pytest.mark.parametrize("case", ["interpret", "compile"])
def test_triton_kernels_equal_the_reference_in_the_interpreter_and_compile_for_sm_90(case, run_triton):
    run_triton(CASES, case)
