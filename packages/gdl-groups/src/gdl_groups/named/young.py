"""Irreps of the symmetric group by partition, in Young's orthogonal form: for any n, without listing n! elements."""

from functools import lru_cache

import torch
from gdl_core.groups import SymmetricGroup
from gdl_core.representations import Representation
from torch import Tensor

Cell = tuple[int, int]  # row and column


class YoungIrrep(Representation):
    """The irrep of S_n of a partition of n, in Young's orthogonal form; its basis is the standard tableaux.

    An exchange of i and i + 1 acts on a tableau T as 1/r on T and sqrt(1 - 1/r²) on the tableau with the two exchanged,
    where r is the content (column minus row) of i + 1 minus that of i (James & Kerber 1981, §3.4). `(n,)` is trivial,
    `(1, …, 1)` the sign, `(n-1, 1)` the permutation of coordinates without its mean. All are of real type.

    Args:
        partition: whole numbers that do not increase, at least 1.

    Raises:
        ValueError: if `partition` is none.

    >>> [YoungIrrep(partition).dim for partition in partitions(4)]
    [1, 3, 2, 3, 1]
    """

    is_orthogonal = True

    def __init__(self, partition: tuple[int, ...]):
        self.partition = tuple(partition)
        falls = all(a >= b for a, b in zip(self.partition, self.partition[1:]))
        if not self.partition or not falls or any(not isinstance(row, int) or row < 1 for row in self.partition):
            raise ValueError(
                f"A partition is whole numbers from 1 that do not increase, such as (3, 1); got {partition!r}."
            )
        self._exchanges = _exchanges(self.partition)  # [n - 1, d, d]
        name = f"[{','.join(map(str, self.partition))}]"
        super().__init__(SymmetricGroup(sum(self.partition)), name, self._exchanges.shape[-1])

    def matrix(self, g: Tensor) -> Tensor:
        """Return ρ(g) for permutations `[..., n]`, `[..., d, d]`: the exchanges of a bubble sort, multiplied."""
        n = sum(self.partition)
        p = g.reshape(-1, n).clone()
        found = torch.eye(self.dim, dtype=torch.float64).repeat(len(p), 1, 1)
        for last in range(n - 1, 0, -1):
            for i in range(last):
                wrong = p[:, i] > p[:, i + 1]
                p[wrong, i : i + 2] = p[wrong, i : i + 2].flip(1)
                found = torch.where(wrong[:, None, None], self._exchanges[i] @ found, found)
        return found.reshape(*g.shape[:-1], self.dim, self.dim)

    def __repr__(self) -> str:
        return f"YoungIrrep({self.partition})"

    def __reduce__(self):
        return (YoungIrrep, (self.partition,))


def partitions(n: int, largest: int | None = None) -> list[tuple[int, ...]]:
    """Return the partitions of n in reverse lexicographic order: (n,) first, (1, …, 1) last."""
    if n == 0:
        return [()]
    top = min(n, largest or n)
    return [(first, *rest) for first in range(top, 0, -1) for rest in partitions(n - first, first)]


def _tableaux(partition: tuple[int, ...]) -> list[tuple[Cell, ...]]:
    """Return the standard tableaux, each as the cells of 1, …, n."""
    if not partition:
        return [()]
    found = []
    for row, length in enumerate(partition):
        if row + 1 == len(partition) or partition[row + 1] < length:  # n can stand at the end of this row
            rest = (*partition[:row], length - 1, *partition[row + 1 :])
            rest = rest if rest[-1] else rest[:-1]
            found += [(*tableau, (row, length - 1)) for tableau in _tableaux(rest)]
    return found


@lru_cache(maxsize=64)
def _exchanges(partition: tuple[int, ...]) -> Tensor:
    """Return the matrices of the exchanges of i and i + 1, `[n - 1, d, d]`."""
    tableaux = _tableaux(partition)
    place = {tableau: position for position, tableau in enumerate(tableaux)}
    n, d = sum(partition), len(tableaux)
    found = torch.zeros(n - 1, d, d, dtype=torch.float64)
    for position, tableau in enumerate(tableaux):
        for i in range(n - 1):
            (row, column), (next_row, next_column) = tableau[i], tableau[i + 1]
            r = (next_column - next_row) - (column - row)
            found[i, position, position] = 1 / r
            if abs(r) > 1:
                other = (*tableau[:i], tableau[i + 1], tableau[i], *tableau[i + 2 :])
                found[i, place[other], position] = (1 - 1 / r**2) ** 0.5
    return found
