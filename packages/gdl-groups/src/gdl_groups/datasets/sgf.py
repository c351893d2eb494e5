"""SGF, the format of game records, as far as Go needs it: one game, its main line."""

import re
from dataclasses import dataclass
from pathlib import Path

from gdl_core.errors import DataError

PASS = -1  # as a move


@dataclass(frozen=True)
class GameRecord:
    """A game of Go: what its SGF file says.

    Attributes:
        size: points per side.
        moves: (colour, point) in order; colour 0 for black and 1 for white, point row · size + column or `PASS`.
        black, white: points that hold stones before the first move.
        winner: 0, 1, or None where the record does not say.
    """

    size: int
    moves: tuple[tuple[int, int], ...]
    black: tuple[int, ...] = ()
    white: tuple[int, ...] = ()
    winner: int | None = None


def read_sgf(path: str | Path) -> GameRecord:
    """Read the main line of the first game of an SGF file.

    Raises:
        DataError: if the file is cut off, is not SGF, or is of another game than Go; one sentence that names the file.
    """
    content = Path(path).read_bytes()
    return parse_sgf(content.decode("utf-8", "replace"), str(path))


def parse_sgf(text: str, where: str = "the text") -> GameRecord:
    """Return the main line of the first game of `text` (SGF FF[4]: Hollosi 2006); see `read_sgf`.

    Raises:
        DataError: as `read_sgf`.
    """
    nodes = _main_line(text, where)
    root = nodes[0]
    if root.get("GM", ["1"])[0].strip() not in ("1", ""):
        raise DataError(f"{where}: expected a game of Go, GM[1], got GM[{root['GM'][0]}].")
    side = root.get("SZ", ["19"])[0].strip()
    if not side.isdigit() or not 1 <= int(side) <= 26:
        raise DataError(f"{where}: expected a square board of 1 to 26 points, got SZ[{side}].")
    size = int(side)
    moves, stones = [], {"AB": [], "AW": []}
    for node in nodes:
        for name, found in stones.items():
            found += [point for value in node.get(name, []) for point in _points(value, size, where)]
        for colour, name in enumerate("BW"):
            moves += [(colour, _point(value, size, where)) for value in node.get(name, [])]
    result = root.get("RE", [""])[0].strip().upper()
    winner = {"B": 0, "W": 1}.get(result[:1]) if result[1:2] == "+" else None
    return GameRecord(size, tuple(moves), tuple(stones["AB"]), tuple(stones["AW"]), winner)


def _main_line(text: str, where: str) -> list[dict[str, list[str]]]:
    """Return the nodes of the main line: the first variation wherever the tree branches."""
    start = text.find("(")
    if start < 0 or not re.match(r"\(\s*;", text[start:]):
        raise DataError(f"{where} is not SGF: expected it to begin with '(;', got {text[:20]!r}.")
    nodes: list[dict[str, list[str]]] = []
    depth, position, skipped, closed_at = 0, start, 0, -1
    values: list[str] | None = None
    while position < len(text):
        character = text[position]
        if character == "[":
            value, position = _value(text, position + 1, where)
            if not skipped and values is not None:
                values.append(value)
            continue
        if character == "(":
            if skipped or closed_at == depth:  # the first variation at this depth has closed: this is another
                skipped += 1
            depth += 1
        elif character == ")":
            depth -= 1
            skipped -= skipped > 0
            if depth == 0:
                return nodes
            closed_at = depth
        elif character == ";" and not skipped:
            nodes.append({})
            values = None
        elif character.isalpha() and not skipped:
            name = re.match(r"[A-Za-z]+", text[position:])[0]  # type: ignore[index]  # one letter at least is there
            values = nodes[-1].setdefault("".join(filter(str.isupper, name)), [])  # FF[3] has long names, "Black"
            position += len(name) - 1
        position += 1
    raise DataError(f"{where} is cut off: {depth} of its parentheses are not closed after {len(text)} characters.")


def _value(text: str, position: int, where: str) -> tuple[str, int]:
    """Return a property value up to its bracket, a backslash taking the next character as it is, and what follows."""
    found = []
    while position < len(text):
        character = text[position]
        if character == "]":
            return "".join(found), position + 1
        if character == "\\":
            position += 1
            character = text[position : position + 1]
        found.append(character)
        position += 1
    raise DataError(f"{where} is cut off inside a value, after {len(text)} characters.")


def _point(value: str, size: int, where: str) -> int:
    """Return row · size + column of two letters, column first; `PASS` for none, and for tt on boards up to 19."""
    value = value.strip()
    if value == "" or (value == "tt" and size <= 19):
        return PASS
    column, row = (ord(letter) - ord("a") for letter in value) if len(value) == 2 else (-1, -1)
    if not (0 <= column < size and 0 <= row < size):
        raise DataError(f"{where}: expected a point of a board of {size} x {size}, two letters, got {value[:8]!r}.")
    return row * size + column


def _points(value: str, size: int, where: str) -> list[int]:
    """Return the points of a value, which may be a rectangle such as `aa:cc`."""
    first, _, last = value.partition(":")
    start = _point(first, size, where)
    if not last:
        return [start]
    end = _point(last, size, where)
    rows, columns = (range(start // size, end // size + 1), range(start % size, end % size + 1))
    return [row * size + column for row in rows for column in columns]
