"""`lie_derivative`: the infinitesimal equivariance error, by forward-mode differentiation."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from gdl_core.geometry import Signal, Symmetry
from gdl_core.representations import FieldType
from gdl_core.verify.calling import caller, evaluating, title
from gdl_core.verify.error import place_outputs
from gdl_core.verify.measure import (
    align,
    count_samples,
    decibel,
    narrow,
    plain,
    relative,
    require_finite,
    sample_norms,
    widen,
)
from gdl_core.verify.place import Placed, find_symmetry


@dataclass(frozen=True)
class GeneratorError:
    """The derivative along one basis element of the Lie algebra.

    Attributes:
        index: its position in `group.algebra()`.
        error: ‖L f(s)‖ / ‖f(s)‖ of the worst sample of the batch.
        motion: ‖d/dt exp(tA)·s‖ / ‖s‖ of the fastest sample; at 0 the signal does not move and the error says nothing.
        per_sample: the relative error of each sample.
    """

    index: int
    error: float
    motion: float
    per_sample: tuple[float, ...]


@dataclass(frozen=True)
class LieReport:
    """The infinitesimal equivariance error per basis element of the Lie algebra."""

    function: str
    symmetry: str
    generators: tuple[GeneratorError, ...]

    @property
    def errors(self) -> tuple[float, ...]:
        return tuple(entry.error for entry in self.generators)

    @property
    def mean(self) -> float:
        return sum(self.errors) / len(self.errors)

    @property
    def max(self) -> float:
        return max(self.errors)

    @property
    def worst(self) -> GeneratorError:
        return max(self.generators, key=lambda entry: entry.error)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        generators = [asdict(entry) for entry in self.generators]
        numbers = {"mean": self.mean, "max": self.max, "decibel": plain(decibel(self.mean))}
        return {"function": self.function, "symmetry": self.symmetry, **numbers, "generators": generators}

    def __str__(self) -> str:
        rows = [("generator", "error", "motion of s")]
        for entry in self.generators:
            still = "  (s does not move: no evidence)" if entry.motion == 0 else ""
            rows.append((str(entry.index), f"{entry.error:.2e}", f"{entry.motion:.2e}{still}"))
        head = f"Lie derivative of {self.function} under {self.symmetry!r}: ‖d/dt exp(tA)⁻¹·f(exp(tA)·s)‖ / ‖f(s)‖"
        return "\n".join([head, align(rows), f"mean {self.mean:.2e}, max {self.max:.2e}"])


def lie_derivative(
    f: Callable,
    signal: Signal,
    symmetry: Symmetry | str,
    out_type: FieldType | Sequence[FieldType] | None = None,
    seed: int = 0,
    step: float | None = None,
) -> LieReport:
    """Measure L_A f(s) = d/dt exp(tA)⁻¹·f(exp(tA)·s) at t = 0 for every basis element A of the Lie algebra.

    One forward pass of `torch.func.jvp` per basis element, no backward pass. For an f without forward derivatives (a
    kernel that has none) give a `step` h: the central difference (F(h) − F(−h)) / 2h is used instead.

    Args:
        f, signal, symmetry, out_type, seed: as for `equivariance_error`; the action must be differentiable in g.
        step: None for the exact derivative, else the step of the central difference.

    Raises:
        ValueError: if the group has no Lie algebra, or NaN is met.

    Source: Gruver et al. 2022 (arXiv 2210.02984), eq. 5.
    """
    symmetry = find_symmetry(signal.domain, symmetry)
    require_finite(signal.values, "The input signal")
    algebra = symmetry.group.algebra()
    if not len(algebra):
        raise ValueError(
            f"{symmetry.group!r} has no Lie algebra, so symmetry {symmetry.name!r} has no infinitesimal error; "
            "use equivariance_error."
        )
    wanted = list(out_type) if isinstance(out_type, Sequence) else out_type
    run, count = caller(f, seed), count_samples(signal)
    with evaluating(f), torch.no_grad():
        clean = place_outputs(f, run(signal.values, signal.domain), signal, wanted)
        found = []
        for index, a in enumerate(algebra):
            parts = _derivatives(f, run, signal, symmetry, a, clean, step)
            for part in parts:
                require_finite(part, f"The Lie derivative of {title(f)}")
            motion, *parts = parts
            per_sample = [_per_sample(part, old, count) for part, old in zip(parts, clean)]
            if len({error.shape for error in per_sample}) > 1:
                per_sample = [error.max()[None] for error in per_sample]
            worst = torch.stack(per_sample).max(0).values
            moved = _per_sample(motion, Placed(signal.values, signal.domain, signal.type), count)
            found.append(GeneratorError(index, float(worst.max()), float(moved.max()), tuple(worst.tolist())))
    return LieReport(title(f), symmetry.name, tuple(found))


def _derivatives(
    f: Callable,
    run: Callable,
    signal: Signal,
    symmetry: Symmetry,
    a: Tensor,
    clean: list[Placed],
    step: float | None,
) -> list[Tensor]:
    """Return the derivative of the moved input, then that of each output moved back."""
    group = symmetry.group
    wide = signal.domain.to(dtype=torch.float64) if _has_floats(signal.domain) else signal.domain

    def along(t: Tensor) -> tuple[Tensor, ...]:
        moved = symmetry.act(group.exp(t * a), Signal(widen(signal.values), wide, signal.type))
        domain = signal.domain if moved.domain is wide else moved.domain
        result = run(narrow(moved.values, signal.values.dtype), _like(domain, signal.domain))
        back = group.exp(-t * a)
        found = [_move(symmetry, back, old, new) for old, new in zip(clean, _tensors(f, result, clean))]
        return (moved.values, *found)

    # Act once outside jvp: what groups cache (hashes, tables) cannot be computed from wrapped tensors.
    symmetry.act(group.identity(), Signal(widen(signal.values), wide, signal.type))
    for item in clean:
        _move(symmetry, group.identity(), item, item)
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    if step is not None:
        ahead, behind = along(step * one), along(-step * one)
        return [(x - y) / (2 * step) for x, y in zip(ahead, behind)]
    with warnings.catch_warnings():  # torch's forward mode loads decompositions through its own deprecated torch.jit
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
        return list(torch.func.jvp(along, (zero,), (one,))[1])


def _tensors(f: Callable, result: Any, clean: list[Placed]) -> list[Placed]:
    """Place what f returned like the clean outputs: the shapes agree, and values under jvp cannot be inspected."""
    from gdl_core.verify.place import outputs

    found = outputs(result, [], None, title(f))
    if len(found) != len(clean):
        raise ValueError(f"{title(f)} returned {len(clean)} tensors for s and {len(found)} for g·s.")
    return [Placed(new.values, new.domain or old.domain, old.type) for new, old in zip(found, clean)]


def _move(symmetry: Symmetry, g: Tensor, old: Placed, new: Placed) -> Tensor:
    values = widen(new.values)
    if old.domain is None:
        return values if old.type is None else symmetry.act_on_fibres(g, values, old.type, 1)
    assert new.domain is not None and old.type is not None  # _tensors() fills both
    return symmetry.act(g, Signal(values, new.domain, old.type)).values


def _per_sample(part: Tensor, clean: Placed, count: int) -> Tensor:
    size = sample_norms(part, clean.domain, count)
    return relative(size, sample_norms(clean.values, clean.domain, count), size)


def _has_floats(domain) -> bool:
    from torch.utils import _pytree

    return any(isinstance(leaf, Tensor) and leaf.is_floating_point() for leaf in _pytree.tree_leaves(domain))


def _like(domain, original):
    """Return `domain` with its geometry in the precision of `original`."""
    from torch.utils import _pytree

    kinds = {x.dtype for x in _pytree.tree_leaves(original) if isinstance(x, Tensor) and x.is_floating_point()}
    return domain.to(dtype=kinds.pop()) if len(kinds) == 1 else domain
