"""The inner loop of the simulator of charged particles, compiled."""

import numpy as np
from gdl_core.kernels.cpu import compile_kernel, run_rows


@compile_kernel
def _advance(lo, hi, ptr, charges, x, v, steps, dt, largest):
    """Move the systems lo <= k < hi by `steps` steps, in place; particle i of system k is row ptr[k] + i."""
    for k in range(lo, hi):
        first, last = ptr[k], ptr[k + 1]
        force = np.empty((last - first, 3))
        for _ in range(steps):
            force[:] = 0
            for i in range(first, last):
                for j in range(first, i):
                    a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
                    square = a * a + b * b + c * c
                    push = charges[i] * charges[j] / (square * np.sqrt(square))
                    force[i - first, 0] += push * a
                    force[i - first, 1] += push * b
                    force[i - first, 2] += push * c
                    force[j - first, 0] -= push * a
                    force[j - first, 1] -= push * b
                    force[j - first, 2] -= push * c
            for i in range(first, last):
                for axis in range(3):
                    v[i, axis] += dt * min(max(force[i - first, axis], -largest), largest)
                    x[i, axis] += dt * v[i, axis]


def advance(charges: np.ndarray, x: np.ndarray, v: np.ndarray, steps: int, dt: float, largest: float) -> None:
    """Move k systems of n particles, `charges[k, n]`, `x[k, n, 3]`, `v[k, n, 3]`, by `steps` steps, in place."""
    systems, bodies = charges.shape
    ptr = np.arange(systems + 1, dtype=np.int64) * bodies
    run_rows(
        _advance, ptr, 20 * bodies * steps, charges.reshape(-1), x.reshape(-1, 3), v.reshape(-1, 3), steps, dt, largest
    )
