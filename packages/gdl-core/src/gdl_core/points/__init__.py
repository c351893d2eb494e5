"""Batches of points: what sets, graphs, atoms and meshes share. It has no layers here."""

from gdl_core.points.means import sample_mean
from gdl_core.points.points import Points, Sizes, check_count, check_positions, join, join_offsets, offsets
from gdl_core.points.select import Selection, select

__all__ = [
    "Points",
    "Selection",
    "Sizes",
    "check_count",
    "check_positions",
    "join",
    "join_offsets",
    "offsets",
    "sample_mean",
    "select",
]
