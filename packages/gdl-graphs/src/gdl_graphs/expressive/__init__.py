"""What a network can tell apart: refinements of colours that bound it, computed exactly."""

from gdl_graphs.expressive.colours import multisets, ranks, rows
from gdl_graphs.expressive.fwl import folklore_weisfeiler_leman
from gdl_graphs.expressive.invariants import random_walk_colours, spectrum_colours
from gdl_graphs.expressive.wl import weisfeiler_leman

__all__ = [
    "folklore_weisfeiler_leman",
    "multisets",
    "random_walk_colours",
    "ranks",
    "rows",
    "spectrum_colours",
    "weisfeiler_leman",
]
