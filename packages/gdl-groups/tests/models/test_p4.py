"""Group-convolutional networks: exact invariance end to end, sizes beside plain networks, compile and export."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.grid import Grid
from gdl_groups import bake, group_cnn, group_resnet
from gdl_groups.models.p4 import grid_group


def size(net):
    return sum(parameter.numel() for parameter in net.parameters())


def trained(net, x):
    """Return the network after a few steps, so that nothing holds at the start only."""
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    for _ in range(3):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return net.eval()


@pytest.mark.parametrize(("group", "flips"), [("C4", False), ("D4", True)])
@pytest.mark.parametrize("make", [group_cnn, group_resnet])
@pytest.mark.parametrize("boundary", ["zero", "periodic", "reflect"])
def test_turned_images_give_the_same_output_after_training_too(make, group, flips, boundary):
    torch.manual_seed(0)
    net = make(1, 3, group=group, channels=(2, 3), domain=Grid((8, 8), boundary)).double()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    net = trained(net, x)
    with torch.no_grad():
        y = net(x)
        assert float((net(x.rot90(1, (2, 3))) - y).abs().max()) <= 1e-12
        flipped = float((net(x.flip(3)) - y).abs().max())
    assert flipped <= 1e-12 if flips else flipped > 1e-6
    assert ("reflection" in net.symmetries()) == flips


def test_a_plain_network_of_equal_size_is_not_invariant():
    torch.manual_seed(0)
    plain = group_cnn(1, 10, group="1", channels=(16, 32), domain=Grid((8, 8), "zero")).double().eval()
    ours = group_cnn(1, 10, group="C4", channels=(8, 16), domain=Grid((8, 8), "zero"))
    assert abs(size(plain) / size(ours) - 1) < 0.1
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        assert float((plain(x.rot90(1, (2, 3))) - plain(x)).abs().max()) > 1e-3
    assert plain.symmetries() == ()


def test_voxels_turned_as_a_cube_give_the_same_output():
    net = group_cnn(1, 4, group="O", channels=(1, 2), ndim=3, domain=Grid((4, 4, 4), "zero")).double().eval()
    x = torch.randn(2, 1, 4, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        for axes in ((2, 3), (3, 4), (2, 4)):
            assert float((net(x.rot90(1, axes)) - net(x)).abs().max()) <= 1e-12
        assert float((net(x.flip(2)) - net(x)).abs().max()) > 1e-6


def test_odd_grids_pool_in_overlapping_windows():
    net = group_cnn(1, 4, group="D4", channels=(2, 2, 2), pool="max3", domain=Grid((9, 9), "zero")).double().eval()
    assert net.symmetries() == ("rotation", "reflection")
    x = torch.randn(2, 1, 9, 9, dtype=torch.float64)
    with torch.no_grad():
        assert float((net(x.rot90(1, (2, 3))) - net(x)).abs().max()) <= 1e-12


def test_an_even_grid_cut_into_cells_that_do_not_fit_says_that_it_loses_turns():
    assert group_cnn(1, 4, channels=(2, 2, 2), domain=Grid((10, 10), "zero")).symmetries() == ()  # 10, 5: no cells of 2


def test_it_compiles_whole_with_double_backward_and_exports_baked():
    torch.manual_seed(0)
    net = group_cnn(1, 3, channels=(2, 2), domain=Grid((4, 4), "zero")).double().eval()
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), net(x), atol=1e-10, rtol=0)
    program = torch.export.export(bake(net), (x,), strict=False)
    torch.testing.assert_close(program.module()(x), net(x), atol=1e-12, rtol=0)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in net.parameters() if p.grad is not None)


def test_groups_that_no_grid_has_are_named():
    assert grid_group("O_h").order == 48
    with pytest.raises(UnknownNameError, match="no 'C5'"):
        group_cnn(group="C5")
    with pytest.raises(UnknownNameError, match="no pool 'median'"):
        group_cnn(pool="median")
    with pytest.raises(ValueError, match="one kernel size or 3"):
        group_cnn(kernel_size=[3, 3])
