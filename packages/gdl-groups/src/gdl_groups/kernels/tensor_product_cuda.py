"""The Triton backend of `tensor_product`: one program owns a row's channels (or its edges' gradients), no atomics.

As on the CPU, Σ_e w x_i y_j is summed over a row's edges in registers and coupled by Clebsch-Gordan coefficients once
per row. Components are padded to a power of two; paths that fit the same one share a launch, and all plans share
programs.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false, reportGeneralTypeIssues=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from gdl_core.incidence.cuda import TL
from gdl_core.incidence.precision import accumulate_in
from torch import Tensor

from gdl_groups.kernels.tensor_product import second_by_parts
from gdl_groups.products.plan import Path, TensorProductPlan

BLOCK = 64  # edges that are summed before they are coupled, which bounds the rounding error of long rows
CHUNK = 16  # edges whose gradients of y a program keeps
TILE = 32  # channels
SMALLEST = 4  # components that smaller ones are padded to


@triton.jit
def _path(paths, p):
    """The numbers of path p, as `_numbers` writes them."""
    at = paths + p * 10
    return (
        tl.load(at), tl.load(at + 1), tl.load(at + 2), tl.load(at + 3), tl.load(at + 4), tl.load(at + 5),
        tl.load(at + 6), tl.load(at + 7), tl.load(at + 8), tl.load(at + 9),
    )  # fmt: skip


@triton.jit
def _row_sum(
    ptr,
    index,
    slot,
    x,
    y,
    w,
    out,
    paths,
    targets,
    couplings,
    x_row,
    y_row,
    w_row,
    out_row,
    SIZE: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
    TILE: tl.constexpr,
):
    """out[row] += the sum over the row's edges, for the paths that lead to one target, in one tile of channels."""
    row = tl.program_id(0).to(tl.int64)
    target = tl.program_id(1)
    c = tl.program_id(2) * TILE + tl.arange(0, TILE)
    i = tl.arange(0, SIZE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    begin = tl.load(targets + target)
    end = tl.load(targets + target + 1)
    _, _, _, _, _, _, copies, out_start, out_step, out_size = _path(paths, begin)
    live = c < copies
    total = tl.zeros([SIZE, TILE], dtype=DTYPE)
    for p in range(begin, end):
        x_start, x_step, x_size, y_start, y_size, w_start, _, _, _, _ = _path(paths, p)
        inside = (i < x_size)[:, None] & live[None, :]
        for first in range(start, stop, BLOCK):
            acc = tl.zeros([SIZE, SIZE, TILE], dtype=DTYPE)
            for k in range(first, tl.minimum(first + BLOCK, stop)):
                s = tl.load(index + k).to(tl.int64)
                e = tl.load(slot + k).to(tl.int64)
                weight = tl.load(w + e * w_row + w_start + c, mask=live, other=0).to(DTYPE)
                feature = tl.load(x + s * x_row + x_start + i[:, None] * x_step + c[None, :], mask=inside, other=0)
                feature = feature.to(DTYPE) * weight[None, :]
                number = tl.load(y + e * y_row + y_start + i, mask=i < y_size, other=0).to(DTYPE)
                acc += feature[:, None, :] * number[None, :, None]
            for k in range(out_size):
                coupling = tl.load(couplings + ((p * SIZE + k) * SIZE + i[:, None]) * SIZE + i[None, :])
                value = tl.sum(tl.sum(acc * coupling[:, :, None], axis=0), axis=0)
                total += tl.where((i == k)[:, None], value[None, :], 0)
    place = out + row * out_row + out_start + i[:, None] * out_step + c[None, :]
    inside = (i < out_size)[:, None] & live[None, :]
    tl.store(place, tl.load(place, mask=inside, other=0) + total, mask=inside)


@triton.jit
def _row_edges(
    ptr,
    index,
    x,
    y,
    w,
    g,
    dy,
    dw,
    paths,
    fields,
    couplings,
    x_row,
    y_row,
    w_row,
    g_row,
    SIZE: tl.constexpr,
    DTYPE: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """dy[e] and dw[e] of the row's edges, for the paths of one field of the filter."""
    row = tl.program_id(0).to(tl.int64)
    field = tl.program_id(1)
    i = tl.arange(0, SIZE)
    edges = tl.arange(0, CHUNK)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    begin = tl.load(fields + field * 4)
    end = tl.load(fields + field * 4 + 1)
    y_start = tl.load(fields + field * 4 + 2)
    y_size = tl.load(fields + field * 4 + 3)
    for first in range(start, stop, CHUNK):
        slopes = tl.zeros([CHUNK, SIZE], dtype=DTYPE)
        last = tl.minimum(first + CHUNK, stop)
        for p in range(begin, end):
            x_start, x_step, x_size, _, _, w_start, copies, g_start, g_step, g_size = _path(paths, p)
            for channel in range(0, copies, TILE):
                c = channel + tl.arange(0, TILE)
                live = c < copies
                coupled = tl.zeros([SIZE, SIZE, TILE], dtype=DTYPE)
                for k in range(g_size):
                    coupling = tl.load(couplings + ((p * SIZE + k) * SIZE + i[:, None]) * SIZE + i[None, :])
                    value = tl.load(g + row * g_row + g_start + k * g_step + c, mask=live, other=0).to(DTYPE)
                    coupled += coupling[:, :, None] * value[None, None, :]
                inside = (i < x_size)[:, None] & live[None, :]
                for k in range(first, last):
                    s = tl.load(index + k).to(tl.int64)
                    e = row * 0 + k  # 64 bits wide
                    weight = tl.load(w + e * w_row + w_start + c, mask=live, other=0).to(DTYPE)
                    feature = tl.load(x + s * x_row + x_start + i[:, None] * x_step + c[None, :], mask=inside, other=0)
                    number = tl.load(y + e * y_row + y_start + i, mask=i < y_size, other=0).to(DTYPE)
                    product = tl.sum(coupled * feature.to(DTYPE)[:, None, :], axis=0)
                    tl.store(dw + e * w_row + w_start + c, tl.sum(product * number[:, None], axis=0), mask=live)
                    slope = tl.sum(product * weight[None, :], axis=1)
                    slopes += tl.where((edges == k - first)[:, None], slope[None, :], 0)
        e = (first + edges).to(tl.int64)
        place = dy + e[:, None] * y_row + y_start + i[None, :]
        tl.store(place, slopes, mask=(e < last)[:, None] & (i < y_size)[None, :])


class Group(NamedTuple):
    """Paths whose components fit `size`, as tensors."""

    size: int
    paths: Tensor  # int32[p, 10], as `_numbers` writes them, those of one target (or field of the filter) together
    # int32[t + 1], where the paths of each target begin; for gradients [fields, 4]: begin, end, start and size of y
    ranges: Tensor
    couplings: Tensor  # [p, size, size, size]: component of out, of x, of y
    copies: int  # the largest number


def _numbers(plan: TensorProductPlan, path: Path, transposed: bool) -> tuple[int, ...]:
    """Start, step, size of x; start, size of y; start of w; copies; start, step, size of out."""
    starts = [[part.start for part in type.slices()] for type in (plan.in_type, plan.filter_type, plan.out_type)]
    l1, l2, l3 = path.degrees
    near = (starts[0][path.first], path.copies, 2 * l1 + 1)
    far = (starts[2][path.third] + path.offset, plan.out_type.fields[path.third][0], 2 * l3 + 1)
    if transposed:
        near, far = far, near
    return (*near, starts[1][path.second], 2 * l2 + 1, path.weight, path.copies, *far)


def _padded(path: Path) -> int:
    return max(SMALLEST, triton.next_power_of_2(2 * max(path.degrees) + 1))


def _group(
    plan: TensorProductPlan,
    paths: Sequence[Path],
    transposed: bool,
    size: int,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    couplings = torch.zeros(len(paths), size, size, size, dtype=dtype)
    for place, path in zip(couplings, paths):
        coupling = path.coupling().permute(0, 2, 1) if transposed else path.coupling().permute(2, 0, 1)
        place[tuple(slice(length) for length in coupling.shape)] = coupling
    numbers = torch.tensor([_numbers(plan, path, transposed) for path in paths], dtype=torch.int32)
    return numbers.to(device), couplings.to(device)


@lru_cache(maxsize=256)
def sums(key: str, transposed: bool, dtype: torch.dtype, device: torch.device) -> tuple[Group, ...]:
    """Return one group per launch of `_row_sum`. A target is a path, transposed it is a field of x."""
    plan = TensorProductPlan.from_key(key)
    target: Callable[[Path], int] = (lambda path: path.first) if transposed else (lambda path: path.weight)
    groups = []
    for size in sorted({_padded(path) for path in plan.paths}):
        paths = sorted((path for path in plan.paths if _padded(path) == size), key=target)
        begins = [k for k, path in enumerate(paths) if k == 0 or target(path) != target(paths[k - 1])]
        ranges = torch.tensor([*begins, len(paths)], dtype=torch.int32, device=device)
        tensors = _group(plan, paths, transposed, size, dtype, device)
        groups.append(Group(size, tensors[0], ranges, tensors[1], max(path.copies for path in paths)))
    return tuple(groups)


@lru_cache(maxsize=256)
def gradients(key: str, dtype: torch.dtype, device: torch.device) -> Group:
    """Return the group of `_row_edges`: all paths, by field of the filter."""
    plan = TensorProductPlan.from_key(key)
    paths, size = sorted(plan.paths, key=lambda path: path.second), max(map(_padded, plan.paths))
    ranges = []
    for field, part in enumerate(plan.filter_type.slices()):
        own = [k for k, path in enumerate(paths) if path.second == field]
        ranges.append((own[0] if own else 0, own[-1] + 1 if own else 0, part.start, part.stop - part.start))
    numbers, couplings = _group(plan, paths, False, size, dtype, device)
    return Group(size, numbers, torch.tensor(ranges, dtype=torch.int32, device=device), couplings, 0)


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
    wide, found = accumulate_in(x, y, w), TensorProductPlan.from_key(plan)
    channels = (found.in_type if transposed else found.out_type).channels
    rows, index = (ptr_t, receiver_t) if transposed else (ptr, sender)
    slot = perm if transposed else torch.arange(sender.shape[0], dtype=torch.int32, device=x.device)
    out = torch.zeros(rows.shape[0] - 1, channels, dtype=wide, device=x.device)
    x, y, w = x.contiguous(), y.contiguous(), w.contiguous()
    if out.numel() and sender.numel():
        for group in sums(plan, transposed, wide, x.device):
            grid = (out.shape[0], group.ranges.shape[0] - 1, triton.cdiv(group.copies, TILE))
            _row_sum[grid](
                rows, index, slot, x, y, w, out, group.paths, group.ranges, group.couplings, x.shape[1], y.shape[1],
                w.shape[1], channels, SIZE=group.size, DTYPE=TL[wide], BLOCK=BLOCK, TILE=TILE,
            )  # fmt: skip
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
    dx = x.new_empty(0, x.shape[1])
    if with_x:
        dx = tensor_product(ptr, sender, receiver, ptr_t, receiver_t, perm, g.to(wide), y, w, plan, True).to(x.dtype)
    x, y, w, g = x.contiguous(), y.contiguous(), w.contiguous(), g.contiguous()
    dy, dw = y.new_empty(y.shape), w.new_empty(w.shape)
    if sender.numel():
        group = gradients(plan, wide, x.device)
        _row_edges[(g.shape[0], group.ranges.shape[0])](
            ptr, sender, x, y, w, g, dy, dw, group.paths, group.ranges, group.couplings, x.shape[1], y.shape[1],
            w.shape[1], g.shape[1], SIZE=group.size, DTYPE=TL[wide], CHUNK=CHUNK, TILE=TILE,
        )  # fmt: skip
    return dx, dy, dw


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
    """Term by term: seven launches per group of paths, where the Numba backend makes one pass."""
    wide, inc = accumulate_in(x, y, w, g), (ptr, sender, receiver, ptr_t, receiver_t, perm)
    values = [value.to(wide) for value in (x, y, w, g, a, b, c)]
    return second_by_parts(tensor_product, tensor_product_edges, inc, values, plan, (x, y, w, g))
