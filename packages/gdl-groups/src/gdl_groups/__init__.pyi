from .geometric.graph import GeometricGraph as GeometricGraph
from .products.convolution import tensor_product_conv as tensor_product_conv
from .products.plan import TensorProductPlan as TensorProductPlan
