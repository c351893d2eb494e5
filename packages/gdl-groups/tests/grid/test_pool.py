"""Pools of fields: exact under turns and flips where their windows are centred, and over groups and cosets."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup, subgroup
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_groups import AvgPool, GlobalPool, GroupPool, MaxPool, Restrict, SubgroupPool
from gdl_groups.named.point import PointGroup
from torch.nn import functional

D4, CUBE = DihedralGroup(4), PointGroup("O")
REGULAR = FieldType(D4, "2xregular")
TURNS = subgroup(D4, torch.tensor([[0, 1]]), "turns")
MIRROR = subgroup(D4, torch.tensor([[1, 0]]), "mirror")


def signal(type, grid, samples=2):
    draw = torch.Generator().manual_seed(1)
    return Signal(torch.randn(samples, type.channels, *grid.shape, generator=draw, dtype=torch.float64), grid, type)


def errors(layer, s):
    return {name: equivariance_error(layer, s, s.domain.symmetries()[name]).max for name in layer.symmetries(s.domain)}


@pytest.mark.parametrize(
    ("make", "grid"),
    [
        (lambda type: MaxPool(type, 2), Grid((6, 6))),
        (lambda type: MaxPool(type, 3, 2), Grid((7, 7), "zero")),
        (lambda type: MaxPool(type, 3, 1), Grid((6, 6))),
        (lambda type: AvgPool(type, 3), Grid((6, 6), "reflect")),
        (lambda type: AvgPool(type, 3, 2, weights="binomial"), Grid((7, 7), "zero")),
        (lambda type: AvgPool(type, 4, 2, weights="binomial"), Grid((6, 6))),
        (lambda type: AvgPool(type, 3, 1), Grid((5, 6))),
    ],
)
def test_centred_windows_keep_what_they_claim(make, grid):
    layer = make(REGULAR)
    found = errors(layer, signal(REGULAR, grid))
    assert "reflection" in found and max(found.values()) <= 1e-12
    assert ("rotation" in found) == (grid.shape[0] == grid.shape[1])


def test_in_space_they_keep_the_turns_of_the_cube():
    type = FieldType(CUBE, "1xregular")
    for layer in (MaxPool(type, 2), AvgPool(type, 3, 2)):
        found = errors(layer, signal(type, Grid((4, 4, 4) if isinstance(layer, MaxPool) else (5, 5, 5), "zero")))
        assert found.keys() == {"rotation"} and max(found.values()) <= 1e-12


def test_an_average_keeps_vectors_too():
    type = FieldType(D4, "1xstandard+1xsign")
    found = errors(AvgPool(type, 2), signal(type, Grid((6, 6))))
    assert found.keys() == {"rotation", "reflection"} and max(found.values()) <= 1e-12
    with pytest.raises(TypeError, match="permutes"):
        MaxPool(type)


def test_windows_that_cannot_be_centred_claim_nothing_and_would_be_found_out():
    grid = Grid((7, 7), "zero")
    layer, s = MaxPool(REGULAR, 2), signal(REGULAR, Grid((7, 7), "zero"))
    assert layer.symmetries(grid) == ()
    assert equivariance_error(layer, s, grid.symmetries()["rotation"]).max > 1e-2
    shifting = equivariance_error(
        MaxPool(REGULAR, 2), signal(REGULAR, Grid((6, 6))), Grid((6, 6)).symmetries()["shift"]
    )
    assert shifting.max > 1e-2 and "shift" not in MaxPool(REGULAR, 2).symmetries(Grid((6, 6)))


def test_cells_are_those_of_torch():
    s = signal(FieldType.scalars(3), Grid((6, 8), "zero"))
    assert torch.equal(MaxPool(3)(s.values, s.domain)[0], functional.max_pool2d(s.values, 2))
    torch.testing.assert_close(AvgPool(3)(s.values, s.domain)[0], functional.avg_pool2d(s.values, 2))
    padded = functional.max_pool2d(s.values[..., :7], 3, 2, 1)
    y, coarse = MaxPool(3, 3, (1, 2))(s.values[..., :7], Grid((6, 7), "zero"))
    assert torch.equal(y[:, :, 0::2][:, :, :1], padded[:, :, :1]) and coarse.shape == (6, 4)


def test_group_pooling_gives_invariants():
    type = FieldType(D4, [(2, "regular"), (1, "trivial"), (3, MIRROR.source.trivial().induce(MIRROR))])
    s = signal(type, Grid((5, 5)))
    for how in ("max", "mean"):
        layer = GroupPool(type, how)
        assert layer.out_type == FieldType.scalars(6)
        assert max(errors(layer, s).values()) <= 1e-12
        regular = s.values[:, :16].unflatten(1, (8, 2))
        expected = regular.amax(1) if how == "max" else regular.mean(1)
        torch.testing.assert_close(layer(s.values, s.domain)[:, :2], expected)
    assert "fractional_shift" in GroupPool(type, "mean").symmetries(s.domain)
    assert "fractional_shift" not in GroupPool(type, "max").symmetries(s.domain)


@pytest.mark.parametrize(("hom", "dim"), [(TURNS, 2), (MIRROR, 4), (subgroup(D4, torch.tensor([[0, 2]]), "half"), 4)])
def test_subgroup_pooling_leaves_fields_on_cosets_that_the_whole_group_moves(hom, dim):
    s = signal(REGULAR, Grid((5, 5)))
    for how in ("max", "mean"):
        layer = SubgroupPool(REGULAR, hom, how)
        assert layer.out_type.fields[0][1].dim == dim
        assert max(errors(layer, s).values()) <= 1e-12
    again = GroupPool(layer.out_type, "mean")(layer(s.values, s.domain), s.domain)
    torch.testing.assert_close(again, GroupPool(REGULAR, "mean")(s.values, s.domain))


def test_restricted_fields_are_the_same_numbers_of_a_smaller_group():
    layer = Restrict(REGULAR, TURNS)
    s = signal(REGULAR, Grid((5, 5)))
    assert torch.equal(layer(s.values, s.domain), s.values)
    assert layer.out_type.group == TURNS.source
    for g in TURNS.source.elements():
        assert torch.equal(layer.out_type.matrix(g), REGULAR.matrix(g))


def test_the_readout_is_invariant_under_every_motion():
    s = signal(REGULAR, Grid((6, 6)))
    for how in ("mean", "sum", "max"):
        for group in ("mean", "max"):
            found = errors(GlobalPool(REGULAR, how, group=group), s)
            assert {"shift", "rotation", "reflection", "lattice"} <= found.keys() and max(found.values()) <= 1e-12
            assert ("fractional_shift" in found) == (how != "max" and group == "mean")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GroupPool(FieldType(D4, "standard")), TypeError, "permutes"),
        (lambda: GroupPool(REGULAR, "sum"), ValueError, "'max' or 'mean'"),
        (lambda: SubgroupPool(FieldType(D4, "2xtrivial"), TURNS), TypeError, "regular fields"),
        (lambda: SubgroupPool(FieldType(CyclicGroup(4), "regular"), TURNS), TypeError, "regular fields"),
        (lambda: GlobalPool(REGULAR, "median"), ValueError, "'mean', 'sum' or 'max'"),
        (lambda: AvgPool(REGULAR, weights="gauss"), ValueError, "'uniform' or 'binomial'"),
        (lambda: MaxPool(REGULAR, 0), ValueError, "whole number from 1"),
    ],
)
def test_what_cannot_be_pooled_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
