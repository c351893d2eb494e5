"""`Kernel`: one operator, declared once, with a reference, a CPU and a GPU implementation."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from gdl_core.kernels.select import backend_for

_LIBRARY = torch.library.Library("gdl", "FRAGMENT")
_PLAIN = frozenset((Tensor, torch.nn.Parameter, type(None), bool, int, float, str))


class Kernel:
    """A `torch.library` custom operator ``gdl::name`` that runs on one of three backends.

    Args:
        name: the operator's name in the namespace ``gdl``.
        reference: plain differentiable PyTorch with a full type annotation; it is the specification, and its
            annotation is the operator's schema.
        fake: the same arguments to empty outputs of the right shape and dtype.
        cpu, cuda: ``"module:function"`` with the same arguments, imported at the first call.
        setup_context, backward: the autograd formula as `torch.library.register_autograd` takes it. `backward` is made
            of operators (this one, others, plain PyTorch), so that derivatives of any order exist.
        device_of: the position of the argument whose device chooses the backend.

    Calling the kernel runs the operator. Under `torch.func` transforms and forward-mode differentiation, which a
    custom operator does not support, the reference runs instead. Where nobody listens at torch's dispatcher, the
    implementation is called past it: through it a call and its derivative take a third of a millisecond.
    """

    def __init__(
        self,
        name: str,
        reference: Callable[..., Any],
        *,
        fake: Callable[..., Any],
        cpu: str,
        cuda: str,
        setup_context: Callable[[Any, tuple, Any], None],
        backward: Callable[..., Any],
        device_of: int = 0,
    ) -> None:
        self.name, self.reference = name, reference
        self._targets = {"cpu": cpu, "cuda": cuda}
        self._loaded: dict[str, Callable[..., Any]] = {"reference": reference}
        self._device_of = device_of
        # Not `torch.library.custom_op`: it does the same, and imports TorchDynamo (two seconds) at the first call.
        schema = torch.library.infer_schema(reference, mutates_args=())
        _LIBRARY.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
        _LIBRARY.impl(name, self._run, "CompositeExplicitAutograd")
        torch.library.register_fake(f"gdl::{name}", fake, lib=_LIBRARY)
        torch.library.register_autograd(f"gdl::{name}", backward, setup_context=setup_context, lib=_LIBRARY)
        self.op = getattr(torch.ops.gdl, name).default
        self._function = _autograd_function(f"gdl::{name}", self._run, setup_context, backward)

    def backend(self, name: str) -> Callable[..., Any]:
        """Return the implementation called `name`, importing it if need be. Not differentiable, but `reference`."""
        if name not in self._loaded:
            module, _, function = self._targets[name].partition(":")
            self._loaded[name] = getattr(importlib.import_module(module), function)
        return self._loaded[name]

    def _run(self, *args: Any) -> Any:
        return self.backend(backend_for(args[self._device_of]))(*args)

    def __call__(self, *args: Any) -> Tensor | Any:
        if torch.compiler.is_compiling():
            return self.op(*args)
        if _transforming():
            return self.reference(*args)
        # A tensor without values (the device "meta") has only the sizes that the operator's fake function gives.
        if _listening() or args[self._device_of].is_meta or not all(type(x) in _PLAIN for x in args):
            return self.op(*args)
        if torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in args):
            return self._function.apply(*args)
        return self._run(*args)

    def __repr__(self) -> str:
        return f"Kernel('gdl::{self.name}')"


def _autograd_function(
    name: str, run: Callable[..., Any], setup_context: Callable[[Any, tuple, Any], None], backward: Callable[..., Any]
) -> type[torch.autograd.Function]:
    """What `torch.library.register_autograd` makes of the same formula, without the dispatcher."""

    def forward(ctx: Any, *args: Any) -> Any:
        output = run(*args)
        setup_context(ctx, args, output)
        return output

    return type(
        name, (torch.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )


def _listening() -> bool:
    """Whether a mode, a trace or a profiler wants to see every operator that is called."""
    return (
        torch.autograd._profiler_enabled()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._len_torch_function_stack() > 0
        or torch._C._get_tracing_state() is not None
    )


def _transforming() -> bool:
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
