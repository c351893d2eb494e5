"""LeNet, ResNet and U-Net: any size, one set of weights for every pool, exact shifts with the polyphase one."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.verify import audit, equivariance_error
from gdl_grids import Grid, PolyphasePool, UNet, coarsening, lenet, resnet, unet
from gdl_grids.models import POOLS

MAKE = {
    "lenet": lambda pool: lenet(1, 5, channels=(8, 8, 8), kernel_size=3, pool=pool, domain=Grid((16, 16))),
    "resnet": lambda pool: resnet(1, 5, channels=(8, 8, 8), blocks=1, pool=pool, domain=Grid((16, 16))),
    "unet": lambda pool: unet(1, 2, channels=(4, 8, 8), pool=pool),
}


def signal(shape, dtype=torch.float32, boundary="periodic") -> Signal:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 1, *shape, generator=draw, dtype=torch.float64).to(dtype)
    return Signal(x, Grid(shape, boundary), FieldType.scalars(1))


@pytest.mark.parametrize("name", list(MAKE))
def test_the_same_weights_commute_with_shifts_through_polyphase_pools_and_not_through_strides(name):
    """In float32 and without training; the issue's "shows" 4 is the same for trained weights."""
    torch.manual_seed(0)
    exact = MAKE[name]("polyphase")
    s = signal((16, 16))
    assert equivariance_error(exact, s, "shift").max <= 1e-6
    for pool in POOLS:
        twin = MAKE[name](pool)
        twin.load_state_dict(exact.state_dict())
        error = equivariance_error(twin, s, "shift").max
        assert (error <= 1e-6) if "polyphase" in pool else (error >= 1e-3), pool
    assert equivariance_error(exact.double(), signal((16, 16), torch.float64), "shift").max < 1e-13


def test_the_audit_names_the_layer_that_loses_the_shift():
    torch.manual_seed(0)
    twin = MAKE["lenet"]("stride")
    report = audit(twin, signal((16, 16)), ["shift"], samples=2)
    lost = [row.name for row in report.rows if row.cells["shift"].verdict == "lost"]
    assert lost[0] == "parts.3" and type(twin.parts[3]).__name__ == "Subsample"
    kept = audit(MAKE["lenet"]("polyphase"), signal((16, 16)), ["shift"], samples=2)
    assert all(row.cells["shift"].verdict in ("exact", "rounding") for row in kept.rows)


@pytest.mark.parametrize("shape", [(7,), (12,), (13, 11), (5, 8), (5, 6, 7)])
@pytest.mark.parametrize("pool", ["polyphase", "max"])
def test_u_net_takes_any_size_and_gives_it_back(shape, pool):
    net = unet(1, 2, channels=(3, 4, 5), pool=pool, ndim=len(shape)).double()
    for boundary in ("periodic", "zero", "reflect"):
        s = signal(shape, torch.float64, boundary)
        assert net(s.values, s.domain).shape == (4, 2, *shape)
        fits = boundary == "periodic" and pool == "polyphase" and all(n % 4 == 0 for n in shape)
        assert net.symmetries(s.domain) == (("shift",) if fits else ())


def test_u_net_is_equivariant_where_it_says_so():
    """Even sizes and a polyphase pool: every shift. A fixed pool: multiples of 2^depth. An odd torus: neither."""
    torch.manual_seed(0)
    s = signal((8, 12), torch.float64)
    for pool, every in (("polyphase", True), ("stride", False)):
        net = unet(1, 1, channels=(3, 4, 5), pool=pool).double().eval()
        y = net(s.values)
        for shift, exact in (((1, 0), every), ((3, 5), every), ((4, 8), True)):
            error = (net(s.values.roll(shift, (2, 3))) - y.roll(shift, (2, 3))).abs().max()
            assert (error < 1e-12) if exact else (error > 1e-3), (pool, shift)
    odd = signal((9, 9), torch.float64)
    net = unet(1, 1, channels=(3, 4), pool="polyphase").double()
    assert equivariance_error(net, odd, "shift").max > 1e-3


@pytest.mark.parametrize("make", [lenet, resnet])
def test_classifiers_take_any_size_and_any_number_of_axes(make):
    for shape in ((5,), (9, 14), (4, 5, 6)):
        net = make(2, 3, channels=(4, 4, 4), ndim=len(shape))
        assert net(torch.randn(2, 2, *shape)).shape == (2, 3)
    net = make(2, 3, channels=(4, 4), domain=Grid((28, 28)))
    assert net.symmetries() == ("shift",) and net(torch.randn(1, 2, 32, 20)).shape == (1, 3)


def test_a_network_of_another_size_compiles_and_exports_with_free_sizes():
    net = lenet(1, 3, channels=(4, 4), kernel_size=3, pool="max").eval()
    dim = torch.export.Dim.AUTO
    program = torch.export.export(net, (torch.randn(2, 1, 8, 12),), dynamic_shapes=({0: dim, 2: dim, 3: dim},))
    x = torch.randn(3, 1, 10, 6)
    assert torch.allclose(program.module()(x), net(x), atol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(UnknownNameError, match=r"no pool 'polyphaze'.*polyphase"):
        coarsening(3, "polyphaze")
    with pytest.raises(ValueError, match="one number of blocks per stage: 3 stages"):
        resnet(blocks=[1, 2])
    with pytest.raises(ValueError, match="at least two levels"):
        UNet(1, 1, (4,))
    assert isinstance(coarsening(3, "polyphase"), PolyphasePool)
