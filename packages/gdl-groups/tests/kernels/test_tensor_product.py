"""The fused tensor product against its reference and a dense oracle, with derivatives of three orders."""

import math
from collections.abc import Sequence

import pytest
import torch
from gdl_core.groups import SO, O
from gdl_core.incidence import Incidence
from gdl_core.incidence.operations import structure
from gdl_core.representations import FieldType
from gdl_groups.angular import clebsch_gordan
from gdl_groups.kernels.tensor_product import tensor_product, tensor_product_edges, tensor_product_second
from gdl_groups.products import TensorProductPlan, tensor_product_conv
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

SENDERS, RECEIVERS, EDGES = 4, 5, 9
CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
PLANS = {
    "mixed": (O(3), "2x0e+3x1o+1x2e+1x1o", "0e+1o+2e", "0e+1o+1e+2e"),
    "rotations": (SO(3), "2x1+1x0", "1x0+1x1+1x2", "1x0+1x1+1x2"),
    "scalars": (O(3), "3x0e", "0e+1o+3o", None),
    "wide": (O(3), "33x0e+57x1o+16x3o", "0e+1o+2e", "0e+1o+3o"),
}


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def backend(request, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", request.param)
    return request.param


def plan_of(name: str) -> TensorProductPlan:
    group, fields, filters, out = PLANS[name]
    return TensorProductPlan(FieldType(group, fields), FieldType(group, filters), out)


def some() -> Incidence:
    """An isolated receiver and sender, repeated edges, edges in no order."""
    sender, receiver = torch.tensor([0, 2, 0, 1, 1, 2, 0, 2, 1]), torch.tensor([4, 0, 4, 2, 0, 0, 1, 4, 4])
    return Incidence.from_edges(sender, receiver, SENDERS, RECEIVERS)


def leaves(plan: TensorProductPlan, incidence: Incidence, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    widths = plan.in_type.channels, plan.filter_type.channels, plan.weight_count
    rows = incidence.num_senders, incidence.num_edges, incidence.num_edges
    return [torch.randn(*shape, generator=draw, dtype=dtype).requires_grad_() for shape in zip(rows, widths)]


def upstream(plan: TensorProductPlan, incidence: Incidence, dtype: torch.dtype = torch.float64) -> Tensor:
    shape = incidence.num_receivers, plan.out_type.channels
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def dense(plan: TensorProductPlan, incidence: Incidence, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """Edge by edge, copy by copy, with the coefficients as they are published."""
    out = torch.zeros(incidence.num_receivers, plan.out_type.channels, dtype=x.dtype)
    starts, ends = plan.in_type.slices(), plan.out_type.slices()
    filters = plan.filter_type.slices()
    for e, (s, r) in enumerate(zip(incidence.sender.tolist(), incidence.receiver.tolist())):
        for path in plan.paths:
            l1, l2, l3 = path.degrees
            c = (2 * l3 + 1) ** 0.5 * clebsch_gordan(l1, l2, l3)
            copies = plan.out_type.fields[path.third][0]
            for u in range(path.copies):
                vector = x[s, starts[path.first]].reshape(2 * l1 + 1, -1)[:, u]
                found = torch.einsum("ijk,i,j->k", c, vector, y[e, filters[path.second]]) * w[e, path.weight + u]
                for k in range(2 * l3 + 1):
                    out[r, ends[path.third].start + k * copies + path.offset + u] += found[k]
    return out


@pytest.mark.parametrize("name", ["mixed", "rotations", "scalars"])
def test_it_equals_the_product_edge_by_edge(name):
    plan, inc = plan_of(name), some()
    inputs = [leaf.detach() for leaf in leaves(plan, inc)]
    torch.testing.assert_close(tensor_product_conv(plan, inc, *inputs), dense(plan, inc, *inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", PLANS)
def test_values_and_gradients_equal_those_of_the_reference_in_float64(name, dtype, backend):
    plan = plan_of(name)
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(7, (300,), generator=draw), torch.randint(3, (300,), generator=draw)
    inc = Incidence.from_edges(sender, receiver, 8, 4)  # rows longer than a block, empty rows
    inputs, g = leaves(plan, inc, dtype), upstream(plan, inc, dtype)
    out = tensor_product_conv(plan, inc, *inputs)
    assert out.dtype == dtype
    got = [out, *torch.autograd.grad(out, inputs, g)]
    wide = [leaf.detach().double().requires_grad_() for leaf in inputs]
    expected = tensor_product.reference(*structure(inc), *wide, plan.key, False)
    exact = [expected, *torch.autograd.grad(expected, wide, g.double())]  # PyTorch's own derivative
    bound = {torch.float32: 5e-6, torch.float64: 1e-13, torch.bfloat16: 5e-2}[dtype]
    for one, two in zip(got, exact, strict=True):
        assert float((one.double() - two).abs().max().detach()) <= bound * float(two.abs().max().detach())


@pytest.mark.parametrize("name", ["mixed", "rotations"])
def test_two_derivatives(name, backend):
    group, filters = (O(3), "0e+1o") if name == "mixed" else (SO(3), "1x1+1x2")
    plan = TensorProductPlan(FieldType(group, "1x0e+1x1o" if name == "mixed" else "2x1"), FieldType(group, filters))
    inc = Incidence.from_edges(torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0]), 2, 2)
    inputs, fast = leaves(plan, inc), backend == "reference"
    assert gradcheck(lambda *t: tensor_product_conv(plan, inc, *t), inputs, fast_mode=fast)
    assert gradgradcheck(lambda *t: tensor_product_conv(plan, inc, *t), inputs, fast_mode=fast)


def squares(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


def third(function, inputs: list[Tensor]) -> Tensor:
    """A number made of the third derivatives of a function that is not linear."""
    y = function(*inputs).pow(3).sum()
    first = torch.autograd.grad(y, inputs, create_graph=True)
    second = torch.autograd.grad(squares(first), inputs, create_graph=True)
    return squares(torch.autograd.grad(squares(second), inputs))


def test_third_derivatives_equal_those_of_the_reference():
    plan, inc = plan_of("mixed"), some()
    inputs = [leaf.detach().mul(0.3).requires_grad_() for leaf in leaves(plan, inc)]
    got = third(lambda *t: tensor_product_conv(plan, inc, *t), inputs)
    expected = third(lambda *t: tensor_product.reference(*structure(inc), *t, plan.key, False), inputs)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PLANS)
def test_the_second_operator_is_the_derivative_of_the_first_ones_along_three_directions(name, dtype):
    plan = plan_of(name)
    draw = torch.Generator().manual_seed(0)
    inc = Incidence.from_edges(*torch.randint(5, (2, 200), generator=draw), 6, 7)  # rows longer than a block
    ends, g = [leaf.detach().double() for leaf in leaves(plan, inc, dtype)], upstream(plan, inc, dtype).double()
    along = [torch.randn(leaf.shape, generator=draw).to(dtype).double() for leaf in ends]
    values = [*ends, g, *along]
    got = tensor_product_second(*structure(inc), *(value.to(dtype) for value in values), plan.key)
    inputs = [value.clone().requires_grad_() for value in (*ends, g)]
    out = tensor_product.reference(*structure(inc), *inputs[:3], plan.key, False)
    first = torch.autograd.grad(out, inputs[:3], inputs[3], create_graph=True)  # PyTorch's own derivatives
    expected = torch.autograd.grad(first, inputs, along)
    for one, two in zip(got, expected, strict=True):
        assert one.dtype == dtype
        assert float((one.double() - two).abs().max()) <= (5e-6 if dtype == torch.float32 else 1e-13) * float(
            two.abs().max()
        )


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)], ids=str)
def test_gradients_of_some_inputs_are_those_of_all(wanted):
    plan, inc = plan_of("mixed"), some()
    inputs, g = leaves(plan, inc), upstream(plan, inc)
    full = torch.autograd.grad(tensor_product_conv(plan, inc, *inputs), inputs, g)
    some_inputs = [leaf.detach().requires_grad_(k in wanted) for k, leaf in enumerate(inputs)]
    out = tensor_product_conv(plan, inc, *some_inputs)
    got = torch.autograd.grad(out, [some_inputs[k] for k in wanted], g)
    for k, grad in zip(wanted, got, strict=True):
        torch.testing.assert_close(grad, full[k])


def test_runs_and_any_number_of_threads_are_bitwise_equal(backend):
    if backend == "reference":
        pytest.skip("index_add on several threads promises nothing")
    plan = plan_of("wide")
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(50, (2, 2000), generator=draw)
    receiver[:400], sender[400:800] = 7, 9
    inc = Incidence.from_edges(sender, receiver, 50, 50)
    inputs, g = leaves(plan, inc, torch.float32), upstream(plan, inc, torch.float32)
    threads = torch.get_num_threads()
    try:
        results = []
        for run in range(8):
            torch.set_num_threads(1 + run % 4)
            out = tensor_product_conv(plan, inc, *inputs)
            first = torch.autograd.grad(out, inputs, g, create_graph=True)
            second = torch.autograd.grad(first, inputs, inputs)
            results.append([out, *first, *second])
        for later in results[1:]:
            assert all(torch.equal(one, two) for one, two in zip(results[0], later, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_no_tensor_of_features_per_edge_is_made(backend):
    if backend == "reference":
        pytest.skip("the reference is the specification, which stores the messages")
    plan = TensorProductPlan(FieldType(O(3), "16x0e+16x1o+16x2e"), FieldType(O(3), "0e+1o+2e"), "0e+1o+2e")
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(20, (2, 2000), generator=draw)
    inc = Incidence.from_edges(sender, receiver, 20, 20)
    inputs, shapes = leaves(plan, inc, torch.float32), set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            tensors = [
                value for value in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(value, Tensor)
            ]
            shapes.update(tuple(tensor.shape) for tensor in tensors)
            return out

    with Watch():
        torch.autograd.grad(tensor_product_conv(plan, inc, *inputs).square().sum(), inputs)
    per_edge = {shape for shape in shapes if shape and shape[0] >= 2000}
    assert per_edge == {tuple(leaf.shape) for leaf in inputs[1:]}  # gradients of what was given, and nothing else
    assert all(math.prod(shape) <= inputs[2].numel() for shape in shapes)


@pytest.mark.parametrize(("senders", "receivers"), [(3, 3), (0, 0), (0, 2), (2, 0)])
def test_zero_edges_and_zero_ends(senders, receivers):
    plan, none = plan_of("mixed"), torch.zeros(0, dtype=torch.int64)
    inc = Incidence.from_edges(none, none, senders, receivers)
    inputs = leaves(plan, inc)
    out = tensor_product_conv(plan, inc, *inputs)
    assert out.shape == (receivers, plan.out_type.channels)
    assert out.eq(0).all()
    for grad, leaf in zip(torch.autograd.grad(out.sum(), inputs, create_graph=True), inputs, strict=True):
        assert grad.shape == leaf.shape
        assert grad.eq(0).all()


def test_opcheck():
    plan, inc = plan_of("scalars"), some()
    x, y, w = leaves(plan, inc, torch.float32)
    g = upstream(plan, inc, torch.float32).requires_grad_()
    for kernel, arguments in (
        (tensor_product, (x, y, w, plan.key, False)),
        (tensor_product, (g, y, w, plan.key, True)),
        (tensor_product_edges, (x, y, w, g, plan.key, False)),
        (tensor_product_edges, (x, y, w, g, plan.key, True)),
        (tensor_product_second, (x, y, w, g, x, y, w, plan.key)),
    ):
        results = torch.library.opcheck(kernel.op, (*structure(inc), *arguments), test_utils=CHECKS)
        assert set(results.values()) == {"SUCCESS"}, (kernel, results)


def test_forces_through_a_compiled_energy_equal_eager_ones():
    plan, inc = plan_of("mixed"), some()
    inputs = leaves(plan, inc)

    def forces(x, y, w):
        energy = tensor_product_conv(plan, inc, x, y, w).square().sum()
        return torch.autograd.grad(energy, y, create_graph=True)[0]

    def loss(x, y, w):
        return tensor_product_conv(plan, inc, x, y, w).square().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    got, expected = (torch.autograd.grad(f(*inputs), inputs) for f in (compiled, loss))
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two)
    assert torch.autograd.grad(forces(*inputs).square().sum(), inputs[2])[0].abs().max() > 0


def test_it_exports_for_other_numbers_of_edges(tmp_path):
    plan = plan_of("mixed")

    class Module(torch.nn.Module):
        def forward(self, incidence, x, y, w):
            return tensor_product_conv(plan, incidence, x, y, w)

    inc = some()
    inputs = [leaf.detach() for leaf in leaves(plan, inc)]
    program = torch.export.export(Module(), (inc, *inputs))
    torch.export.save(program, tmp_path / "product.pt2")
    loaded = torch.export.load(tmp_path / "product.pt2").module()
    torch.testing.assert_close(loaded(inc, *inputs), tensor_product_conv(plan, inc, *inputs))


def test_misfits_are_sentences():
    plan, inc = plan_of("mixed"), some()
    x, y, w = leaves(plan, inc)
    with pytest.raises(ValueError, match=r"x must have one row for each of the 4 senders"):
        tensor_product_conv(plan, inc, x[1:], y, w)
    with pytest.raises(ValueError, match=r"y must be a matrix with 9 columns .* got \[9, 4\]"):
        tensor_product_conv(plan, inc, x, y[:, :4], w)
    with pytest.raises(ValueError, match=r"w must be a matrix with \d+ columns \(one per path and copy\), got \[9\]"):
        tensor_product_conv(plan, inc, x, y, w[:, 0])
    with pytest.raises(TypeError, match=r"floating-point"):
        tensor_product_conv(plan, inc, x.long(), y, w)
