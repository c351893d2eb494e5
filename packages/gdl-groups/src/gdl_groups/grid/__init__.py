"""Group and steerable convolution on grids."""
