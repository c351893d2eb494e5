"""Networks of convolutions between features of any degree, put together from parts."""

from collections.abc import Callable

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Blueprint, Domain, Layer
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type
from torch import nn

from gdl_groups.fibre.gate import Gate
from gdl_groups.geometric.e3conv import E3Conv
from gdl_groups.geometric.escn import SO2Conv
from gdl_groups.geometric.readout import MeanPool, SumPool
from gdl_groups.geometric.se3_attention import SE3Attention

CONVOLUTIONS: dict[str, Callable[..., Layer]] = {
    "product": lambda i, o, cutoff, neighbours: E3Conv(i, o, cutoff, neighbours=neighbours),
    "so2": lambda i, o, cutoff, neighbours: SO2Conv(i, o, cutoff, neighbours=neighbours),
    "attention": lambda i, o, cutoff, neighbours: SE3Attention(i, o, cutoff, 4),
}
READOUTS: dict[str, Callable[[FieldType], nn.Module]] = {"sum": SumPool, "mean": MeanPool}


def e3_network(
    in_type: FieldType | int,
    out_type: FieldType | int,
    hidden: FieldType | str = "16x0e+8x1o+4x2e",
    cutoff: float = 4.0,
    *,
    layers: int = 3,
    convolution: str = "product",
    neighbours: float = 1.0,
    readout: str | None = None,
    domain: Domain | None = None,
) -> Blueprint:
    """Return convolution → `Gate`, repeated, the last without gate, then the sum or mean over a sample.

    Args:
        in_type, out_type: of the points: irreps of O(3) or SO(3), or invariant channels. A vector per point is
            `FieldType(O(3), "1x1o")`.
        hidden: the type between, or its string for O(3).
        cutoff: where messages vanish, in the unit of the positions.
        layers: how many convolutions.
        convolution: "product" (`E3Conv`), "so2" (`SO2Conv`, without self-connection) or "attention" (`SE3Attention`,
            four heads).
        neighbours: the mean number of neighbours, which keeps the variance of the first two.
        readout: None for an output per point; "sum" or "mean" for one per sample.
        domain: an example of the graphs, for the table.

    Raises:
        UnknownNameError: if there is no such convolution or readout.

    Source: Thomas et al. 2018; Passaro and Zitnick 2023; Fuchs et al. 2020.
    """
    for name, known in ((convolution, CONVOLUTIONS), (readout or "sum", READOUTS)):
        if name not in known:
            raise UnknownNameError(f"e3_network has {', '.join(known)}, got {name!r}." + closest(name, known))
    between = FieldType(O(3), hidden) if isinstance(hidden, str) else hidden
    parts: list[nn.Module] = []
    type = as_type(in_type)
    for place in range(layers):
        last = place == layers - 1
        gate = None if last else Gate(between)
        after = as_type(out_type) if gate is None else gate.in_type
        parts.append(CONVOLUTIONS[convolution](type, after, cutoff, neighbours))
        if gate is not None:
            parts.append(gate)
            type = between
    if readout is not None:
        parts.append(READOUTS[readout](as_type(out_type)))
    return Blueprint(parts, domain)
