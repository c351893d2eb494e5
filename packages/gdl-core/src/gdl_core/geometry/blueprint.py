"""`Blueprint`: layers, coarsenings and a readout composed, with their types checked."""

from collections.abc import Sequence

from torch import Tensor, nn

from gdl_core.geometry.domain import Domain
from gdl_core.geometry.layer import Coarsening, Part, Readout, Refinement
from gdl_core.geometry.pointwise import MODULES, Dropout, Pointwise
from gdl_core.representations.field_type import FieldType


class Blueprint(nn.Module):
    """f = A ∘ σ_J ∘ B_J ∘ P_{J-1} ∘ … ∘ P_1 ∘ σ_1 ∘ B_1 (the book, §3.5), written first to last.

    Args:
        parts: equivariant linear maps B, nonlinearities σ, coarsenings P, a readout A, and after the readout any
            `torch.nn` modules (a function of invariants is invariant). Elementwise modules such as `nn.ReLU()` become
            `Pointwise` of the running type, `nn.Dropout` the `Dropout` that zeroes whole copies of a field.
        domain: the domain that inputs live on. On grids its shape is only an example: other sizes work.

    Calling: `net(x)` for inputs on `domain` (or, on a grid, of another size), `net(x, domain)` in general. Returns a
    tensor after a readout or when no coarsening changes the domain, else `(x, domain)`.

    Raises:
        TypeError: at construction, if a part expects another type than the part before it gives; the message names
            both.
    """

    def __init__(self, parts: Sequence[nn.Module], domain: Domain | None = None):
        super().__init__()
        self.domain = domain
        self.parts = nn.ModuleList(_check(parts))
        first = self.parts[0]
        self.in_type: FieldType = first.in_type  # type: ignore[assignment]
        for part in self.parts:
            if isinstance(part, Part):
                self.out_type: FieldType = part.out_type
            elif isinstance(part, nn.Linear):  # after the readout
                self.out_type = FieldType.scalars(part.out_features)
        self.has_readout = any(isinstance(part, Readout) for part in self.parts)
        self.changes_domain = any(isinstance(part, Coarsening | Refinement) for part in self.parts)
        if domain is not None:
            self.domains()

    def domains(self) -> list[Domain | None]:
        """Return the domain after each part, starting from `self.domain`; None after the readout."""
        if self.domain is None:
            raise ValueError("This Blueprint was built without a domain, so it cannot list its domains.")
        found: list[Domain | None] = []
        domain: Domain | None = self.domain
        for part in self.parts:
            if isinstance(part, Readout):
                domain = None
            elif isinstance(part, Part) and domain is not None:
                domain = part.out_domain(domain)
            found.append(domain)
        return found

    def symmetries(self) -> tuple[str, ...]:
        """Return the symmetries of the domain that every part claims."""
        if self.domain is None:
            return ()
        kept = list(self.domain.symmetries())
        domain: Domain | None = self.domain
        for part, after in zip(self.parts, self.domains()):
            if isinstance(part, Part) and domain is not None:
                own = part.symmetries(domain)
                kept = [name for name in kept if name in own]
            domain = after
        return tuple(kept)

    def forward(self, x: Tensor, domain: Domain | None = None):
        if domain is None and self.domain is not None:
            domain = self.domain.locate(x)
            if domain is None:
                self.domain.check(x, type(self).__name__)
        for part in self.parts:
            if isinstance(part, Coarsening | Refinement):
                x, domain = part(x, domain)
            elif isinstance(part, Part):
                x = part(x, domain)
            else:
                x = part(x)
        if self.has_readout or not self.changes_domain:
            return x
        return x, domain

    def table(self) -> str:
        """Return the network as a table: layer, domain, in type, out type, parameters, symmetry."""
        rows: list[tuple[str, ...]] = [("layer", "domain", "in type", "out type", "parameters", "symmetry")]
        domain = self.domain
        after = self.domains() if domain is not None else [None] * len(self.parts)
        for position, (part, then) in enumerate(zip(self.parts, after)):
            count = sum(parameter.numel() for parameter in part.parameters())
            types = (str(part.in_type), str(part.out_type)) if isinstance(part, Part) else ("", "")
            if isinstance(part, Part):
                held = part.symmetries(domain) if domain is not None else tuple(part.claims)
                symmetry = ", ".join(held) or "none"
                symmetry = f"invariant: {symmetry}" if isinstance(part, Readout) else symmetry
            else:
                symmetry = "any (after the readout)"
            place = str(domain) if domain is not None else ""
            rows.append((f"{position} {type(part).__name__}", place, *types, f"{count:,}", symmetry))
            domain = then
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        total = sum(parameter.numel() for parameter in self.parameters())
        kept = ", ".join(self.symmetries()) if self.domain is not None else "unknown without a domain"
        return "\n".join([*lines, f"{total:,} parameters; symmetries kept by every part: {kept or 'none'}"])

    def __str__(self) -> str:
        return self.table()


def _check(parts: Sequence[nn.Module]) -> list[nn.Module]:
    checked: list[nn.Module] = []
    running: FieldType | None = None
    before = ""
    after_readout = False
    for position, part in enumerate(parts):
        if after_readout and isinstance(part, Part) and not _maps_vectors(part):
            raise TypeError(f"layer {position} ({type(part).__name__}) follows the readout {before}.")
        if not isinstance(part, Part):
            if after_readout:
                _check_width(position, part, running)
                running = FieldType.scalars(part.out_features) if isinstance(part, nn.Linear) else running
                checked.append(part)
                continue
            if running is None or not isinstance(part, (*MODULES, nn.Dropout)):
                raise TypeError(
                    f"layer {position} ({type(part).__name__}) is a plain module: before the readout a Blueprint "
                    "takes Layer, Coarsening, Refinement, or an elementwise module after a typed layer."
                )
            part = Dropout(running, part.p) if isinstance(part, nn.Dropout) else Pointwise(running, part)
        if running is not None and part.in_type != running:
            raise TypeError(
                f"layer {position} ({type(part).__name__}) expects {part.in_type!r}, {before} gives {running!r}."
            )
        running, before = part.out_type, f"layer {position} ({type(part).__name__})"
        after_readout = after_readout or isinstance(part, Readout)
        checked.append(part)
    if not checked:
        raise ValueError("A Blueprint needs at least one part, got none.")
    return checked


def _maps_vectors(part: Part) -> bool:
    from gdl_core.geometry.pointwise import FibreMap

    return isinstance(part, FibreMap) and part.in_type.is_invariant


def _check_width(position: int, part: nn.Module, running: FieldType | None) -> None:
    if isinstance(part, nn.Linear) and running is not None and part.in_features != running.channels:
        raise TypeError(
            f"layer {position} (Linear) expects {part.in_features} inputs, the part before gives {running.channels}."
        )
