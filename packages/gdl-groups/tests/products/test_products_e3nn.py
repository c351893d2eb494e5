"""Tensor products equal e3nn's, weights converted: values, first and second derivatives."""

import pytest
import torch
from gdl_core.groups import O
from gdl_core.incidence import Incidence
from gdl_core.representations import FieldType
from gdl_groups.angular import from_mul_ir, to_mul_ir
from gdl_groups.products import TensorProductPlan, tensor_product_conv
from gdl_groups.products.interchange import e3nn_product, weights_from_e3nn, weights_to_e3nn

pytestmark = pytest.mark.filterwarnings("ignore")  # e3nn's own
o3 = pytest.importorskip("e3nn.o3", reason="e3nn, an oracle of these tests, is not installed")

PLANS = [
    ("4x0e+3x1o+2x2e", "0e+1o+2e", "0e+1o+2e"),
    ("2x0e+2x0o+3x1o+2x1e", "0e+1o", "0e+0o+1e+1o+2e"),
    ("2x1o+1x1o+2x3o", "0e+1o+2e+3o", None),
]


@pytest.fixture(autouse=True)
def constants_in_float64():
    """e3nn rounds its coefficients to the default type when a product is made."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def of(text: str) -> FieldType:
    return FieldType(O(3), text)


def derivatives(function, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Value, first and second derivatives along fixed directions."""
    out = function(*inputs)
    slope = torch.sin(torch.arange(out.numel(), dtype=out.dtype)).reshape(out.shape)
    first = torch.autograd.grad((out * slope).sum() + out.square().sum(), inputs, create_graph=True)
    mixed = torch.stack([(torch.cos(torch.arange(g.numel(), dtype=g.dtype)).reshape(g.shape) * g).sum() for g in first])
    return [out, *first, *torch.autograd.grad(mixed.sum(), inputs)]


@pytest.mark.parametrize(("fields", "filters", "out"), PLANS)
def test_value_and_two_derivatives_equal_those_of_e3nn_and_index_add(fields, filters, out):
    plan = TensorProductPlan(of(fields), of(filters), out)
    product = e3nn_product(plan)
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(5, (20,), generator=draw), torch.randint(4, (20,), generator=draw)
    inc = Incidence.from_edges(sender, receiver, 5, 4)

    def theirs(x, y, w):
        messages = product(to_mul_ir(x, plan.in_type)[inc.sender.long()], y, weights_to_e3nn(plan, product, w))
        total = messages.new_zeros(4, messages.shape[1]).index_add(0, inc.receiver.long(), messages)
        return from_mul_ir(total, plan.out_type)

    shapes = (5, plan.in_type.channels), (20, plan.filter_type.channels), (20, plan.weight_count)
    inputs = [torch.randn(*shape, generator=draw).requires_grad_() for shape in shapes]
    ours = derivatives(lambda *t: tensor_product_conv(plan, inc, *t), inputs)
    for one, two in zip(ours, derivatives(theirs, inputs), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def test_a_plans_weights_are_e3nns_where_its_paths_are():
    plan = TensorProductPlan(of("4x0e+3x1o"), of("0e+1o"), "0e+1o+1e")
    w = torch.arange(float(plan.weight_count))
    torch.testing.assert_close(weights_to_e3nn(plan, e3nn_product(plan), w), w, rtol=1e-15, atol=0)


def test_weights_of_paths_in_another_order_and_with_path_weights_convert_there_and_back():
    plan = TensorProductPlan(of("2x0e+3x1o"), of("0e+1o"), "0e+1o")
    fields = [(2, "0e"), (2, "1o"), (3, "1o"), (3, "0e")]
    paths = [(0, 0, 0, "uvu", True, 2.0), (0, 1, 1, "uvu", True), (1, 0, 2, "uvu", True, 0.5), (1, 1, 3, "uvu", True)]
    order = [3, 1, 0, 2]
    product = o3.TensorProduct(
        "2x0e+3x1o", "0e+1o", fields, [paths[k] for k in order], shared_weights=False, internal_weights=False
    )
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(1, 11, generator=draw), torch.randn(1, 4, generator=draw)
    w = torch.randn(1, product.weight_numel, generator=draw)
    inc = Incidence.from_edges(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), 1, 1)
    ours = tensor_product_conv(plan, inc, x, y, weights_from_e3nn(plan, product, w))
    theirs = product(to_mul_ir(x, plan.in_type), y, w)
    for irrep, (copies, rep) in zip(("0e", "1o"), plan.out_type.fields, strict=True):
        own = [part for part, (_, name) in zip(product.irreps_out.slices(), fields) if name == irrep]
        field = ours[:, plan.out_type.slices()[0 if irrep == "0e" else 1]].reshape(rep.dim, copies).T
        torch.testing.assert_close(
            field.flatten(), torch.cat([theirs[0, part] for part in own]), rtol=1e-10, atol=1e-12
        )
    torch.testing.assert_close(weights_to_e3nn(plan, product, weights_from_e3nn(plan, product, w)), w)


def test_a_product_with_other_paths_is_refused():
    plan = TensorProductPlan(of("2x0e"), of("0e+1o"), "0e+1o")
    other = o3.FullyConnectedTensorProduct("2x0e", "0e+1o", "0e+1o")
    with pytest.raises(ValueError, match="has not the paths of"):
        weights_from_e3nn(plan, other, torch.zeros(other.weight_numel))
