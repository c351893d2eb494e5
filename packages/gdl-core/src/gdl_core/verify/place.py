"""Where a tensor lives and how a group element moves it: the law that an output is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.representations import FieldType
from gdl_core.verify.measure import narrow, relative, sample_norms, widen


@dataclass(frozen=True)
class Placed:
    """A tensor, the domain it is a signal on (None: one vector per sample), and its field type."""

    values: Tensor
    domain: Domain | None
    type: FieldType | None = field(default=None)

    @property
    def is_number(self) -> bool:
        return self.values.is_floating_point() or self.values.is_complex()


def find_symmetry(domain: Domain, symmetry: Symmetry | str) -> Symmetry:
    """Return a symmetry given by itself or by its name on `domain`; raise `UnknownNameError` for a stranger."""
    if isinstance(symmetry, Symmetry):
        return symmetry
    known = domain.symmetries()
    if symmetry not in known:
        raise UnknownNameError(
            f"{domain} has no symmetry named {symmetry!r}; it has {', '.join(known) or 'none'}."
            + closest(symmetry, known)
        )
    return known[symmetry]


def place(values: Tensor, bases: list[Domain], type: FieldType | None = None) -> Placed:
    """Return `values` on the first of the `bases` that locates it, else as a vector per sample.

    `type` is used where its channels fit, those of a vector per sample or the entries of a matrix per sample; a located
    tensor without one is a field of invariant scalars.
    """
    for base in bases:
        domain = base.locate(values)
        if domain is not None:
            domain = base if repr(domain) == repr(base) else domain  # the object itself may carry more than its shape
            channels = values.shape[domain.channel_axis]
            fits = type is not None and type.channels == channels
            return Placed(values, domain, type if fits else FieldType.scalars(channels))
    fits = type is not None and values.dim() >= 2 and type.channels in (values.shape[1], values.shape[1:].numel())
    return Placed(values, None, type if fits else None)


def images(symmetry: Symmetry, g: Tensor, placed: Placed) -> list[Placed]:
    """Return everything that counts as g · placed, in float64; a vector per sample moves by its type alone."""
    values = widen(placed.values)
    if placed.domain is None:
        if placed.type is not None:
            flat = values if values.shape[1] == placed.type.channels else values.flatten(1)  # [b, d, d] as [b, d²]
            values = symmetry.act_on_fibres(g, flat, placed.type, 1).reshape(values.shape)
        return [Placed(values, None, placed.type)]
    assert placed.type is not None  # place() types everything on a domain
    wide, back = _widen_domain(placed.domain)
    found = symmetry.candidates(g, Signal(values, wide, placed.type))
    return [Placed(s.values, placed.domain if s.domain is wide else back(s.domain), placed.type) for s in found]


def moved_input(symmetry: Symmetry, g: Tensor, signal: Signal) -> Signal:
    """Return g · signal, moved in float64 and given back in the precision of the signal."""
    wide, back = _widen_domain(signal.domain)
    moved = symmetry.act(g, Signal(widen(signal.values), wide, signal.type))
    domain = signal.domain if moved.domain is wide else back(moved.domain)
    return Signal(narrow(moved.values, signal.values.dtype), domain, signal.type)


def _widen_domain(domain: Domain):
    """Return the domain with its geometry in float64, and the way back; the same object where nothing is narrower."""
    kinds = {
        leaf.dtype for leaf in _pytree.tree_leaves(domain) if isinstance(leaf, Tensor) and leaf.is_floating_point()
    }
    if len(kinds) != 1 or kinds == {torch.float64}:
        return domain, lambda moved: moved
    kind = kinds.pop()
    return domain.to(dtype=torch.float64), lambda moved: moved.to(dtype=kind)


def nearest(got: Tensor, clean: Placed, candidates: list[Placed], samples: int) -> tuple[Tensor, Tensor]:
    """Return the relative error of every sample to its nearest candidate, and which that is, both `[samples]`."""
    got = widen(got)
    before, after = (sample_norms(tensor, clean.domain, samples) for tensor in (clean.values, got))
    found = []
    for image in candidates:
        if image.values.shape != got.shape:
            raise ValueError(
                f"f(g·s) has shape {list(got.shape)}, but g·f(s) has {list(image.values.shape)}: "
                "the output changes its shape under the symmetry."
            )
        found.append(relative(sample_norms(got - image.values, clean.domain, samples), before, after))
    if not found:
        raise ValueError("The symmetry gives no candidate for g·f(s).")
    best = torch.stack(found).min(0)
    return best.values, best.indices


def chosen(candidates: list[Placed], choice: Tensor | None) -> Placed:
    """Return the candidate that each sample chose, the first where nothing was chosen."""
    if choice is None or len(candidates) == 1:
        return candidates[0]
    first = candidates[int(choice[0])]
    if bool((choice == choice[0]).all()) or first.values.shape[0] != len(choice):
        return first
    stacked = torch.stack([item.values for item in candidates])
    return Placed(
        stacked[choice.to(stacked.device), torch.arange(len(choice), device=stacked.device)], first.domain, first.type
    )


def outputs(
    result: Any, bases: list[Domain], types: Sequence[FieldType | None] | FieldType | None, where: str
) -> list[Placed]:
    """Return every tensor in what f returned, placed: tensors, `(x, domain)`, signals, and containers of them.

    Raises:
        TypeError: if nothing in `result` is a tensor.
        ValueError: if a type was demanded and its channels do not fit.
    """
    found: list[tuple[Tensor, Domain | None, FieldType | None]] = []
    _walk(result, found)
    if not found:
        raise TypeError(f"{where} returned {type(result).__name__}, in which there is no tensor to compare.")
    given = list(types) if isinstance(types, Sequence) else [types] * len(found)
    if len(given) != len(found):
        raise ValueError(f"{where} returned {len(found)} tensors, but {len(given)} output types were given.")
    placed = []
    for (values, domain, own), wanted in zip(found, given):
        item = place(values, [domain] if domain is not None else bases, wanted or own)
        if wanted is not None and item.type != wanted:
            axis = 1 if item.domain is None else item.domain.channel_axis
            channels = values.shape[axis] if values.dim() > 1 else "no"
            raise ValueError(
                f"{where} should return {wanted!r} with {wanted.channels} channels, "
                f"got {channels} channels on axis {axis} of an output of shape {list(values.shape)}."
            )
        placed.append(item)
    return placed


def _walk(item: Any, found: list) -> None:
    if isinstance(item, Tensor):
        found.append((item, None, None))
    elif isinstance(item, Signal):
        found.append((item.values, item.domain, item.type))
    elif isinstance(item, Mapping):
        for value in item.values():
            _walk(value, found)
    elif isinstance(item, tuple | list):
        if len(item) == 2 and isinstance(item[0], Tensor) and isinstance(item[1], Domain):
            found.append((item[0], item[1], None))
            return
        for value in item:
            _walk(value, found)
