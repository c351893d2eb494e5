"""Maps of each feature vector alone: nonlinearities and norms for any representation."""

from gdl_groups.fibre.batch_norm import BatchNorm
from gdl_groups.fibre.fourier import FourierActivation
from gdl_groups.fibre.gate import Gate, NormActivation
from gdl_groups.fibre.norm import InstanceNorm, LayerNorm, RMSNorm
from gdl_groups.fibre.pool import NormPool

__all__ = [
    "BatchNorm",
    "FourierActivation",
    "Gate",
    "InstanceNorm",
    "LayerNorm",
    "NormActivation",
    "NormPool",
    "RMSNorm",
]
