"""Values in double precision on a network in single precision are refused in one sentence, without a price."""

import pytest
import torch
from gdl_core.derive import EquivariantLinear
from gdl_core.geometry import Blueprint
from gdl_core.groups import SO
from gdl_core.representations import FieldType


@pytest.fixture
def layer() -> EquivariantLinear:
    vectors = FieldType(SO(2), "3xstandard")
    return EquivariantLinear(vectors, vectors)


def test_double_values_on_single_weights_are_refused_by_layer_and_by_both_dtypes(layer):
    x = torch.ones(4, 6, dtype=torch.float64)
    for network in (layer, Blueprint([layer])):
        with pytest.raises(TypeError, match=r"EquivariantLinear has weights of torch.float32, got .* torch.float64"):
            network(x)
    with pytest.raises(TypeError, match=r"weights of torch\.bfloat16"):
        layer.bfloat16()(x)


def test_equal_dtypes_and_autocast_are_let_through(layer):
    assert layer(torch.ones(4, 6)).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):  # values of half precision, weights of single: torch converts
        assert layer(torch.ones(4, 6, dtype=torch.bfloat16)).shape == (4, 6)
    assert layer.double()(torch.ones(4, 6, dtype=torch.float64)).dtype == torch.float64


def test_the_look_at_the_weights_is_no_part_of_a_compiled_or_exported_program(layer):
    layer, x = layer.double(), torch.ones(4, 6, dtype=torch.float64)
    program = torch.export.export(layer, (x,), strict=True)
    assert torch.equal(program.module()(x), layer(x))
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), layer(x))
