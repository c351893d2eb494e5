"""Known dimensions of spaces of equivariant maps (research tables: Maron 2019, Riordan and Bell numbers, Weyl)."""

import time

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, FiniteGroup, LieGroup, O, SymmetricGroup, realify
from gdl_core.representations import FieldType, Matrix
from gdl_core.representations.commutant import commutant_basis, constraints, residual


def power(rep, k):
    product = rep
    for _ in range(k - 1):
        product = product * rep
    return product


def invariants(group, k, name="standard"):
    return len(intertwiners(group.trivial(), power(group.representation(name), k)))


def lorentz(full: bool):
    metric = torch.diag(torch.tensor([1.0, -1, -1, -1], dtype=torch.float64))
    algebra = []
    for i in range(4):
        for j in range(i + 1, 4):
            skew = torch.zeros(4, 4, dtype=torch.float64)
            skew[i, j], skew[j, i] = 1, -1
            algebra.append(metric @ skew)
    mirrors = torch.stack([metric, -metric]) if full else None
    return LieGroup("O(1,3)" if full else "SO+(1,3)", torch.stack(algebra), mirrors, is_compact=False)


def symplectic(n):
    form = torch.zeros(2 * n, 2 * n, dtype=torch.float64)
    form[:n, n:], form[n:, :n] = torch.eye(n), -torch.eye(n)
    symmetric = []
    for i in range(2 * n):
        for j in range(i, 2 * n):
            entry = torch.zeros(2 * n, 2 * n, dtype=torch.float64)
            entry[i, j] = entry[j, i] = 1
            symmetric.append(form @ entry)
    return LieGroup(f"Sp({2 * n})", torch.stack(symmetric), is_compact=False)


def test_shifts_of_a_ring_give_the_circulant_matrices():
    ring = CyclicGroup(12).regular()
    basis = intertwiners(ring, ring).dense()
    assert len(basis) == 12
    shift = ring.matrix(torch.tensor(1))
    assert torch.equal(shift @ basis, basis @ shift)
    first_columns = basis[:, :, 0]
    rolled = torch.stack([first_columns.roll(j, 1) for j in range(12)], 2)
    assert torch.equal(rolled, basis)  # each is determined by its first column: C[i, j] = c[i - j]


@pytest.mark.parametrize(("n", "pairs"), [(2, 8), (3, 14), (4, 15), (5, 15)])
def test_permutations_give_deep_sets_and_marons_fifteen(n, pairs):
    points = SymmetricGroup(n).representation("standard")
    assert len(intertwiners(points, points)) == 2
    assert len(intertwiners(points * points, points * points)) == pairs
    assert len(intertwiners(points * points, points)) == (4 if n == 2 else 5)
    assert len(intertwiners(points * points, points.group.trivial())) == 2


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, [1, 1, 1, 1]),
        (2, [1, 2, 4, 8, 16, 32]),
        (3, [1, 2, 5, 14, 41]),
        (4, [1, 2, 5, 15, 51]),
        (5, [1, 2, 5, 15, 52]),
    ],
)
def test_invariants_of_permutations_are_restricted_bell_numbers(n, expected):
    assert [invariants(SymmetricGroup(n), k) for k in range(1, len(expected) + 1)] == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (SO(3), [0, 1, 1, 3, 6, 15]),
        (O(3), [0, 1, 0, 3, 0, 15]),
        (SO(2), [0, 2, 0, 6, 0, 20]),
        (O(2), [0, 1, 0, 3, 0, 10]),
        (SO(4), [0, 1, 0, 4]),
        (O(4), [0, 1, 0, 3]),
        (O(5), [0, 1, 0, 3]),
        (symplectic(1), [0, 1, 0, 2, 0, 5]),
        (symplectic(2), [0, 1, 0, 3]),
        (lorentz(full=False), [0, 1, 0, 4]),
        (lorentz(full=True), [0, 1, 0, 3]),
        (CyclicGroup(3), [0, 2, 2, 6, 10, 22]),
        (CyclicGroup(4), [0, 2, 0, 8, 0, 32]),
        (CyclicGroup(6), [0, 2, 0, 6, 0, 22]),
        (CyclicGroup(8), [0, 2, 0, 6, 0, 20]),
        (DihedralGroup(3), [0, 1, 1, 3, 5, 11]),
        (DihedralGroup(4), [0, 1, 0, 4, 0, 16]),
        (DihedralGroup(6), [0, 1, 0, 3, 0, 11]),
        (DihedralGroup(8), [0, 1, 0, 3, 0, 10]),
    ],
    ids=repr,
)
def test_invariant_tensors_of_the_defining_representation(group, expected):
    assert [invariants(group, k) for k in range(1, len(expected) + 1)] == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [(lorentz(full=False), 25), (lorentz(full=True), 15), (symplectic(2), 14), (SO(4), 25), (O(4), 15)],
    ids=repr,
)
def test_invariants_of_sixth_order_are_found_in_seconds(group, expected):
    """Catalan(3)² for SO(4) ~ SU(2) x SU(2) and its non-compact form; else the 15 pairings, less one for Sp(4)."""
    start = time.perf_counter()
    assert invariants(group, 6) == expected
    assert time.perf_counter() - start < 10  # minutes, were the constraints matrices of 4096 rows


@pytest.mark.parametrize("group", [lorentz(full=True), symplectic(1), O(3)], ids=repr)
def test_moving_factors_to_the_other_side_leaves_the_basis_as_it_is(group):
    vector = group.representation("standard")
    for rep_in, rep_out in (
        (group.trivial(), power(vector, 4)),
        (vector, power(vector, 3)),
        (power(vector, 3) * vector.dual, group.trivial()),
        (vector.dual * vector, vector * vector),
    ):
        basis, direct = intertwiners(rep_in, rep_out), commutant_basis(rep_in, rep_out)
        assert (basis.rows, basis.columns) == (rep_out.dim, rep_in.dim)
        torch.testing.assert_close(basis.dense(), direct, atol=1e-9, rtol=0)
        assert residual(basis.dense(), constraints(rep_in, rep_out)) < 1e-9


def test_rounding_in_a_representation_that_does_nothing_is_not_taken_for_motion():
    group = SO(3)

    def derivative(a):
        return 3e-17 * a[..., :1, 1:2]

    still = Matrix(group, "still", 1, lambda g: torch.ones_like(g[..., :1, :1]), derivative=derivative, orthogonal=True)
    assert len(intertwiners(group.trivial(), still)) == len(intertwiners(still, still)) == 1


def test_groups_without_transposes_still_have_their_invariants():
    """Shears x -> x + t y: the algebra of strictly upper triangular matrices lacks its transposes; e_1 is invariant."""
    shears = LieGroup("shears", torch.tensor([[[0.0, 1], [0, 0]]]), is_compact=False)
    plane = shears.representation("standard")
    basis = intertwiners(shears.trivial(), plane)
    torch.testing.assert_close(basis.dense(), torch.tensor([[[1.0], [0.0]]], dtype=torch.float64))
    assert len(intertwiners(plane, plane)) == 2  # 1 and the shear itself
    skewed = FiniteGroup.from_generators("skewed", torch.tensor([[[1.0, 1.0], [0.0, -1.0]]]))
    assert len(intertwiners(skewed.representation("standard"), skewed.representation("standard"))) == 2


def test_elasticity_tensor_has_twenty_one_components():
    """C_ijkl = C_jikl = C_klij: the symmetric square of the symmetric square of R^3, as maps it commutes with."""
    symmetry = FiniteGroup.from_generators("elasticity", [[1, 0, 2, 3], [2, 3, 0, 1]])
    assert symmetry.order == 8
    cells = torch.cartesian_prod(*[torch.arange(3)] * 4)
    weights = torch.tensor([27, 9, 3, 1])

    def images(p):
        return (cells[:, torch.argsort(p)] * weights).sum(1)

    from gdl_core.representations import Permutation

    tensors = Permutation(symmetry, "tensors", 81, lambda p: images(p))
    assert len(intertwiners(symmetry.trivial(), tensors)) == 21


@pytest.mark.parametrize("width", [3, 5, 7])
def test_pixel_kernels_of_quarter_turns(width):
    group = CyclicGroup(4)
    pixels = pixel_representation(group, width)
    regular, vector, trivial = group.regular(), group.standard(), group.trivial()
    square = width * width
    expected = {3: (3, 4, 10, 18), 5: (7, 12, 26, 50), 7: (13, 24, 50, 98)}[width]
    assert len(intertwiners(pixels, trivial)) == expected[0]
    assert len(intertwiners(pixels, regular)) == square
    assert len(intertwiners(pixels * regular, regular)) == 4 * square
    assert len(intertwiners(pixels, vector)) == expected[1]
    assert len(intertwiners(pixels * vector, vector)) == expected[2]
    assert len(intertwiners(pixels * regular, vector)) == expected[3]


@pytest.mark.parametrize(("width", "expected"), [(3, (3, 2, 5, 0)), (5, (6, 6, 13, 1)), (7, (10, 12, 25, 3))])
def test_pixel_kernels_of_the_square(width, expected):
    group = DihedralGroup(4)
    pixels = pixel_representation(group, width)
    regular, vector, trivial, sign = group.regular(), group.standard(), group.trivial(), group.sign()
    assert len(intertwiners(pixels, trivial)) == expected[0]
    assert len(intertwiners(pixels * regular, regular)) == 8 * width * width
    assert len(intertwiners(pixels, vector)) == expected[1]
    assert len(intertwiners(pixels * vector, vector)) == expected[2]
    assert len(intertwiners(pixels, sign)) == expected[3]


def pixel_representation(group, width):
    """The permutation of the pixels of a centred width x width window."""
    from gdl_core.representations import Permutation

    half = width // 2
    places = torch.cartesian_prod(torch.arange(-half, half + 1), torch.arange(-half, half + 1))

    def images(g):
        moved = (group.standard().matrix(g).round().long() @ places.T).transpose(-1, -2) + half
        return moved[..., 0] * width + moved[..., 1]

    return Permutation(group, "pixels", width * width, images)


def test_su3_declared_from_its_generators():
    """The Gell-Mann matrices; on C^3 only complex multiples of 1 commute, and ε_ijk makes the cubic invariants."""
    gell_mann = torch.zeros(8, 3, 3, dtype=torch.complex128)
    for position, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        gell_mann[2 * position, i, j] = gell_mann[2 * position, j, i] = 1
        gell_mann[2 * position + 1, i, j], gell_mann[2 * position + 1, j, i] = -1j, 1j
    gell_mann[6] = torch.diag(torch.tensor([1.0, -1, 0]))
    gell_mann[7] = torch.diag(torch.tensor([1.0, 1, -2])) / 3**0.5
    group = LieGroup("SU(3)", realify(1j * gell_mann))
    quark = group.representation("standard")
    assert len(intertwiners(quark, quark)) == 2
    assert [invariants(group, k) for k in (1, 2, 3)] == [0, 2, 2]  # Re and Im of <q, q'> and of det
    g = group.sample(1, torch.Generator().manual_seed(0))[0]
    basis = intertwiners(group.trivial(), power(quark, 3)).dense()[:, :, 0]
    moved = power(quark, 3).matrix(g) @ basis.T
    assert torch.allclose(moved, basis.T, atol=1e-10)


def test_wallpaper_group_p6m_declared_from_its_generators():
    """Shifts and the twelve motions of the hexagon on a 7 x 7 torus in axial coordinates; counted by Burnside."""
    n = 7
    cells = torch.cartesian_prod(torch.arange(n), torch.arange(n))

    def permute(matrix, shift=(0, 0)):
        moved = (cells @ torch.tensor(matrix).T + torch.tensor(shift)) % n
        return moved[:, 0] * n + moved[:, 1]

    turn, flip = [[0, -1], [1, 1]], [[0, 1], [1, 0]]
    unit = [[1, 0], [0, 1]]
    generators = torch.stack([permute(unit, (1, 0)), permute(unit, (0, 1)), permute(turn), permute(flip)])
    group = FiniteGroup.from_generators("p6m(7)", generators)
    assert group.order == 12 * n * n
    points = group.representation("standard")
    fixing_origin = group.elements()[group.elements()[:, 0] == 0]
    burnside = (fixing_origin == torch.arange(n * n)).sum().item() / len(fixing_origin)
    basis = intertwiners(points, points)
    assert len(basis) == burnside
    assert basis.certificate == 0


def test_the_three_routes_give_the_same_basis():
    group = DihedralGroup(4)
    left, right = group.regular() + group.standard(), 2 * group.regular()
    reference = intertwiners(left, right, method="nullspace").dense()
    for method in ("schur", "auto"):
        assert torch.allclose(intertwiners(left, right, method=method).dense(), reference, atol=1e-12)
    ring = CyclicGroup(7).regular()
    for method in ("schur", "nullspace"):
        assert torch.allclose(
            intertwiners(ring, ring, method=method).dense(), intertwiners(ring, ring).dense(), atol=1e-12
        )


def test_schur_counts_endomorphisms_by_type():
    """Frequencies of SO(2) are of complex type (two maps), of O(2) real (one), unit quaternions quaternionic (four)."""
    assert len(intertwiners(SO(2).irrep(2), SO(2).irrep(2))) == 2
    assert len(intertwiners(O(2).irrep(2), O(2).irrep(2))) == 1
    i = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]
    j = [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]
    unit = FiniteGroup.from_generators("Q8", torch.tensor([i, j], dtype=torch.float64)).standard()
    assert len(intertwiners(unit, unit)) == 4
    degrees = SO(3).irrep(2) + SO(3).irrep(1)
    basis = intertwiners(degrees, degrees)
    assert len(basis) == 2
    assert intertwiners(SO(3).irrep(2), SO(3).irrep(2)).method == "schur"


def test_equal_eigenspaces_leave_few_unknowns():
    group = SO(3)
    tensors = power(group.standard(), 4)  # 81 x 81 = 6561 unknowns, of which 369 remain
    basis = intertwiners(tensors, tensors, method="nullspace")
    assert len(basis) == 91  # the Riordan number of 8 vectors
    assert basis.certificate < 1e-8


def test_the_basis_is_orthonormal_and_certified():
    rep = SO(3).standard() * SO(3).standard()
    basis = intertwiners(rep, rep)
    flat = basis.dense().flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert residual(basis.dense(), constraints(rep, rep)) < 1e-12
    assert residual(torch.randn(1, 9, 9, dtype=torch.float64), constraints(rep, rep)) > 0.1  # the check can fail


def test_pairs_of_thirty_points_take_under_three_seconds(monkeypatch):
    monkeypatch.setenv("GDL_CACHE", "0")
    points = SymmetricGroup(30).representation("standard")
    start = time.perf_counter()
    assert len(intertwiners(points * points, points * points)) == 15
    assert time.perf_counter() - start < 3


def test_mixed_groups_are_refused_and_both_are_named():
    with pytest.raises(TypeError, match=r"CyclicGroup\(4\).*DihedralGroup\(4\)"):
        intertwiners(CyclicGroup(4).regular(), DihedralGroup(4).regular())
    with pytest.raises(ValueError, match="schurr"):
        intertwiners(CyclicGroup(4).regular(), CyclicGroup(4).regular(), method="schurr")


def test_slow_bases_come_back_from_disk_and_damage_is_repaired(monkeypatch, tmp_path):
    from gdl_core.derive import cache

    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "WORTH_KEEPING", 0.0)
    rep = FieldType(DihedralGroup(4), "regular+standard").representation()
    cache._memory.cache_clear()
    first = intertwiners(rep, rep, method="nullspace")
    (stored,) = (tmp_path / "derive").glob("*.safetensors")
    cache._memory.cache_clear()
    monkeypatch.setattr("gdl_core.derive.solve._derive", lambda *_: pytest.fail("derived again although it is on disk"))
    assert torch.equal(intertwiners(rep, rep, method="nullspace").dense(), first.dense())
    monkeypatch.undo()
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path))
    stored.write_bytes(b"damaged")
    cache._memory.cache_clear()
    assert torch.equal(intertwiners(rep, rep, method="nullspace").dense(), first.dense())


def test_the_iterative_solver_agrees_with_the_dense_one(monkeypatch):
    from gdl_core.representations import commutant

    group = lorentz(full=False)
    pair = group.standard() * group.standard()  # not orthogonal: 256 unknowns
    dense = commutant.commutant_basis(pair, pair)
    assert len(dense) == 4
    monkeypatch.setattr(commutant, "DENSE_LIMIT", 100)
    assert torch.allclose(commutant.commutant_basis(pair, pair), dense, atol=1e-9)
