"""The picture of an audit: own and accumulated error of every layer, on a logarithmic scale."""

import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gdl_core.errors import GdlError
from gdl_core.verify.findings import OUTPUT, Audit, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart by everybody, and in print.
COLOURS = {
    "exact": "#009e73",
    "rounding": "#56b4e9",
    "discretisation": "#e69f00",
    "lost": "#d55e00",
    "not placed": "#999999",
}
FLOOR = 1e-17  # where the error 0 is drawn
MAX_ROWS = 60


def draw(audit: Audit, path: str | os.PathLike) -> Path:
    """Draw one panel per symmetry: a bar per layer for its own error, a line for the accumulated error.

    Raises:
        GdlError: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise GdlError(
            "save_plot needs matplotlib, which is not installed; install it with: pip install 'gdl-core[train]'"
        ) from error
    rows = list(audit.rows)
    if len(rows) > MAX_ROWS:  # keep what matters of a deep network
        rows = [row for row in rows if row.name == OUTPUT or any(c.verdict != "exact" for c in row.cells.values())]
        rows = [*rows[: MAX_ROWS - 1], audit.output] if len(rows) > MAX_ROWS else rows
    count = len(audit.symmetries)
    figure = Figure(figsize=(2.6 + 3.2 * count, 1.5 + 0.3 * len(rows)), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for panel, symmetry in zip(panels, audit.symmetries):
        _panel(panel, audit, rows, symmetry)
    panels[0].set_yticks(range(len(rows)), [_label(row.name, row.kind) for row in rows], fontsize=8)
    panels[0].invert_yaxis()
    figure.suptitle(f"{audit.model}: where is a symmetry lost?", fontsize=11, fontweight="bold")
    used = {row.cells[name].verdict for row in rows for name in audit.symmetries}
    _legend(figure, used)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix.removeprefix(".") or "png", facecolor="white")
    return write_whole(path, buffer.getvalue())


def _panel(panel: "Axes", audit: Audit, rows: list, symmetry: str) -> None:
    lost = audit.first_lost(symmetry)
    totals = []
    for position, row in enumerate(rows):
        cell = row.cells[symmetry]
        error = cell.total if cell.own is None else cell.own
        value = FLOOR if error is None else max(error, FLOOR)
        panel.barh(position, value - FLOOR / 2, left=FLOOR / 2, color=COLOURS[cell.verdict], height=0.72)
        totals.append(math.nan if cell.total is None else max(cell.total, FLOOR))
        if row.name == lost:
            inside = value > 1e-8  # else the bar is too short to write on
            panel.annotate(
                "lost here",
                (FLOOR if inside else value, position),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                fontweight="bold",
                color="white" if inside else "black",
            )
    panel.plot(totals, range(len(rows)), color="black", marker="o", markersize=2.5, linewidth=0.9)
    panel.set_xscale("log")
    panel.set_xlim(FLOOR / 2, 10)
    panel.set_xticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
    panel.tick_params(axis="x", labelsize=8)
    panel.minorticks_off()
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.set_title(symmetry, fontsize=10)
    panel.set_xlabel("relative error", fontsize=8)


def _legend(figure, used: set[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list = [Patch(color=colour, label=name) for name, colour in COLOURS.items() if name in used]
    handles.append(Line2D([], [], color="black", marker="o", markersize=2.5, linewidth=0.9, label="accumulated"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)


def _label(name: str, kind: str) -> str:
    text = name if name == OUTPUT or name.startswith("code of") else f"{name}  {kind}"
    return text if len(text) <= 34 else text[:33] + "…"
