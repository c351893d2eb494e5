"""DNA as a signal on a line, and the group of its two strands: reverse the order and complement the letters."""

from collections.abc import Sequence

import torch
from gdl_core.groups import CyclicGroup
from gdl_core.representations import FieldType, Permutation
from torch import Tensor

from gdl_groups.grid.group_conv import GroupConv

LETTERS = "ACGT"
STRANDS = CyclicGroup(2)


def strand_type() -> FieldType:
    """Return the type of one-hot letters A, C, G, T: reverse complementation exchanges A with T and C with G."""

    def images(g: Tensor) -> Tensor:
        same = torch.arange(4)
        return torch.where(g.unsqueeze(-1) % 2 == 1, 3 - same, same)

    return FieldType(STRANDS, [(1, _Complement(STRANDS, "complement", 4, images))])


class _Complement(Permutation):
    def __reduce__(self):
        return _complement, ()


def _complement() -> Permutation:
    return strand_type().fields[0][1]  # type: ignore[return-value]


def encode(sequences: Sequence[str], dtype: torch.dtype | None = None) -> Tensor:
    """Return sequences of one length as one-hot letters `[b, 4, n]`; N, the unknown letter, is a quarter of each.

    Raises:
        ValueError: for another letter, or sequences of different lengths.
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise ValueError(f"Sequences of a batch have one length, got {sorted(lengths)}.")
    table = torch.cat([torch.eye(4, dtype=dtype), torch.full((1, 4), 0.25, dtype=dtype)])
    rows = []
    for position, sequence in enumerate(sequences):
        index = [f"{LETTERS}N".find(letter) for letter in sequence.upper()]
        if -1 in index:
            raise ValueError(
                f"A DNA sequence is made of {', '.join(LETTERS)} and N, sequence {position} has "
                f"{sequence[index.index(-1)]!r} at {index.index(-1)}."
            )
        rows.append(index)
    return table[torch.tensor(rows, dtype=torch.int64).reshape(len(rows), -1)].mT.contiguous()


def reverse_complement(sequence: str) -> str:
    """Return the other strand, read in its own direction.

    >>> reverse_complement("AACGN")
    'NCGTT'
    """
    return sequence.upper().translate(str.maketrans(LETTERS, LETTERS[::-1]))[::-1]


class ReverseComplementConv(GroupConv):
    """`GroupConv` of the two strands of DNA: the group C_2 reverses the line and exchanges complementary channels.

    From letters to `regular` fields (c copies for a strand and c for the other), and between regular fields, it is the
    reverse-complement convolution of Shrikumar et al. 2017 and Zhou et al. 2022; with the fields `0` (even) and `1`
    (odd) it is the irreps form of Mallet and Vert 2021, §3.

    Args:
        in_type: `strand_type()`, or a type of C_2.
        out_type: a type of C_2, such as `FieldType(CyclicGroup(2), "8xregular")`, or a number of invariant channels.
        kernel_size: points, odd.
        dilation: the step between taps.
        bias: whether to add a learned invariant vector.

    Shapes: `[b, c_in, n] -> [b, c_out, n]`. On a grid the symmetry is `reflection`.

    Raises:
        TypeError: for types of another group. ValueError: for an even kernel.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        kernel_size: int = 9,
        *,
        dilation: int = 1,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type, (kernel_size,), dilation=dilation, bias=bias)
        if self._into.group != STRANDS:
            raise TypeError(f"ReverseComplementConv takes types of {STRANDS!r}, got {self._into!r} and {self._out!r}.")
