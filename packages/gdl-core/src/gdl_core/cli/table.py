"""Plain text tables that fit a terminal of 100 columns."""

import textwrap
from collections.abc import Sequence

WIDTH = 100


def table(header: Sequence[str], rows: Sequence[Sequence[object]], width: int = WIDTH) -> str:
    """Align `rows` under `header`; the last column takes the rest of the width and is wrapped.

    >>> print(table(("name", "summary"), [("conv", "Convolution."), ("norm", "")]))
    name  summary
    conv  Convolution.
    norm
    """
    lines = [header, *rows]
    sizes = [max(len(str(line[column])) for line in lines) for column in range(len(header) - 1)]
    indent = sum(sizes) + 2 * len(sizes)
    printed = []
    for line in lines:
        start = "".join(f"{cell!s:<{size}}  " for cell, size in zip(line, sizes, strict=False))
        # A table of long names keeps a readable last column, even where it then exceeds the width.
        wrapped = textwrap.wrap(str(line[-1]), max(width - indent, 30), break_on_hyphens=False) or [""]
        printed.append((start + wrapped[0]).rstrip())
        printed += [" " * indent + more for more in wrapped[1:]]
    return "\n".join(printed)
