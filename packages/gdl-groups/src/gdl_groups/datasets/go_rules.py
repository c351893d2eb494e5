"""The rules of Go, in compiled loops: chains, liberties, captures, ko; boards are flat int8, 0 empty, ±1 stones."""

import numpy as np
from gdl_core.kernels.cpu import compile_kernel

PASS, PLANES = -1, 15


@compile_kernel
def _neighbours(point, size, found):
    """Write the neighbours of `point` into `found` and return how many there are."""
    count, row, column = 0, point // size, point % size
    if row > 0:
        found[count] = point - size
        count += 1
    if row < size - 1:
        found[count] = point + size
        count += 1
    if column > 0:
        found[count] = point - 1
        count += 1
    if column < size - 1:
        found[count] = point + 1
        count += 1
    return count


@compile_kernel
def _chain(board, size, start, stones, seen):
    """Write the chain of `start` into `stones`; return how many stones and how many liberties it has."""
    near = np.empty(4, np.int64)
    seen[:] = 0
    seen[start] = 1
    stones[0] = start
    count, liberties, done = 1, 0, 0
    while done < count:
        point = stones[done]
        done += 1
        for i in range(_neighbours(point, size, near)):
            other = near[i]
            if seen[other]:
                continue
            if board[other] == 0:
                seen[other] = 1
                liberties += 1
            elif board[other] == board[start]:
                seen[other] = 1
                stones[count] = other
                count += 1
    return count, liberties


@compile_kernel
def play_stone(board, size, point, colour, ko, stones, seen):
    """Put a stone of `colour` on `point`; return how many it captures and the point that ko forbids now.

    (-1, ko) with the board as it was, if the point is taken, forbidden by ko, or the move is suicide.
    """
    if point < 0 or point >= size * size or board[point] != 0 or point == ko:
        return -1, ko
    near = np.empty(4, np.int64)
    board[point] = colour
    captured, last = 0, -1
    neighbours = _neighbours(point, size, near)
    for i in range(neighbours):
        if board[near[i]] == -colour:
            count, liberties = _chain(board, size, near[i], stones, seen)
            if liberties == 0:
                captured += count
                last = stones[0]
                for j in range(count):
                    board[stones[j]] = 0
    count, liberties = _chain(board, size, point, stones, seen)
    if liberties == 0:
        board[point] = 0
        return -1, ko
    if captured == 1 and count == 1 and liberties == 1:
        return captured, last
    return captured, -1


@compile_kernel
def replay(board, size, moves, colour):
    """Play `moves` (points, PASS) in turn from `board`; return the first illegal one (or their number) and the ko."""
    stones, seen = np.empty(size * size, np.int64), np.empty(size * size, np.uint8)
    ko = -1
    for i in range(len(moves)):
        if moves[i] < 0:
            ko = -1
        else:
            captured, ko = play_stone(board, size, moves[i], colour, ko, stones, seen)
            if captured < 0:
                return i, ko
        colour = -colour
    return len(moves), ko


@compile_kernel
def write_planes(board, size, colour, ko, recent, out):
    """Write what `colour`, to move, sees into `out[15, size · size]`; see `gdl_groups.datasets.go.planes`."""
    stones, seen = np.empty(size * size, np.int64), np.empty(size * size, np.uint8)
    done = np.zeros(size * size, np.uint8)
    out[:] = 0
    for point in range(size * size):
        out[3, point] = 1
        if board[point] == 0:
            out[2, point] = 1
            continue
        own = 0 if board[point] == colour else 1
        out[own, point] = 1
        if done[point]:
            continue
        count, liberties = _chain(board, size, point, stones, seen)
        plane = 4 + 3 * own + min(liberties, 3) - 1
        for i in range(count):
            done[stones[i]] = 1
            out[plane, stones[i]] = 1
    for i in range(len(recent)):
        if recent[i] >= 0:
            out[10 + i, recent[i]] = 1
    if ko >= 0:
        out[14, ko] = 1


@compile_kernel
def positions_planes(lo, hi, ptr, moves, starts, turns, size, out, legal):
    """Write the planes of positions lo … hi - 1: game `moves[starts[i] …]`, black first, after `turns[i]` moves."""
    board = np.empty(size * size, np.int8)
    recent = np.empty(4, np.int64)
    for i in range(lo, hi):
        board[:] = 0
        game = moves[starts[i] : starts[i] + turns[i]]
        played, ko = replay(board, size, game, 1)
        legal[i] = played == turns[i]
        for j in range(4):
            recent[j] = game[turns[i] - 1 - j] if turns[i] > j else -1
        write_planes(board, size, 1 if turns[i] % 2 == 0 else -1, ko, recent, out[i])
