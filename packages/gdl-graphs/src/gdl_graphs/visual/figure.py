"""An empty figure, and saving one: the only places that import matplotlib."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gdl_core.errors import GdlError
from gdl_core.verify.findings import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by everybody, then shades of these.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000", "#7f7f7f", "#8c564b",
)  # fmt: skip


def empty_figure(width: float = 6.4, height: float = 5.2) -> "Figure":
    """Return a figure that no window shows.

    Raises:
        GdlError: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise GdlError("A picture needs matplotlib; install it with: pip install 'gdl-core[train]'") from error
    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: "Figure", path: str | os.PathLike) -> Path:
    """Write a figure in one move; the suffix of `path` gives the format.

    Raises:
        GdlError: if there is no such format.
    """
    suffix = Path(path).suffix.removeprefix(".").lower() or "png"
    known = sorted(figure.canvas.get_supported_filetypes())
    if suffix not in known:
        raise GdlError(f"A picture is written as {', '.join(known)}, got {str(path)!r}.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, facecolor="white")
    return write_whole(path, buffer.getvalue())
