"""`TensorProduct` equals e3nn's products with the same flat weights, commutes with O(3), and has two derivatives."""

import pytest
import torch
from gdl_core.groups import SO, O
from gdl_core.representations import FieldType
from gdl_groups.angular import from_mul_ir, to_e3nn, to_mul_ir
from gdl_groups.products import TensorProduct


@pytest.fixture(autouse=True)
def in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def of(text: str) -> FieldType:
    return FieldType(O(3), text)


def inputs(layer: TensorProduct, rows: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    first, second = (torch.randn(rows, t.channels, generator=draw) for t in (layer.in_type1, layer.in_type2))
    return first, second


@pytest.mark.filterwarnings("ignore")  # e3nn's own
@pytest.mark.parametrize("own", [True, False], ids=["one weight", "a weight each"])
def test_the_full_product_equals_e3nns_with_the_same_flat_weight(own):
    o3 = pytest.importorskip("e3nn.o3", reason="e3nn, an oracle of these tests, is not installed")
    types = of("3x0e+2x1o+2x1e"), of("2x0e+1x1o+2x2e"), of("4x0e+2x0o+3x1o+2x2e+1x1e")
    layer = TensorProduct(*types, weights=own)
    theirs = o3.FullyConnectedTensorProduct(*map(to_e3nn, types), shared_weights=own, internal_weights=own)
    assert layer.weight_count == theirs.weight_numel
    x1, x2 = inputs(layer)
    w = theirs.weight.detach() if own else torch.randn(5, theirs.weight_numel)
    if layer.weight is not None:
        layer.weight.data.copy_(w)
    expected = theirs(to_mul_ir(x1, types[0]), to_mul_ir(x2, types[1]), *([] if own else [w]))
    got = layer(x1, x2) if own else layer(x1, x2, w)
    torch.testing.assert_close(got, from_mul_ir(expected, types[2]), rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_the_product_copy_by_copy_equals_e3nns():
    o3 = pytest.importorskip("e3nn.o3", reason="e3nn, an oracle of these tests, is not installed")
    layer = TensorProduct(of("3x0e+2x1o"), of("2x0e+3x1o"), "0e+1o+1e", mode="uvu", weights=False)
    paths = [(0, 0, 0), (1, 1, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)]
    fields = [(3, "0e"), (2, "0e"), (3, "1o"), (2, "1o"), (2, "1e")]
    theirs = o3.TensorProduct(
        "3x0e+2x1o", "2x0e+3x1o", fields, [(*path, "uvu", True) for path in paths], shared_weights=False
    )
    assert str(layer.out_type) == "5x0e+5x1o+2x1e"
    x1, x2 = inputs(layer)
    w = torch.randn(5, theirs.weight_numel)
    expected = theirs(to_mul_ir(x1, layer.in_type1), to_mul_ir(x2, layer.in_type2), w)
    torch.testing.assert_close(layer(x1, x2, w), from_mul_ir(expected, layer.out_type), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", ["uvw", "uvu"])
@pytest.mark.parametrize("group", [O(3), SO(3)], ids=str)
def test_it_commutes_with_the_group(group, mode):
    first, second, out = ("2x0e+1x1o+2x2o", "1x1o+2x1e", "2x0e+3x1o+1x1e+1x3e+2x0o")
    if isinstance(group, SO):
        first, second, out = "2x0+3x1", "1x1+2x2", "2x0+3x1+1x3"
    layer = TensorProduct(FieldType(group, first), FieldType(group, second), out, mode)
    x1, x2 = inputs(layer)
    y = layer(x1, x2)
    for g in group.sample(3, torch.Generator().manual_seed(0)):
        moved = layer(layer.in_type1.act(g, x1), layer.in_type2.act(g, x2))
        torch.testing.assert_close(moved, layer.out_type.act(g, y), rtol=1e-10, atol=1e-10)
        assert (moved - y).abs().max() > 0.01


@pytest.mark.parametrize("mode", ["uvw", "uvu"])
def test_two_derivatives(mode):
    layer = TensorProduct(of("1x0e+1x1o"), of("1x1o"), "1x0e+1x1o", mode, weights=False)
    x1, x2 = (x.requires_grad_() for x in inputs(layer, 1))
    w = torch.randn(layer.weight_count, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x1, x2, w))
    assert torch.autograd.gradgradcheck(layer, (x1, x2, w))


def test_the_initial_variance_is_one_and_an_unreachable_field_is_zero():
    layer = TensorProduct(of("32x0e+32x1o"), of("8x0e+8x1o"), "64x0e+64x1o+4x0o")
    y = layer(*inputs(layer, 200))
    for part in layer.out_type.slices()[:2]:
        assert abs(y[:, part].square().mean() - 1) < 0.2
    assert y[:, layer.out_type.slices()[2]].eq(0).all()


def test_it_compiles_and_any_leading_axes_will_do():
    layer = TensorProduct(of("2x1o"), of("1x1o"), "2x0e+2x2e")
    x1, x2 = torch.randn(4, 3, 6), torch.randn(3, 3)
    assert layer(x1, x2).shape == (4, 3, 12)
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x1, x2), layer(x1, x2))
    assert layer(x1[:0], x2).shape == (0, 3, 12)


def test_misfits_are_sentences():
    with pytest.raises(ValueError, match="'uvw' and 'uvu', got 'uuu'"):
        TensorProduct(of("1o"), of("1o"), "0e", mode="uuu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="No path leads from 1x1o and 1x1o to 1x3o"):
        TensorProduct(of("1o"), of("1o"), "1x3o")
    layer = TensorProduct(of("1o"), of("1o"), "1x0e", weights=False)
    with pytest.raises(ValueError, match=r"needs a weight \[\.\.\., 1\], got none"):
        layer(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match="expects 3 channels"):
        layer(torch.ones(2, 4), torch.ones(2, 3), torch.ones(1))


def test_a_visit_to_float32_leaves_its_constants_exact():
    layer = TensorProduct(of("2x0e+2x1o"), of("1x2e"), "2x1o+2x2e")
    expected = [buffer.clone() for buffer in layer.buffers()]
    layer.float().double()
    assert expected
    for before, now in zip(expected, layer.buffers(), strict=True):
        assert torch.equal(before, now)
