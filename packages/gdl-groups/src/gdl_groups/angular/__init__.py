"""Functions of directions: Clebsch-Gordan coefficients, spherical harmonics, Wigner matrices, frames."""
