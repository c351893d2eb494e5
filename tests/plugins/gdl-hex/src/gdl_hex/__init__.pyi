from .data import hex_digits as hex_digits
from .lattice import HexTorus as HexTorus
from .layers import HexConv as HexConv
from .layers import HexMean as HexMean
