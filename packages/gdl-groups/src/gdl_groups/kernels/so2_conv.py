"""The operators of `SO2Conv`: features of points into the frames of edges, and back; arguments as in core's kernels.

All are derivatives of one form, linear in each of its three arguments,

    F(d, x, z) = Σ_e Σ_rj d[e, r, j] <x[end(e), j], z[e, r]>

with d the Wigner matrices of the edges, x features at one end of each, z features in its frame, and <,> over channels.
`so2_lift` is ∂F/∂z, `so2_lower` is ∂F/∂x, `so2_turn` is ∂F/∂d, so the derivative of each is made of the others.

In a frame, features lie order by order: first ``[e, width(0)]``, then ``[e, 2, width(m)]`` for m = 1, 2, …, one after
the other in one vector, so that each is ready for a matrix product. See `Frame` for signs.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel
from torch import Tensor

_CPU = "gdl_groups.kernels.so2_conv_cpu:"
_CUDA = "gdl_groups.kernels.so2_conv_cuda:"


@dataclass(frozen=True)
class Frame:
    """Where the copies of each irrep are in feature vectors, and where in the frame of an edge.

    The coordinates (x_+m, x_-m) of a pair are (re, im), the two rows of an order; those of irreps of the class pseudo
    (0o, 1e, 2o, …) are multiplied by i, (-x_-m, x_+m), after which maps of O(3) are real. See `geometric.so2`.

    Attributes:
        order: the largest |m| kept.
        degrees: those of the Wigner matrices, which lie in this order, ``[e, Σ (2l+1)²]``.
        lanes: pseudo (0 or 1), degree, first channel and number of copies of each field, in their order in the frame.
        channels: of a feature vector.
    """

    order: int
    degrees: tuple[int, ...]
    lanes: tuple[tuple[int, int, int, int], ...]
    channels: int

    @property
    def key(self) -> str:
        """A string that makes it again."""
        lanes = ";".join(",".join(map(str, lane)) for lane in self.lanes)
        return f"{self.order}|{','.join(map(str, self.degrees))}|{lanes}|{self.channels}"

    def width(self, m: int) -> int:
        """Return how many channels have the order m."""
        return sum(count for _, degree, _, count in self.lanes if degree >= m)

    def sizes(self) -> list[int]:
        """Return how many numbers an edge has of each order."""
        return [(2 if m else 1) * self.width(m) for m in range(self.order + 1)]

    def starts(self) -> dict[int, int]:
        """Return where the Wigner matrix of each degree starts."""
        found, start = {}, 0
        for degree in self.degrees:
            found[degree] = start
            start += (2 * degree + 1) ** 2
        return found

    @property
    def numbers(self) -> int:
        """How many numbers the Wigner matrices of an edge have."""
        return sum((2 * degree + 1) ** 2 for degree in self.degrees)


@lru_cache(maxsize=256)
def frame_of(key: str) -> Frame:
    """Return the frame that has this key."""
    order, degrees, lanes, channels = key.split("|")
    return Frame(
        int(order),
        tuple(int(degree) for degree in degrees.split(",") if degree),
        tuple(tuple(int(n) for n in lane.split(",")) for lane in lanes.split(";") if lane),  # type: ignore[misc]
        int(channels),
    )


def _rows(frame: Frame, pseudo: int, degree: int) -> tuple[list[int], list[int]]:
    """The rows of a Wigner matrix as they lie in the frame, 0 and then re, im of each order, and their signs."""
    rows, signs = [degree], [1]
    for m in range(1, min(degree, frame.order) + 1):
        rows += [degree - m, degree + m] if pseudo else [degree + m, degree - m]
        signs += [-1, 1] if pseudo else [1, 1]
    return rows, signs


def _blocks(frame: Frame, d: Tensor) -> list[Tensor]:
    """For each lane ``[e, 2k+1, 2l+1]``, its rows of the Wigner matrices."""
    found, starts = [], frame.starts()
    for pseudo, degree, _, _ in frame.lanes:
        size = 2 * degree + 1
        block = d[:, starts[degree] : starts[degree] + size * size].unflatten(1, (size, size))
        found.append(torch.stack([sign * block[:, row] for row, sign in zip(*_rows(frame, pseudo, degree))], 1))
    return found


def split_orders(z: Tensor, frame: Frame, edges: int) -> list[Tensor]:
    """Return views of what lies in a frame: ``[e, width(0)]`` and, for m ≥ 1, ``[e, 2, width(m)]``."""
    parts = z.split([edges * size for size in frame.sizes()])
    return [
        part.view(edges, 2, frame.width(m)) if m else part.view(edges, frame.width(0)) for m, part in enumerate(parts)
    ]


def _lanes(z: Tensor, frame: Frame, edges: int) -> list[Tensor]:
    """For each lane ``[e, 2k+1, copies]``, its coordinates in the frame."""
    orders, found, places = split_orders(z, frame, edges), [], [0] * (frame.order + 1)
    for _, degree, _, count in frame.lanes:
        rows = []
        for m in range(min(degree, frame.order) + 1):
            part = orders[m][..., places[m] : places[m] + count]
            places[m] += count
            rows.append(part if m else part[:, None])
        found.append(torch.cat(rows, 1))
    return found


def _field(x: Tensor, lane: tuple[int, int, int, int]) -> Tensor:
    _, degree, start, count = lane
    return x[:, start : start + (2 * degree + 1) * count].unflatten(1, (2 * degree + 1, count))


# so2_lift: ∂F/∂z, the features at one end of each edge in its frame


def so2_lift_reference(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    x: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    """``d[e, Σ (2l+1)²]``, ``x[n, c]`` -> one vector, order after order, in the dtype of `x`."""
    found, wide = frame_of(frame), accumulate_in(x, d)
    near = x.to(wide).index_select(0, sender if at_sender else receiver)
    orders: list[list[Tensor]] = [[] for _ in range(found.order + 1)]
    for lane, block in zip(found.lanes, _blocks(found, d.to(wide))):
        rows = block @ _field(near, lane)
        for m in range(min(lane[1], found.order) + 1):
            orders[m].append(rows[:, 2 * m - 1 : 2 * m + 1] if m else rows[:, 0])
    return torch.cat([torch.cat(parts, -1).flatten() for parts in orders]).to(x.dtype)


def _lift_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    x: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    return x.new_empty(d.shape[0] * sum(frame_of(frame).sizes()))


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.frame, ctx.at_sender = inputs
    ctx.save_for_backward(*tensors)


def _lift_backward(ctx: Any, h: Tensor) -> tuple:
    *relation, d, x = ctx.saved_tensors
    end, dd, dx = (ctx.frame, ctx.at_sender), None, None
    if ctx.needs_input_grad[6]:
        dd = so2_turn(*relation, x, h, *end).to(d.dtype)
    if ctx.needs_input_grad[7]:
        dx = so2_lower(*relation, d, h, *end)
    return (*[None] * 6, dd, dx, None, None)


so2_lift = Kernel(
    "so2_lift",
    so2_lift_reference,
    fake=_lift_fake,
    cpu=_CPU + "so2_lift",
    cuda=_CUDA + "so2_lift",
    setup_context=_setup,
    backward=_lift_backward,
    device_of=7,
)


# so2_lower: ∂F/∂x, what lies in the frames turned back and summed at one end of the edges


def so2_lower_reference(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    """``d[e, Σ (2l+1)²]``, z as from `so2_lift` -> ``[n, c]`` in the dtype of `z`."""
    found, wide = frame_of(frame), accumulate_in(z, d)
    index, rows = (sender, ptr_t) if at_sender else (receiver, ptr)
    fields: dict[int, Tensor] = {}
    values = _lanes(z.to(wide), found, d.shape[0])
    for lane, block, part in zip(found.lanes, _blocks(found, d.to(wide)), values):
        fields[lane[2]] = (block.mT @ part).flatten(1)
    back = torch.cat([fields[start] for start in sorted(fields)], 1)
    return back.new_zeros(rows.shape[0] - 1, back.shape[1]).index_add(0, index, back).to(z.dtype)


def _lower_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    return z.new_empty((ptr_t if at_sender else ptr).shape[0] - 1, frame_of(frame).channels)


def _lower_backward(ctx: Any, h: Tensor) -> tuple:
    *relation, d, z = ctx.saved_tensors
    end, dd, dz = (ctx.frame, ctx.at_sender), None, None
    if ctx.needs_input_grad[6]:
        dd = so2_turn(*relation, h, z, *end).to(d.dtype)
    if ctx.needs_input_grad[7]:
        dz = so2_lift(*relation, d, h, *end)
    return (*[None] * 6, dd, dz, None, None)


so2_lower = Kernel(
    "so2_lower",
    so2_lower_reference,
    fake=_lower_fake,
    cpu=_CPU + "so2_lower",
    cuda=_CUDA + "so2_lower",
    setup_context=_setup,
    backward=_lower_backward,
    device_of=7,
)


# so2_turn: ∂F/∂d


def so2_turn_reference(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    """``x[n, c]``, z as from `so2_lift` -> ``[e, Σ (2l+1)²]`` in the dtype of `x`."""
    found, wide = frame_of(frame), accumulate_in(x, z)
    near = x.to(wide).index_select(0, sender if at_sender else receiver)
    out = {degree: near.new_zeros(len(sender), 2 * degree + 1, 2 * degree + 1) for degree in found.degrees}
    for lane, part in zip(found.lanes, _lanes(z.to(wide), found, len(sender))):
        rows, signs = _rows(found, lane[0], lane[1])
        outer = part @ _field(near, lane).mT
        outer = outer * torch.tensor(signs, dtype=wide, device=x.device)[:, None]
        out[lane[1]] = out[lane[1]].index_add(1, torch.tensor(rows, device=x.device), outer)
    return torch.cat([out[degree].flatten(1) for degree in found.degrees], 1).to(x.dtype)


def _turn_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    return x.new_empty(sender.shape[0], frame_of(frame).numbers)


def _turn_backward(ctx: Any, h: Tensor) -> tuple:
    *relation, x, z = ctx.saved_tensors
    end, dx, dz = (ctx.frame, ctx.at_sender), None, None
    if ctx.needs_input_grad[6]:
        dx = so2_lower(*relation, h, z, *end).to(x.dtype)
    if ctx.needs_input_grad[7]:
        dz = so2_lift(*relation, h, x, *end).to(z.dtype)
    return (*[None] * 6, dx, dz, None, None)


so2_turn = Kernel(
    "so2_turn",
    so2_turn_reference,
    fake=_turn_fake,
    cpu=_CPU + "so2_turn",
    cuda=_CUDA + "so2_turn",
    setup_context=_setup,
    backward=_turn_backward,
    device_of=6,
)
