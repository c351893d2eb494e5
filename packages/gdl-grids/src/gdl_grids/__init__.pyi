from .grid import Grid as Grid
from .symmetry import fourier_shift as fourier_shift
from .torus import Torus as Torus
