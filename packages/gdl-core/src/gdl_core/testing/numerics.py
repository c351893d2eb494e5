"""Checks of numbers: the same result twice, in every dtype, on every device, in any batch; and its derivatives."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gdl_core.geometry import Signal
from gdl_core.testing.subject import Subject, arguments, batches_by_axis, call, is_random, perturb, require


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether two results agree, relative to their norm; NaN does not agree with anything."""
    if a.shape != b.shape:
        return False
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).norm()) <= tolerance * max(float(b.norm()), 1e-30)


def check_deterministic(subject: Subject) -> None:
    """One seed, one set of parameters; evaluation draws no random numbers; training repeats under its seed.

    Bitwise. Rule: DESIGN §5, results are repeatable.
    """
    first, second, signal = subject.build(seed=3), subject.build(seed=3), subject.inputs()
    for name, tensor in first.state_dict().items():
        same = torch.equal(tensor, second.state_dict()[name])
        require(same, f"{subject}: built twice from one seed, {name!r} differs.")
    with torch.no_grad():
        one, two = (call(first, signal, seed)[0] for seed in (1, 2))
    require(
        torch.equal(one, two), f"{subject}: two calls in evaluation differ by {float((one - two).abs().max()):.1e}."
    )
    with torch.no_grad():
        one, two = (call(module.train(), signal)[0] for module in (copy.deepcopy(first), first))
    require(torch.equal(one, two), f"{subject}: two calls in training under one seed differ.")


def check_dtype(subject: Subject) -> None:
    """The output has the dtype of the input, and float32 and bfloat16 agree with float64.

    Rule: architecture, decision 7.
    """
    module = subject.build()
    with torch.no_grad():
        exact = call(module, subject.inputs())[0]
    require(exact.dtype == torch.float64, f"{subject}: float64 in gives {exact.dtype} out.")
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        signal = subject.inputs()
        signal = Signal(signal.values.to(dtype), subject.inputs(dtype=dtype).domain, signal.type)
        with torch.no_grad():
            got = call(copy.deepcopy(module).to(dtype), signal)[0]
        require(got.dtype == dtype, f"{subject}: {dtype} in gives {got.dtype} out.")
        error = float((got.double() - exact).norm() / exact.norm().clamp_min(1e-30))
        require(
            error <= tolerance, f"{subject}: {dtype} differs from float64 by {error:.1e}, allowed is {tolerance:.0e}."
        )


def check_device(subject: Subject) -> None:
    """The output is on the device of the input: CUDA where there is one, else the meta device, which has no numbers.

    On the meta device, reading a value (`.item()`, a branch on data) and a tensor made on a fixed device both
    raise. Rule: DESIGN §5, no device synchronisation in `forward`.
    """
    device = "cuda" if torch.cuda.is_available() else "meta"
    signal = subject.inputs()
    moved = Signal(signal.values.to(device), signal.domain.to(device), signal.type)
    original = subject.build()
    module = copy.deepcopy(original).to(device)
    with torch.no_grad():
        try:
            result = module(*arguments(module, moved))
        except (RuntimeError, NotImplementedError) as error:
            raise AssertionError(f"{subject} does not run on the device {device!r}: {error}") from error
        values = result[0] if isinstance(result, tuple) else result
        require(values.device.type == device, f"{subject}: input on {device!r} gives output on {values.device.type!r}.")
        expected = call(original, signal)[0]
    require(
        values.shape == expected.shape,
        f"{subject}: {list(values.shape)} on {device!r}, {list(expected.shape)} on the CPU.",
    )
    if device == "cuda":
        require(close(values.cpu(), expected, 1e-9), f"{subject}: CUDA and CPU disagree in float64.")


def check_no_host_sync(subject: Subject) -> None:
    """`forward` does not wait for the GPU. Rule: DESIGN §5."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device; check_device looks for reads of values on the meta device")
    signal = subject.inputs(dtype=torch.float32, device="cuda")
    module = subject.build(torch.float32, "cuda")
    with torch.no_grad():
        module(*arguments(module, signal))  # plans and kernels may be made at the first call
        torch.cuda.set_sync_debug_mode("error")
        try:
            module(*arguments(module, signal))
        finally:
            torch.cuda.set_sync_debug_mode("default")


def check_batching(subject: Subject) -> None:
    """A batch gives what its samples give one by one, in evaluation. Rule: architecture, decision 6."""
    module, signal = subject.build(), subject.inputs()
    with torch.no_grad():
        if batches_by_axis(signal):
            whole = Signal(torch.cat([signal.values, signal.values.flip(0) * 0.5 + 0.1]), signal.domain, signal.type)
            parts = [whole.with_values(part) for part in whole.values.split(1)]
        else:
            whole, parts = _disjoint(subject, signal)
        together = call(module, whole)[0]
        looped = torch.cat([call(module, part)[0] for part in parts])
    require(
        close(together, looped, 1e-9),
        f"{subject}: a batch of {len(parts)} gives {list(together.shape)}, its samples one by one "
        f"{list(looped.shape)}, and they differ.",
    )


def _disjoint(subject: Subject, signal: Signal) -> tuple[Signal, list[Signal]]:
    other = subject.inputs(seed=1)
    try:
        domain = type(signal.domain).collate([signal.domain, other.domain])
    except NotImplementedError:
        pytest.skip(f"{type(signal.domain).__name__} has no collate, so samples cannot be batched")
    values = torch.cat([signal.values, other.values])
    return Signal(values, domain, signal.type), [signal, other]


def check_gradients(subject: Subject) -> None:
    """First derivatives, for input and parameters, agree with finite differences (`gradcheck`, fast mode)."""
    function, inputs = _differentiable(subject)
    with torch.random.fork_rng(devices=[]):
        torch.autograd.gradcheck(function, inputs, fast_mode=True)


def check_double_backward(subject: Subject) -> None:
    """Second derivatives agree with finite differences (`gradgradcheck`), unless the case says `second_order=False`.

    Rule: `Case.second_order`; forces are derivatives that are themselves trained.
    """
    if subject.case is not None and not subject.case.second_order:
        pytest.skip(f"{subject} declares second_order=False")
    function, inputs = _differentiable(subject)
    with torch.random.fork_rng(devices=[]):
        torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def _differentiable(subject: Subject) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """Return f(x, *parameters), and inputs that require gradients. In training mode if that draws no random numbers.

    Constant parameters are perturbed: a function has no derivative on a kink.
    """
    module, signal = perturb(subject.build(training=not is_random(subject))), subject.inputs()
    names = [name for name, _ in module.named_parameters()]
    x = signal.values.clone().requires_grad_()

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        # clones: a buffer that training updates (a running mean) must not change from call to call
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        swapped = _Swapped(module, dict(zip(names, parameters)) | buffers)
        return call(swapped, Signal(x, signal.domain, signal.type))[0]

    return function, (x, *(p.detach().clone().requires_grad_() for p in module.parameters()))


class _Swapped:
    """A module with other parameters, called like the module."""

    def __init__(self, module: nn.Module, tensors: dict[str, Tensor]):
        self.module, self.tensors = module, tensors
        self.forward = module.forward
        self.has_readout = True  # only the values matter here

    def __call__(self, *args):
        return torch.func.functional_call(self.module, self.tensors, args)
