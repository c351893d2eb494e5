"""Tensor products of irreps: the fused convolution, layers on fibres, symmetric contraction."""

from gdl_groups.products.convolution import tensor_product_conv
from gdl_groups.products.plan import Path, TensorProductPlan

__all__ = ["Path", "TensorProductPlan", "tensor_product_conv"]
