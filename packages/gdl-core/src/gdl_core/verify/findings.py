"""What an audit found: cells, rows, the table, and the file."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gdl_core.errors import UnknownNameError, closest
from gdl_core.verify.measure import align, plain

OUTPUT = "(output)"
VERDICTS = ("exact", "rounding", "discretisation", "lost", "not placed")


@dataclass(frozen=True)
class Cell:
    """One layer under one symmetry.

    Attributes:
        verdict: one of `VERDICTS`; see `audit`.
        own: the error of the layer alone, on ideal input; None where it could not be made.
        total: the error accumulated from the network's input to the layer's output; None where it has no law.
        own_double: the own error (for the output row: the total) in float64, if it was run.
        own_refined: the same at twice the resolution, if it was run.
        note: why it is not placed.
    """

    verdict: str
    own: float | None
    total: float | None
    own_double: float | None
    own_refined: float | None
    note: str

    def __str__(self) -> str:
        error = self.own if self.own is not None else self.total
        return self.verdict if error is None else f"{self.verdict} {error:.0e}"


@dataclass(frozen=True)
class Row:
    """One layer: its name in the model, its class, its output shapes, and a cell per symmetry."""

    name: str
    kind: str
    shapes: tuple[tuple[int, ...], ...]
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Audit:
    """What `audit` found. `str(audit)` is the table, rows in the order in which the layers finish.

    Attributes:
        model: the class of the network; `compiled` says whether it was given compiled.
        dtype, input_shape: of the signal.
        symmetries: their names; `interpolating` are those that do not permute the points.
        rows: one per layer, and the last for the whole network.
        has_double: whether float64 figures are known.
        has_refined: whether figures at twice the resolution are known; without them no verdict is `discretisation`.
    """

    model: str
    compiled: bool
    dtype: str
    input_shape: tuple[int, ...]
    symmetries: tuple[str, ...]
    rows: tuple[Row, ...]
    interpolating: tuple[str, ...]
    has_double: bool
    has_refined: bool

    @property
    def output(self) -> Row:
        """The row of the whole network."""
        return self.rows[-1]

    @property
    def layers(self) -> tuple[Row, ...]:
        """All rows but the output."""
        return self.rows[:-1]

    def row(self, name: str) -> Row:
        """Return the row called `name`; raise `UnknownNameError` for a stranger."""
        for row in self.rows:
            if row.name == name:
                return row
        raise UnknownNameError(f"The audit has no row {name!r}." + closest(name, [row.name for row in self.rows]))

    def verdict(self, symmetry: str) -> str:
        """Return the verdict on the whole network."""
        return self.output.cells[self._known(symmetry)].verdict

    def first_lost(self, symmetry: str) -> str | None:
        """Return the first layer that loses the symmetry, or None if none does.

        That is the first one whose verdict is `lost`. If there is none and yet the network loses it, it is lost where
        the features first stop following a law: the first layer that is `not placed` and does not recover.
        """
        self._known(symmetry)
        for row in self.layers:
            if row.cells[symmetry].verdict == "lost":
                return row.name
        if self.output.cells[symmetry].verdict != "lost":
            return None
        suspects = [row for row in self.layers if row.cells[symmetry].verdict == "not placed"]
        level = 0.1 * (self.output.cells[symmetry].total or 0.0)
        for row in suspects:
            total = row.cells[symmetry].total
            if total is None or total > level:
                return row.name
        return suspects[0].name if suspects else OUTPUT

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for JSON; an infinity becomes None."""
        found = asdict(self)
        for row in found["rows"]:
            for cell in row["cells"].values():
                cell.update({key: plain(value) for key, value in cell.items() if not isinstance(value, str)})
        found["first_lost"] = {name: self.first_lost(name) for name in self.symmetries}
        return found

    def save_json(self, path: str | os.PathLike) -> Path:
        """Write `to_dict()` to `path`, all at once: an interrupted write leaves the previous file."""
        return write_whole(path, (json.dumps(self.to_dict(), indent=1) + "\n").encode())

    def save_plot(self, path: str | os.PathLike) -> Path:
        """Draw the errors as a picture (needs matplotlib); the suffix of `path` gives the format."""
        from gdl_core.verify.picture import draw

        return draw(self, path)

    def __str__(self) -> str:
        lost = {name: self.first_lost(name) for name in self.symmetries}
        rows = [("layer", "module", "output", *self.symmetries)]
        for row in self.rows:
            cells = [
                str(row.cells[name]) + (" ← lost here" if row.name == lost[name] else "") for name in self.symmetries
            ]
            rows.append((row.name, row.kind, " ".join("×".join(map(str, shape)) for shape in row.shapes), *cells))
        shape = "×".join(map(str, self.input_shape))
        how = "compiled, " if self.compiled else ""
        head = f"audit of {self.model} ({how}{self.dtype}) on an input of {shape}: relative error of each layer alone"
        return "\n".join([head, align(rows), *self._notes(lost)])

    def _notes(self, lost: dict[str, str | None]) -> list[str]:
        notes = []
        for name in self.symmetries:
            cell = self.output.cells[name]
            where = lost[name]
            text = f"{name}: the network's error is {cell.total:.1e} ({cell.verdict})"
            if where is not None:
                found = next(row for row in self.rows if row.name == where).cells[name]
                text += f"; first lost in {where}" + (f", because {found.note}" if found.note else "")
            if name in self.interpolating and not self.has_refined and cell.verdict == "lost":
                text += "; without a second resolution, discretisation cannot be told from a bug"
            notes.append(text.removesuffix(".") + ".")  # a reason may be a sentence
        return notes

    def _known(self, symmetry: str) -> str:
        if symmetry not in self.symmetries:
            raise UnknownNameError(
                f"The audit has no symmetry {symmetry!r}; it has {', '.join(self.symmetries)}."
                + closest(symmetry, self.symmetries)
            )
        return symmetry


def write_whole(path: str | os.PathLike, content: bytes) -> Path:
    """Write a file under another name beside `path` and rename it, so that `path` is never half written."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return target
