"""How a callable is called: with or without the domain, in evaluation mode, with random numbers that repeat."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gdl_core.geometry import Domain
from gdl_core.representations import FieldType

F = TypeVar("F", bound=Callable)


def unwrapped(f: F) -> F:
    """Return the module inside `torch.compile(module)`, anything else as it is."""
    inner = getattr(f, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else f  # type: ignore[return-value]


def takes_domain(f: Callable) -> bool:
    """Whether f is called as f(values, domain): its second parameter is named `domain` or has no default."""
    inner = unwrapped(f)
    try:
        parameters = list(
            inspect.signature(inner.forward if isinstance(inner, nn.Module) else inner).parameters.values()
        )
    except (TypeError, ValueError):  # built-in functions have no signature
        return False
    usable = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(usable) > 1 and (usable[1].name == "domain" or usable[1].default is inspect.Parameter.empty)


def caller(f: Callable, seed: int) -> Callable[[Tensor, Domain], Any]:
    """Return `call(values, domain)`: f with the same random numbers each time and the global state left alone.

    The values are copied first, so that a function working in place cannot spoil them.
    """
    with_domain = takes_domain(f)

    def call(values: Tensor, domain: Domain) -> Any:
        cuda = values.device.type == "cuda"
        with torch.random.fork_rng(devices=[values.device] if cuda else []):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the generators of all devices
            if cuda:
                torch.cuda.manual_seed(seed)
            return f(values.clone(), domain) if with_domain else f(values.clone())

    return call


@contextmanager
def evaluating(f: Callable) -> Iterator[None]:
    """Put every submodule of f in evaluation mode inside the block; each gets its own mode back."""
    modules = list(f.modules()) if isinstance(f, nn.Module) else []
    modes = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module, mode in zip(modules, modes):
            module.training = mode


def declared_type(f: Callable, name: str) -> FieldType | None:
    """Return `f.in_type` or `f.out_type` if f declares one."""
    found = getattr(unwrapped(f), name, None)
    return found if isinstance(found, FieldType) else None


def output_types(f: Callable, domain: Domain | None) -> list[FieldType | None] | None:
    """Return what `f.output_types(domain)` says, where f has such a method: how each of its tensors moves.

    A function that returns several tensors, such as an energy and forces, tells their laws by it: one entry for each
    tensor, in order, None for invariants. A tensor ``[b, d, d]`` may have a type of d² channels.
    """
    said: Callable | None = getattr(unwrapped(f), "output_types", None)
    return None if domain is None or said is None else list(said(domain))


def title(f: Callable) -> str:
    """Return what to call f in a sentence."""
    inner = unwrapped(f)
    return type(inner).__name__ if isinstance(inner, nn.Module) else getattr(inner, "__name__", type(inner).__name__)
