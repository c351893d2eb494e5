"""Steerable kernel spaces: their dimensions, the published tables of kernels, and what sampling on a grid leaves."""

import math

import pytest
import torch
from gdl_core.derive import operators
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, Homomorphism, O
from gdl_core.representations import direct_sum
from gdl_groups.grid.basis import couplings, harmonic, parts
from gdl_groups.grid.basis_kernel import Rings, harmonics, kernel_basis, taps
from gdl_groups.grid.basis_rows import expand_rows
from gdl_groups.named.point import PointGroup


def ring_dimensions(group, names, most):
    reps = tuple(group.representation(name) for name in names)
    found = couplings(group.standard(), reps, reps, tuple(range(most + 1)))
    pairs = range(len(reps))
    return [[sum(len(found[i, o, k]) for k in range(most + 1)) for o in pairs] for i in pairs]


def kernel(maps, degree, x):
    """Return K(x) of each map, `[points, n, d_out, d_in]`."""
    return torch.einsum("mp,nomi->pnoi", harmonics(degree, x), maps)


def span(flat):
    """Return the projector onto the rows."""
    values, vectors = torch.linalg.eigh(flat.T @ flat)
    kept = vectors[:, values > 1e-9 * values[-1]]
    return kept @ kept.T


# Research notes §5c; (in, out) of Weiler and Cesa 2019, tables 8-12.
@pytest.mark.parametrize(
    ("group", "names", "expected"),
    [
        (SO(2), ("0", "1", "2"), [[1, 2, 2], [2, 4, 4], [2, 4, 4]]),
        (O(2), ("0", "det", "1", "2"), [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 2, 2], [1, 1, 2, 2]]),
        (CyclicGroup(3), ("0", "1"), [[5, 8], [8, 18]]),
        (CyclicGroup(4), ("0", "1"), [[3, 6], [6, 14]]),
        (CyclicGroup(6), ("0", "1"), [[3, 4], [4, 10]]),
        (CyclicGroup(8), ("0", "1"), [[1, 2], [2, 6]]),
    ],
    ids=repr,
)
def test_kernels_on_a_ring_have_the_published_dimensions(group, names, expected):
    assert ring_dimensions(group, names, 6) == expected


def test_kernels_on_a_sphere_have_2_min_plus_1_dimensions_and_half_of_them_keep_parity():
    degrees = ["0", "1", "2", "3"]
    assert ring_dimensions(SO(3), degrees, 6) == [[2 * min(a, b) + 1 for b in range(4)] for a in range(4)]
    natural = ["0e", "1o", "2e"]
    assert ring_dimensions(O(3), natural, 4) == [[min(a, b) + 1 for b in range(3)] for a in range(3)]


def test_kernels_of_the_circle_are_those_of_the_table():
    """From frequency m to n: R(θ) and R(θ)·J with θ = (n - m)φ, R(θ)·D and R(θ)·D·J with θ = (n + m)φ."""
    group = SO(2)
    phi = torch.linspace(0, 2 * math.pi, 33, dtype=torch.float64)[:-1]
    x = torch.stack([phi.cos(), phi.sin()], 1)
    turn, mirror = torch.tensor([[0.0, -1], [1, 0]]).double(), torch.diag(torch.tensor([1.0, -1])).double()
    for m, n in [(1, 1), (1, 2), (2, 1), (2, 3)]:
        found = couplings(group.standard(), (group.irrep(m),), (group.irrep(n),), tuple(range(7)))
        ours = torch.cat([kernel(found[0, 0, k], k, x) for k in range(7)], 1).transpose(0, 1).flatten(1)
        theirs = []
        for theta, factor in (((n - m) * phi, torch.eye(2).double()), ((n + m) * phi, mirror)):
            c, s = theta.cos(), theta.sin()
            r = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
            theirs += [r @ factor, r @ factor @ turn]
        assert len(ours) == 4
        assert (span(ours) - span(torch.stack(theirs).flatten(1))).abs().max() < 1e-12


GROUPS = [
    (CyclicGroup(8), ("1", "3", "4")),
    (CyclicGroup(5), ("0", "2")),
    (DihedralGroup(6), ("A2", "B1", "E1", "E2")),
    (SO(2), ("0", "1", "3")),
    (O(2), ("det", "1", "2")),
    (SO(3), ("0", "1", "2")),
    (O(3), ("0o", "1o", "1e", "2e")),
    (PointGroup("O"), ("E", "T1")),
]


@pytest.mark.parametrize(("group", "names"), GROUPS, ids=lambda value: repr(value)[:24])
def test_continuous_kernels_commute_with_random_elements(group, names):
    draw = torch.Generator().manual_seed(0)
    reps, move = tuple(group.representation(name) for name in names), group.representation("standard")
    x = torch.randn(7, move.dim, generator=draw, dtype=torch.float64)
    found = couplings(move, reps, reps, (0, 1, 2, 3))
    count = 0
    for g in group.sample(3, draw):
        moved = x @ move.matrix(g).T
        for (i, o, k), maps in found.items():
            out, into = reps[o].matrix(g), torch.linalg.inv(reps[i].matrix(g))
            error = kernel(maps, k, moved) - out @ kernel(maps, k, x) @ into
            assert error.numel() == 0 or error.abs().max() < 1e-12
            count += error.numel()
    assert count


def test_harmonics_turn_as_their_representation_does():
    draw = torch.Generator().manual_seed(0)
    for group in (O(2), O(3)):
        x = torch.randn(5, group.m, generator=draw, dtype=torch.float64)
        g = group.sample(1, draw)[0]
        for degree in range(5):
            turned = harmonic(group.standard(), degree).matrix(g) @ harmonics(degree, x)
            assert (harmonics(degree, x @ g.T) - turned).abs().max() < 1e-13


PIXELS = [
    (CyclicGroup(4), "trivial", "trivial", (3, 7)),
    (CyclicGroup(4), "trivial", "regular", (9, 25)),
    (CyclicGroup(4), "regular", "regular", (36, 100)),
    (CyclicGroup(4), "standard", "standard", (10, 26)),
    (CyclicGroup(4), "regular", "standard", (18, 50)),
    (DihedralGroup(4), "trivial", "trivial", (3, 6)),
    (DihedralGroup(4), "regular", "regular", (72, 200)),
    (DihedralGroup(4), "trivial", "standard", (2, 6)),
    (DihedralGroup(4), "standard", "standard", (5, 13)),
    (DihedralGroup(4), "trivial", "sign", (0, 1)),
]


@pytest.mark.parametrize(("group", "into", "out", "expected"), PIXELS, ids=lambda value: str(value)[:16])
def test_every_ring_and_frequency_together_span_what_pixels_allow(group, into, out, expected):
    """The sampled kernels are equivariant, and as many as `derive` finds, so they are all of them."""
    rep_in, rep_out = group.representation(into), group.representation(out)
    for size, count in zip((3, 5), expected):
        radii = tuple(sorted(set(taps(size, 2).norm(dim=1).tolist())))
        rings = Rings(radii, (1e-3,) * len(radii), (0, *[8] * (len(radii) - 1)))
        basis = kernel_basis(group.standard(), rep_in, rep_out, size, rings)
        assert len(basis) == count
        for g in group.generators():
            turned = rep_out.matrix(g) @ basis.matrices.movedim((1, 2), (-2, -1)) @ rep_in.matrix(g).mT
            at = (taps(size, 2) @ group.standard().matrix(g).T).round().long() + size // 2
            moved = basis.matrices[:, :, :, at[:, 0], at[:, 1]].permute(0, 3, 1, 2)
            assert count == 0 or (moved - turned.flatten(1, 2)).abs().max() < 1e-12


@pytest.mark.parametrize(("group", "symmetry"), [(CyclicGroup(4), "rotation"), (DihedralGroup(4), "lattice")])
def test_sampled_kernels_are_operators_that_derive_finds(group, symmetry):
    grid = Grid((5, 5))
    rep = group.standard()
    if symmetry == "rotation":  # without shifts: the operators at the centre, which the turns fix
        derived = operators(grid.symmetries()["rotation"], rep, rep)
        rows = derived.dense().reshape(len(derived), 25, 2, 25, 2)[:, 12].permute(0, 1, 3, 2)
        rows = rows[rows.flatten(1).norm(dim=1) > 1e-9].flatten(1)
        expected = 26
    else:
        derived = operators(grid.symmetries()["lattice"], rep, rep, grid.window(5))
        rows = derived.dense().reshape(len(derived), 25, 2, 25, 2)[:, 12].permute(0, 1, 3, 2).flatten(1)
        expected = 13
    assert torch.linalg.matrix_rank(rows, rtol=1e-9) == expected
    basis = kernel_basis(rep, rep, rep, 5, Rings.of(5))
    ours = basis.matrices.flatten(1)  # [k, out, in, taps]
    assert 0 < len(ours) < expected  # rings and a frequency cut leave some out
    outside = ours - ours @ span(rows)
    assert outside.abs().max() < 1e-9


def test_the_octahedral_group_has_the_known_kernels_of_3_points():
    group = PointGroup("O")
    radii = tuple(sorted({round(r, 12) for r in taps(3, 3).norm(dim=1).tolist()}))
    rings = Rings(radii, (1e-3,) * len(radii), (0, *[9] * (len(radii) - 1)))
    trivial, vector = group.trivial(), group.standard()
    for into, out, count in [(trivial, trivial, 4), (trivial, vector, 3), (vector, vector, 12)]:
        assert len(kernel_basis(group.standard(), into, out, 3, rings)) == count


def test_bases_are_orthonormal_and_copies_do_not_mix():
    group = DihedralGroup(8)
    basis = kernel_basis(group.standard(), group.regular(), group.regular(), 5, Rings.of(5))
    flat = basis.matrices.flatten(1)
    assert (flat @ flat.T - torch.eye(len(flat))).abs().max() < 1e-12
    change = parts(group.regular()).change_of_basis
    for number, (irrep, columns) in enumerate(parts(group.regular()).copies()):
        own = basis.matrices[basis.copy == number]
        inside = torch.einsum("oO,oj,kjiyx->kOiyx", change[:, columns], torch.eye(16).double(), own)
        assert len(own) == irrep.dim * flat.shape[0] // 16
        assert (inside.flatten(1).norm(dim=1) - 1).abs().max() < 1e-12


def test_regular_fields_have_n_kernels_for_each_ring_and_harmonic():
    """1 at the centre, 5 on the first ring, 9 on the second: none is lost to sampling."""
    for n in (5, 8, 16):
        group = CyclicGroup(n)
        assert len(kernel_basis(group.standard(), group.regular(), group.regular(), 5, Rings.of(5))) == 15 * n


# Dimensions that escnn 1.0.11 finds with R2Conv and R3Conv, frequencies_cutoff=2.0 and its rings, for each kernel size,
# from each irrep to each. Its kernels of regular fields also span what ours do without moments (to its float32).
ESCNN = [
    (SO(2), "0 1 2 3", {3: "2220 2622 2242 0224", 5: "3 4 4 2 4 10 6 6 4 6 8 4 2 6 4 6"}),
    (O(2), "0 det 1 2 3", {3: "20110 02110 11311 11121 00112", 5: "30221 03221 22533 22342 11323"}),
    (
        CyclicGroup(8),
        "0 1 2 3 4",
        {
            3: "22200 26220 22422 02262 00222",
            5: "3 4 4 2 2 4 10 6 8 2 4 6 10 6 4 2 8 6 10 4 2 2 4 4 3",
            7: "4 6 8 6 4 6 16 12 16 6 8 12 16 12 8 6 16 12 16 6 4 6 8 6 4",
        },
    ),
    (SO(3), "0 1 2", {3: "211 142 124", 5: "322 275 259"}),
    (CyclicGroup(4), "trivial regular", {3: "2 6 6 24", 5: "5 15 15 60", 7: "8 28 28 112"}),
    (CyclicGroup(6), "trivial regular", {3: "2 6 6 36", 5: "3 15 15 90", 7: "6 28 28 168"}),
    (DihedralGroup(4), "trivial regular", {3: "2 6 6 48", 5: "4 15 15 120", 7: "6 28 28 224"}),
    (DihedralGroup(6), "trivial regular", {3: "2 6 6 72", 5: "3 15 15 180", 7: "5 28 28 336"}),
    (DihedralGroup(8), "trivial regular", {3: "2 6 6 96", 5: "3 15 15 240"}),
    (PointGroup("O"), "trivial regular", {3: "2 10 10 240"}),
]


@pytest.mark.parametrize(("group", "names", "found"), ESCNN, ids=lambda value: str(value)[:24])
def test_sampled_kernel_spaces_have_the_dimensions_of_another_library(group, names, found):
    reps = [group.representation(name) for name in names.split()]
    for size, text in found.items():
        rings = Rings.of(size, moments=-1)
        ours = [len(kernel_basis(group.standard(), a, b, size, rings)) for a in reps for b in reps]
        short = len(text.replace(" ", "")) == len(ours)  # single figures, a row of the table together
        assert ours == [int(value) for value in (text.replace(" ", "") if short else text.split())]


def lines(n):
    """The field of functions on lines through the centre: C_n permutes half as many components as it has elements."""
    group = CyclicGroup(n)
    return CyclicGroup(2).trivial().induce(Homomorphism(CyclicGroup(2), group, lambda g: n // 2 * g))


@pytest.mark.parametrize(
    ("into", "out", "size"),
    [
        (CyclicGroup(8).regular(), CyclicGroup(8).regular(), 5),
        (DihedralGroup(6).regular(), DihedralGroup(6).regular(), 5),
        (lines(16), lines(16).group.regular(), 5),
        (CyclicGroup(16).regular(), lines(16), 5),
        (PointGroup("O").regular(), PointGroup("O").regular(), 3),
    ],
    ids=repr,
)
def test_the_filter_of_rows_and_turns_is_the_sum_of_the_basis(into, out, size):
    axes = out.group.standard()
    basis = kernel_basis(axes, into, out, size, Rings.of(size))
    rows = basis.rows
    assert rows is not None
    weight = torch.randn(len(basis), 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    dense = torch.einsum("kab,koit->oaibt", weight, basis.matrices.flatten(3)).flatten(2, 3).flatten(0, 1)
    found = expand_rows(weight, rows.first, rows.turned, rows.source)
    assert (found - dense).abs().max() < 1e-12
    shifted = expand_rows(weight, rows.first, rows.turned, rows.source.roll(1, 0))
    assert (shifted - dense).abs().max() > 1e-2
    assert 4 * (rows.first.numel() + rows.turned.numel()) < basis.matrices.numel()


def test_rows_are_left_where_the_group_does_not_permute_or_they_save_little():
    group = CyclicGroup(8)
    regular, rings = group.regular(), Rings.of(5)
    assert kernel_basis(group.standard(), regular, group.representation("1"), 5, rings).rows is None
    assert kernel_basis(group.standard(), group.representation("1"), regular, 5, rings).rows is None
    assert kernel_basis(group.standard(), group.trivial(), regular, 5, rings).rows is None  # as many products as before
    several = direct_sum([regular, regular])
    assert kernel_basis(group.standard(), several, several, 5, rings).rows is None
