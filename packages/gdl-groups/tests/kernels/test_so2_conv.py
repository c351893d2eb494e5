"""The operators of the SO(2) convolution: backends agree, derivatives are right to second order, bits repeat."""

import pytest
import torch
from gdl_core.groups import SO, O
from gdl_core.incidence import Incidence
from gdl_core.incidence.operations import structure
from gdl_core.representations import FieldType
from gdl_groups.geometric.so2 import Lanes
from gdl_groups.kernels.so2_conv import Frame, frame_of, so2_lift, so2_lower, so2_turn
from torch import Tensor

TYPES = {
    "parity": (FieldType(O(3), "2x0o+1x1e+3x1o+1x2e+2x0e+1x2o+1x1o"), None),
    "turns": (FieldType(SO(3), "2x2+1x0+1x3"), None),
    "truncated": (FieldType(O(3), "2x0e+3x1o+1x2e+1x2o"), 1),
    "wide": (FieldType(O(3), "19x0e+33x1o"), None),
}
KERNELS = (so2_lift, so2_lower, so2_turn)


def case(name: str, dtype: torch.dtype = torch.float64) -> tuple[Frame, tuple[Tensor, ...], Tensor, Tensor, Tensor]:
    type, m_max = TYPES[name]
    lanes = Lanes(type, m_max)
    frame = lanes.frame(range(lanes.degree + 1))
    draw = torch.Generator().manual_seed(0)
    inc = Incidence.from_edges(*torch.randint(5, (2, 9), generator=draw), 5, 5)
    shapes = ((9, frame.numbers), (5, type.channels), (9 * sum(frame.sizes()),))
    d, x, z = (torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype) for shape in shapes)
    return frame, structure(inc), d, x, z


def inputs(kernel, d: Tensor, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    return {"so2_lift": (d, x), "so2_lower": (d, z), "so2_turn": (x, z)}[kernel.name]


@pytest.mark.parametrize("at_sender", [True, False])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_backends_agree_and_repeat(name, kernel, at_sender, dtype):
    frame, inc, *values = case(name, dtype)
    args = (*inc, *inputs(kernel, *values), frame.key, at_sender)
    one, two = kernel.backend("cpu")(*args), kernel.backend("cpu")(*args)
    expected = kernel.backend("reference")(*args)
    assert one.dtype == expected.dtype == dtype
    assert torch.equal(one, two)
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]
    assert (one - expected).double().norm() <= tolerance * expected.double().norm()


@pytest.mark.parametrize("at_sender", [True, False])
@pytest.mark.parametrize("name", TYPES)
def test_all_are_derivatives_of_one_form(name, at_sender):
    frame, inc, d, x, z = case(name)
    end = (frame.key, at_sender)
    form = so2_lift(*inc, d, x, *end) @ z
    assert torch.allclose((so2_lower(*inc, d, z, *end) * x).sum(), form)
    assert torch.allclose((so2_turn(*inc, x, z, *end) * d).sum(), form)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("at_sender", [True, False])
def test_derivatives_to_second_order(kernel, at_sender):
    frame, inc, *values = case("parity")
    tensors = tuple(value.requires_grad_() for value in inputs(kernel, *values))

    def run(*tensors: Tensor) -> Tensor:
        return kernel(*inc, *tensors, frame.key, at_sender)

    assert torch.autograd.gradcheck(run, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, tensors, fast_mode=True)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_opcheck(kernel):
    frame, inc, *values = case("truncated")
    tensors = [value.requires_grad_() for value in inputs(kernel, *values)]
    torch.library.opcheck(kernel.op, (*inc, *tensors, frame.key, True))


def test_without_edges():
    frame, *_ = case("parity")
    inc = structure(Incidence.from_edges(torch.zeros(0).long(), torch.zeros(0).long(), 2, 3))
    d, x = torch.zeros(0, frame.numbers), torch.randn(2, frame.channels)
    for backend in ("cpu", "reference"):
        assert so2_lift.backend(backend)(*inc, d, x, frame.key, True).shape == (0,)
        assert torch.equal(so2_lower.backend(backend)(*inc, d, x[:0, 0], frame.key, False), torch.zeros(3, x.shape[1]))


@pytest.mark.parametrize("name", TYPES)
def test_a_key_makes_its_frame_again(name):
    frame = case(name)[0]
    assert frame_of(frame.key) == frame
