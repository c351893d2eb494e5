"""Checks of what a part claims: equivariance, and that the measurement would notice its absence."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gdl_core.geometry import Blueprint, Domain, Part, Signal, Symmetry
from gdl_core.representations import FieldType
from gdl_core.testing.measure import assert_equivariant, group_elements, worst_error
from gdl_core.testing.subject import Subject, call, is_random, perturb, require


def claimed(subject: Subject, module: nn.Module, signal: Signal) -> list[Symmetry]:
    """Return the symmetries to check: the case's, else those that the module claims and its domain offers."""
    offered = signal.domain.symmetries()
    names = subject.case.symmetries if subject.case is not None else ()
    absent = [name for name in names if name not in offered]
    require(not absent, f"{subject} names the symmetries {absent}, but {signal.domain!r} offers {list(offered)}.")
    if not names and isinstance(module, Part):
        names = module.symmetries(signal.domain)
    elif not names and isinstance(module, Blueprint):
        names = module.symmetries()  # a Blueprint: those that every part keeps, on its own domain
    return [offered[name] for name in names if name in offered]


def check_equivariance(subject: Subject) -> None:
    """f(g·s) = g·f(s) in float64 for every symmetry claimed on the domain of the input.

    On the generators, along each one-parameter subgroup and on random elements; in evaluation, and in training
    unless the module draws random numbers. Constant parameters are perturbed first. Rule: architecture, decision 3.
    """
    tolerance = subject.case.tolerance if subject.case is not None else 1e-10
    for training in (False, True):
        if training and is_random(subject):
            continue
        module, signal = perturb(subject.build(training=training)), subject.inputs()
        for symmetry in _or_skip(subject, module, signal):
            assert_equivariant(module, signal, symmetry, tolerance)


def check_negative_control(subject: Subject) -> None:
    """The symmetry moves the input, and a copy of the module that first spoils its input is found not equivariant.

    A test that cannot fail shows nothing: a constant input, or a domain of one point, would pass everything.
    Rule: architecture, decision 3.
    """
    module, signal = perturb(subject.build()), subject.inputs()
    spoiled = _Spoiled(module, signal)
    for symmetry in _or_skip(subject, module, signal):
        moves = any(_moves(symmetry.act(g, signal), signal) for g in group_elements(symmetry.group))
        require(moves, f"{symmetry!r} leaves the input of {subject} as it is, so its claim goes unchecked.")
        with torch.no_grad():
            error = worst_error(spoiled, signal, symmetry)[0]
        floor = max(1e-5, 100 * (subject.case.tolerance if subject.case is not None else 0))
        require(
            error > floor,
            f"{subject} with a spoiled input has an error of only {error:.1e} under {symmetry.name!r}: "
            "its case does not tell an equivariant map from another. Use a random input and a larger domain.",
        )


def check_claims(subject: Subject) -> None:
    """`claims` is a tuple of names. Rule: `Part.claims`; architecture, decision 3."""
    module = subject.build()
    if not isinstance(module, Part):
        pytest.skip(f"{subject} declares no claims: it is a {type(module).__name__}, not a Part")
    good = isinstance(module.claims, tuple) and all(isinstance(name, str) for name in module.claims)
    require(good, f"{type(module).__name__}.claims must be a tuple of names, got {module.claims!r}.")


def check_types(subject: Subject) -> None:
    """The input fits `in_type`, the output fits `out_type` and `out_domain`. Rule: `Part`."""
    module, signal = subject.build(), subject.inputs()
    taken = getattr(module, "in_type", signal.type)
    if signal.type != taken:  # the sentence is written when it is needed: types may be long
        raise AssertionError(f"{subject}: the input is {signal.type!r}, the module takes {taken!r}.")
    with torch.no_grad():
        values, domain = call(module, signal)
    declared = getattr(module, "out_type", None)
    if declared is None:
        pytest.skip(f"{subject} declares no out_type")
    axis = 1 if domain is None else domain.channel_axis
    require(
        values.shape[axis] == declared.channels,
        f"{subject} returns {list(values.shape)}: {values.shape[axis]} channels on axis {axis}, "
        f"its out_type is {declared!r}.",
    )
    if isinstance(module, Part) and domain is not None:
        promised = module.out_domain(signal.domain)
        require(
            type(promised) is type(domain) and promised.num_points == domain.num_points,
            f"{subject}: out_domain gives {promised!r}, the call gives {domain!r}.",
        )
        promised.check(values, str(subject))


def _moves(moved: Signal, signal: Signal) -> bool:
    """Whether values or the geometry of the domain change: a translation of atoms leaves invariant features alone."""
    if _differs(moved.values, signal.values):
        return True
    return any(_differs(a, b) for a, b in zip(_geometry(moved.domain), _geometry(signal.domain), strict=True))


def _geometry(domain: Domain) -> list[Tensor]:
    """Return the real tensors of a domain with one row per point, such as positions, `[n, ...]`."""
    leaves = [leaf for leaf in tree_leaves(domain) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return [leaf.flatten(1) for leaf in leaves if leaf.dim() > 1 and leaf.shape[0] == domain.num_points]


class _Spoiled(nn.Module):
    """A module behind an input mask that is fixed in space and reads positions, so it commutes with no motion."""

    def __init__(self, module: nn.Module, signal: Signal):
        super().__init__()
        self.module = module
        draw = torch.Generator().manual_seed(7)
        self.mask = 0.5 + torch.rand(signal.values.shape, generator=draw, dtype=torch.float64)
        if hasattr(module, "out_type"):
            self.out_type = module.out_type

    def forward(self, x: Tensor, domain: Domain):
        masked = x * self.mask
        for leaf in _geometry(domain):  # points first
            along = torch.arange(1, leaf.shape[1] + 1, dtype=leaf.dtype, device=leaf.device)
            masked = masked * (1 + 0.5 * torch.sin(leaf @ along)).to(x).unsqueeze(1)
        values, after = call(self.module, Signal(masked, domain, _type_of(self.module, x, domain)))
        self.has_readout = after is None
        return values if after is None or after is domain else (values, after)


def _type_of(module: nn.Module, x: Tensor, domain: Domain) -> FieldType:
    return getattr(module, "in_type", None) or FieldType.scalars(x.shape[domain.channel_axis])


def _or_skip(subject: Subject, module: nn.Module, signal: Signal) -> Iterator[Symmetry]:
    found = claimed(subject, module, signal)
    if not found:
        pytest.skip(f"{subject} claims no symmetry of {signal.domain!r}")
    yield from found


def _differs(a: Tensor, b: Tensor) -> bool:
    return a.shape != b.shape or float((a - b).norm()) > 1e-3 * float(b.norm())
