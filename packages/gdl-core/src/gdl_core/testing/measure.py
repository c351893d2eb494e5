"""How far a map is from commuting with a symmetry; `assert_equivariant`."""

from collections.abc import Callable

import torch
from torch import Tensor

from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.groups import Group
from gdl_core.testing.subject import call, out_type, require
from gdl_core.verify import equivariance_error


def group_elements(group: Group, samples: int = 4, seed: int = 0) -> Tensor:
    """Return elements to test with: the generators, one point on each one-parameter subgroup, and samples."""
    draw = torch.Generator().manual_seed(seed)
    found = [group.generators()]
    algebra = group.algebra()
    if algebra.shape[0]:
        lengths = 0.3 + torch.rand(
            algebra.shape[0], *[1] * len(group.element_shape), generator=draw, dtype=torch.float64
        )
        found.append(group.exp(lengths * algebra))
    found.append(group.sample(samples, draw))
    return torch.cat([part.to(group.element_dtype) for part in found])


def worst_error(f: Callable, signal: Signal, symmetry: Symmetry, samples: int = 4, seed: int = 0) -> tuple[float, list]:
    """Return the largest error of `gdl_core.verify.equivariance_error`, and the element where it occurs.

    Unlike there, a module stays in the mode (training or evaluation) that it is in, and an output of zero is refused.
    """
    values, domain = call(f, signal)
    require(bool((values != 0).any()), f"The output of {f!r} is zero, so its error under {symmetry!r} says nothing.")

    def run(x: Tensor, domain: Domain) -> Tensor | Signal:
        values, after = call(f, Signal(x, domain, signal.type))
        return values if after is None else Signal(values, after, out_type(f, values, after))

    kind = out_type(f, values, None) if domain is None else None
    report = equivariance_error(run, signal, symmetry, samples, kind, seed)
    return report.max, report.worst.element


def assert_equivariant(
    f: Callable, signal: Signal, symmetry: Symmetry, tolerance: float = 1e-10, *, samples: int = 4, seed: int = 0
) -> None:
    """Raise AssertionError unless f(g·s) = g·f(s) to `tolerance`, relative to ‖f(s)‖.

    Args:
        f: a module or function of `(x, domain)`; its `out_type` says how its output transforms; invariant if absent.
        signal: the input s; use float64.
        symmetry: what acts.
        tolerance: the largest relative error allowed.
        samples: how many random elements to try beside the generators.
        seed: of these elements.
    """
    with torch.no_grad():
        error, g = worst_error(f, signal, symmetry, samples, seed)
    name = getattr(f, "__name__", type(f).__name__)
    require(
        error <= tolerance,
        f"{name} is not equivariant under {symmetry.name!r}: relative error {error:.1e} (tolerance {tolerance:.0e}) "
        f"at the element {g} of {symmetry.group!r}, on {signal.domain!r}.",
    )
