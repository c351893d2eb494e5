"""`Symmetrize`: makes any network equivariant, by averaging over a group, over a frame, or at one canonical pose."""

from collections.abc import Callable
from typing import Literal

import torch
from gdl_core.geometry import Domain, Layer, Symmetry, check_channels
from gdl_core.geometry.layer import Part
from gdl_core.groups import SO, FiniteGroup, O
from gdl_core.points import Points
from gdl_core.representations import FieldType, as_type
from torch import Tensor, nn

from gdl_groups.frames import canonical_frame, centred, frames
from gdl_groups.geometric.graph import GeometricGraph

Method = Literal["average", "frame", "canonical"]
MAX_ELEMENTS = 1024


class Symmetrize(Layer):
    """F(x) = mean of g · f(g⁻¹ · x) over a set of g that turns with x: equivariant, whatever the network f is.

    The set is the whole of a finite group (`"average"`, the Reynolds operator; Yarotsky 2022, §2.1), a *frame*, the few
    poses that the input singles out (`"frame"`; Puny et al. 2022, eq. 3), or one pose (`"canonical"`; Kaba et al.
    2023, §3.1).

    * Finite groups that move the points of a domain among themselves (turns, flips and shifts of a grid): `average`
      calls f on |G| copies; `canonical` calls it once, on the copy of the highest `score`.
    * `"rotation"` and `"orthogonal"` of a `GeometricGraph`: `frame` calls f once per frame, the principal axes of each
      sample with their 2^(d-1) or 2^d signs; `canonical` once, with signs from third moments. Both subtract the mean
      position, so they add invariance under translations.

    Where the input is symmetric itself, a single pose (and, for equal principal moments, a frame) is not unique, and
    the output is equivariant only up to the input's own symmetry. Frames are constants in the derivative: a
    derivative through them is infinite at equal moments.

    Args:
        net: any module, called as ``net(x, domain)`` if it is one of our parts, else as ``net(x)``; with a finite group
            it sees the copies as one batch.
        symmetry: a `Symmetry` of the domain; for geometric graphs its name, since every batch is another domain.
        in_type: the type of the values that go in.
        out_type: the type of those that come out.
        method: `"average"`, `"frame"` or `"canonical"`.
        readout: whether `net` returns one vector per sample instead of a signal on the same domain.
        score: values `[b, c, ...]` to `[b]`, by which `canonical` chooses for a finite group; by default the product
            with a fixed random signal.

    Raises:
        TypeError: for a method that the group does not admit; the message says which it does.
        ValueError: if the group has more than 1,024 elements.
    """

    source: Tensor  # int64[g, n]
    back: Tensor
    turn_in: Tensor | None  # [g, c, c]
    turn_out: Tensor | None
    template: Tensor  # [n, c]
    score: Callable[[Tensor], Tensor] | None

    def __init__(
        self,
        net: nn.Module,
        symmetry: Symmetry | str,
        in_type: FieldType | int,
        out_type: FieldType | int,
        method: Method = "average",
        *,
        readout: bool = False,
        score: Callable[[Tensor], Tensor] | None = None,
    ):
        super().__init__(in_type, out_type)
        self.net, self.method, self.readout = net, method, readout
        self.name = symmetry if isinstance(symmetry, str) else symmetry.name
        self.claims = (
            (self.name,) if method == "average" or not isinstance(symmetry, str) else (self.name, "translation")
        )
        if isinstance(symmetry, str):
            if method not in ("frame", "canonical") or symmetry not in ("rotation", "orthogonal"):
                raise TypeError(
                    "Symmetrize by name takes 'rotation' or 'orthogonal' of a geometric graph with the method 'frame' "
                    f"or 'canonical', got {symmetry!r} and {method!r}: rotations are too many to average over."
                )
            for type in (self.in_type, self.out_type):
                if symmetry == "orthogonal" and isinstance(type.group, SO) and not type.is_invariant:
                    raise TypeError(f"Reflections do not act on {type!r}: take a type of O({type.group.m}).")
            return
        if isinstance(symmetry.domain, GeometricGraph):
            raise TypeError(
                f"Symmetrize takes a symmetry of a geometric graph by its name, since every batch is another domain: "
                f"give 'rotation' or 'orthogonal' and method='frame' or 'canonical', got {symmetry.name!r} itself."
            )
        if method not in ("average", "canonical"):
            raise TypeError(f"Symmetrize over {symmetry.group!r} takes 'average' or 'canonical', got {method!r}.")
        self.domain = symmetry.domain
        self._tabulate(symmetry)
        self.score = score  # a module among the modules, if it is one

    def _tabulate(self, symmetry: Symmetry) -> None:
        """Keep where each element takes each point from, and how it and its inverse act on the fibres."""
        group = symmetry.group
        if not isinstance(group, FiniteGroup) or not symmetry.is_exact:
            raise TypeError(f"Symmetrize averages over finite groups that permute points, got {group!r}.")
        if group.order is None or group.order > MAX_ELEMENTS:
            raise ValueError(f"Symmetrize averages over at most {MAX_ELEMENTS} elements, {group!r} has {group.order}.")
        elements = group.elements()
        inverses = group.inverse(elements)
        self.register_buffer("source", _sources(symmetry, elements), persistent=False)
        self.register_buffer("back", _sources(symmetry, inverses), persistent=False)
        self.register_buffer("turn_in", _fibres(symmetry, self.in_type, elements), persistent=False)
        self.register_buffer("turn_out", _fibres(symmetry, self.out_type, inverses), persistent=False)
        draw = torch.Generator().manual_seed(0)
        template = torch.randn(symmetry.domain.num_points, self.in_type.channels, generator=draw)
        self.register_buffer("template", template, persistent=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        if isinstance(domain, Points) or self.method == "frame":
            return self._by_frames(x, domain)
        check_channels(x, self.in_type, self.domain.channel_axis, self)
        self.domain.check(x, type(self).__name__)
        points = self.domain.to_points(x)  # [b, n, c]
        copies = _moved(points, self.source, self.turn_in)  # [g, b, n, c]
        if self.method == "canonical":
            return self._at_best(copies)
        count, batch = copies.shape[:2]
        y = self._call(self.domain.from_points(copies.flatten(0, 1)), self.domain)
        if self.readout:
            y = y.unflatten(0, (count, batch))
            turn = self.turn_out
            return y.mean(0) if turn is None else torch.einsum("gij,gbj->bi", turn.to(y), y) / count
        out = self.domain.to_points(y).unflatten(0, (count, batch))
        return self.domain.from_points(_moved_each(out, self.back, self.turn_out).mean(0))

    def _at_best(self, copies: Tensor) -> Tensor:
        """Return the output at the copy of the highest score, moved back."""
        count, batch = copies.shape[:2]
        if self.score is None:
            scores = torch.einsum("gbnc,nc->gb", copies, self.template.to(copies))
        else:
            scores = self.score(self.domain.from_points(copies.flatten(0, 1))).reshape(count, batch)
        best = scores.argmax(0)  # [b]
        chosen = torch.gather(copies, 0, best[None, :, None, None].expand(1, *copies.shape[1:]))[0]
        y = self._call(self.domain.from_points(chosen), self.domain)
        turn = None if self.turn_out is None else self.turn_out.to(y).index_select(0, best)
        if self.readout:
            return y if turn is None else torch.einsum("bij,bj->bi", turn, y)
        out = self.domain.to_points(y)
        source = self.back.index_select(0, best)
        out = torch.gather(out, 1, source[:, :, None].expand_as(out))
        out = out if turn is None else torch.einsum("bij,bnj->bni", turn, out)
        return self.domain.from_points(out)

    def _by_frames(self, x: Tensor, domain: Domain | None) -> Tensor:
        if not isinstance(domain, Points) or domain.positions is None:
            raise TypeError(f"Symmetrize by {self.method} works on points with positions, got {domain!r}.")
        check_channels(x, self.in_type, -1, self)
        domain.check(x, type(self).__name__)
        middle = centred(domain.positions, domain.ptr)
        proper = self.name == "rotation"
        if self.method == "frame":
            found = frames(middle.detach(), domain.ptr, proper)  # [f, b, d, d], columns are axes
        else:
            found = canonical_frame(middle.detach(), domain.ptr, domain.owner, proper)[None]
        outputs = []
        for frame in found:
            each = frame.index_select(0, domain.owner)  # [n, d, d]
            turned = domain.replace(positions=torch.einsum("ndi,nd->ni", each, middle))
            cell = getattr(domain, "cell", None)
            if cell is not None:
                turned = turned.replace(cell=cell @ frame)
            y = self._call(_act(self.in_type, each.mT, x), turned)
            outputs.append(_act(self.out_type, frame if self.readout else each, y))
        return torch.stack(outputs).mean(0)

    def _call(self, x: Tensor, domain: Domain) -> Tensor:
        return self.net(x, domain) if isinstance(self.net, Part) else self.net(x)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.name}, {self.method}"


def _sources(symmetry: Symmetry, elements: Tensor) -> Tensor:
    """Return `int64[g, n]`, the point whose value arrives at each point."""
    return torch.stack([torch.argsort(symmetry.point_images(g)) for g in elements])


def _fibres(symmetry: Symmetry, type: FieldType, elements: Tensor) -> Tensor | None:
    """Return `[g, c, c]`, how each element acts on channels; None where it does nothing."""
    type = as_type(type)
    found = [symmetry.fibre_element(g, type) for g in elements]
    if any(element is None for element in found):
        return None
    return torch.stack([type.matrix(element) for element in found if element is not None])


def _moved(points: Tensor, source: Tensor, turn: Tensor | None) -> Tensor:
    """Return g · x for all g, `[g, b, n, c]`, of `points[b, n, c]`."""
    copies = points[:, source].movedim(1, 0)
    return copies if turn is None else torch.einsum("gij,gbnj->gbni", turn.to(points), copies)


def _moved_each(copies: Tensor, source: Tensor, turn: Tensor | None) -> Tensor:
    """Return, of `copies[g, b, n, c]`, each moved by its own element."""
    moved = torch.gather(copies, 2, source[:, None, :, None].expand_as(copies))
    return moved if turn is None else torch.einsum("gij,gbnj->gbni", turn.to(copies), moved)


def _act(type: FieldType, elements: Tensor, x: Tensor) -> Tensor:
    if type.is_invariant:
        return x
    if not isinstance(type.group, SO | O):
        raise TypeError(f"Frames turn types of SO(d) or O(d), got {type!r}.")
    return type.act_each(elements, x)
