"""The Numba backend of `tensor_product`: rows in parallel, channels in vectors, one order of summation.

What a row's edges have in common is done once per row. Forward, Σ_e w x_i y_j is summed over the edges first and
coupled by Clebsch-Gordan coefficients after; for the gradients of y and w the row's gradient is coupled first.
"""

# pyright: reportCallIssue=false
# The first parameter of an intrinsic is Numba's own.
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.arrays import to_numpy
from gdl_core.kernels.cpu import compile_kernel, run_rows
from torch import Tensor

from gdl_groups.kernels.tensor_product_lanes import add_multiple, edge_products, edge_second, lanes_of, sum_products
from gdl_groups.products.plan import TensorProductPlan

PARTS = 8  # of the rows, each with gradients of x of its own
BLOCK = 64  # edges; longer rows are summed in blocks, which bounds the rounding error and what is kept in the cache


class Tables(NamedTuple):
    """The paths of a plan as arrays, from one side (`x`: features or, transposed, gradients) to the other (`out`)."""

    # [p, 10]: start, step, size of x; degree and start of y; start of w; copies; start and step of out; nonzeros end
    paths: np.ndarray
    entries: np.ndarray  # [nnz, 2]: pair i (2 l2 + 1) + j, and component k of out
    couplings: np.ndarray  # [nnz]
    degrees: tuple[int, ...]  # 0 ... the largest degree of y
    room: int  # the largest number of pairs times copies


@lru_cache(maxsize=256)
def tables(key: str, transposed: bool, double: bool) -> Tables:
    """Return the tables of the plan called `key`."""
    plan = TensorProductPlan.from_key(key)
    starts = [[part.start for part in type.slices()] for type in (plan.in_type, plan.filter_type, plan.out_type)]
    total = [copies for copies, _ in plan.out_type.fields]
    paths, entries, couplings = [], [], []
    for path in plan.paths:
        l1, l2, l3 = path.degrees
        coupling = path.coupling()
        near = (starts[0][path.first], path.copies, 2 * l1 + 1)
        far = (starts[2][path.third] + path.offset, total[path.third], 2 * l3 + 1)
        if transposed:
            near, far, coupling = far, near, coupling.permute(2, 1, 0)
        i, j, k = (part.numpy() for part in coupling.nonzero(as_tuple=True))
        entries.append(np.stack([i * coupling.shape[1] + j, k], 1))
        couplings.append(coupling.numpy()[i, j, k])
        end = sum(map(len, couplings))
        paths.append((*near, l2, starts[1][path.second], path.weight, path.copies, *far[:2], end))
    found = np.array(paths, np.int64)
    return Tables(
        found,
        np.concatenate(entries),
        np.concatenate(couplings).astype(np.float64 if double else np.float32),
        tuple(range(int(found[:, 3].max()) + 1)),
        int((found[:, 2] * (2 * found[:, 3] + 1) * found[:, 6]).max()),
    )


@compile_kernel
def _row_sum(lo, hi, ptr, index, slot, x, y, w, paths, entries, couplings, degrees, room, out):
    """out[i] = sum over the places k of row i of the products of x[index[k]], y[slot[k]] and w[slot[k]]."""
    sums = np.empty(room, x.dtype)
    for row in range(lo, hi):
        out[row] = 0
        for first in range(ptr[row], ptr[row + 1], BLOCK):
            last = min(first + BLOCK, ptr[row + 1])
            begin = 0
            for p in range(len(paths)):
                start, step, size, degree, y_start, w_start, copies, out_start, out_step, end = paths[p]
                sum_products(
                    degrees, degree, first, last, index, slot, x, x.shape[1], start, step, size,
                    y, y.shape[1], y_start, w, w.shape[1], w_start, copies, sums,
                )  # fmt: skip
                base = row * out.shape[1] + out_start
                for q in range(begin, end):
                    add_multiple(
                        out, base + entries[q, 1] * out_step, sums, entries[q, 0] * copies, couplings[q], copies
                    )
                begin = end


@compile_kernel
def _add_lanes(slopes, dy, first, last):
    """dy[e] = the sum over the lanes of the vectors that `edge_products` leaves."""
    for e in range(first, last):
        for j in range(dy.shape[1]):
            total = dy.dtype.type(0)
            for lane in range(slopes.shape[2]):
                total += slopes[e - first, j, lane]
            dy[e, j] = total


@compile_kernel
def _row_edges(
    lo, hi, parts, cuts, ptr, index, x, y, w, g, paths, entries, couplings, degrees, room, lanes, with_x, dx, dy, dw
):
    """dx[part, s], dy[e] and dw[e], the derivatives of <out[i], g[i]> for the edges e of the rows i of each part."""
    sums = np.empty(room, x.dtype)
    slopes = np.empty((BLOCK, y.shape[1], lanes), x.dtype)
    for part in range(lo, hi):
        own = dx[part if with_x else 0]
        own[:] = 0
        for row in range(cuts[part], cuts[part + 1]):
            for first in range(ptr[row], ptr[row + 1], BLOCK):
                last = min(first + BLOCK, ptr[row + 1])
                slopes[: last - first] = 0
                begin = 0
                for p in range(len(paths)):
                    start, step, size, degree, y_start, w_start, copies, g_start, g_step, end = paths[p]
                    sums[: size * (2 * degree + 1) * copies] = 0
                    base = row * g.shape[1] + g_start
                    for q in range(begin, end):
                        add_multiple(
                            sums, entries[q, 0] * copies, g, base + entries[q, 1] * g_step, couplings[q], copies
                        )
                    edge_products(
                        degrees, degree, first, last, index, x, x.shape[1], start, step, size,
                        y, y.shape[1], y_start, w, w.shape[1], w_start, copies, sums, own, with_x, slopes, dw,
                    )  # fmt: skip
                    begin = end
                _add_lanes(slopes, dy, first, last)


@compile_kernel
def _row_second(
    lo,
    hi,
    parts,
    cuts,
    ptr,
    index,
    x,
    y,
    w,
    g,
    a,
    b,
    c,
    paths,
    entries,
    couplings,
    degrees,
    room,
    lanes,
    dx,
    dy,
    dw,
    dg,
):
    """dx[part, s], dy[e], dw[e] and dg[row], the derivatives of D for the rows of each part."""
    sums, totals = np.empty((2, room), x.dtype)
    slopes = np.empty((BLOCK, y.shape[1], lanes), x.dtype)
    for part in range(lo, hi):
        own = dx[part]
        own[:] = 0
        for row in range(cuts[part], cuts[part + 1]):
            dg[row] = 0
            for first in range(ptr[row], ptr[row + 1], BLOCK):
                last = min(first + BLOCK, ptr[row + 1])
                slopes[: last - first] = 0
                begin = 0
                for p in range(len(paths)):
                    start, step, size, degree, y_start, w_start, copies, g_start, g_step, end = paths[p]
                    sums[: size * (2 * degree + 1) * copies] = 0
                    totals[: size * (2 * degree + 1) * copies] = 0
                    base = row * g.shape[1] + g_start
                    for q in range(begin, end):
                        add_multiple(
                            sums, entries[q, 0] * copies, g, base + entries[q, 1] * g_step, couplings[q], copies
                        )
                    edge_second(
                        degrees, degree, first, last, index, x, x.shape[1], start, step, size,
                        y, y.shape[1], y_start, w, w.shape[1], w_start, copies, sums, a, b, c, totals, own, slopes, dw,
                    )  # fmt: skip
                    for q in range(begin, end):
                        add_multiple(
                            dg, base + entries[q, 1] * g_step, totals, entries[q, 0] * copies, couplings[q], copies
                        )
                    begin = end
                _add_lanes(slopes, dy, first, last)


@compile_kernel
def _add_parts(lo, hi, ptr, parts, out):
    """out[s] = sum of parts[:, s], in order."""
    for s in range(lo, hi):
        total = out[s]
        total[:] = parts[0, s]
        for k in range(1, len(parts)):
            part = parts[k, s]
            for c in range(total.size):
                total[c] += part[c]


def tensor_product(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    plan: str,
    transposed: bool,
) -> Tensor:
    wide = accumulate_in(x, y, w)
    found = tables(plan, transposed, wide == torch.float64)
    types = TensorProductPlan.from_key(plan)
    channels = (types.in_type if transposed else types.out_type).channels
    rows, index, slot = (ptr_t, receiver_t, perm) if transposed else (ptr, sender, torch.arange(len(sender)).int())
    out = torch.empty(len(rows) - 1, channels, dtype=wide)
    arrays = map(to_numpy, (index, slot, x.to(wide), y.to(wide), w.to(wide)))
    run_rows(_row_sum, to_numpy(rows), _work(found), *arrays, *found, to_numpy(out))
    return out.to(x.dtype)


def tensor_product_edges(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    plan: str,
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    wide = accumulate_in(x, y, w, g)
    found = tables(plan, False, wide == torch.float64)
    cuts = _cuts(ptr, len(sender), len(x) if with_x else 0)
    parts = torch.empty(len(cuts) - 1 if with_x else 1, len(x) if with_x else 0, x.shape[1], dtype=wide)
    dy, dw = torch.empty(y.shape, dtype=wide), torch.empty(w.shape, dtype=wide)
    arrays = map(to_numpy, (ptr, sender, x.to(wide), y.to(wide), w.to(wide), g.to(wide)))
    results = map(to_numpy, (parts, dy, dw))
    run_rows(
        _row_edges,
        to_numpy(ptr)[cuts],
        2 * _work(found),
        cuts,
        *arrays,
        *found,
        lanes_of(wide.itemsize),
        with_x,
        *results,
    )
    return _joined(parts).to(x.dtype), dy.to(y.dtype), dw.to(w.dtype)


def tensor_product_second(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    plan: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    wide = accumulate_in(x, y, w, g)
    found = tables(plan, False, wide == torch.float64)
    cuts = _cuts(ptr, len(sender), len(x))
    parts = torch.empty(len(cuts) - 1, *x.shape, dtype=wide)
    dy, dw, dg = (torch.empty(like.shape, dtype=wide) for like in (y, w, g))
    arrays = map(to_numpy, (ptr, sender, *(value.to(wide) for value in (x, y, w, g, a, b, c))))
    results = map(to_numpy, (parts, dy, dw, dg))
    run_rows(
        _row_second, to_numpy(ptr)[cuts], 5 * _work(found), cuts, *arrays, *found, lanes_of(wide.itemsize), *results
    )
    return _joined(parts).to(x.dtype), dy.to(y.dtype), dw.to(w.dtype), dg.to(g.dtype)


def _cuts(ptr: Tensor, edges: int, points: int) -> np.ndarray:
    """Return where the parts of the rows begin.

    Each adds to gradients of `points` features of its own, which are added in order: the result has one order of
    summation for any number of threads, and together they are at most half as large as features per edge.
    """
    count = min(PARTS, max(1, edges // (2 * points))) if points else 4 * PARTS
    cuts = np.searchsorted(ptr.numpy(), np.arange(count + 1) * edges // count)
    cuts[0], cuts[-1] = 0, len(ptr) - 1
    return cuts


def _joined(parts: Tensor) -> Tensor:
    """Return the sum over the parts, in order."""
    if len(parts) == 1:
        return parts[0]
    total = torch.empty(parts.shape[1:], dtype=parts.dtype)
    run_rows(_add_parts, np.arange(len(total) + 1), parts.shape[0] * parts.shape[2], to_numpy(parts), to_numpy(total))
    return total


def _work(found: Tables) -> int:
    """Return the products of an edge."""
    return sum(size * (2 * degree + 1) * copies for _, _, size, degree, _, _, copies, *_ in found.paths.tolist())
