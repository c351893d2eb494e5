"""Filters that are made from parameters: kept while these stay as they are, and fixed for export."""

import copy
from typing import Any, Protocol

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.grid import convolve, grid_of
from torch import Tensor, nn

from gdl_groups.grid.group_conv_types import kept_symmetries

Filter = tuple[Tensor, Tensor | None]


class Expanding(Protocol):
    """A layer whose filter and bias follow from its parameters."""

    training: bool

    def expand(self) -> Filter: ...

    def parameters(self, recurse: bool = True) -> Any: ...


class FilterCache:
    """The filter and the bias of one layer, kept in evaluation until a parameter is replaced or changed in place.

    It holds nothing while gradients of the parameters are asked for, in training, and in a program that is compiled or
    exported, which contains the expansion; pickles and copies of a layer leave it behind.
    """

    def __init__(self) -> None:
        self._key: tuple[tuple[Tensor, int, int], ...] | None = None
        self._value: Filter | None = None

    def get(self, layer: Expanding) -> Filter:
        """Return `layer.expand()`, from memory where that is the same."""
        if torch.compiler.is_compiling() or layer.training:
            return layer.expand()
        parameters = list(layer.parameters())
        learning = torch.is_grad_enabled() and any(p.requires_grad for p in parameters)
        if learning or torch._C._are_functorch_transforms_active() or any(p.is_inference() for p in parameters):
            return layer.expand()
        key = tuple((p, p._version, p.data_ptr()) for p in parameters)
        if self._value is None or self._key is None or not _same(key, self._key):
            with torch.inference_mode(False), torch.no_grad():
                self._key, self._value = key, layer.expand()
        return self._value

    def __reduce__(self):
        return FilterCache, ()


def _same(a: tuple[tuple[Tensor, int, int], ...], b: tuple[tuple[Tensor, int, int], ...]) -> bool:
    return len(a) == len(b) and all(p is q and rest == other for (p, *rest), (q, *other) in zip(a, b))


class FixedConv(Layer):
    """A convolution whose filter is a constant: what `bake` makes of a layer that expands its own.

    Args:
        layer: whose types, claims, kernel size and dilation it takes over.
        weight: `[c_out, c_in, *kernel]`.
        bias: `[c_out]`, or None.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: Any, weight: Tensor, bias: Tensor | None):
        super().__init__(layer.in_type, layer.out_type)
        self.claims, self.ndim, self.dilation = layer.claims, layer.ndim, layer.dilation
        self.axes = layer.axes
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return kept_symmetries(self.claims, self.axes, domain)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type, self.ndim)
        return convolve(x, self.weight, self.bias, grid.boundary, (1,) * self.ndim, self.dilation)


def bake(network: nn.Module) -> nn.Module:
    """Return a copy of `network` in evaluation, every layer that makes its filter from its parameters fixed.

    What is exported then is a plain convolutional network: `torch.export.export(bake(network), (x,))`.
    """
    copied = copy.deepcopy(network).eval()
    if hasattr(copied, "bake"):
        return copied.bake().eval()  # type: ignore[operator]
    for parent in list(copied.modules()):
        for name, child in parent.named_children():
            if hasattr(child, "bake"):
                setattr(parent, name, child.bake())  # type: ignore[operator]
    return copied.eval()
