"""Couplings: exact numbers, e3nn's signs, invariance, sparsity, spins."""

import itertools
import math
from fractions import Fraction

import pytest
import torch
from gdl_core.groups.orthogonal import spherical_algebra
from gdl_groups.angular import clebsch_gordan, coupling_entries, exact_coupling, su2_coupling

TRIPLES = [(1, 1, 1), (1, 2, 3), (2, 2, 2), (2, 3, 4), (3, 4, 5), (5, 3, 8), (20, 20, 20), (24, 7, 20)]
NNZ = {1: (16, 55), 2: (137, 615), 3: (611, 3436), 4: (2052, 13075), 5: (5265, 38991), 6: (11896, 98245)}


def paths(highest):
    for a, b in itertools.product(range(highest + 1), repeat=2):
        yield from ((a, b, c) for c in range(abs(a - b), min(a + b, highest) + 1))


def test_couplings_have_the_values_of_the_literature():
    root = {square: math.sqrt(square) for square in (1 / 30, 2 / 15, 1 / 10)}
    expected = torch.zeros(3, 3, 5, dtype=torch.float64)
    for i, j, k in ((0, 1, 1), (1, 0, 1), (0, 2, 0), (2, 0, 0), (1, 2, 3), (2, 1, 3), (2, 2, 4)):
        expected[i, j, k] = root[1 / 10]
    expected[0, 0, 4] = -root[1 / 10]
    expected[0, 0, 2] = expected[2, 2, 2] = -root[1 / 30]
    expected[1, 1, 2] = root[2 / 15]
    assert torch.allclose(clebsch_gordan(1, 1, 2), expected, atol=1e-15, rtol=0)
    assert exact_coupling(1, 1, 1)[0] == (0, 1, 2, 1, Fraction(1, 6))
    eye = torch.eye(3, dtype=torch.float64) / 3**0.5
    assert torch.allclose(clebsch_gordan(1, 1, 0)[:, :, 0], eye, atol=1e-15, rtol=0)


@pytest.mark.parametrize("triple", TRIPLES, ids=str)
def test_squares_add_up_to_one_exactly(triple):
    assert sum(square for *_, square in exact_coupling(*triple)) == 1


@pytest.mark.parametrize("triple", TRIPLES, ids=str)
def test_generators_annihilate_a_coupling(triple):
    """C is invariant if and only if the Lie algebra sends it to zero: X1 C + X2 C + X3 C = 0."""
    coupling = clebsch_gordan(*triple)
    a, b, c = (spherical_algebra(degree) for degree in triple)
    moved = torch.einsum("gai,abc->gibc", a, coupling)
    moved = moved + torch.einsum("gbi,abc->gaic", b, coupling) + torch.einsum("gci,abc->gabi", c, coupling)
    assert float(moved.abs().max()) < 1e-12
    assert float(coupling.abs().max()) > 0.01


@pytest.mark.parametrize("triple", [(1, 2, 3), (2, 2, 3), (4, 4, 6)], ids=str)
def test_couplings_are_isometries_onto_orthogonal_subspaces(triple):
    l1, l2, _ = triple
    blocks = [math.sqrt(2 * l + 1) * clebsch_gordan(l1, l2, l).flatten(0, 1) for l in range(abs(l1 - l2), l1 + l2 + 1)]
    whole = torch.cat(blocks, 1)
    assert torch.allclose(whole.T @ whole, torch.eye(len(whole), dtype=torch.float64), atol=1e-13)


@pytest.mark.parametrize("highest", NNZ)
def test_counts_of_nonzeros(highest):
    found = list(paths(highest))
    nnz = sum(coupling_entries(*path)[1].numel() for path in found)
    assert (nnz, sum(math.prod(2 * l + 1 for l in path) for path in found)) == NNZ[highest]


@pytest.mark.parametrize(("triple", "nnz"), [((1, 1, 2), 11), ((2, 2, 2), 25), ((2, 2, 4), 37), ((3, 3, 6), 79)])
def test_entries_are_the_sorted_nonzeros_of_the_dense_coupling(triple, nnz):
    indices, values = coupling_entries(*triple)
    dense = clebsch_gordan(*triple)
    assert values.numel() == nnz
    assert torch.equal(indices, torch.nonzero(dense).T)
    assert torch.equal(values, dense[tuple(indices)])


def test_values_and_signs_are_those_of_e3nn_to_degree_eleven():
    wigner_3j = pytest.importorskip("e3nn.o3").wigner_3j
    for path in [*paths(4), (5, 5, 5), (6, 5, 4), (7, 3, 6), (11, 1, 10), (2, 11, 11), (9, 3, 11)]:
        theirs = wigner_3j(*path, dtype=torch.float64)
        assert torch.allclose(clebsch_gordan(*path), theirs, atol=1e-12, rtol=0), path


def test_spins_one_half_couple_to_singlet_and_triplet():
    triplet = su2_coupling(0.5, 0.5, 1)
    assert torch.equal(triplet[0, 0], torch.tensor([1.0, 0, 0], dtype=torch.float64))
    assert float(triplet[0, 1, 1]) == math.sqrt(0.5)
    assert float(su2_coupling(1.5, 1, 0.5)[3, 0, 1]) == pytest.approx(
        math.sqrt(1 / 2), abs=1e-15
    )  # <3/2 3/2 1 -1|1/2 1/2>


@pytest.mark.parametrize("spins", [(0.5, 0.5, 1), (1.5, 1, 0.5), (2, 1.5, 2.5), (3, 2, 4)])
def test_spins_obey_the_ladder(spins):
    """(J_+ on both) C = C J_+: the definition of a coupling."""

    def rise(j):
        m = torch.arange(-j, j, dtype=torch.float64)
        return torch.diag(torch.sqrt(j * (j + 1) - m * (m + 1)), -1)

    coupling = su2_coupling(*spins)
    a, b, c = (rise(j) for j in spins)
    left = torch.einsum("ia,abc->ibc", a, coupling) + torch.einsum("ib,abc->aic", b, coupling)
    assert torch.allclose(left, coupling @ c, atol=1e-12)


def test_what_does_not_couple_is_refused():
    with pytest.raises(ValueError, match="couple to 1, 2, … 3, got 4"):
        clebsch_gordan(1, 2, 4)
    with pytest.raises(ValueError, match="whole number from 0, got -1"):
        coupling_entries(1, -1, 0)
    with pytest.raises(ValueError, match="multiple of 1/2"):
        su2_coupling(0.3, 1, 1)
    with pytest.raises(ValueError, match="couple to 1/2, 3/2, … 3/2, got 1"):
        su2_coupling(0.5, 1, 1)


def test_what_is_returned_may_be_written_into():
    clebsch_gordan(1, 1, 1).zero_()
    coupling_entries(1, 1, 1)[1].zero_()
    assert float(clebsch_gordan(1, 1, 1).norm()) == pytest.approx(1)
