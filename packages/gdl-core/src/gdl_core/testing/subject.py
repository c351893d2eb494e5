"""`Subject`: what a check looks at, a component of a plugin and one of its cases; and how its module is called."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gdl_core.geometry import Domain, Readout, Signal
from gdl_core.plugins import Case, Component, PluginManager
from gdl_core.representations import FieldType


@dataclass(frozen=True)
class Subject:
    """A plugin, one of its components (None: the plugin as a whole), one of the component's cases (or None).

    Attributes:
        manager: the plugin manager that knows the plugin.
        namespace: the plugin's name.
        component: the component that is checked.
        case: how to build it and its inputs.
    """

    manager: PluginManager
    namespace: str
    component: Component | None = None
    case: Case | None = None

    @property
    def label(self) -> str:
        """The start of the test's id: `conv-2d`, or `conv` without a case, or the plugin's name."""
        if self.component is None:
            return self.namespace
        return self.component.name if self.case is None else f"{self.component.name}-{self.case.name}"

    def target(self) -> Any:
        """Return what the component's dotted target names."""
        if self.component is None:
            raise TypeError(f"{self} is a plugin, which has no target.")
        return self.manager.load(self.component)

    def instance(self, seed: int = 0) -> Any:
        """Return what the case builds, fresh, from the random state of `seed`, in float64.

        The default dtype is float64 meanwhile, so that a derived basis is as exact as it can be (architecture,
        decision 7); the caller's random state is left alone.
        """
        if self.case is None:
            raise TypeError(f"{self} has no case, so nothing can be built.")
        before = torch.get_default_dtype()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            torch.set_default_dtype(torch.float64)
            try:
                return self.case.build()
            finally:
                torch.set_default_dtype(before)

    def build(
        self,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        seed: int = 0,
        training: bool = False,
    ) -> nn.Module:
        """Return a fresh module, cast to `dtype` on `device`, with parameters drawn from `seed`."""
        module = self.instance(seed)
        if not isinstance(module, nn.Module):
            raise TypeError(f"The case of {self} must build a torch.nn.Module, got {type(module).__name__}.")
        return module.to(device=device, dtype=dtype).train(training)

    def inputs(self, seed: int = 0, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Signal:
        """Return fresh input: a signal of `dtype` on `device`."""
        if self.case is None:
            raise TypeError(f"{self} has no case, so it has no inputs.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            signal = self.case.inputs(seed, dtype, device)
        if not isinstance(signal, Signal):
            raise TypeError(f"The inputs of {self} must be a gdl_core.Signal, got {type(signal).__name__}.")
        return signal

    def __str__(self) -> str:
        if self.component is None:
            return f"plugin {self.namespace!r}"
        case = "" if self.case is None else f" (case {self.case.name!r})"
        return f"{self.component.kind} {self.component.full_name!r}{case}"


def require(condition: bool, sentence: str) -> None:
    """Raise AssertionError with `sentence` unless `condition`: a check that failed, also under `python -O`."""
    if not condition:
        raise AssertionError(sentence)


def arguments(module: Callable, signal: Signal) -> tuple:
    """Return what `module` is called with: `(x, domain)`, or `(x,)` if it takes one argument."""
    function = getattr(module, "forward", module)
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    positional = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    takes_domain = len(positional) > 1 or any(p.kind == p.VAR_POSITIONAL for p in positional)
    return (signal.values, signal.domain) if takes_domain else (signal.values,)


def call(module: Callable, signal: Signal, seed: int = 0) -> tuple[Tensor, Domain | None]:
    """Return the output values of `module`, and the domain they live on; None after a readout.

    The random state is that of `seed` during the call, and the input is copied first: a module that draws numbers
    or writes into its input fails the checks of these rules, and no others.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        result = module(*arguments(module, signal.with_values(signal.values.clone())))
    return unpack(module, result, signal.domain)


def unpack(module: Callable, result: Any, domain: Domain) -> tuple[Tensor, Domain | None]:
    """Tell the values from the domain in what a part returned (architecture, decision 2)."""
    if isinstance(result, tuple):
        if len(result) != 2 or not isinstance(result[0], Tensor) or not isinstance(result[1], Domain):
            raise AssertionError(
                f"{type(module).__name__} must return a tensor or (tensor, domain), "
                f"got a tuple of {[type(item).__name__ for item in result]}."
            )
        return result
    if not isinstance(result, Tensor):
        raise AssertionError(f"{type(module).__name__} must return a tensor, got {type(result).__name__}.")
    if isinstance(module, Readout) or getattr(module, "has_readout", False):
        return result, None
    return result, domain.locate(result)


def out_type(module: Callable, values: Tensor, domain: Domain | None) -> FieldType:
    """Return the field type of the output: what the module declares, else invariant channels."""
    declared = getattr(module, "out_type", None)
    axis = 1 if domain is None else domain.channel_axis
    if isinstance(declared, FieldType) and declared.channels == values.shape[axis]:
        return declared
    return FieldType.scalars(values.shape[axis])


def is_random(subject: Subject) -> bool:
    """Whether the module draws random numbers while training (dropout)."""
    module, signal = subject.build(training=True), subject.inputs()
    with torch.no_grad():
        return not torch.equal(call(module, signal, seed=1)[0], call(module, signal, seed=2)[0])


def perturb(module: nn.Module) -> nn.Module:
    """Add noise to constant parameters, in place, and return the module.

    A bias that starts at zero hides a broken symmetry, and puts the input of the next ReLU on its kink.
    """
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() and bool((parameter == parameter.reshape(-1)[0]).all()):
                parameter += 0.3 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64).to(parameter)
    return module


def batches_by_axis(signal: Signal) -> bool:
    """Whether axis 0 of the values counts samples (grids, sequences); on points-first domains it counts points."""
    one, many = signal.values[:1], torch.cat([signal.values, signal.values])
    try:
        signal.domain.check(one, "Signal")
        signal.domain.check(many, "Signal")
    except ValueError:
        return False
    return True
