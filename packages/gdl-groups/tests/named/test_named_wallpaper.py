"""Wallpaper groups against what is known of them: orders, abelianisations, orbits, and which motions they have."""

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import DihedralGroup
from gdl_groups.named import WallpaperGroup
from gdl_groups.named.wallpaper import MOTIONS, POINT_ORDERS

# Order of the group made commutative, and its largest element order, modulo translations by six cells, read off the
# presentations of the orbifold groups (Conway, Burgiel & Goodman-Strauss 2008, ch. 3): p1 is Z², p4 Z4 x Z2, p3 Z3², ….
ABELIAN = {
    "p1": (36, 6),
    "p2": (8, 2),
    "pm": (24, 6),
    "pg": (24, 12),
    "cm": (12, 6),
    "pmm": (16, 2),
    "pmg": (8, 2),
    "pgg": (8, 4),
    "cmm": (8, 2),
    "p4": (8, 4),
    "p4m": (8, 2),
    "p4g": (8, 4),
    "p3": (9, 3),
    "p3m1": (2, 2),
    "p31m": (6, 6),
    "p6": (6, 6),
    "p6m": (4, 2),
}


@pytest.mark.parametrize("symbol", MOTIONS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_order_is_that_of_the_point_group_times_the_cells(symbol, n):
    group = WallpaperGroup(symbol, n)
    assert len(group.elements()) == POINT_ORDERS[symbol] * n * n == group.order


def commutator_classes(group):
    """The class of each element modulo the commutator subgroup."""
    table = group.table
    inverse = (table == 0).to(torch.int64).argmax(1)
    commutators = table[table, table[inverse[:, None], inverse[None]]].unique()  # g h g^-1 h^-1
    members = torch.zeros(len(table), dtype=torch.bool)
    members[commutators] = True
    while True:
        found = torch.nonzero(members).ravel()
        reached = table[found[:, None], commutators].unique()
        if bool(members[reached].all()):
            return table[:, found].min(1).values
        members[reached] = True


@pytest.mark.parametrize("symbol", MOTIONS)
def test_made_commutative_it_is_the_group_of_its_orbifold(symbol):
    group = WallpaperGroup(symbol, 6)
    classes = commutator_classes(group)
    representatives = classes.unique()
    orders = []
    for g in representatives.tolist():
        power, order = g, 1
        while int(classes[power]) != int(classes[0]):
            power, order = int(group.table[power, g]), order + 1
        orders.append(order)
    assert (len(representatives), max(orders)) == ABELIAN[symbol]


@pytest.mark.parametrize("symbol", MOTIONS)
def test_the_points_are_moved_isometrically_and_counted_by_burnside(symbol):
    group = WallpaperGroup(symbol, 4)
    points = group.representation("standard")
    elements = group.elements()
    orbits = float(points.character(elements).mean())
    assert len(intertwiners(points, group.trivial())) == round(orbits)
    assert abs(orbits - round(orbits)) < 1e-9
    vector = group.representation("vector").matrix(elements)
    torch.testing.assert_close(vector @ vector.mT, torch.eye(2).double().expand_as(vector))
    edges = group.lattice()
    # Differences of places on the torus turn as vectors do.
    start, step = torch.tensor([0, 0]), torch.tensor([1, 0])
    moved = [(g[:, :2] @ place + g[:, 2]) for g in elements for place in (start, step)]
    for g, (first, second) in zip(vector, zip(moved[::2], moved[1::2])):
        gap = (second - first + group.size // 2) % group.size - group.size // 2
        torch.testing.assert_close(edges @ gap.double(), g @ edges[:, 0])


@pytest.mark.parametrize("symbol", MOTIONS)
def test_the_point_part_is_a_homomorphism_with_the_translations_as_kernel(symbol):
    hom = WallpaperGroup(symbol, 3).point_part()
    hom.check()
    images = hom.target.index(hom(hom.source.elements()))
    assert torch.equal(torch.bincount(images), torch.full((POINT_ORDERS[symbol],), 9))


def reflects_and_mirrors(symbol):
    """Whether some motion reflects, and whether one of these is an involution: a mirror, not a glide."""
    group = WallpaperGroup(symbol, 4)  # even: on an odd torus a glide repeated by half of it would be an involution
    flips = [g for g in group.elements() if torch.linalg.det(g[:, :2].double()) < 0]
    squares = [group.compose(g, g) for g in flips]
    return len(flips) > 0, any(torch.equal(square, group.identity()) for square in squares)


def test_groups_differ_in_having_mirrors():
    """pg and pgg reflect only with a glide; rotations alone have no reflection at all."""
    for symbol in MOTIONS:
        flips, mirrors = reflects_and_mirrors(symbol)
        assert flips == (symbol not in ("p1", "p2", "p3", "p4", "p6")), symbol
        assert mirrors == (flips and symbol not in ("pg", "pgg")), symbol


def test_threefold_centres_tell_p3m1_from_p31m():
    """In p3m1 every threefold centre lies on mirrors; in p31m some do not (International Tables)."""
    for symbol, all_on_mirrors in (("p3m1", True), ("p31m", False)):
        group = WallpaperGroup(symbol, 3)
        elements = group.elements().double()
        matrices, shifts = elements[:, :, :2], elements[:, :, 2]
        turns = matrices.diagonal(dim1=1, dim2=2).sum(1) == -1
        centres = torch.linalg.solve(torch.eye(2).double() - matrices[turns], shifts[turns])
        mirrors = torch.linalg.det(matrices) < 0
        moved = torch.einsum("gij,cj->gci", matrices[mirrors], centres) + shifts[mirrors][:, None] - centres
        on_mirror = ((moved / group.size - (moved / group.size).round()).abs() < 1e-9).all(2).any(0)
        assert len(centres) == 18 and bool(on_mirror.all()) == all_on_mirrors


def test_p4m_is_the_symmetry_of_the_square_grid_of_core():
    from gdl_core.grid import Grid

    ours = WallpaperGroup("p4m", 5)
    assert ours.order == 25 * DihedralGroup(4).order
    theirs = Grid((5, 5)).symmetries()["lattice"].group
    assert theirs.order == ours.order
