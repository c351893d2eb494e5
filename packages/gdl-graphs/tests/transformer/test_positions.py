"""Encodings of positions: their formulas, and that rotary scores depend on distances only."""

import math

import pytest
import torch
from gdl_graphs import LearnedPositions, PointSet, Rotary, SinusoidalPositions
from gdl_graphs.transformer.positions import places


def test_places_count_from_zero_in_every_sample():
    assert places(PointSet.of([3, 0, 1, 2])).tolist() == [0, 1, 2, 0, 0, 1]


def test_sinusoidal_positions_are_the_formula():
    layer, x = SinusoidalPositions(6, base=100.0), torch.zeros(5, 6, dtype=torch.float64)
    got = layer(x, PointSet.of([3, 2]))
    for row, place in enumerate([0, 1, 2, 0, 1]):
        for k in range(3):
            angle = place / 100.0 ** (2 * k / 6)
            assert math.isclose(float(got[row, 2 * k]), math.sin(angle), abs_tol=1e-15)
            assert math.isclose(float(got[row, 2 * k + 1]), math.cos(angle), abs_tol=1e-15)


@pytest.mark.parametrize("sizes", [[9], [9, 9], [9, 2]])  # sizes known to be equal, and not
def test_rotary_scores_depend_on_the_distance_of_two_places_only(sizes):
    rotary, points = Rotary(6), PointSet.of(sizes)
    draw = torch.Generator().manual_seed(0)
    query, key = (torch.randn(2, 6, generator=draw, dtype=torch.float64).expand(sum(sizes), 2, 6) for _ in range(2))
    scores = torch.einsum("ihd,jhd->hij", rotary(query, points), rotary(key, points))[:, :9, :9]
    for distance in range(-8, 9):
        line = scores.diagonal(distance, 1, 2)
        assert float((line - line[:, :1]).abs().max()) < 1e-13
    assert float((scores[:, 0] - scores[:, 0, :1]).abs().max()) > 0.1  # they do depend on it
    rotated = rotary(query, points)
    assert torch.allclose(rotated.norm(dim=-1), query.norm(dim=-1), atol=1e-13)
    assert torch.allclose(rotated[0], query[0])  # place 0 is not turned


def test_rotary_angles_are_right_far_from_the_start_in_single_precision():
    points = PointSet.of(60_000)
    rotary, x = Rotary(4), torch.ones(60_000, 1, 4, dtype=torch.float64)
    exact, rounded = rotary(x, points)[-1], rotary(x.float(), points)[-1]
    assert float((exact - rounded).abs().max()) < 1e-6


def test_learned_positions_add_the_row_of_the_place_and_refuse_longer_samples():
    layer, x = LearnedPositions(2, 3), torch.zeros(5, 2)
    expected = layer.table[[0, 1, 2, 0, 1]]
    assert torch.equal(layer(x, PointSet.of([3, 2])), expected)
    assert torch.equal(layer(torch.zeros(4, 2), PointSet.of([2, 2])), layer.table[[0, 1, 0, 1]])
    beyond = layer(x, PointSet.of([4, 1]))
    assert beyond[3].isnan().all() and not beyond[[0, 1, 2, 4]].isnan().any()
    with pytest.raises(ValueError, match="3 places, got samples of 4 points"):
        layer(torch.zeros(4, 2), PointSet.of(4))


def test_odd_widths_are_refused():
    with pytest.raises(ValueError, match="even number of channels, got 3"):
        SinusoidalPositions(3)
    with pytest.raises(ValueError, match="even width, got 3"):
        Rotary(3)
