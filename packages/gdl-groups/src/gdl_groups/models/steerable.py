"""Steerable networks on grids: regular fields with ReLU, or irreps with gates, norms or Fourier samples."""

import re
from collections.abc import Sequence

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Blueprint, Domain
from gdl_core.geometry.pointwise import Dropout, Pointwise
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, FiniteGroup, Group, O
from gdl_core.representations import FieldType
from torch import nn

from gdl_groups.fibre.batch_norm import BatchNorm
from gdl_groups.fibre.fourier import FourierActivation
from gdl_groups.fibre.gate import Gate, NormActivation
from gdl_groups.fibre.pool import NormPool
from gdl_groups.grid.readout import GlobalPool
from gdl_groups.grid.steerable import SteerableConv
from gdl_groups.grid.turn import DiscMask
from gdl_groups.models.p4 import POOLS
from gdl_groups.named.point import PointGroup

FIELDS = ("regular", "gate", "norm", "fourier")


def turning_group(name: str, ndim: int = 2) -> Group:
    """Return a group by name: `C8`, `D8`, … (any number), `SO2`, `O2` of the plane; `SO3`, `O3`, `O`, … of space.

    Raises:
        UnknownNameError: for another name.
    """
    found = re.fullmatch(r"([CD])(\d+)", name)
    if ndim == 2 and found and int(found[2]) > 0:
        return (CyclicGroup if found[1] == "C" else DihedralGroup)(int(found[2]))
    if name in (f"SO{ndim}", f"O{ndim}"):
        return (SO if name.startswith("S") else O)(ndim)
    if ndim == 3:
        return PointGroup(name)
    raise UnknownNameError(f"A plane is turned by C1, C2, …, D1, D2, …, SO2 or O2; there is no {name!r}.")


def irreps_up_to(group: Group, frequency: int, copies: int) -> FieldType:
    """Return `copies` of each irrep of the plane's or space's group up to a frequency or degree, natural parity."""
    if isinstance(group, SO):
        return FieldType(group, [(copies, group.irrep(k)) for k in range(frequency + 1)])
    if isinstance(group, O) and group.m == 3:
        return FieldType(group, [(copies, group.irrep(k, (-1) ** k)) for k in range(frequency + 1)])
    if isinstance(group, O):
        return FieldType(group, [(copies, group.irrep(k)) for k in range(frequency + 1)])
    if isinstance(group, CyclicGroup):
        names = [str(k) for k in range(min(frequency, group.n // 2) + 1)]
        return FieldType(group, [(copies, name) for name in names])
    if isinstance(group, FiniteGroup):
        return FieldType(group, [(copies, irrep) for irrep in group.irreps()])
    raise TypeError(f"The irreps of {group!r} are not listed.")


def _activation(type: FieldType, fields: str) -> list[nn.Module]:
    """Return norm and nonlinearity; the first part says by its `in_type` what goes in."""
    if fields == "regular":
        return [BatchNorm(type, channel_axis=1), Pointwise(type, "relu")]
    if fields == "gate":
        gate = Gate(type, channel_axis=1)
        return [BatchNorm(gate.in_type, channel_axis=1), gate]
    norm = BatchNorm(type, channel_axis=1)
    if fields == "norm":
        return [norm, NormActivation(type, "relu", channel_axis=1)]
    return [norm, FourierActivation(type, "elu", channel_axis=1)]


def steerable_cnn(
    in_channels: int = 1,
    classes: int = 10,
    *,
    group: str = "C8",
    fields: str = "regular",
    channels: Sequence[int] = (8, 16, 16),
    frequency: int = 2,
    kernel_size: int | Sequence[int] = 5,
    pools: Sequence[int] | None = None,
    pool: str = "avg",
    mask: bool = False,
    hidden: int = 0,
    dropout: float = 0.0,
    ndim: int = 2,
    domain: Domain | None = None,
) -> Blueprint:
    """Return (steerable convolution → norm → nonlinearity) repeated, with pools, then invariants, then a linear map.

    E(2)-CNN (Weiler and Cesa 2019, §4.1) on the plane, 3D steerable CNN (Weiler et al. 2018, §5) in space. The output
    does not change when the image is turned by what the grid and the group share, and little for other elements.

    Args:
        in_channels, classes: of the images and of the output.
        group: `C8`, `D8`, `SO2`, `O3`, … (`turning_group`).
        fields: `regular` fields of a finite group with ReLU and a maximum over the group at the end; or irreps up to
            `frequency` with a `gate`, `norm` or `fourier` nonlinearity and norms at the end.
        channels: copies of the field after each convolution.
        frequency: the largest frequency or degree of irreps.
        kernel_size: of the convolutions, one for all or one each.
        pools: the convolutions that a pool follows, numbered from 0; all but the last if left out.
        pool: `max` or `avg` of cells of 2, `max3` or `blur` of windows of 3 with stride 2 for odd grids. Irreps, which
            a maximum does not commute with, take `avg` or `blur`.
        mask: cut the corners of the image first, as no turn brings them back.
        hidden: the width of a hidden layer after the readout; none if 0.
        dropout: the rate at which invariants are zeroed before the last linear map.
        ndim: 2 or 3.
        domain: the grid the images live on; a periodic grid of their size if left out.
    """
    found = turning_group(group, ndim)
    sizes = [kernel_size] * len(channels) if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != len(channels):
        raise ValueError(f"steerable_cnn takes one kernel size or {len(channels)}, one per convolution, got {sizes}.")
    if fields not in FIELDS:
        raise UnknownNameError(f"There are the fields {', '.join(FIELDS)}, not {fields!r}." + closest(fields, FIELDS))
    if fields == "regular" and not isinstance(found, FiniteGroup):
        raise TypeError(f"{found!r} is not finite, so it has no regular field: use gate, norm or fourier.")
    if pool not in POOLS:
        raise UnknownNameError(f"There is no pool {pool!r}; there is {', '.join(POOLS)}." + closest(pool, POOLS))
    after = range(len(channels) - 1) if pools is None else pools
    type = FieldType(found, in_channels)
    parts: list[nn.Module] = [DiscMask(type)] if mask else []
    for position, (count, size) in enumerate(zip(channels, sizes)):
        wider = FieldType(found, [(count, "regular")]) if fields == "regular" else irreps_up_to(found, frequency, count)
        norm, function = _activation(wider, fields)
        conv = SteerableConv(type, norm.in_type, size, bias=False, ndim=ndim)  # type: ignore[arg-type]
        parts += [conv, norm, function]
        type = wider
        if position in after:
            parts.append(POOLS[pool](type))
    if fields != "regular":
        norms = NormPool(type, channel_axis=1)
        parts, type = [*parts, norms], norms.out_type
    readout = GlobalPool(type)
    width = readout.out_type.channels
    parts.append(readout)
    if hidden:
        parts += [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ELU()]
    if dropout:
        parts.append(nn.Dropout(dropout) if hidden else Dropout(readout.out_type, dropout))
    return Blueprint([*parts, nn.Linear(hidden or width, classes)], domain)
