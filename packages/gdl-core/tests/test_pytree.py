"""Tensor dataclasses pass through every torch transform unchanged."""

import copy
import dataclasses
import io
import json
import pickle
from dataclasses import field
from functools import cached_property

import pytest
import torch
from gdl_core.pytree import TensorDataclass, tensor_dataclass
from torch import Tensor, nn
from torch.utils import _pytree


@tensor_dataclass(name="gdl_test.Inner")
class Inner(TensorDataclass):
    index: Tensor
    scale: Tensor | None = None


@tensor_dataclass
class Outer(TensorDataclass):
    values: Tensor
    inner: Inner
    boundary: tuple[str, ...] = ("periodic",)
    extra: Inner | None = None
    several: tuple[Tensor, ...] = ()
    level: float = float("inf")
    seed: Tensor | int = field(default=3, metadata={"static": True})

    @cached_property
    def doubled(self) -> Tensor:
        return self.values * 2


class Model(nn.Module):
    def forward(self, x: Tensor, domain: Outer) -> tuple[Tensor, Outer]:
        factor = 2.0 if domain.boundary == ("periodic",) else 1.0
        if domain.inner.scale is not None:
            factor = factor * domain.inner.scale
        y = x[domain.inner.index] * factor + domain.values
        return y, Outer(y, domain.inner, domain.boundary)


def make(scale: bool = False) -> Outer:
    inner = Inner(torch.tensor([2, 0, 1]), torch.ones(3, 1) * 5 if scale else None)
    return Outer(torch.randn(3, 2), inner, several=(torch.zeros(2), torch.ones(1)))


def assert_same(left: Outer, right: Outer) -> None:
    a, spec_a = _pytree.tree_flatten(left)
    b, spec_b = _pytree.tree_flatten(right)
    assert spec_a == spec_b
    for one, two in zip(a, b, strict=True):
        torch.testing.assert_close(one, two)


def test_flattening_is_exact_and_keyed():
    outer = make(scale=True)
    leaves, spec = _pytree.tree_flatten(outer)
    assert_same(_pytree.tree_unflatten(leaves, spec), outer)
    keys = [_pytree.keystr(path) for path, _ in _pytree.tree_flatten_with_path(outer)[0]]
    assert ".inner.scale" in keys
    assert ".several[1]" in keys
    assert not any("boundary" in key or "seed" in key for key in keys)


def test_a_spec_survives_json_with_tuples_and_infinities():
    spec = _pytree.tree_structure(make())
    assert _pytree.treespec_loads(_pytree.treespec_dumps(spec)) == spec
    other = _pytree.tree_structure(make().replace(boundary=("zero",)))
    assert other != spec


def test_metadata_that_json_cannot_hold_is_refused_with_a_sentence():
    spec = _pytree.tree_structure(make().replace(boundary=(torch.float32,)))
    with pytest.raises(TypeError, match=r"Static metadata of .*Outer must be numbers, strings"):
        _pytree.treespec_dumps(spec)
    assert json.dumps([1])  # the control: json itself works


@pytest.mark.parametrize("scale", [False, True])
def test_compile_fullgraph_takes_and_returns_it(scale):
    torch._dynamo.reset()
    model, x, domain = Model(), torch.randn(3, 2), make(scale)
    expected, _ = model(x, domain)
    got, out = torch.compile(model, fullgraph=True, backend="aot_eager")(x, domain)
    torch.testing.assert_close(got, expected)
    assert isinstance(out, Outer)
    torch.testing.assert_close(out.values, expected)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_export_saves_and_loads(strict, scale):
    model, x, domain = Model(), torch.randn(3, 2), make(scale)
    expected, _ = model(x, domain)
    program = torch.export.export(model, (x, domain), strict=strict)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    got, out = torch.export.load(buffer).module()(x, domain)
    torch.testing.assert_close(got, expected)
    assert isinstance(out, Outer)
    assert out.boundary == domain.boundary


def test_save_load_pickle_and_deepcopy_drop_cached_properties():
    domain = make(scale=True)
    assert domain.doubled is domain.doubled
    buffer = io.BytesIO()
    torch.save(domain, buffer)
    buffer.seek(0)
    for clone in (
        torch.load(buffer, weights_only=True),
        pickle.loads(pickle.dumps(domain)),
        copy.deepcopy(domain),
    ):
        assert_same(clone, domain)
        assert "doubled" not in vars(clone)
        torch.testing.assert_close(clone.doubled, domain.doubled)


def test_to_converts_floats_only_and_keeps_static_fields():
    domain = make(scale=True).to(dtype=torch.float64)
    assert domain.values.dtype == torch.float64
    assert domain.inner.scale is not None
    assert domain.inner.scale.dtype == torch.float64
    assert domain.inner.index.dtype == torch.int64
    assert domain.level == float("inf")
    assert domain.to("meta").inner.index.device.type == "meta"


def test_it_is_frozen_and_prints_shapes():
    domain = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        domain.level = 1.0
    assert "values=float32[3, 2]" in repr(domain)
    assert "Inner(index=int64[3], scale=None)" in repr(domain)


def test_the_base_class_is_required():
    with pytest.raises(TypeError, match="inherits from TensorDataclass"):
        tensor_dataclass(type("Plain", (), {}))


@tensor_dataclass
class Prefixes(TensorDataclass):
    edge: Tensor
    edge_values: Tensor


class Scale(nn.Module):
    def forward(self, x: Tensor, domain: Prefixes) -> Tensor:
        return x[: domain.edge.shape[0]] * domain.edge_values.sum()


def test_a_field_may_begin_with_the_name_of_another():
    """torch.export writes guards by replacing names as text; sizes of both fields must stay apart."""
    domain, x = Prefixes(torch.ones(2), torch.ones(3)), torch.ones(4)
    program = torch.export.export(Scale(), (x, domain))
    assert torch.equal(program.module()(x, domain), Scale()(x, domain))
