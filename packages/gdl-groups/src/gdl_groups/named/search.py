"""How one finite group of matrices lies in another: by inclusion, or by the first conjugate found."""

import itertools
from collections.abc import Callable

import torch
from gdl_core.groups import FiniteGroup
from torch import Tensor


def search_embedding(source: FiniteGroup, target: FiniteGroup) -> Callable[[Tensor], Tensor] | None:
    """Return an injective map of matrix groups whose image is a conjugate of `source`, or None if there is none.

    The inclusion where every generator is an element of `target`; else the generators' images are tried in order of
    `target.elements()`, which decides between conjugates. A map that keeps all traces is conjugation by one matrix,
    since the two representations are then equivalent.
    """
    if target.elements().shape[0] % source.elements().shape[0]:
        return None  # Lagrange
    choices = [_of_same_kind(g, target) for g in source.generators()]
    inside = [_position(g, target) for g in source.generators()]
    if all(place is not None for place in inside):
        return lambda g: g
    tree, steps = _spanning_tree(source)
    traces, others = (group.elements().diagonal(dim1=1, dim2=2).sum(-1) for group in (source, target))
    for images in itertools.product(*choices):
        found = torch.zeros(len(tree) + 1, dtype=torch.int64)
        for child, (generator, parent) in tree.items():
            found[child] = target.table[images[generator], found[parent]]
        agree = torch.equal(found[steps], target.table[torch.tensor(images)][:, found])
        if agree and torch.allclose(others[found], traces, atol=1e-6):
            return lambda g, found=found: target.elements()[found[source.index(g)]]
    return None


def _of_same_kind(g: Tensor, target: FiniteGroup) -> list[int]:
    elements = target.elements()
    same = (elements.diagonal(dim1=1, dim2=2).sum(-1) - g.trace()).abs() < 1e-6
    same &= (torch.linalg.det(elements) - torch.linalg.det(g)).abs() < 1e-6
    return torch.nonzero(same).ravel().tolist()


def _position(g: Tensor, target: FiniteGroup) -> int | None:
    near = (target.elements() - g).abs().amax((1, 2)) < 1e-6
    return int(near.int().argmax()) if bool(near.any()) else None


def _spanning_tree(group: FiniteGroup) -> tuple[dict[int, tuple[int, int]], Tensor]:
    """Return for each element but the identity (generator, parent), in order of distance; and generators x elements."""
    steps = group.table[group.index(group.generators())]  # [k, order]: where left multiplication takes each element
    tree: dict[int, tuple[int, int]] = {}
    frontier, reached = [0], {0}
    while frontier:
        following = []
        for parent in frontier:
            for generator, child in enumerate(steps[:, parent].tolist()):
                if child not in reached:
                    reached.add(child)
                    tree[child] = (generator, parent)
                    following.append(child)
        frontier = following
    return tree, steps
