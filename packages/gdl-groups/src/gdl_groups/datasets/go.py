"""Go: boards that keep the rules, positions of recorded games as planes, the next move to predict."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.kernels.cpu import run_rows
from gdl_core.representations import FieldType
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor

from gdl_groups.datasets.go_rules import PASS, PLANES, play_stone, positions_planes
from gdl_groups.datasets.sgf import GameRecord, parse_sgf, read_sgf

LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # boards are lettered without I


class Board:
    """A board of Go that keeps the rules: captures, no suicide, and simple ko.

    Args:
        size: points per side.

    Attributes:
        points: `int8[size, size]`, 1 where black stands, -1 where white does.
        to_move: 1 for black, -1 for white.
        ko: the point (row · size + column) that ko forbids now, or -1.
        captured: stones taken from black and from white.
    """

    def __init__(self, size: int = 19):
        self.size, self.to_move, self.ko = size, 1, -1
        self.points = np.zeros((size, size), np.int8)
        self.captured = [0, 0]
        self._room = np.empty(size * size, np.int64), np.empty(size * size, np.uint8)

    def play(self, point: int) -> int:
        """Put the stone of whose turn it is on `point` (or `PASS`); return how many stones it captures.

        Raises:
            ValueError: if the point is not on the board, is taken, is forbidden by ko, or the move is suicide.
        """
        taken = 0
        if point == PASS:
            self.ko = -1
        else:
            colour = self.to_move
            taken, ko = play_stone(self.points.reshape(-1), self.size, point, colour, self.ko, *self._room)
            if taken < 0:
                raise ValueError(f"{'White' if colour < 0 else 'Black'} cannot play {point}: {self._why(point)}.")
            self.ko = ko
            self.captured[0 if colour < 0 else 1] += taken
        self.to_move = -self.to_move
        return taken

    def _why(self, point: int) -> str:
        if not 0 <= point < self.size**2:
            return f"a board of {self.size} x {self.size} has the points 0 to {self.size**2 - 1}"
        if self.points.flat[point]:
            return "there is a stone"
        return "ko forbids it" if point == self.ko else "it would be suicide"


def planes(moves: np.ndarray, starts: np.ndarray, turns: np.ndarray, size: int = 19) -> Tensor:
    """Return what the player to move sees, float32 `[b, 15, size, size]`, after `turns[i]` moves of game i.

    Planes: own stones, the opponent's, empty points, ones (which show the edge); own chains of 1, 2, 3 or more
    liberties, the opponent's likewise; the last four moves; the point that ko forbids. All of them turn and flip with
    the board.

    Args:
        moves: points of all games, one after the other, `PASS` for none.
        starts: where each game begins.
        turns: how many of its moves have been played; black plays first.

    Raises:
        DataError: if a game breaks the rules before its position.
    """
    out = np.empty((len(starts), PLANES, size * size), np.float32)
    legal = np.ones(len(starts), np.bool_)
    ptr = np.concatenate([[0], np.cumsum(turns)]).astype(np.int64)
    starts, turns = np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(turns, np.int64)
    run_rows(positions_planes, ptr, 64, moves, starts, turns, size, out, legal)
    if not legal.all():
        wrong = int(np.argmin(legal))
        raise DataError(
            f"The game that begins at move {starts[wrong]} breaks the rules before its move {turns[wrong]}."
        )
    return torch.from_numpy(out).reshape(-1, PLANES, size, size)


def turned_points(size: int) -> Tensor:
    """Return where each of the eight motions of the square takes each point, `int64[8, size²]`.

    Motion k turns by k % 4 quarter turns (`torch.rot90`), after a flip of the columns if k ≥ 4.
    """
    numbers = torch.arange(size * size).reshape(size, size)
    found = []
    for k in range(8):
        sources = (numbers.flip(1) if k >= 4 else numbers).rot90(k % 4).reshape(-1)
        found.append(torch.argsort(sources))
    return torch.stack(found)


class Positions(Samples):
    """Positions of games `[n, 2]` (where a game begins, moves played) with the next move; turned at random if asked.

    Args:
        inputs: where the game begins, and how many moves have been played.
        targets: the point that is played next.
        prepare: maps inputs to planes.
        turn: whether each sample is turned and flipped at random, the move with it.
        size: of the board.
    """

    def __init__(
        self, inputs: Tensor, targets: Tensor, prepare: Callable[[Tensor], Tensor], turn: bool = False, size: int = 19
    ):
        super().__init__(inputs, targets, prepare)
        self.turn, self.images = turn, turned_points(size)

    def plain(self) -> "Positions":
        assert self.prepare is not None
        return Positions(self.inputs, self.targets, self.prepare, False, round(self.images.shape[1] ** 0.5))

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        ((x, target),) = super().__getitems__(indices)
        if self.turn:
            motion = self.images[torch.randint(8, (len(target),))]  # [b, points]
            target = motion.gather(1, target[:, None])[:, 0]
            places = motion[:, None].expand(-1, x.shape[1], -1)
            x = torch.empty_like(x.flatten(2)).scatter_(2, places, x.flatten(2)).reshape(x.shape)
        return [(x, target)]


class Go(Source):
    """Positions of recorded games on 19 x 19, and the point that was played: a policy to learn (Maddison et al. 2015).

    `root` holds an NPZ file with the arrays `ptr` and `moves` (row · 19 + column, 361 for a pass, black first), or SGF
    files, in folders or in ZIP archives. Games that are not alternating from an empty board are left out, and so are
    passes as targets. The last games are the test set.

    Args:
        root: the folder.
        positions: how many positions to train on, drawn once from a fixed seed; all if None.
        test_games: games kept for the test, at the end.
        test_positions: positions of these, drawn likewise; all if None.
        turn: while training, turn and flip every position at random, which a D_4-equivariant network need not see.

    Raises:
        DataError: from `splits`, if nothing is found, a file is damaged, or a game breaks the rules.
    """

    size = 19
    classes = tuple(f"{letter}{19 - row}" for row in range(19) for letter in LETTERS[:19])

    def __init__(
        self,
        root: str | None = None,
        positions: int | None = None,
        test_games: int = 500,
        test_positions: int | None = 20000,
        turn: bool = False,
    ):
        if test_games < 1:
            raise ValueError(f"test_games: expected at least one, got {test_games}")
        self.root, self.positions, self.turn = root, positions, turn
        self.test_games, self.test_positions = test_games, test_positions

    def games(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the moves of all games, one after the other, `int64[m]`, and where each begins, `[games + 1]`."""
        return _games(self.root, self.size)

    def splits(self) -> Splits:
        moves, ptr = self.games()
        if len(ptr) - 1 <= self.test_games:
            raise DataError(
                f"Go: {self.root} has {len(ptr) - 1} games, expected more than test_games={self.test_games}."
            )
        cut = len(ptr) - 1 - self.test_games

        def prepare(inputs: Tensor) -> Tensor:
            starts, turns = inputs.numpy().T
            return planes(moves, starts, turns, self.size)

        train = _choose(moves, ptr[: cut + 1], self.positions)
        test = _choose(moves, ptr[cut:], self.test_positions)
        return Splits(Positions(*train, prepare, self.turn), Positions(*test, prepare))

    def signal(self, values: Tensor) -> Signal:
        return Signal(values, Grid.of(values, "zero"), FieldType.scalars(values.shape[1]))

    def read(self, path: Path, invert: bool = False) -> Tensor:
        """Return the planes of the position at the end of an SGF file."""
        record = read_sgf(path)
        if record.size != self.size or not _plain(record):
            raise DataError(f"{path}: expected an alternating game from an empty board of {self.size} x {self.size}.")
        moves = np.array([point for _, point in record.moves], np.int64)
        return planes(moves, np.zeros(1, np.int64), np.array([len(moves)]), self.size)


def _choose(moves: np.ndarray, ptr: np.ndarray, count: int | None) -> tuple[Tensor, Tensor]:
    """Return (start of the game, turn) of moves that are no passes, `count` of them at random, and the moves."""
    index = np.arange(ptr[0], ptr[-1])
    start = np.repeat(ptr[:-1], np.diff(ptr))
    kept = moves[index] >= 0
    index, start = index[kept], start[kept]
    if count is not None and count < len(index):
        drawn = np.sort(np.random.default_rng(0).permutation(len(index))[:count])
        index, start = index[drawn], start[drawn]
    return torch.from_numpy(np.stack([start, index - start], 1)), torch.from_numpy(moves[index])


def _games(root: str | None, size: int) -> tuple[np.ndarray, np.ndarray]:
    if root is None:
        raise DataError("Go needs the folder with its games: give --data.root FOLDER.")
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"Go: there is no folder {root!r}.")
    archives = sorted(folder.glob("*.npz"))
    if archives:
        return _read_npz(archives[0], size)
    records = [record for record in _records(folder) if record.size == size and _plain(record)]
    if not records:
        raise DataError(f"Go: {root} has neither an NPZ file nor SGF files of alternating games of {size} x {size}.")
    games = [np.array([point for _, point in record.moves], np.int64) for record in records]
    return np.concatenate(games), np.cumsum([0, *map(len, games)])


def _read_npz(path: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            moves, ptr = content["moves"].astype(np.int64), content["ptr"].astype(np.int64)
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected the arrays 'moves' and 'ptr' of whole numbers: {error}.") from error
    fits = ptr.ndim == 1 and len(ptr) > 1 and ptr[0] == 0 and ptr[-1] == len(moves) and (np.diff(ptr) >= 0).all()
    if not fits or moves.min(initial=0) < 0 or moves.max(initial=0) > size * size:
        raise DataError(f"{path}: expected offsets from 0 to {len(moves)} and moves from 0 to {size * size} (a pass).")
    return np.where(moves == size * size, PASS, moves), ptr


def _records(folder: Path) -> Iterator[GameRecord]:
    """Yield the games of all SGF files, in folders and in ZIP archives, by name."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".sgf":
            yield read_sgf(path)
        elif path.suffix.lower() == ".zip":
            try:
                with zipfile.ZipFile(path) as archive:
                    for name in sorted(archive.namelist()):
                        if name.lower().endswith(".sgf"):
                            yield parse_sgf(archive.read(name).decode("utf-8", "replace"), f"{path}/{name}")
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise DataError(f"{path} is a damaged or cut off ZIP archive: {error}.") from error


def _plain(record: GameRecord) -> bool:
    """Whether a game begins with black on an empty board and alternates."""
    colours: Iterable[int] = (colour for colour, _ in record.moves)
    turns_right = all(colour == turn % 2 for turn, colour in enumerate(colours))
    return bool(record.moves) and not record.black and not record.white and turns_right
