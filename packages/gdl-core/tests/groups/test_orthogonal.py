"""Irreps of SO(m) and O(m) take elements of their group and nothing else."""

import pytest
import torch
from gdl_core.groups import SO, O

MIRROR = -torch.eye(3, dtype=torch.float64)


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_a_reflection_is_no_rotation(degree):
    with pytest.raises(ValueError, match=r"SO\(3\).*determinant is -1.*O\(3\)"):
        SO(3).irrep(degree).matrix(MIRROR)
    with pytest.raises(ValueError, match=r"SO\(2\).*determinant is -1"):
        SO(2).irrep(degree).matrix(torch.tensor([[1.0, 0], [0, -1]], dtype=torch.float64))
    assert torch.equal(O(3).irrep(degree, -1).matrix(MIRROR), -torch.eye(2 * degree + 1, dtype=torch.float64))


@pytest.mark.parametrize(("group", "size"), [(SO(2), 2), (O(2), 2), (SO(3), 3), (O(3), 3)], ids=repr)
@pytest.mark.parametrize("factor", [2.0, float("nan")])
def test_a_matrix_that_is_not_orthogonal_is_refused_by_its_place(group, size, factor):
    g = torch.eye(size, dtype=torch.float64).repeat(3, 1, 1)
    g[1] *= factor
    with pytest.raises(ValueError, match=r"at \[1\].*not the identity"):
        group.irrep(1).matrix(g)


def test_single_precision_is_near_enough():
    g = SO(3).sample(50, torch.Generator().manual_seed(0))
    near = SO(3).irrep(2).matrix(g.float())
    assert float((near - SO(3).irrep(2).matrix(g)).abs().max()) < 1e-5
