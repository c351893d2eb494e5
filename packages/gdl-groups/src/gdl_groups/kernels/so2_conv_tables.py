"""Where lanes and orders lie in a frame, as the arrays that kernels read."""

from functools import lru_cache

import numpy as np

from gdl_groups.kernels.so2_conv import frame_of


@lru_cache(maxsize=256)
def tables(key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lanes ``[t, 6]`` (pseudo, degree, first channel, copies, first number of the Wigner matrix, order), where
    each starts within each order ``[t, m]``, and the width of each order and what precedes it ``[m, 2]``.
    """
    frame = frame_of(key)
    starts, orders = frame.starts(), range(frame.order + 1)
    lanes = [(*lane, starts[lane[1]], min(lane[1], frame.order)) for lane in frame.lanes]
    places = np.zeros((len(lanes), len(orders)), np.int64)
    filled = [0] * len(orders)
    for t, lane in enumerate(lanes):
        for m in range(lane[5] + 1):
            places[t, m] = filled[m]
            filled[m] += lane[3]
    sizes = frame.sizes()
    before = [sum(sizes[:m]) for m in orders]
    return np.array(lanes, np.int64), places, np.array([(frame.width(m), before[m]) for m in orders], np.int64)
