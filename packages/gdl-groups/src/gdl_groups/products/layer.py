"""`TensorProduct`: the bilinear layer of two feature vectors, every pair of copies ("uvw") or copy by copy ("uvu")."""

from typing import Literal, NamedTuple

import torch
from gdl_core.derive.parameters import ExactBuffers
from gdl_core.geometry.layer import check_channels
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type
from torch import Tensor, nn

from gdl_groups.angular import clebsch_gordan
from gdl_groups.products.plan import degree_and_parity, irrep_of, standard_order, typed


class _Path(NamedTuple):
    first: int
    second: int
    third: int
    offset: int  # its first copy in field `third`
    shape: tuple[int, ...]  # of its weights


class TensorProduct(ExactBuffers):
    """A learned bilinear map of two feature vectors at the same point that commutes with rotations (and reflections).

    Every path couples a field of each input, with u and v copies, to a field of the result::

        "uvw"  out[w, k] = α Σ_paths Σ_uv W[u, v, w] Σ_ij C[i, j, k] x1[u, i] x2[v, j]
        "uvu"  out[u, k] = α Σ_v W[u, v] Σ_ij C[i, j, k] x1[u, i] x2[v, j],   a field for each path

    with α = √((2 l3 + 1) / products summed), so that inputs and weights of unit variance give unit variance. Weights,
    paths and α are those of `e3nn.o3.FullyConnectedTensorProduct` ("uvw") and of its "uvu" paths sorted by irrep: a
    flat weight of e3nn's is one of this layer. (Thomas et al., arXiv 1802.08219, eq. 3.)

    Where the second input belongs to an edge and the result is summed over edges, use `tensor_product_conv` and a
    linear layer behind it: a map common to all edges is then applied once per point.

    Args:
        in_type1, in_type2: irreps of O(3) or SO(3) with any multiplicities; a number means invariant channels.
        out: for "uvw" the type of the result; for "uvu" the irreps to keep, multiplicities do not matter. A string
            such as `"8x0e+8x1o"`, or a field type; None, for "uvu" only, keeps all that couple.
        mode: "uvw" mixes all pairs of copies, "uvu" keeps the copies of the first input apart.
        weights: whether the layer has a weight of its own; otherwise each call is given one.

    Shapes: ``x1[..., c1]``, ``x2[..., c2]`` and ``weight[..., weight_count]`` -> ``[..., c_out]``.

    Raises:
        TypeError: if a field is no irrep of O(3) or SO(3), or the groups differ.
        ValueError: if no path leads to the result, or `mode` is neither.

    >>> layer = TensorProduct(FieldType(O(3), "4x0e+4x1o"), FieldType(O(3), "2x1o"), "8x0e+8x1o")
    >>> layer.weight_count, layer(torch.randn(10, 16), torch.randn(10, 6)).shape
    (128, torch.Size([10, 32]))
    """

    def __init__(
        self,
        in_type1: FieldType | int,
        in_type2: FieldType | int,
        out: FieldType | str | None = None,
        mode: Literal["uvw", "uvu"] = "uvw",
        weights: bool = True,
    ):
        super().__init__()
        if mode not in ("uvw", "uvu"):
            raise ValueError(f"TensorProduct has the modes 'uvw' and 'uvu', got {mode!r}.")
        if mode == "uvw" and out is None:
            raise ValueError("A tensor product of mode 'uvw' needs the type of its result, got None.")
        first, second = as_type(in_type1), as_type(in_type2)
        kept = out if isinstance(out, FieldType) else None
        group = next((t.group for t in (first, second, kept) if t is not None and not t.is_invariant), O(3))
        if isinstance(out, str):
            kept = FieldType(group, out)
        self.in_type1, self.in_type2 = typed(group, first), typed(group, second)
        self.mode = mode
        if mode == "uvw":
            self.out_type = typed(group, kept)  # type: ignore[arg-type]
            self._paths = self._all_pairs()
        else:
            self._paths, self.out_type = self._copy_by_copy(None if kept is None else typed(group, kept))
        if not self._paths:
            raise ValueError(f"No path leads from {first} and {second} to {'any irrep' if out is None else out}.")
        self.weight_count = sum(int(torch.Size(path.shape).numel()) for path in self._paths)
        summed = [0] * len(self.out_type.fields)
        for path in self._paths:
            summed[path.third] += path.shape[0] * path.shape[1] if mode == "uvw" else 0
        for k, path in enumerate(self._paths):
            l1, l2, l3 = self._degrees(path)
            scale = (2 * l3 + 1) / (summed[path.third] if mode == "uvw" else path.shape[1])
            self._keep(f"coupling{k}", scale**0.5 * clebsch_gordan(l1, l2, l3))
        self.weight = nn.Parameter(torch.randn(self.weight_count)) if weights else None

    def _degrees(self, path: _Path) -> tuple[int, int, int]:
        places = zip((self.in_type1, self.in_type2, self.out_type), path[:3])
        l1, l2, l3 = (degree_and_parity(type.fields[place][1])[0] for type, place in places)
        return l1, l2, l3

    def _all_pairs(self) -> list[_Path]:
        found = []
        for a, (u, rep1) in enumerate(self.in_type1.fields):
            for b, (v, rep2) in enumerate(self.in_type2.fields):
                (l1, p1), (l2, p2) = degree_and_parity(rep1), degree_and_parity(rep2)
                for c, (w, rep3) in enumerate(self.out_type.fields):
                    l3, p3 = degree_and_parity(rep3)
                    if abs(l1 - l2) <= l3 <= l1 + l2 and p1 * p2 == p3:
                        found.append(_Path(a, b, c, 0, (u, v, w)))
        return found

    def _copy_by_copy(self, kept: FieldType | None) -> tuple[list[_Path], FieldType]:
        allowed = None if kept is None else {degree_and_parity(rep) for _, rep in kept.fields}
        found: dict[tuple[int, int], list[tuple[int, int, tuple[int, int]]]] = {}
        for a, (u, rep1) in enumerate(self.in_type1.fields):
            for b, (v, rep2) in enumerate(self.in_type2.fields):
                (l1, p1), (l2, p2) = degree_and_parity(rep1), degree_and_parity(rep2)
                for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                    if allowed is None or (l3, p1 * p2) in allowed:
                        found.setdefault((l3, p1 * p2), []).append((a, b, (u, v)))
        paths, fields = [], []
        for c, irrep in enumerate(sorted(found, key=standard_order)):
            offset = 0
            for a, b, shape in found[irrep]:
                paths.append(_Path(a, b, c, offset, shape))
                offset += shape[0]
            fields.append((offset, irrep_of(self.in_type1.group, *irrep)))
        return paths, FieldType(self.in_type1.group, fields)

    def forward(self, x1: Tensor, x2: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the product; `weight` is needed where the layer has none, and wins where it has."""
        check_channels(x1, self.in_type1, -1, self)
        check_channels(x2, self.in_type2, -1, self)
        weight = self.weight if weight is None else weight
        if weight is None or weight.shape[-1] != self.weight_count:
            got = "none" if weight is None else list(weight.shape)
            raise ValueError(f"TensorProduct needs a weight [..., {self.weight_count}], got {got}.")
        batch = torch.broadcast_shapes(x1.shape[:-1], x2.shape[:-1], weight.shape[:-1])
        first, second = (
            [x[..., part].unflatten(-1, (rep.dim, copies)) for part, (copies, rep) in zip(type.slices(), type.fields)]
            for x, type in ((x1, self.in_type1), (x2, self.in_type2))
        )
        parts: list[list[Tensor]] = [[] for _ in self.out_type.fields]
        start = 0
        for k, path in enumerate(self._paths):
            count = int(torch.Size(path.shape).numel())
            own = weight[..., start : start + count].unflatten(-1, path.shape)
            start += count
            coupling = getattr(self, f"coupling{k}").to(x1.dtype)
            half = torch.einsum("...iu,ijk->...ujk", first[path.first], coupling)
            pairs = torch.einsum("...ujk,...jv->...kuv", half, second[path.second])
            if self.mode == "uvu":
                parts[path.third].append(torch.einsum("...kuv,...uv->...ku", pairs, own))
            else:
                found = torch.einsum("...kuv,...uvw->...kw", pairs, own)
                parts[path.third] = [found if not parts[path.third] else parts[path.third][0] + found]
        fields = []
        for own, (copies, rep) in zip(parts, self.out_type.fields):
            field = torch.cat(own, -1) if own else x1.new_zeros(*batch, rep.dim, copies)
            fields.append(field.expand(*batch, rep.dim, copies).flatten(-2))
        return torch.cat(fields, -1)

    def extra_repr(self) -> str:
        return f"{self.in_type1} ⊗ {self.in_type2} -> {self.out_type}, {self.mode}, {self.weight_count} weights"
