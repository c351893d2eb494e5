"""Products of Lie groups: the algebra of the parts, and representations pulled back from them."""

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SO, CyclicGroup, ProductGroup, SemidirectProduct


def test_a_product_representation_has_the_derivative_of_its_factors():
    group = ProductGroup([SO(3), SO(2)])
    pair = group.representation("1|1")
    a = group.algebra()[0]
    step = 1e-6
    numeric = (pair.matrix(group.exp(step * a)) - pair.matrix(group.exp(-step * a))) / (2 * step)
    assert torch.allclose(pair.derivative(a), numeric, atol=1e-8)


def test_outer_products_of_irreps_commute_with_what_their_factors_do():
    group = ProductGroup([SO(3), SO(2)])
    pair = group.representation("1|1")
    assert len(intertwiners(pair, pair)) == 2  # real times complex type
    assert len(intertwiners(pair, group.representation("2|1"))) == 0


def test_a_semidirect_product_of_lie_groups_says_how_to_get_its_exponential():
    shifts = ProductGroup([CyclicGroup(4), CyclicGroup(4)])
    group = SemidirectProduct(shifts, SO(2), lambda h, n: n)
    with pytest.raises(NotImplementedError, match="declare it as a LieGroup of matrices"):
        group.exp(group.algebra()[0])


def test_semidirect_products_with_another_action_are_other_groups():
    ring, flip = CyclicGroup(5), CyclicGroup(2)
    dihedral, direct = (
        SemidirectProduct(ring, flip, action) for action in (lambda h, n: (1 - 2 * h) * n % 5, lambda h, n: n + 0 * h)
    )
    assert dihedral != direct
    assert dihedral == SemidirectProduct(ring, flip, lambda h, n: (1 - 2 * h) * n % 5)
