"""Input that is no group element gets a sentence that says which equation fails, where and by how much."""

import pytest
import torch
from gdl_core.groups import SO, CyclicGroup, Group, O, ProductGroup
from gdl_groups.named import (
    GL,
    SE,
    SL,
    SU,
    E,
    Galilei,
    Lorentz,
    Poincare,
    PointGroup,
    ScaleRotations,
    Scaling,
    Sp,
    Translations,
    U,
    UnitQuaternions,
    check_element,
    check_orthogonal,
    check_rotation,
    check_unit_quaternion,
)

GROUPS: list[Group] = [
    *(SO(2), SO(3), O(3), U(2), SU(2), SU(3), UnitQuaternions(), Sp(4), SL(2), SL(2, "complex"), GL(2)),
    *(
        Lorentz(3),
        Lorentz(3, True),
        Poincare(2),
        Galilei(3),
        Translations(2),
        SE(3),
        E(2),
        Scaling(2),
        ScaleRotations(3),
    ),
    *(PointGroup("O_h"), CyclicGroup(5)),
]


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_elements_pass_in_any_batch_and_none_at_all(group):
    g = group.sample(6, torch.Generator().manual_seed(0))
    check_element(group, g)
    check_element(group, g.unflatten(0, (2, 3)))
    check_element(group, g[0])
    check_element(group, g[:0])


@pytest.mark.parametrize(
    "group", [group for group in GROUPS if group.element_shape and not isinstance(group, GL)], ids=repr
)
def test_what_is_a_little_off_does_not_pass(group):
    g = group.sample(3, torch.Generator().manual_seed(0))
    g[1] = g[1] + 1e-3 * torch.randn(group.element_shape, generator=torch.Generator().manual_seed(1)).double()
    with pytest.raises(ValueError, match="lement"):
        check_element(group, g)


def reflected():
    g = SO(3).sample(4, torch.Generator().manual_seed(0))
    g[2] = -g[2]
    return g


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (lambda: check_rotation(reflected()), r"Element 2 of 4 is not in SO\(3\): det g = 1 fails by 2.0e\+00.*O\(3\)"),
        (lambda: check_rotation(2 * torch.eye(3)), r"Element 0 of 1 is not in SO\(3\): gᵀ g = 1 fails by 3.0e\+00"),
        (lambda: check_orthogonal(torch.ones(2, 2)), r"is not in O\(2\): gᵀ g = 1 fails"),
        (lambda: check_unit_quaternion(torch.tensor([1.0, 1, 0, 0])), r"w² \+ x² \+ y² \+ z² = 1 fails by 1.0e\+00"),
        (lambda: check_unit_quaternion(torch.zeros(4)), "fails by 1.0e"),
        (lambda: check_rotation(torch.full((1, 3, 3), float("nan"))), r"Element 0 of 1 .* has NaN or infinity"),
        (lambda: check_element(SO(3), torch.eye(2)), r"has the shape \[3, 3\], got \[2, 2\]"),
        (lambda: check_element(PointGroup("O"), -torch.eye(3).double()), "is not one of its elements"),
        (lambda: check_element(Lorentz(3), -torch.eye(4).double()), r"g_00 ≥ 1 fails by 2.0e\+00"),
        (lambda: check_element(Lorentz(3), Lorentz(3, True).generators()[0]), "det g = 1 fails"),
        (lambda: check_element(Sp(2), 2 * torch.eye(2).double()), "gᵀ F g = F fails"),
        (lambda: check_element(SL(2), 2 * torch.eye(2).double()), r"det g = 1 fails by 3.0e\+00"),
        (lambda: check_element(GL(2), torch.ones(2, 2).double()), "det g ≠ 0 fails"),
        (lambda: check_element(SU(2), torch.diag(torch.tensor([1.0, -1, 1, -1]))), "det g = 1 fails"),
        (lambda: check_element(U(1), torch.diag(torch.tensor([1.0, -1]))), "real form of a complex matrix fails"),
        (lambda: check_element(SE(2), E(2).generators()[0]), r"SE\(2\): linear part: det g = 1 fails"),
        (lambda: check_element(SE(2), torch.ones(3, 3)), r"the last row is \(0, …, 0, 1\) fails"),
        (lambda: check_element(Scaling(2), -torch.eye(2)), "s > 0 fails"),
        (lambda: check_element(ScaleRotations(2), torch.tensor([[1.0, 1], [0, 1]])), "gᵀ g = s² 1 fails"),
    ],
)
def test_the_sentence_names_the_equation(check, sentence):
    with pytest.raises(ValueError, match=sentence):
        check()


def test_groups_whose_equations_are_unknown_are_refused():
    group = ProductGroup([SO(2), CyclicGroup(3)])
    with pytest.raises(TypeError, match="check_element knows finite groups, matrix groups and quaternions"):
        check_element(group, group.identity())
