"""Batches of points: what sets, graphs, atoms and meshes share. It has no layers here."""

from gdl_core.points.means import sample_mean
from gdl_core.points.points import Points, check_count, check_positions, join, join_offsets, offsets

__all__ = ["Points", "check_count", "check_positions", "join", "join_offsets", "offsets", "sample_mean"]
