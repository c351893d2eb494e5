"""Networks that read four-momenta: one that keeps the Lorentz group, and a plain one of the same size."""

from itertools import pairwise

from gdl_core.representations import FieldType
from torch import nn

from gdl_groups.emlp import EquivariantMLP
from gdl_groups.named import Lorentz


def lorentz_net(particles: int = 4, outputs: int = 1, channels: int = 32, layers: int = 2) -> EquivariantMLP:
    """Return a perceptron from four-momenta to invariant numbers that commutes with boosts and rotations.

    Args:
        particles: how many momenta, `[b, 4 · particles]`, component-major.
        outputs: how many numbers, `[b, outputs]`.
        channels: scalars and vectors between layers.
        layers: the number of hidden layers.

    Source: Finzi, Welling and Wilson 2021, §7.2 (a scattering that is Lorentz-invariant).
    """
    group = Lorentz(3)
    hidden = FieldType(group, f"{channels}xtrivial+{channels}xstandard")
    return EquivariantMLP(FieldType(group, f"{particles}xstandard"), outputs, hidden, layers)


def plain_net(particles: int = 4, outputs: int = 1, channels: int = 64, layers: int = 2) -> nn.Sequential:
    """Return a perceptron of the same arguments that keeps nothing, to compare with."""
    sizes = [4 * particles, *[channels] * layers]
    hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))
