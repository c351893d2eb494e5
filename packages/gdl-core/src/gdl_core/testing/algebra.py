"""Checks of groups and representations: the axioms, on generators and samples."""

import inspect

import pytest
import torch
from torch import Tensor

from gdl_core.groups import FiniteGroup, Group
from gdl_core.representations import Representation
from gdl_core.testing.measure import group_elements
from gdl_core.testing.subject import Subject, require

ENUMERATED = 256  # finite groups up to this order are checked element by element


def check_group_axioms(subject: Subject) -> None:
    """The group, and every representation it names, satisfy their axioms. Rule: `Group`, `Representation`.

    Without a case the class is tried without arguments, or with 2, 3 and 4 if it takes one whole number.
    """
    groups = [subject.instance()] if subject.case is not None else _instances(subject)
    for group in groups:
        check_group(group)


def _instances(subject: Subject) -> list[Group]:
    found = subject.target()
    if isinstance(found, Group):
        return [found]
    required = [p for p in inspect.signature(found).parameters.values() if p.default is p.empty]
    if not required:
        return [found()]
    if len(required) == 1 and required[0].annotation is int:
        return [found(size) for size in (2, 3, 4)]
    pytest.skip(f"{subject} takes {', '.join(p.name for p in required)}: give it a case that builds a group")


def check_group(group: Group, samples: int = 6, tolerance: float = 1e-8, representations: bool = True) -> None:
    """Raise AssertionError unless `group` satisfies the axioms of a group on its generators and random elements.

    Associativity, identity, inverse, shapes, the law of `exp`, a sampler that repeats under its seed, the closure of
    a finite group; and `check_representation` of every representation it names, irreps included.
    """
    g = group_elements(group, samples)
    h, k = g.roll(1, 0), g.roll(2, 0)
    shape = group.element_shape
    require(g.shape[1:] == shape, f"{group!r}: elements have shape {list(g.shape[1:])}, not {list(shape)}.")
    one = group.identity()
    require(one.shape == shape, f"{group!r}: the identity has shape {list(one.shape)}, not {list(shape)}.")

    def same(a: Tensor, b: Tensor, what: str) -> None:
        require(a.shape == b.shape and group.close(a, b, tolerance), f"{group!r}: {what} does not hold.")

    same(group.compose(group.compose(g, h), k), group.compose(g, group.compose(h, k)), "(gh)k = g(hk)")
    ones = one.expand_as(g)
    same(group.compose(g, ones), g, "g e = g")
    same(group.compose(ones, g), g, "e g = g")
    same(group.compose(g, group.inverse(g)), ones, "g g⁻¹ = e")
    same(group.compose(group.inverse(g), g), ones, "g⁻¹ g = e")
    same(group.compose(g[:, None], h[None])[1, 2], group.compose(g[1], h[2]), "composition batch by batch")
    same(group.inverse(g)[1], group.inverse(g[1]), "inversion batch by batch")
    draws = [group.sample(3, torch.Generator().manual_seed(5)) for _ in range(2)]
    same(draws[0], draws[1], "a sample repeats under its seed")
    if group.algebra().shape[0]:
        _check_exponential(group, same)
    if isinstance(group, FiniteGroup) and group.order is not None and group.order <= ENUMERATED:
        _check_closure(group)
    require(group == group and hash(group) == hash(group), f"{group!r} does not equal itself.")
    if representations:
        for rep in named_representations(group):
            check_representation(rep)


def _check_exponential(group: Group, same) -> None:
    algebra = group.algebra()
    one = group.identity().expand(algebra.shape[0], *group.element_shape)
    same(group.exp(0 * algebra), one, "exp(0) = e")
    same(group.exp(-0.7 * algebra), group.inverse(group.exp(0.7 * algebra)), "exp(-a) = exp(a)⁻¹")
    whole = group.compose(group.exp(0.3 * algebra), group.exp(0.4 * algebra))
    same(whole, group.exp(0.7 * algebra), "exp(sa) exp(ta) = exp((s + t)a)")
    flat = algebra.reshape(algebra.shape[0], -1)
    independent = int(torch.linalg.matrix_rank(flat)) == algebra.shape[0]
    require(independent, f"{group!r}: the basis of the algebra is linearly dependent.")


def _check_closure(group: FiniteGroup) -> None:
    elements = group.elements()
    count = elements.shape[0]
    require(group.order == count, f"{group!r} says it has {group.order} elements, and enumerates {count}.")
    require(group.close(elements[0], group.identity()), f"{group!r}: the identity is not the first element.")
    require(torch.equal(group.index(elements), torch.arange(count)), f"{group!r}: index does not invert elements().")
    group.index(group.generators())  # raises for a generator that is no element
    group.index(group.sample(4, torch.Generator().manual_seed(0)))
    everything = torch.arange(count).expand(count, count)
    for axis in (0, 1):
        latin = torch.equal(group.table.sort(axis).values, everything if axis else everything.T)
        require(latin, f"{group!r}: the Cayley table is not a Latin square.")
    reached, frontier = {0}, [0]
    steps = group.table[group.index(group.generators())]  # [k, order]
    while frontier:
        frontier = [x for x in set(steps[:, frontier].reshape(-1).tolist()) if x not in reached]
        reached.update(frontier)
    require(len(reached) == count, f"{group!r}: the generators reach {len(reached)} of {count} elements.")


def named_representations(group: Group) -> list[Representation]:
    """Return the representations that `group` knows by name, and the irreps of a small finite group."""
    found = [group.representation(name) for name in sorted(group._named_representations())]
    if isinstance(group, FiniteGroup) and group.order is not None and group.order <= ENUMERATED:
        found += group.irreps()
    else:
        known = [group._irrep(name) for name in ("0", "1", "2", "3", "0e", "0o", "1e", "1o", "2e", "2o")]
        found += [rep for rep in known if rep is not None]
    return [rep for rep in found if rep.dim <= ENUMERATED]


def check_representation(rep: Representation, samples: int = 4, tolerance: float = 1e-8) -> None:
    """Raise AssertionError unless `rep` is a homomorphism with true flags, a true derivative and a true `act`.

    ρ(gh) = ρ(g)ρ(h), ρ(e) = I, ρ(g⁻¹) = ρ(g)⁻¹; matrices are permutations or orthogonal if the flags say so;
    dρ(a) is the derivative of ρ(exp(ta)) at t = 0; the endomorphism type of an irrep of a finite group is the norm of
    its character.
    """
    group = rep.group
    g = group_elements(group, samples)
    h = g.roll(1, 0)
    matrices = rep.matrix(g)
    eye = torch.eye(rep.dim, dtype=torch.float64)
    require(
        matrices.shape == (g.shape[0], rep.dim, rep.dim) and matrices.dtype == torch.float64,
        f"{rep!r}: matrices are {matrices.dtype} {list(matrices.shape)}, "
        f"not float64 [{g.shape[0]}, {rep.dim}, {rep.dim}].",
    )

    def same(a: Tensor, b: Tensor, what: str) -> None:
        gap = float((a - b).abs().max()) if a.numel() else 0.0
        require(gap <= tolerance, f"{rep!r}: {what} fails by {gap:.1e}.")

    same(rep.matrix(group.compose(g, h)), matrices @ matrices.roll(1, 0), "ρ(gh) = ρ(g)ρ(h)")
    same(rep.matrix(group.identity()), eye, "ρ(e) = I")
    same(rep.matrix(group.inverse(g)) @ matrices, eye.expand_as(matrices), "ρ(g⁻¹)ρ(g) = I")
    same(rep.matrix(g[0]), matrices[0], "ρ of a single element")
    if rep.is_orthogonal:
        same(matrices @ matrices.mT, eye.expand_as(matrices), "ρρᵀ = I, which is_orthogonal claims,")
    if rep.is_permutation:
        require(rep.is_orthogonal, f"{rep!r} is a permutation, so it is orthogonal, and does not say so.")
        zero_one = bool(((matrices == 0) | (matrices == 1)).all())
        require(
            zero_one and bool((matrices.sum(-2) == 1).all()), f"{rep!r} claims permutations, and has other matrices."
        )
        same(eye[rep.images(g)].mT, matrices, "images(g) agree with the matrix")
    x = torch.randn(3, rep.dim, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    same(rep.act(g[0], x, dim=1), torch.einsum("ij,bjc->bic", matrices[0], x), "act(g, x) = ρ(g)x")
    same(rep.character(g), matrices.diagonal(dim1=1, dim2=2).sum(-1), "the character is the trace")
    if group.algebra().shape[0]:
        _check_derivative(rep, same)
    _check_endomorphism(rep)


def _check_derivative(rep: Representation, same) -> None:
    group, step = rep.group, 1e-4
    algebra = group.algebra()
    for a in algebra:
        # Fourth order in the step: rounding and truncation are both below 1e-10.
        near, far = (rep.matrix(group.exp(t * a)) - rep.matrix(group.exp(-t * a)) for t in (step, 2 * step))
        same(rep.derivative(a), (8 * near - far) / (12 * step), "dρ(a) = d/dt ρ(exp(ta))")
    same(rep.derivative(algebra)[0], rep.derivative(algebra[0]), "dρ batch by batch")


def _check_endomorphism(rep: Representation) -> None:
    group = rep.group
    if rep.endomorphism is None or not isinstance(group, FiniteGroup) or (group.order or ENUMERATED + 1) > ENUMERATED:
        return
    norm = float(rep.character(group.elements()).square().mean())
    expected = {"real": 1, "complex": 2, "quaternionic": 4}[rep.endomorphism]
    require(abs(norm - expected) < 1e-8, f"{rep!r} claims the type {rep.endomorphism}, and <χ, χ> is {norm:.6f}.")
