"""e3nn and back: types, layouts, and linear layers with their gradients."""

import pytest
import torch
from gdl_core.derive import EquivariantLinear
from gdl_core.groups import SO, O
from gdl_core.representations import FieldType
from gdl_groups.angular import from_e3nn, from_mul_ir, linear_from_e3nn, linear_to_e3nn, to_e3nn, to_mul_ir

o3 = pytest.importorskip("e3nn.o3")

PAIRS = [
    ("3x0e+2x1o+1x2e", "2x0e+4x1o+2x2e"),
    ("2x0e+1x0o+2x1e+2x1o", "3x1o+1x0o+2x0e+1x3e"),
    ("2x1o+3x1o+2x0e", "2x1o+1x0e+1x1o"),
]


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_types_go_there_and_back():
    for text in ("16x0e+8x1o+4x2e", "1x0o", "2x1e+1x0e+2x1e"):
        assert str(to_e3nn(from_e3nn(text))) == text
        assert from_e3nn(o3.Irreps(text)) == FieldType(O(3), text)
    assert from_e3nn("").channels == 0
    assert to_e3nn(5) == o3.Irreps("5x0e")
    assert to_e3nn(FieldType(O(3), "2xtrivial+1x1o")) == o3.Irreps("2x0e+1x1o")
    for stranger in (FieldType(O(3), "1xstandard"), FieldType(SO(3), "1x1"), FieldType(O(3), "1xdet")):
        with pytest.raises(TypeError, match=r"expects irreps of O\(3\)"):
            to_e3nn(stranger)


def test_both_layouts_transform_alike(double):
    kind = from_e3nn("2x0e+3x1o+2x2e")
    x = torch.randn(4, kind.channels)
    g = O(3).sample(1, torch.Generator().manual_seed(0))[0]
    theirs = to_mul_ir(x, kind) @ to_e3nn(kind).D_from_matrix(g).T
    assert torch.allclose(theirs, to_mul_ir(kind.act(g, x), kind), atol=1e-10)
    assert torch.equal(from_mul_ir(to_mul_ir(x, kind), kind), x)
    assert not torch.equal(to_mul_ir(x, kind), x)
    assert torch.equal(to_mul_ir(x.T, kind, dim=0), to_mul_ir(x, kind).T)
    with pytest.raises(ValueError, match="21 channels, got an axis of 20"):
        to_mul_ir(x[:, :20], kind)


@pytest.mark.parametrize(("into", "out"), PAIRS)
@pytest.mark.parametrize("biases", [False, True])
def test_linear_layers_agree_with_their_gradients_both_ways(into, out, biases, double):
    theirs = o3.Linear(into, out, biases=biases)
    if biases:
        torch.nn.init.normal_(theirs.bias)
    ours = linear_from_e3nn(theirs)
    back = linear_to_e3nn(ours)
    x = torch.randn(5, ours.in_type.channels, requires_grad=True)
    results = []
    for layer in (theirs, back):
        y = from_mul_ir(layer(to_mul_ir(x, ours.in_type)), ours.out_type)
        results.append((y, *torch.autograd.grad((y**3).sum(), x)))
    y = ours(x)
    for expected in results:
        assert torch.allclose(y, expected[0], atol=1e-12)
        assert torch.allclose(torch.autograd.grad((ours(x) ** 3).sum(), x)[0], expected[1], atol=1e-10)


def test_layers_that_do_not_fit_are_refused(double):
    theirs = o3.Linear("2x0e+1x1o", "1x1o")
    with pytest.raises(ValueError, match="does not have the types"):
        linear_from_e3nn(theirs, EquivariantLinear(2, 3))
    partial = o3.Linear("2x0e+1x0e", "1x0e", instructions=[(0, 0)])
    with pytest.raises(ValueError, match="no path from field 1 to field 0"):
        linear_from_e3nn(partial)
    with pytest.raises(ValueError, match="0 biases"):
        linear_to_e3nn(EquivariantLinear(2, 3), o3.Linear("2x0e", "3x0e"))
