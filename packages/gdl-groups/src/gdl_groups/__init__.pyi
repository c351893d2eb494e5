from .geometric.escn import SO2Conv as SO2Conv
from .geometric.graph import GeometricGraph as GeometricGraph
from .grid.group_conv import GroupConv as GroupConv
from .grid.group_conv_cache import bake as bake
from .grid.steerable import SteerableConv as SteerableConv
from .products.convolution import tensor_product_conv as tensor_product_conv
from .products.plan import TensorProductPlan as TensorProductPlan
