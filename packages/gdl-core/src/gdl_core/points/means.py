"""Averages over the points of each sample."""

from torch import Tensor

from gdl_core.incidence import broadcast, reduce
from gdl_core.points.points import Points


def sample_mean(points: Points, x: Tensor) -> Tensor:
    """Return ``[n, ...]`` (``[1, ...]`` if there is one sample): at each point the mean of `x` over its sample."""
    if points.batch_size == 1 and x.shape[0]:
        return x.mean(0, keepdim=True)  # one row of the operator below, which gives a row to one thread
    return broadcast(points.ptr, reduce(points.ptr, x, "mean"), points.num_points)
