"""Checks of domains: they survive the tools, and their symmetries are actions."""

import pickle

import torch
from torch import Tensor
from torch.utils import _pytree

from gdl_core.geometry import Domain, Signal
from gdl_core.testing.measure import group_elements
from gdl_core.testing.subject import Subject, require


def check_domain_values(subject: Subject) -> None:
    """A domain survives pickle, flattening and `.to`, and keeps its class, its points and its repr. Rule: `Domain`."""
    domain = _domain(subject)
    leaves, spec = _pytree.tree_flatten(domain)
    require(all(leaf is None or isinstance(leaf, Tensor) for leaf in leaves), f"{domain!r}: a leaf is no tensor.")
    text = _pytree.treespec_dumps(spec)
    copies = {
        "pickle": pickle.loads(pickle.dumps(domain)),
        "flattening": _pytree.tree_unflatten(leaves, _pytree.treespec_loads(text)),
        ".to('cpu')": domain.to("cpu"),
    }
    for how, copied in copies.items():
        same = type(copied) is type(domain) and copied.num_points == domain.num_points and repr(copied) == repr(domain)
        require(same, f"{domain!r} becomes {copied!r} by {how}.")


def check_points(subject: Subject) -> None:
    """`to_points` and `from_points` are inverse, and `check` refuses a signal of another shape. Rule: `Domain`."""
    signal = subject.inputs()
    points = signal.domain.to_points(signal.values)
    require(points.shape[-2] == signal.domain.num_points, f"{signal.domain!r}: to_points gives {list(points.shape)}.")
    require(
        torch.equal(signal.domain.from_points(points), signal.values),
        f"{signal.domain!r}: from_points does not undo to_points.",
    )
    try:
        signal.domain.check(signal.values.reshape(-1), "here")
    except ValueError as error:
        require("here" in str(error), f"{signal.domain!r}: the error does not say where: {error}")
    else:
        raise AssertionError(f"{signal.domain!r} accepts a flattened signal.")


def check_actions(subject: Subject) -> None:
    """Each exact symmetry is an action, e·s = s and g·(h·s) = (gh)·s, and `point_images` agrees with it.

    One that interpolates need only have e·s = s. Rule: `Symmetry`.
    """
    signal = subject.inputs()
    for symmetry in signal.domain.symmetries().values():
        group = symmetry.group
        same = _near(symmetry.act(group.identity(), signal), signal)
        require(same, f"{symmetry!r}: the identity changes a signal.")
        if not symmetry.is_exact:
            continue
        elements = group_elements(group, samples=2)
        for g, h in zip(elements, elements.roll(1, 0)):
            twice = symmetry.act(g, symmetry.act(h, signal))
            once = symmetry.act(group.compose(g, h), signal)
            require(_near(twice, once), f"{symmetry!r}: g·(h·s) is not (gh)·s for g = {g.tolist()}, h = {h.tolist()}.")
            moved = signal.domain.to_points(symmetry.move(g, signal.values, signal.domain)[0])
            expected = torch.empty_like(moved)
            expected[..., symmetry.point_images(g), :] = signal.domain.to_points(signal.values)
            require(torch.equal(moved, expected), f"{symmetry!r}: point_images disagrees with move for {g.tolist()}.")


def _near(a: Signal, b: Signal) -> bool:
    return a.values.shape == b.values.shape and bool(torch.allclose(a.values, b.values, rtol=1e-9, atol=1e-9))


def _domain(subject: Subject) -> Domain:
    built = subject.instance()
    if not isinstance(built, Domain):
        raise TypeError(f"The case of {subject} must build a Domain, got {type(built).__name__}.")
    return built
