from .convolution import tensor_product_conv as tensor_product_conv
from .layer import TensorProduct as TensorProduct
from .plan import Path as Path
from .plan import TensorProductPlan as TensorProductPlan
from .symmetric import SymmetricContraction as SymmetricContraction
from .symmetric import symmetric_basis as symmetric_basis
