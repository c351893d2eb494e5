"""SGF: the main line of one game, whatever stands around it; one sentence for what is no such file."""

import pytest
from gdl_core.errors import DataError
from gdl_groups.datasets.sgf import PASS, parse_sgf, read_sgf

GAME = r"""(;GM[1]FF[4]SZ[9]PB[A \] (;B[zz\] name]RE[W+3.5]C[not a move: ;B[aa\]]
;B[cd];W[gf](;B[];W[tt](;B[ii])(;B[hh];W[ha]))(;B[aa];W[ab](;B[ac])))(;GM[1];B[bb])"""


def test_the_main_line_is_read_with_variations_comments_and_passes_around_it():
    record = parse_sgf(GAME)
    assert record.size == 9 and record.winner == 1
    assert record.moves == ((0, 3 * 9 + 2), (1, 5 * 9 + 6), (0, PASS), (1, PASS), (0, 80))


def test_stones_before_the_first_move_are_kept_single_and_in_rectangles():
    record = parse_sgf("(;SZ[5]AB[aa][ca:db]AW[ee];W[ba])")
    assert record.black == (0, 2, 3, 7, 8) and record.white == (24,)
    assert record.moves == ((1, 1),) and record.winner is None


def test_the_board_has_19_points_a_side_unless_it_says_otherwise():
    assert parse_sgf("(;FF[4];B[ss])").moves == ((0, 360),)
    assert parse_sgf("(;FF[3]Size[9]Black[aa])").size == 19  # only capitals count: this is S and B
    assert parse_sgf("(;SZ[21];B[tt])").moves == ((0, 19 * 21 + 19),)  # a point there, not a pass


@pytest.mark.parametrize("end", [1, 10, 40, 60, 100, len(GAME) - 40])
def test_a_file_that_is_cut_off_says_so(tmp_path, end):
    path = tmp_path / "game.sgf"
    path.write_text(GAME[:end])
    with pytest.raises(DataError, match=r"game\.sgf (is cut off|is not SGF)") as error:
        read_sgf(path)
    assert str(error.value).count(".") <= 3 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not SGF"),
        ("PK\x03\x04", "is not SGF"),
        ("(B[aa])", "is not SGF"),
        ("(;GM[2];B[aa])", r"expected a game of Go, GM\[1\], got GM\[2\]"),
        ("(;SZ[9:13];B[aa])", "square board"),
        ("(;SZ[9];B[jj])", "a point of a board of 9 x 9"),
        ("(;SZ[9];B[a])", "two letters"),
    ],
)
def test_other_formats_and_other_games_are_named(text, message):
    with pytest.raises(DataError, match=message):
        parse_sgf(text)
