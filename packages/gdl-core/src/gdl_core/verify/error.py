"""`equivariance_error`: how far a function is from commuting with a symmetry."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from gdl_core.geometry import Signal, Symmetry
from gdl_core.representations import FieldType
from gdl_core.verify.calling import caller, declared_type, evaluating, output_types, title
from gdl_core.verify.measure import align, count_samples, decibel, plain, require_finite
from gdl_core.verify.place import Placed, find_symmetry, images, moved_input, nearest, outputs


@dataclass(frozen=True)
class ElementError:
    """The error at one group element.

    Attributes:
        label: "generator 0", "sample 3".
        element: the element as nested lists of numbers.
        error: the largest relative error over the samples of the batch.
        per_sample: the relative error of each sample.
    """

    label: str
    element: Any
    error: float
    per_sample: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """The equivariance error ‖f(g·s) − g·f(s)‖ / ‖f(s)‖ over group elements.

    Attributes:
        function: what was measured.
        symmetry: the name of the symmetry.
        elements: one entry per generator, then per sample.
    """

    function: str
    symmetry: str
    elements: tuple[ElementError, ...]

    @property
    def errors(self) -> tuple[float, ...]:
        return tuple(entry.error for entry in self.elements)

    @property
    def mean(self) -> float:
        return sum(self.errors) / len(self.errors)

    @property
    def max(self) -> float:
        return max(self.errors)

    @property
    def percentile95(self) -> float:
        return float(torch.tensor(self.errors, dtype=torch.float64).quantile(0.95))

    @property
    def decibel(self) -> float:
        """20 log10 of the mean error; -inf for an exact function."""
        return decibel(self.mean)

    @property
    def worst(self) -> ElementError:
        return max(self.elements, key=lambda entry: entry.error)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for JSON; an infinity becomes None."""
        numbers = {
            "mean": self.mean,
            "max": self.max,
            "percentile95": self.percentile95,
            "decibel": plain(self.decibel),
        }
        elements = [asdict(entry) for entry in self.elements]
        return {"function": self.function, "symmetry": self.symmetry, **numbers, "elements": elements}

    def __str__(self) -> str:
        rows = [("element", "error", "value")]
        for entry in self.elements:
            mark = "  <- worst" if entry is self.worst else ""
            rows.append((entry.label, f"{entry.error:.2e}", _short(entry.element) + mark))
        head = f"equivariance error of {self.function} under {self.symmetry!r}: ‖f(g·s) − g·f(s)‖ / ‖f(s)‖"
        tail = f"mean {self.mean:.2e} ({self.decibel:.1f} dB), 95 % {self.percentile95:.2e}, max {self.max:.2e}"
        return "\n".join([head, align(rows), tail])


def equivariance_error(
    f: Callable,
    signal: Signal,
    symmetry: Symmetry | str,
    samples: int = 8,
    out_type: FieldType | Sequence[FieldType] | None = None,
    seed: int = 0,
) -> Report:
    """Measure ‖f(g·s) − g·f(s)‖ / ‖f(s)‖ over the generators of the group and `samples` sampled elements.

    Group actions are computed in float64, f in the precision of the signal. The error of an element is that of the
    worst sample of the batch. On a coarser domain, where several signals count as g·f(s), each sample takes the
    nearest.
    Modules are run in evaluation mode without gradients, and get their modes back.

    Args:
        f: any callable f(values) or f(values, domain); it returns a tensor, `(x, domain)`, a `Signal`, or a container
            of these, whose errors are then taken at worst.
        signal: s, on the domain of the symmetry.
        symmetry: a `Symmetry`, or its name on the signal's domain.
        samples: how many elements to sample besides the generators.
        out_type: the field type of the output (one per tensor in a list); else what `f.output_types(domain)` returns,
            one per tensor (None: invariant), or `f.out_type` where its channels fit, else invariant scalars. What the
            domain cannot locate is a vector per sample and must be invariant.
        seed: of the sampled elements, and of random numbers that f draws.

    Raises:
        ValueError: if the input or an output holds NaN, or `out_type` does not fit the output.
        TypeError: if a type belongs to a group on whose fibres the symmetry does not act.

    Source: the book, §3.1 (equivariance).
    """
    symmetry = find_symmetry(signal.domain, symmetry)
    require_finite(signal.values, "The input signal")
    labels, elements = group_elements(symmetry, samples, seed)
    wanted = list(out_type) if isinstance(out_type, Sequence) else out_type
    run, count = caller(f, seed), count_samples(signal)
    with evaluating(f), torch.no_grad():
        clean = place_outputs(f, run(signal.values, signal.domain), signal, wanted)
        entries = []
        for label, g in zip(labels, elements):
            per_sample = element_error(f, run, signal, symmetry, g, clean, wanted, count)
            worst = float(per_sample.max()) if per_sample.numel() else 0.0
            entries.append(ElementError(label, g.tolist(), worst, tuple(per_sample.tolist())))
    return Report(title(f), symmetry.name, tuple(entries))


def element_error(
    f: Callable,
    run: Callable,
    signal: Signal,
    symmetry: Symmetry,
    g: Tensor,
    clean: list[Placed],
    wanted: FieldType | list[FieldType] | None,
    count: int,
) -> Tensor:
    """Return the error of each sample at g, `[samples]`, the largest over all tensors that f returns."""
    moved = moved_input(symmetry, g, signal)
    got = place_outputs(f, run(moved.values, moved.domain), moved, wanted)
    if len(got) != len(clean):
        raise ValueError(f"{title(f)} returned {len(clean)} tensors for s and {len(got)} for g·s.")
    found = [nearest(new.values, old, images(symmetry, g, old), count)[0] for new, old in zip(got, clean)]
    if len({error.shape for error in found}) > 1:  # tensors of different batch sizes: only the worst is comparable
        found = [error.max()[None] for error in found]
    return torch.stack(found).max(0).values


def place_outputs(f: Callable, result: Any, signal: Signal, wanted: FieldType | list[FieldType] | None) -> list[Placed]:
    """Return the outputs of f placed, with NaN and infinities refused."""
    several = output_types(f, signal.domain) if wanted is None else None
    placed = outputs(result, [signal.domain], wanted if several is None else several, title(f))
    if wanted is None and several is None:
        declared = declared_type(f, "out_type")
        placed = [_retype(item, declared) for item in placed]
    for position, item in enumerate(placed):
        name = f"The output of {title(f)}" if len(placed) == 1 else f"Output {position} of {title(f)}"
        require_finite(item.values, name)
    return placed


def _retype(item: Placed, declared: FieldType | None) -> Placed:
    if declared is None:
        return item
    axis = 1 if item.domain is None else item.domain.channel_axis
    fits = item.values.dim() >= 2 and item.values.shape[axis] == declared.channels
    return Placed(item.values, item.domain, declared) if fits else item


def group_elements(symmetry: Symmetry, samples: int, seed: int) -> tuple[list[str], list[Tensor]]:
    """Return the generators and `samples` sampled elements of the group, with a label each."""
    generators = symmetry.group.generators()
    labels = [f"generator {i}" for i in range(len(generators))] + [f"sample {i}" for i in range(samples)]
    elements = list(generators)
    if samples:
        elements += list(symmetry.group.sample(samples, torch.Generator().manual_seed(seed)))
    if not elements:
        raise ValueError(f"{symmetry!r} has no discrete generators, so `samples` must be at least 1, got {samples}.")
    return labels, elements


def _short(element: Any, limit: int = 60) -> str:
    def show(item: Any) -> str:
        if isinstance(item, list):
            return "[" + ", ".join(map(show, item)) + "]"
        return f"{item:.3g}" if isinstance(item, float) else str(item)

    text = show(element)
    return text if len(text) <= limit else text[: limit - 1] + "…"
