"""The operators behind the pools: a filter along one axis, and adaptive polyphase selection."""

from gdl_grids.kernels.axis_filter import axis_filter
from gdl_grids.kernels.polyphase import polyphase_gather, polyphase_phase, polyphase_scatter

__all__ = ["axis_filter", "polyphase_gather", "polyphase_phase", "polyphase_scatter"]
