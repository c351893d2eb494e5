"""Dominant weights of the classical Lie algebras: which irreducible representations there are, and how large."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

Weight = tuple[int, ...]


@dataclass(frozen=True)
class Classical:
    """A classical Lie algebra over the complex numbers, by its type and what its weights are counted with.

    Weights are whole numbers λ_1, …, λ_r, the coordinates along the ε_i of Bourbaki (Fulton and Harris 1991, §15-19):
    `"A"` is sl(r), whose weights differ by (1, …, 1) at will, so that λ_r = 0; `"B"` so(2r + 1); `"C"` sp(2r);
    `"D"` so(2r). Representations of half-whole weight (spinors) are none of the groups of matrices.
    """

    kind: str
    rank: int

    @property
    def size(self) -> int:
        """The dimension of the defining representation."""
        return {"A": 0, "B": 1, "C": 0, "D": 0}[self.kind] + self.rank * (1 if self.kind == "A" else 2)

    @cached_property
    def positive_roots(self) -> list[Weight]:
        """The positive roots, the simple ones first."""
        e = [tuple(int(i == j) for j in range(self.rank)) for i in range(self.rank)]
        last = {"A": [], "B": e[-1:], "C": [_plus(e[-1], e[-1])], "D": []}[self.kind]
        differences = [_plus(e[i], e[j], -1) for i in range(self.rank) for j in range(i + 1, self.rank)]
        sums = [_plus(e[i], e[j]) for i in range(self.rank) for j in range(i + 1, self.rank) if self.kind != "A"]
        singles = {"A": [], "B": e, "C": [_plus(x, x) for x in e], "D": []}[self.kind]
        simple = [_plus(e[i], e[i + 1], -1) for i in range(self.rank - 1)] + last
        if self.kind == "D" and self.rank > 1:
            simple.append(_plus(e[-2], e[-1]))
        return simple + [root for root in differences + sums + singles if root not in simple]

    @property
    def simple_roots(self) -> list[Weight]:
        count = self.rank - 1 if self.kind == "A" else self.rank
        return self.positive_roots[:count]

    def is_dominant(self, weight: Weight) -> bool:
        """Whether some irrep has this highest weight."""
        if len(weight) != self.rank or any(a < b for a, b in pairwise(weight)):
            return False
        if self.kind == "A":
            return weight[-1] == 0
        return weight[-1] >= 0 or (self.kind == "D" and (self.rank > 1 and weight[-2] >= -weight[-1]))

    def dimension(self, weight: Weight) -> int:
        """Weyl's formula: Π (λ + ρ, α) / (ρ, α) over the positive roots α, ρ half their sum."""
        double_rho = [sum(root[i] for root in self.positive_roots) for i in range(self.rank)]
        found = Fraction(1)
        for root in self.positive_roots:
            below = sum(a * b for a, b in zip(root, double_rho))
            found *= Fraction(2 * sum(a * b for a, b in zip(root, weight)) + below, below)
        return int(found)

    def dominant_weights(self) -> Iterator[Weight]:
        """Yield the highest weights of all irreps, those of the smallest first."""
        count = self.rank - 1 if self.kind == "A" else self.rank
        steps = [tuple([1] * k + [0] * (self.rank - k)) for k in range(1, count + 1)]
        if self.kind == "D":
            steps.append((*steps[-1][:-1], -1))
        zero: Weight = (0,) * self.rank
        heap: list[tuple[int, Weight]] = [(1, zero)]
        seen: set[Weight] = {zero}
        while heap:
            _, weight = heapq.heappop(heap)
            yield weight
            for step in steps:  # the dimension grows with every step
                longer = _plus(weight, step)
                if longer not in seen:
                    seen.add(longer)
                    heapq.heappush(heap, (self.dimension(longer), longer))

    def defining(self) -> tuple[Tensor, Tensor]:
        """Return the weights of the defining representation `[n, r]` and its simple raising operators `[s, n, n]`.

        Its basis is v_1, …, v_r and, but for type A, v_-1, …, v_-r, and v_0 for type B; the invariant form has
        (v_i, v_-i) = 1 and (v_0, v_0) = 1 (type C: (v_i, v_-i) = 1 = -(v_-i, v_i)).
        """
        r, n = self.rank, self.size
        weights = torch.zeros(n, r, dtype=torch.int64)
        weights[:r] = torch.eye(r, dtype=torch.int64)
        if self.kind != "A":
            weights[r : 2 * r] = -torch.eye(r, dtype=torch.int64)
        raising = torch.zeros(len(self.simple_roots), n, n, dtype=torch.float64)
        for i in range(r - 1):
            raising[i, i, i + 1] = 1
            if self.kind != "A":
                raising[i, r + i + 1, r + i] = -1
        if self.kind == "B":
            raising[r - 1, r - 1, 2 * r], raising[r - 1, 2 * r, 2 * r - 1] = 1, -1
        elif self.kind == "C":
            raising[r - 1, r - 1, 2 * r - 1] = 1
        elif self.kind == "D" and r > 1:
            raising[r - 1, r - 2, 2 * r - 1], raising[r - 1, r - 1, 2 * r - 2] = 1, -1
        return weights, raising


def _plus(a: Weight, b: Weight, times: int = 1) -> Weight:
    return tuple(x + times * y for x, y in zip(a, b))


def parse_labels(name: str) -> tuple[Fraction, ...] | None:
    """Return the numbers of a name such as `"(2,0,-1)"` or `"(1/2,1)"`, or None where it is none."""
    inner = name.replace(" ", "")
    if not (inner.startswith("(") and inner.endswith(")")):
        return None
    try:
        return tuple(Fraction(part) for part in inner[1:-1].removesuffix(",").split(","))
    except (ValueError, ZeroDivisionError):
        return None


def labels_name(labels: tuple) -> str:
    """Return the name of an irrep of these labels, without spaces."""
    return f"({','.join(str(Fraction(label)) for label in labels)})"


def of_dynkin_labels(labels: Weight) -> Weight:
    """Return the weight of sl(n) with these coefficients of the fundamental weights, λ_i = a_i + … + a_(n-1)."""
    return (*(sum(labels[i:]) for i in range(len(labels))), 0)


def dynkin_labels(weight: Weight) -> Weight:
    """Return the coefficients of the fundamental weights of sl(n), a_i = λ_i - λ_(i+1)."""
    return tuple(a - b for a, b in pairwise(weight))
