"""The grid: a domain that networks of images, of groups and of meshes' charts stand on. It has no layers here."""

from gdl_core.grid.boundary import BOUNDARIES, extend, source_indices
from gdl_core.grid.checks import grid_of, per_axis
from gdl_core.grid.convolution import convolve
from gdl_core.grid.deformation import Warp
from gdl_core.grid.grid import Grid
from gdl_core.grid.symmetry import fourier_shift
from gdl_core.grid.torus import Torus

__all__ = [
    "BOUNDARIES",
    "Grid",
    "Torus",
    "Warp",
    "convolve",
    "extend",
    "fourier_shift",
    "grid_of",
    "per_axis",
    "source_indices",
]
