"""Adaptive polyphase sampling: exact shifts, the round trip, the tie rule. Row 5 of the research's table."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_grids import BlurPool, Grid, MaxPool, PolyphasePool, PolyphaseUp, Subsample

SHAPES = [((8,), 2), ((9,), 3), ((6, 8), 2), ((4, 6), (2, 3)), ((4, 4, 6), 2), ((4, 3, 4, 4), (2, 3, 2, 2))]


def values(shape, channels=3, dtype=torch.float64, seed=0):
    return torch.randn(4, channels, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def kept(y, phase, stride, shape):
    """The reference of the way up: one sample at a time, by slices."""
    x = torch.zeros(*y.shape[:2], *shape, dtype=y.dtype)
    for i, start in enumerate(phase.tolist()):
        x[(i, slice(None), *[slice(p, None, s) for p, s in zip(start, stride)])] = y[i]
    return x


@pytest.mark.parametrize(("shape", "stride"), SHAPES)
def test_the_kept_grid_is_the_one_of_largest_norm(shape, stride):
    x = values(shape)
    pool = PolyphasePool(3, stride)
    y, coarse = pool(x)
    steps = coarse.parent.shape[0] // coarse.shape[0], *[n // m for n, m in zip(shape[1:], coarse.shape[1:])]
    for i in range(len(x)):
        energies = {}
        for p in torch.cartesian_prod(*[torch.arange(s) for s in steps]).reshape(-1, len(shape)).tolist():
            part = x[(i, slice(None), *[slice(a, None, s) for a, s in zip(p, steps)])]
            energies[tuple(p)] = float(part.square().sum())
        best = max(energies, key=energies.get)
        assert tuple(coarse.phase[i].tolist()) == best
        assert torch.equal(y[i], x[(i, slice(None), *[slice(a, None, s) for a, s in zip(best, steps)])])


@pytest.mark.parametrize(("shape", "stride"), SHAPES)
@pytest.mark.parametrize("before", [None, "max", "blur"])
@pytest.mark.parametrize("blur", [None, 3])
def test_down_and_up_commute_with_every_whole_shift(shape, stride, before, blur):
    """PolyphaseUp after PolyphasePool, both measured against shifts by single points of the fine grid."""
    if before == "blur" and len(shape) > 2:
        pytest.skip("the same code in fewer dimensions")
    grid = Grid(shape)
    signal = Signal(values(shape), grid, FieldType.scalars(3))
    down, up = PolyphasePool(3, stride, before=before, size=2), PolyphaseUp(3, blur=blur)
    tolerance = 1e-13 if before == "blur" or blur else 0.0
    assert equivariance_error(down, signal, "shift", samples=3).max <= tolerance
    assert equivariance_error(lambda x, d: up(*down(x, d)), signal, "shift", samples=3).max <= tolerance


def test_the_way_up_puts_values_back_where_they_were():
    x = values((4, 6))
    y, coarse = PolyphasePool(3)(x)
    back, fine = PolyphaseUp(3)(y, coarse)
    assert fine == Grid((4, 6)) and fine.phase is None
    assert torch.equal(back, kept(y, coarse.phase, (2, 2), (4, 6)))
    again, _ = PolyphasePool(3)(back)
    assert torch.equal(again, y)  # down ∘ up is the identity
    smooth, _ = PolyphaseUp(3, blur=3)(torch.ones_like(y), coarse)
    assert torch.allclose(smooth, torch.ones_like(smooth))  # the mean is kept


def test_negative_control_fixed_choices_do_not_commute():
    signal = Signal(values((8, 8)), Grid((8, 8)), FieldType.scalars(3))
    for pool in (Subsample(3), MaxPool(3), BlurPool(3)):
        assert equivariance_error(pool, signal, "shift").max > 1e-2


def test_the_choice_does_not_depend_on_the_order_of_summation():
    """Two interleaved grids that differ by less than the rounding of a sum in float32, which flips with a shift."""
    x = torch.randn(256, 16, 16, 16, generator=torch.Generator().manual_seed(3))
    x[:, :, 1::2] = x[:, :, ::2].roll(5, 3)  # odd rows have the energy of even ones, added in another order ...
    x[:, 0, 1, :2] += 4e-5 * x[:, 0, 1, :2].sign()  # ... and a little more
    grid = Grid((16, 16))
    shift = grid.symmetries()["shift"]
    kept, coarse = PolyphasePool(16)(x, grid)
    signal = Signal(kept, coarse, FieldType.scalars(16))

    def naive(x):
        return x.unflatten(2, (8, 2)).unflatten(4, (8, 2)).square().sum((1, 2, 4)).flatten(1).argmax(1)

    flipped = 0
    for g in torch.tensor([[3, 0], [0, 5], [7, 2]]):
        moved = x.roll(g.tolist(), (2, 3))
        got, after = PolyphasePool(16)(moved, grid)
        (expected,) = shift.candidates(g, signal)
        assert torch.equal(after.phase, expected.domain.phase)
        assert torch.equal(got, expected.values)
        before = naive(x)
        flipped += int((naive(moved) != (before // 2 + g[0]) % 2 * 2 + (before + g[1]) % 2).sum())
    assert coarse.phase[:, 0].eq(1).all()
    assert flipped > 0  # the control: a plain sum does flip


def test_ties_go_to_the_larger_sum_and_then_to_the_first():
    line = torch.tensor([[[-1.0, 1.0, -1.0, 1.0]], [[1.0, -1.0, 1.0, -1.0]], [[1.0, 1.0, 1.0, 1.0]], [[0.0] * 4]])
    y, coarse = PolyphasePool(1)(line)
    assert coarse.phase.flatten().tolist() == [1, 0, 0, 0]
    assert y[:2].eq(1).all()


def test_a_signal_that_a_shift_leaves_alone_has_no_grid_of_its_own():
    """Such a tie cannot be broken equivariantly: the way down is still exact, where it came from is not."""
    x = values((2, 4))[:, :, :1].expand(4, 3, 2, 4)  # both rows are the same
    signal = Signal(x.contiguous(), Grid((2, 4)), FieldType.scalars(3))
    down, up = PolyphasePool(3), PolyphaseUp(3)
    assert equivariance_error(lambda x, d: down(x, d)[0].mean((2, 3)), signal, "shift").max < 1e-15
    assert equivariance_error(lambda x, d: up(*down(x, d)), signal, "shift").max > 1


def test_a_nan_or_an_infinity_does_not_stop_the_choice():
    x = values((4,), 1)
    x[0, 0, 0], x[1, 0, 2] = torch.nan, torch.inf
    y, coarse = PolyphasePool(1)(x)
    assert ((coarse.phase >= 0) & (coarse.phase < 2)).all()
    assert torch.equal(y[2:], PolyphasePool(1)(x[2:])[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_the_choice_is_the_same_in_any_precision_and_at_any_scale(dtype, scale):
    x = (values((6, 6)) * scale).to(dtype)
    assert torch.equal(PolyphasePool(3)(x)[1].phase, PolyphasePool(3)(x.double())[1].phase)
    assert torch.equal(PolyphasePool(3)(x)[1].phase, PolyphasePool(3)(x * 2)[1].phase)


def test_sizes_that_the_stride_does_not_divide():
    x = values((5, 6))
    with pytest.raises(ValueError, match=r"axis 0 of Grid\(5x6, periodic\) has 5 points and the stride is 2"):
        PolyphasePool(3)(x)
    for boundary in ("periodic", "zero", "reflect"):
        grid = Grid((5, 6), boundary)
        pool, up = PolyphasePool(3, extend=True), PolyphaseUp(3, blur=3)
        y, coarse = pool(x, grid)
        back, fine = up(y, coarse)
        assert y.shape[2:] == (3, 3) and back.shape == x.shape and fine == grid
        assert pool.symmetries(grid) == () and up.symmetries(coarse) == ()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"needs the domain that PolyphasePool returned.*got no domain"):
        PolyphaseUp(3)(values((4,)))
    with pytest.raises(ValueError, match=r"got Grid\(4, periodic\) without them"):
        PolyphaseUp(3)(values((4,)), Grid((4,)))
    with pytest.raises(ValueError, match="before='max', before='blur' or None, got 'mean'"):
        PolyphasePool(3, before="mean")
    with pytest.raises(ValueError, match="stride a whole number from 1"):
        PolyphasePool(3, 0)
