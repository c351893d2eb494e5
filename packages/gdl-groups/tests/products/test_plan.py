"""Plans of tensor products: which paths there are, in which order, and that they are values."""

import pickle
import subprocess
import sys

import pytest
import torch
from gdl_core.groups import SO, O
from gdl_core.incidence import Incidence
from gdl_core.representations import FieldType
from gdl_groups.products import TensorProductPlan, tensor_product_conv


def natural(degree: int) -> str:
    return "+".join(f"1x{l}{'eo'[l % 2]}" for l in range(degree + 1))


@pytest.mark.parametrize(("degree", "paths"), [(1, 5), (2, 15), (3, 34), (4, 65), (5, 111), (6, 175)])
def test_the_number_of_paths_up_to_a_degree_is_the_published_one(degree, paths):
    kept = "+".join(f"{l}{p}" for l in range(degree + 1) for p in "eo")
    plan = TensorProductPlan(FieldType(O(3), natural(degree)), FieldType(O(3), natural(degree)), kept)
    assert len(plan.paths) == paths
    gaunt = TensorProductPlan(FieldType(O(3), natural(degree)), FieldType(O(3), natural(degree)), natural(degree))
    assert len(gaunt.paths) == {1: 4, 2: 11, 3: 23, 4: 42, 5: 69, 6: 106}[degree]


def test_fields_come_in_the_order_of_e3nn_and_paths_in_the_order_of_the_fields_that_meet():
    plan = TensorProductPlan(FieldType(O(3), "2x1o+3x0e+1x1o"), FieldType(O(3), "1o+0e"))
    assert str(plan.out_type) == "6x0e+6x1o+3x1e+3x2e"
    assert [(path.first, path.second, path.third, path.offset, path.weight) for path in plan.paths] == [
        (0, 0, 0, 0, 0),
        (1, 1, 0, 2, 2),
        (2, 0, 0, 5, 5),
        (0, 1, 1, 0, 6),
        (1, 0, 1, 2, 8),
        (2, 1, 1, 5, 11),
        (0, 0, 2, 0, 12),
        (2, 0, 2, 2, 14),
        (0, 0, 3, 0, 15),
        (2, 0, 3, 2, 17),
    ]
    assert plan.weight_count == 18


def test_a_plan_is_a_value_and_its_key_makes_it_again():
    for plan in (
        TensorProductPlan(FieldType(O(3), "2x1o+3x0e"), FieldType(O(3), "1o+0e"), "1e+0e"),
        TensorProductPlan(FieldType(SO(3), "2x1"), FieldType(SO(3), "1x0+1x2")),
        TensorProductPlan(8, FieldType(O(3), "0e+1o")),
    ):
        again = TensorProductPlan.from_key(plan.key)
        assert again == plan == pickle.loads(pickle.dumps(plan))
        assert (again.paths, again.out_type, again.in_type) == (plan.paths, plan.out_type, plan.in_type)
        assert len({plan, again}) == 1
    assert plan != TensorProductPlan(8, FieldType(O(3), "0e"))


@pytest.mark.parametrize("group", [O(3), SO(3)], ids=str)
def test_the_product_commutes_with_the_group(group):
    full = "2x0e+2x0o+3x1o+1x1e+2x2e" if isinstance(group, O) else "2x0+3x1+2x2"
    filters = "0e+1o+2e+1e" if isinstance(group, O) else "1x0+1x1+1x2"
    plan = TensorProductPlan(FieldType(group, full), FieldType(group, filters))
    draw = torch.Generator().manual_seed(0)
    inc = Incidence.from_edges(torch.randint(4, (9,), generator=draw), torch.randint(3, (9,), generator=draw), 4, 3)
    x = torch.randn(4, plan.in_type.channels, generator=draw, dtype=torch.float64)
    y = torch.randn(9, plan.filter_type.channels, generator=draw, dtype=torch.float64)
    w = torch.randn(9, plan.weight_count, generator=draw, dtype=torch.float64)
    out = tensor_product_conv(plan, inc, x, y, w)
    for g in group.sample(3, draw):
        moved = tensor_product_conv(plan, inc, plan.in_type.act(g, x), plan.filter_type.act(g, y), w)
        torch.testing.assert_close(moved, plan.out_type.act(g, out), rtol=1e-10, atol=1e-10)
        assert (moved - out).abs().max() > 0.1  # the group does move it


def test_results_of_unit_inputs_have_unit_variance():
    plan = TensorProductPlan(FieldType(O(3), "32x0e+32x1o+32x2e"), FieldType(O(3), "0e+1o+2e"))
    draw = torch.Generator().manual_seed(0)
    place = torch.arange(200)
    inc = Incidence.from_edges(place, place, 200, 200)
    shapes = (200, plan.in_type.channels), (200, plan.filter_type.channels), (200, plan.weight_count)
    out = tensor_product_conv(plan, inc, *(torch.randn(*shape, generator=draw) for shape in shapes))
    for part in plan.out_type.slices():
        assert abs(out[:, part].square().mean() - 1) < 0.15


def test_what_cannot_be_a_plan_is_a_sentence():
    irreps = FieldType(O(3), "2x0e+1x1o")
    with pytest.raises(TypeError, match=r"couples irreps of O\(3\), such as '1o', or of SO\(3\), such as '1'; got"):
        TensorProductPlan(FieldType(O(3), "1xstandard"), irreps)
    with pytest.raises(TypeError, match="features, filter and result have one group"):
        TensorProductPlan(FieldType(SO(3), "1x1"), FieldType(O(3), "0e+1o"))
    with pytest.raises(ValueError, match="each field once, got 2x0e"):
        TensorProductPlan(irreps, irreps)
    with pytest.raises(ValueError, match=r"No path leads from 2x0e\+1x1o and 1x0e to 3o"):
        TensorProductPlan(irreps, FieldType(O(3), "0e"), "3o")


FRESH = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from gdl_groups.kernels.tensor_product import tensor_product
from gdl_groups.products import TensorProductPlan
key = "4x0e+4x1o|1x0e+1x1o|1x0e+1x1o"
with FakeTensorMode():
    index = [torch.zeros(n, dtype=torch.int32) for n in (4, 5, 5, 4, 5, 5)]
    out = tensor_product(*index, torch.zeros(3, 16), torch.zeros(5, 4), torch.zeros(5, 16), key, False)
assert out.shape == (3, 32), out.shape
rep = TensorProductPlan.from_key(key).in_type.fields[1][1]
assert type(rep.matrix(rep.group.identity())) is torch.Tensor  # what is remembered is real
"""


def test_a_plan_is_made_from_its_key_while_a_compiler_traces():
    result = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
