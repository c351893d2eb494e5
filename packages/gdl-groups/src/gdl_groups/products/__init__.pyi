from .convolution import tensor_product_conv as tensor_product_conv
from .plan import Path as Path
from .plan import TensorProductPlan as TensorProductPlan
