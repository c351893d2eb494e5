"""Checks against the tools around a module: state dictionaries, pickle, `torch.compile`, `torch.export`, `opcheck`."""

import copy
import io
import os
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from gdl_core.geometry import Signal
from gdl_core.pytree import TensorDataclass
from gdl_core.testing.numerics import close
from gdl_core.testing.subject import Subject, arguments, batches_by_axis, call, is_random, require, unpack

BACKEND_VARIABLE = "GDL_TEST_COMPILE_BACKEND"
BUILTIN = ("aten", "prim", "prims", "profiler", "c10d", "_c10d_functional", "inductor", "rngprims", "higher_order")
_PASSED: set[tuple] = set()  # the kinds of calls of operators that passed `opcheck` in this process


def check_state_dict(subject: Subject) -> None:
    """A state dictionary, saved and loaded with `weights_only=True`, makes another instance give the same output.

    Rule: DESIGN §7, checkpoints hold plain tensors.
    """
    module, other, signal = subject.build(seed=0), subject.build(seed=1), subject.inputs()
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    _same_output(subject, module, other, signal, "after load_state_dict")


def check_pickle(subject: Subject) -> None:
    """A pickled module gives the same output. Rule: DESIGN §2, plans are values."""
    module = subject.build()
    _same_output(subject, module, pickle.loads(pickle.dumps(module)), subject.inputs(), "after pickle")


def check_deepcopy(subject: Subject) -> None:
    """A deep copy gives the same output and shares no parameter."""
    module = subject.build()
    copied = copy.deepcopy(module)
    _same_output(subject, module, copied, subject.inputs(), "after deepcopy")
    shared = {p.data_ptr() for p in module.parameters() if p.numel()} & {p.data_ptr() for p in copied.parameters()}
    require(not shared, f"{subject}: a deep copy shares {len(shared)} parameters with its original.")


def check_modes(subject: Subject) -> None:
    """Training, evaluation and a call change no parameter's name or shape, and evaluation changes no value.

    Rule: CONTRIBUTING, style: no module whose parameters change between train and eval.
    """
    module, signal = subject.build(), subject.inputs()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        call(module, signal)
    changed = [name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])]
    require(not changed, f"{subject}: a call in evaluation changes {', '.join(changed)}.")
    for training in (True, False):
        with torch.no_grad():
            call(module.train(training), signal)
        after = {name: tensor.shape for name, tensor in module.state_dict().items()}
        same = after == {name: tensor.shape for name, tensor in before.items()}
        require(same, f"{subject}: train({training}) changes the parameters from {list(before)} to {list(after)}.")


def check_compile(subject: Subject) -> None:
    """`torch.compile(fullgraph=True)` gives the output and the gradients of eager mode.

    Backend `aot_eager`: tracing, functionalisation and autograd, without the C++ compiler; the environment
    variable `GDL_TEST_COMPILE_BACKEND` chooses another, such as `inductor`. Rule: architecture, decision 1.
    """
    training = not is_random(subject)
    eager = subject.build(training=training)
    compiled = copy.deepcopy(eager)
    backend = os.environ.get(BACKEND_VARIABLE, "aot_eager")
    torch._dynamo.reset()
    try:
        run = torch.compile(compiled, fullgraph=True, backend=backend)
        with warnings.catch_warnings():  # inductor imports parts of torch that warn about themselves
            warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=DeprecationWarning)
            expected, got = _with_gradients(subject, eager, eager), _with_gradients(subject, compiled, run)
    finally:
        torch._dynamo.reset()
    for name, tensor in expected.items():
        require(close(got[name], tensor, 1e-8), f"{subject}: {name} differs between eager and {backend}.")


def _with_gradients(subject: Subject, module: nn.Module, run: Any) -> dict[str, Tensor]:
    signal = subject.inputs()
    x = signal.values.clone().requires_grad_()
    result = run(*arguments(module, Signal(x, signal.domain, signal.type)))
    values = unpack(module, result, signal.domain)[0]
    found = {"the output": values}
    if values.requires_grad:
        weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        (values * weights).sum().backward()
    tensors = {"x": x} | dict(module.named_parameters())
    return found | {f"the gradient of {name}": t.grad for name, t in tensors.items() if t.grad is not None}


def check_export(subject: Subject) -> None:
    """`torch.export` gives a program with the same output, after saving and loading too, and for another batch size.

    The number of samples is dynamic where samples are an axis of their own. Rule: architecture, decision 1.
    """
    module, signal = subject.build(), subject.inputs()
    shapes = None
    if batches_by_axis(signal):
        signal = signal.with_values(torch.cat([signal.values, signal.values * 0.5 + 0.1]))
        shapes = ({0: torch.export.Dim.DYNAMIC}, *map(_fixed, arguments(module, signal)[1:]))
    program = torch.export.export(module, arguments(module, signal), dynamic_shapes=shapes, strict=False)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    loaded = torch.export.load(buffer)
    inputs = [signal] if shapes is None else [signal, signal.with_values(torch.cat([signal.values, signal.values[:1]]))]
    for given in inputs:
        with torch.no_grad():
            expected = call(module, given)[0]
            for what, runs in (("exported", program.module()), ("saved and loaded", loaded.module())):
                got = runs(*arguments(module, given))
                values = got[0] if isinstance(got, tuple) else got
                same = close(values, expected, 1e-9)
                require(same, f"{subject}: the {what} program differs for an input of {list(given.values.shape)}.")


def _fixed(value: Any) -> Any:
    """Return `dynamic_shapes` for an argument of fixed shape: a list for each pytree node, None for each leaf."""
    if isinstance(value, TensorDataclass):
        return [_fixed(getattr(value, name)) for name in value._data_fields]
    return None


def check_operators(subject: Subject) -> None:
    """Every custom operator that the module runs passes `opcheck` on the arguments it ran with. Rule: DESIGN §5.

    Once in a process for each kind of arguments: many modules run the same operators.
    """
    module, signal = subject.build(training=not is_random(subject)), subject.inputs()
    x = signal.values.clone().requires_grad_()
    with _Recorder() as recorder:
        values = call(module, Signal(x, signal.domain, signal.type))[0]
        if values.requires_grad:
            values.sum().backward()
    if not recorder.calls:
        pytest.skip(f"{subject} runs no custom operator")
    for operator, args, kwargs in recorder.calls.values():
        kind = _kind(operator.name(), args, kwargs)
        if kind not in _PASSED:
            torch.library.opcheck(operator, args, kwargs)
            _PASSED.add(kind)


def _kind(name: str, args: tuple, kwargs: dict) -> tuple:
    """Return what tracing tells calls apart by: dtypes, layouts, sizes of 0, 1 and more, and all that is no tensor."""
    leaves, structure = _pytree.tree_flatten((args, kwargs))
    return (os.environ.get("GDL_KERNELS"), name, str(structure), *map(_kind_of_leaf, leaves))


def _kind_of_leaf(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return repr(value)
    order = sorted(range(value.dim()), key=value.stride)
    sizes = tuple(min(size, 2) for size in value.shape)
    return value.dtype, value.device.type, sizes, tuple(order), value.is_contiguous(), value.requires_grad


class _Recorder(TorchDispatchMode):
    """Keeps the arguments of the first call of each custom operator."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, tuple[Any, tuple, dict]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func.namespace not in BUILTIN and func.name() not in self.calls:
            fresh = _pytree.tree_map_only(Tensor, _leaf, (args, kwargs))
            self.calls[func.name()] = (func, *fresh)
        return func(*args, **kwargs)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.is_floating_point())


def _same_output(subject: Subject, module: nn.Module, other: nn.Module, signal: Signal, when: str) -> None:
    with torch.no_grad():
        expected, got = call(module, signal)[0], call(other, signal)[0]
    require(close(got, expected, 1e-12), f"{subject}: another output {when}.")
