# pyright: reportArgumentType=false
"""The Triton backend of the polyphase operators.

Energies are integers, so partial sums of any chunks add to the same number: no atomics and no order to keep.
Each public function takes the arguments of the reference of the same name.
"""

import math
from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from gdl_grids.kernels.polyphase import choose_phase, fixed_point_scale, flat_phase

BLOCK = 1024
CHUNK = 1 << 14  # values of a sample that one program sums


@triton.jit
def _point(k, S1: tl.constexpr, S2: tl.constexpr, S3: tl.constexpr, S4: tl.constexpr, m2, m3, m4):
    """The fine point, per channel, that coarse point k of phase 0 is; missing axes have size one."""
    u4 = k % m4
    k = k // m4
    u3 = k % m3
    k = k // m3
    u2 = k % m2
    u1 = k // m2
    return ((u1 * S1 * (m2 * S2) + u2 * S2) * (m3 * S3) + u3 * S3) * (m4 * S4) + u4 * S4


@triton.jit
def _moments(
    x,
    scale,
    energy,
    total,
    count,
    points,
    fine,
    chunks,
    S1: tl.constexpr,
    S2: tl.constexpr,
    S3: tl.constexpr,
    S4: tl.constexpr,
    m2,
    m3,
    m4,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Program (b, chunk, p): the sums of v² and v over one chunk of the values of phase p of sample b."""
    b = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    p = tl.program_id(2)
    p4 = p % S4
    p3 = (p // S4) % S3
    p2 = (p // (S4 * S3)) % S2
    p1 = p // (S4 * S3 * S2)
    offset = ((p1 * (m2 * S2) + p2) * (m3 * S3) + p3) * (m4 * S4) + p4
    factor = tl.load(scale + b)
    squares = tl.zeros([BLOCK], dtype=tl.int64)
    values = tl.zeros([BLOCK], dtype=tl.int64)
    for first in range(0, CHUNK, BLOCK):
        k = chunk.to(tl.int64) * CHUNK + first + tl.arange(0, BLOCK)
        live = k < count
        channel = k // points
        place = (b * (count // points) + channel) * fine + offset + _point(k % points, S1, S2, S3, S4, m2, m3, m4)
        scaled = tl.load(x + place, mask=live, other=0).to(tl.float64) * factor
        scaled = tl.where(tl.abs(scaled) < 2.0e6, scaled, 0.0)
        whole = tl.floor(scaled)  # round half to even, as torch and numpy do
        rest = scaled - whole
        odd = whole.to(tl.int64) % 2 != 0
        v = whole.to(tl.int64) + ((rest > 0.5) | ((rest == 0.5) & odd)).to(tl.int64)
        squares += v * v
        values += v
    place = (b * chunks + chunk) * (S1 * S2 * S3 * S4) + p
    tl.store(energy + place, tl.sum(squares, 0))
    tl.store(total + place, tl.sum(values, 0))


@triton.jit
def _move(
    x,
    y,
    first,
    count,
    points,
    fine,
    S1: tl.constexpr,
    S2: tl.constexpr,
    S3: tl.constexpr,
    S4: tl.constexpr,
    m2,
    m3,
    m4,
    SCATTER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """y[b, k] = x[b, phase + stride k], or the reverse."""
    b = tl.program_id(1).to(tl.int64)
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = k < count
    channel = k // points
    place = _point(k % points, S1, S2, S3, S4, m2, m3, m4) + tl.load(first + b)
    place += (b * (count // points) + channel) * fine
    if SCATTER:
        tl.store(x + place, tl.load(y + b * count + k, mask=live, other=0), mask=live)
    else:
        tl.store(y + b * count + k, tl.load(x + place, mask=live, other=0), mask=live)


def _four(items: Sequence[int]) -> list[int]:
    return [1] * (4 - len(items)) + list(items)


def phase(x: Tensor, stride: Sequence[int]) -> Tensor:
    b, c = x.shape[:2]
    if x.numel() == 0:
        return torch.zeros(b, len(stride), dtype=torch.int64, device=x.device)
    x = x.detach().contiguous()
    coarse = [n // step for n, step in zip(x.shape[2:], stride)]
    points, phases = math.prod(coarse), math.prod(stride)
    chunks = triton.cdiv(c * points, CHUNK)
    energy, total = torch.empty(2, b, chunks, phases, dtype=torch.int64, device=x.device)
    _moments[b, chunks, phases](
        x,
        fixed_point_scale(x),
        energy,
        total,
        c * points,
        points,
        points * phases,
        chunks,
        *_four(stride),
        *_four(coarse)[1:],
        CHUNK=CHUNK,
        BLOCK=BLOCK,
    )
    return choose_phase(energy.sum(1), total.sum(1), stride)


def _first(phase: Tensor, shape: Sequence[int]) -> Tensor:
    return flat_phase(phase, shape).to(torch.int64).contiguous()


def gather(x: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    x = x.detach().contiguous()
    coarse = [n // step for n, step in zip(x.shape[2:], stride)]
    y = x.new_empty(*x.shape[:2], *coarse)
    _run(x, y, phase, stride, coarse, scatter=False)
    return y


def scatter(y: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    y = y.detach().contiguous()
    x = y.new_zeros(*y.shape[:2], *[n * step for n, step in zip(y.shape[2:], stride)])
    _run(x, y, phase, stride, list(y.shape[2:]), scatter=True)
    return x


def _run(x: Tensor, y: Tensor, phase: Tensor, stride: Sequence[int], coarse: list[int], *, scatter: bool) -> None:
    if y.numel() == 0:
        return
    points, count = math.prod(coarse), y[0].numel()
    _move[triton.cdiv(count, BLOCK), y.shape[0]](
        x,
        y,
        _first(phase, x.shape[2:]),
        count,
        points,
        points * math.prod(stride),
        *_four(stride),
        *_four(coarse)[1:],
        SCATTER=scatter,
        BLOCK=BLOCK,
    )
