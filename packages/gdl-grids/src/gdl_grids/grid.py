"""The domain of this package, which lives in core because networks of other packages stand on it too."""

from gdl_core.grid import Grid, Torus, Warp, fourier_shift

__all__ = ["Grid", "Torus", "Warp", "fourier_shift"]
