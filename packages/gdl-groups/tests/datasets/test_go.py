"""Go: the rules against a second, naive implementation; planes and policy turn with the board."""

import zipfile

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_groups.datasets.go import Board, Go, Positions, planes, turned_points
from gdl_groups.models.go import go_policy


class Naive:
    """The rules from their definition, on sets of points: chains by growing, liberties by listing."""

    def __init__(self, size):
        self.size, self.stones, self.ko = size, {}, None

    def near(self, point):
        row, column = divmod(point, self.size)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < self.size and 0 <= c < self.size:
                yield r * self.size + c

    def chain(self, point, stones):
        found = {point}
        while True:
            grown = found | {q for p in found for q in self.near(p) if stones.get(q) == stones[point]}
            if grown == found:
                return found, {q for p in found for q in self.near(p) if q not in stones}
            found = grown

    def play(self, point, colour):
        if point in self.stones or point == self.ko:
            return False
        stones = {**self.stones, point: colour}
        gone = set()
        for other in self.near(point):
            if stones.get(other) == -colour:
                chain, liberties = self.chain(other, stones)
                gone |= chain if not liberties else set()
        stones = {p: c for p, c in stones.items() if p not in gone}
        chain, liberties = self.chain(point, stones)
        if not liberties:
            return False
        self.stones, self.ko = stones, None
        if len(gone) == 1 and len(chain) == 1 and len(liberties) == 1:
            (self.ko,) = gone
        return True


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_random_games_go_as_by_the_naive_rules(size):
    draw = np.random.default_rng(size)
    ours, naive = Board(size), Naive(size)
    legal = refused = 0
    for point in draw.integers(0, size * size, 600).tolist():
        colour = ours.to_move
        if naive.play(point, colour):
            ours.play(point)
            legal += 1
        else:
            before = ours.points.copy()
            with pytest.raises(ValueError, match="cannot play"):
                ours.play(point)
            assert np.array_equal(ours.points, before)
            refused += 1
            if refused % 4 == 0:  # nobody gets stuck on a board full of eyes
                ours.play(-1)
                naive.ko = None
        expected = np.zeros((size, size), np.int8)
        for p, c in naive.stones.items():
            expected.flat[p] = c
        assert np.array_equal(ours.points, expected)
        assert ours.ko == (-1 if naive.ko is None else naive.ko)
    assert legal > 20 and refused > 20 and sum(ours.captured) > 0


def test_ko_forbids_to_take_back_at_once_and_no_longer():
    board = Board(4)
    for point in (1, 2, 4, 7, 9, 10, 15, 5, 6):  # white at 5 is taken from 6
        board.play(point)
    assert board.ko == 5 and board.points.flat[5] == 0
    with pytest.raises(ValueError, match="White cannot play 5: ko forbids it"):
        board.play(5)
    board.play(12)
    board.play(14)
    assert board.ko == -1
    assert board.play(5) == 1


def test_what_cannot_be_played_says_why():
    board = Board(3)
    board.play(1)
    with pytest.raises(ValueError, match="White cannot play 1: there is a stone"):
        board.play(1)
    with pytest.raises(ValueError, match="points 0 to 8"):
        board.play(9)
    board.play(8)
    board.play(3)
    with pytest.raises(ValueError, match="suicide"):
        board.play(0)


def sample(size=9, count=40, seed=0):
    """Return a legal random game."""
    draw, board, moves = np.random.default_rng(seed), Board(size), []
    while len(moves) < count:
        point = int(draw.integers(size * size))
        try:
            board.play(point)
        except ValueError:
            continue
        moves.append(point)
    return np.array(moves), board


def test_planes_show_stones_liberties_last_moves_and_ko():
    moves, board = sample()
    (x,) = planes(moves, np.array([0]), np.array([len(moves)]), 9)
    points = torch.from_numpy(board.points) * board.to_move
    assert torch.equal(x[0], (points == 1).float()) and torch.equal(x[1], (points == -1).float())
    assert torch.equal(x[:3].sum(0), torch.ones(9, 9)) and torch.equal(x[3], torch.ones(9, 9))
    assert torch.equal(x[4:7].sum(0), x[0]) and torch.equal(x[7:10].sum(0), x[1])
    naive = Naive(9)
    naive.stones = {p: int(c) for p, c in enumerate(board.points.flat) if c}
    for point in naive.stones:
        liberties = min(len(naive.chain(point, naive.stones)[1]), 3)
        own = 4 if naive.stones[point] == board.to_move else 7
        assert x[own + liberties - 1].flatten()[point] == 1
    for back in range(4):
        assert x[10 + back].flatten()[moves[-1 - back]] == 1
    ko = planes(np.array([1, 2, 4, 7, 9, 10, 15, 5, 6]), np.array([0]), np.array([9]), 4)[0, 14]
    assert ko.flatten().nonzero().flatten().tolist() == [5]
    first = planes(moves, np.array([0]), np.array([0]), 9)[0]
    assert float(first.sum()) == 2 * 81  # an empty board: empty points, and ones


def test_a_game_that_breaks_the_rules_is_named():
    with pytest.raises(DataError, match="begins at move 2 breaks the rules before its move 3"):
        planes(np.array([0, 1, 4, 5, 4, 6]), np.array([0, 2]), np.array([2, 3]), 3)


def test_planes_of_a_turned_game_are_the_planes_turned():
    moves, _ = sample()
    images = turned_points(9)
    (x,) = planes(moves, np.array([0]), np.array([len(moves)]), 9)
    for k in range(8):
        (y,) = planes(images[k].numpy()[moves], np.array([0]), np.array([len(moves)]), 9)
        expected = (x.flip(2) if k >= 4 else x).rot90(k % 4, (1, 2))
        assert torch.equal(y, expected)


def test_samples_are_turned_with_their_target():
    moves, _ = sample(19, 60)
    inputs = torch.tensor([[0, 30]]).repeat(64, 1)
    data = Positions(inputs, torch.full((64,), int(moves[30])), lambda x: planes(moves, *x.numpy().T), turn=True)
    ((x, target),) = data.__getitems__(list(range(64)))
    plain = data.plain()[0]
    found = set()
    for row, point in zip(x, target):
        matches = [
            k
            for k in range(8)
            if torch.equal(row, (plain[0].flip(2) if k >= 4 else plain[0]).rot90(k % 4, (1, 2)))
            and int(turned_points(19)[k][plain[1]]) == int(point)
        ]
        assert len(matches) == 1
        found |= set(matches)
    assert len(found) == 8


def test_the_policy_turns_with_the_board_and_a_plain_one_does_not():
    torch.manual_seed(0)
    moves, _ = sample()
    x = planes(moves, np.array([0, 0]), np.array([20, 35]), 9).double()
    errors = {}
    for group in ("D4", "C4", "1"):
        net = go_policy(group=group, channels=2, blocks=1, size=9).double().eval()
        with torch.no_grad():
            scores = net(x)
            for k in range(8):
                turned = net((x.flip(3) if k >= 4 else x).rot90(k % 4, (2, 3)))
                errors[group, k] = float((turned[:, turned_points(9)[k]] - scores).abs().max())
        assert scores.shape == (2, 81)
    assert max(errors["D4", k] for k in range(8)) <= 1e-12
    assert max(errors["C4", k] for k in range(4)) <= 1e-12 < 1e-3 < errors["C4", 4]
    assert errors["1", 1] > 1e-3


def test_sgf_files_and_archives_are_read_and_games_with_handicap_left_out(tmp_path):
    one = "(;GM[1]SZ[19];B[pd];W[dp];B[];W[dd])"
    (tmp_path / "a.sgf").write_text(one)
    (tmp_path / "b.sgf").write_text("(;GM[1]SZ[19]AB[dd];W[pd];B[dp])")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("d.sgf", one)
    moves, ptr = Go(str(tmp_path)).games()
    assert ptr.tolist() == [0, 4, 8] and moves.tolist()[:4] == [72, 288, -1, 60]
    parts = Go(str(tmp_path), test_games=1).splits()
    assert len(parts.train) == len(parts.test) == 3  # the pass is no target
    assert Go().read(tmp_path / "a.sgf").shape == (1, 15, 19, 19)
    with pytest.raises(DataError, match="from an empty board"):
        Go().read(tmp_path / "b.sgf")
    with pytest.raises(DataError, match="more than test_games"):
        Go(str(tmp_path), test_games=2).splits()


def test_archives_that_are_damaged_are_named(tmp_path):
    with pytest.raises(DataError, match="neither an NPZ file nor SGF"):
        Go(str(tmp_path)).splits()
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match=r"a\.zip is a damaged"):
        Go(str(tmp_path)).splits()
    np.savez(tmp_path / "g.npz", moves=np.array([3, 400]), ptr=np.array([0, 2]))
    with pytest.raises(DataError, match="moves from 0 to 361"):
        Go(str(tmp_path)).splits()
    (tmp_path / "g.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"g\.npz"):
        Go(str(tmp_path)).splits()


def test_real_games_replay_legally(shared_data):
    moves, ptr = Go(str(shared_data("go"))).games()
    assert len(ptr) - 1 == 8506 and ptr[-1] == 1847853
    chosen = np.random.default_rng(0).permutation(8506)[:300]
    final = planes(moves, ptr[chosen], np.diff(ptr)[chosen])
    assert torch.equal(final[:, :3].sum(1), torch.ones(300, 19, 19))
