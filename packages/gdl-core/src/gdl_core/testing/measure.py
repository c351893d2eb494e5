"""How far a map is from commuting with a symmetry; `assert_equivariant`."""

from collections.abc import Callable

import torch
from torch import Tensor

from gdl_core.geometry import Signal, Symmetry
from gdl_core.groups import Group
from gdl_core.testing.subject import call, out_type, require


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


def worst_error(
    f: Callable, signal: Signal, symmetry: Symmetry, samples: int = 4, seed: int = 0
) -> tuple[float, Tensor]:
    """Return the largest ‖f(g·s) - g·f(s)‖ / ‖f(s)‖ over `group_elements`, and the element where it occurs.

    `f` is called like a part, `f(x, domain)`; after a readout only the fibre of the output is transformed. Where
    the output's domain is too coarse to carry g, the nearest of `Symmetry.candidates` counts.
    """
    values, domain = call(f, signal)
    kind = out_type(f, values, domain)
    size = float(values.norm())
    require(size > 0, f"The output of {f!r} is zero, so its error under {symmetry!r} cannot be measured.")
    worst, where = 0.0, symmetry.group.identity()
    for g in group_elements(symmetry.group, samples, seed):
        moved = call(f, symmetry.act(g, signal))[0]
        if domain is None:
            images = [symmetry.act_on_fibres(g, values, kind, 1)]
        else:
            images = [image.values for image in symmetry.candidates(g, Signal(values, domain, kind))]
        same_shape = [image for image in images if image.shape == moved.shape]
        error = min((float((moved - image).norm()) / size for image in same_shape), default=float("inf"))
        if not error <= worst:  # NaN counts as worse
            worst, where = error, g
    return worst, where


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
        f"at the element {g.tolist()} of {symmetry.group!r}, on {signal.domain!r}.",
    )
